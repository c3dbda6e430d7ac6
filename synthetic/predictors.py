"""Error predictors trained on one-step drafts of a frozen denoiser, and how well they rank a draft's errors.

Meshchaninov et al., arXiv 2510.08369, Algorithm 1: original x, time t uniform, every free token masked with chance t,
all masks filled at once from the denoiser; the label of a position is whether its token differs from x, the loss the
mean binary cross-entropy over all free positions. Drafts are fresh at each step, a function of (seed, step) alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor
from torch.nn import functional

from synthetic.denoisers import ErrorPredictor, Transformer
from synthetic.optimisation import Optimiser, Schedule
from synthetic.trainable import Sequences
from synthetic.training import step_generator
from theory import denoisers
from theory.errors import InvalidInput
from theory.remasking.predictor import Predictor
from theory.remasking.sampling import advance, started
from theory.remasking.schedules import Step

STREAM = 1_000_003
"""Added to the seed, so that a predictor's batches are not those its denoiser was trained on."""
BITS = 62
"""Drafts with their free positions are told apart by one integer below 2^62."""


@dataclass(frozen=True)
class Fitting:
    """How predictors are trained: steps, drafts a step, warm-up, weight decay, clipping, averaging."""

    steps: int = 400
    batch: int = 256
    warmup: int = 20
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.98

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or self.warmup < 0:
            raise InvalidInput(f"{self}; expected positive steps and batch, a warm-up of 0 or more steps")


def fit(
    network: Transformer,
    denoiser: denoisers.Denoiser,
    examples: Sequences,
    fitting: Fitting,
    seed: int,
    rates: Mapping[str, float],
) -> dict[str, ErrorPredictor]:
    """Return an averaged predictor in eval mode for each trainable part in `rates` (with its peak rate).

    All see the same drafts and start from the network's weights, which stay as they are. `denoiser` gives its
    log-conditionals for the drafts (a table will do). Raises InvalidInput for an unknown part and where a loss is
    not finite at the end.
    """
    device = next(network.parameters()).device
    optimisers = {
        part: Optimiser(ErrorPredictor(network, part).to(device), error_loss, _schedule(fitting, rate))
        for part, rate in rates.items()
    }
    for step in range(fitting.steps):
        generator = step_generator(STREAM + seed, step)
        rows = torch.randint(len(examples.tokens), (fitting.batch,), generator=generator)
        tokens, given = examples.tokens[rows].cpu(), examples.given[rows].cpu()
        draft = drafts(denoiser, tokens, given, generator)
        batch = [part.to(device) for part in merged(draft, draft != tokens, ~given, network.d)]
        found = {part: optimiser.step(step, *batch) for part, optimiser in optimisers.items()}
    for part, last in found.items():
        if not bool(last.isfinite().all()):
            raise InvalidInput(
                f"{part}: loss {float(last[0]):g} at the last step; expected a finite one: lower the rate"
            )
    return {part: optimiser.average for part, optimiser in optimisers.items()}  # type: ignore[misc]  # copies


def error_loss(module: ErrorPredictor, draft: Tensor, wrong: Tensor, weight: Tensor) -> Float[Tensor, ""]:
    """Return the weighted mean binary cross-entropy (nats) of labels, or of the shares of labels that are 1."""
    return functional.binary_cross_entropy_with_logits(module(draft), wrong, weight, reduction="sum") / weight.sum()


def merged(
    draft: Int[Tensor, "rows n"], wrong: Bool[Tensor, "rows n"], free: Bool[Tensor, "rows n"], d: int
) -> tuple[Int[Tensor, "kept n"], Float[Tensor, "kept n"], Float[Tensor, "kept n"]]:
    """Return each distinct draft once, the share of its labels that are 1, and how many free labels there were.

    Cross-entropy is linear in the label: the loss of a large batch of few distinct drafts at the price of those.
    Where drafts are too many to be numbered the batch stays as it is.
    """
    n = draft.shape[-1]
    if n * math.log2(2 * d) >= BITS:
        return draft, wrong.float(), free.float()
    places = (2 * d) ** torch.arange(n)
    keys, where = torch.unique((draft + d * ~free) @ places, return_inverse=True)
    kept = keys[:, None] // places % (2 * d) % d
    zeros = torch.zeros(kept.shape)
    weight = zeros.index_add(0, where, free.float())
    share = zeros.index_add(0, where, (wrong & free).float()) / weight.clamp(min=1)
    return kept, share, weight


def drafts(
    denoiser: denoisers.Denoiser, tokens: Int[Tensor, "rows n"], given: Bool[Tensor, "rows n"], generator: Generator
) -> Int[Tensor, "rows n"]:
    """Mask each free token with a chance t uniform on (0, 1), the same for a row, and fill all masks at once.

    The times are stratified over the rows.
    """
    rows = len(tokens)
    noise = torch.rand(rows, generator=generator, dtype=torch.float64)
    time = (torch.randperm(rows, generator=generator) + noise) / rows
    uniform = torch.rand(tokens.shape, generator=generator, dtype=torch.float64)
    return filled(denoiser, tokens.masked_fill((uniform < time[:, None]) & ~given, denoiser.d), generator)


def filled(denoiser: denoisers.Denoiser, z: Int[Tensor, "rows n"], generator: Generator) -> Int[Tensor, "rows n"]:
    """Fill all masks of each state independently."""
    return advance(denoiser, started(z, denoiser.d), Step(0.0, 1.0), generator=generator).tokens


def iterated(
    denoiser: denoisers.Denoiser,
    tokens: Int[Tensor, "rows n"],
    alphas: Sequence[float],
    generator: Generator,
    predictor: Predictor | None = None,
) -> Int[Tensor, "rows n"]:
    """Return the refining sampler's draft of data of which each token was shown with chance alphas[0].

    Between two alphas lies a counted step, guided where a predictor is given; one alpha makes a one-step draft. The
    original is known, so these drafts have the labels that those of training have.
    """
    uniform = torch.rand(tokens.shape, generator=generator, dtype=torch.float64)
    batch = started(tokens.masked_fill(uniform >= alphas[0], denoiser.d), denoiser.d)
    for now, after in itertools.pairwise(alphas):
        batch = advance(denoiser, batch, Step(now, after, kind="counted"), predictor=predictor, generator=generator)
    return filled(denoiser, batch.tokens, generator)


def logits(module: ErrorPredictor, batch: int = 4096) -> Predictor:
    """Return a trained predictor as a function of tokens anywhere, its logits float64 beside them."""
    device = next(module.parameters()).device

    @torch.no_grad()
    def predict(tokens: Tensor) -> Tensor:
        found = [module(part.to(device)).double().to(tokens.device) for part in tokens.split(batch)]
        return torch.cat(found) if found else torch.zeros(tokens.shape, dtype=torch.float64, device=tokens.device)

    return predict


def area(scores: Float[Tensor, " items"], positive: Bool[Tensor, " items"]) -> float:
    """Return the area under the ROC curve: P(score of a positive > that of a negative), ties half.

    By ranks, equal scores sharing theirs. Raises InvalidInput without a positive or a negative.
    """
    scores, positive = scores.flatten(), positive.flatten()
    count = int(positive.sum())
    if not 0 < count < len(positive):
        raise InvalidInput(f"{count} errors among {len(positive)} tokens; an AUC needs errors and correct tokens")
    _, where, sizes = torch.unique(scores.double(), return_inverse=True, return_counts=True)
    middle = sizes.cumsum(0).double() - (sizes - 1) / 2
    excess = float(middle[where][positive].sum()) - count * (count + 1) / 2
    return excess / (count * (len(positive) - count))


def _schedule(fitting: Fitting, rate: float) -> Schedule:
    kept = {name: getattr(fitting, name) for name in Schedule.__dataclass_fields__ if name != "rate"}
    return Schedule(rate=rate, **kept)
