"""The samplers that remask, on batches of sequences with any denoiser and error predictor, on any device.

One step function runs every schedule of `schedules`; posteriors, counts and selections are those that the exact laws
of `chain` use. Evaluations of the denoiser and of the predictor are counted apart, for each sequence: a sequence is
only evaluated where the step needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import AnyDenoiser, Denoiser, FunctionDenoiser, TableDenoiser, check_conditionals, for_world
from theory.errors import InvalidInput
from theory.remasking.predictor import Predictor
from theory.remasking.schedules import Step
from theory.remasking.selection import RANDOM, Selection, check_logits
from theory.worlds import World, states

CHUNK = 2**24
"""Probabilities checked and drawn from at once: the 64-bit copies of a large vocabulary stay below 0.5 GB."""


@dataclass(frozen=True)
class Batch:
    """Sequences on their way: tokens, evaluations of both networks, and each token's probability when revealed.

    `fixed` positions (a prompt, padding) are never masked again and do not count where a number of masks is prescribed.
    Raises InvalidInput for states that are not int64 (batch, n) or hold other tokens than 0..d.
    """

    tokens: Int[Tensor, "batch n"]
    d: int
    denoiser_calls: Int[Tensor, "batch"]
    predictor_calls: Int[Tensor, "batch"]
    revealed_with: Float[Tensor, "batch n"]
    fixed: Bool[Tensor, "batch n"]

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2:
            raise InvalidInput(f"states of shape {tuple(self.tokens.shape)}; expected (batch, n): a row a sequence")
        states.check_states(self.tokens, self.n, self.d)
        if self.fixed.shape != self.tokens.shape or self.fixed.dtype != torch.bool:
            raise InvalidInput(
                f"fixed positions of shape {tuple(self.fixed.shape)}, {self.fixed.dtype}; expected booleans "
                f"{tuple(self.tokens.shape)}"
            )

    @property
    def n(self) -> int:
        """Return the number of positions."""
        return self.tokens.shape[-1]

    @property
    def hidden(self) -> Bool[Tensor, "batch n"]:
        """Which positions are masked."""
        return self.tokens == self.d


def masked_batch(
    denoiser: Denoiser, paths: int, n: int | None = None, device: torch.device | str | None = None
) -> Batch:
    """Return a batch of all masks for a denoiser; `n` where it takes sequences of any length.

    Raises InvalidInput for paths, n or d < 1 and for an n that is not the denoiser's.
    """
    own: Any = getattr(denoiser, "n", None)
    d: Any = getattr(denoiser, "d", None)
    if d is None or (own is None and n is None):
        raise InvalidInput(
            "denoiser without n or d; give n, and of a plain function make a denoiser: theory.denoisers.denoiser"
        )
    length: int = n if n is not None else own
    if own not in (None, length):
        raise InvalidInput(f"n = {n} for a denoiser with n = {own}; give them one size")
    for name, value in (("paths", paths), ("n", length), ("d", d)):
        if value < 1:
            raise InvalidInput(f"{name} = {value}; expected at least 1")
    return started(torch.full((paths, length), d, device=device), d)


def started(tokens: Int[Tensor, "batch n"], d: int, fixed: Bool[Tensor, "batch n"] | None = None) -> Batch:
    """Return a batch that starts at given states, tokens 0..d-1 or the mask d; no position is fixed unless given.

    Raises InvalidInput for states that are not int64 or hold other tokens, and for `fixed` of another shape.
    """
    zero = torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
    ones = torch.ones(tokens.shape, dtype=torch.float64, device=tokens.device)
    held = torch.zeros_like(tokens, dtype=torch.bool) if fixed is None else fixed
    return Batch(tokens, d, zero, zero.clone(), ones, held)


def sample(
    denoiser: AnyDenoiser,
    steps: Sequence[Step],
    batch: Batch,
    *,
    selection: Selection = RANDOM,
    predictor: Predictor | None = None,
    generator: Generator | None = None,
) -> Batch:
    """Run all steps and return the batch; the one given is not changed.

    The denoiser is a world, a network or a plain function that returns normalised log-conditionals; its answers are
    checked at every step. `predictor` scores the drafts of counted steps; without it sets are uniform. Steps that end
    at alpha = 1 leave no mask. Raises InvalidInput for a denoiser of another n or d, and for wrong answers.
    """
    denoiser = for_world(denoiser, batch)
    for step in steps:
        batch = advance(denoiser, batch, step, selection=selection, predictor=predictor, generator=generator)
    return batch


def advance(
    denoiser: AnyDenoiser,
    batch: Batch,
    step: Step,
    *,
    selection: Selection = RANDOM,
    predictor: Predictor | None = None,
    generator: Generator | None = None,
) -> Batch:
    """Return the batch after one step. Raises InvalidInput as `sample` does."""
    hidden = batch.hidden
    draft, chance = _complete(for_world(denoiser, batch), batch, generator)
    calls = batch.denoiser_calls + hidden.any(-1)
    asked = batch.predictor_calls
    if step.kind == "counted":
        mask, scored = _remasked(draft, ~batch.fixed, step, selection, predictor, generator)
        asked = asked + scored
    else:
        keep, reveal = _chances(batch, step)
        u = torch.rand(draft.shape, dtype=torch.float64, generator=generator, device=draft.device)
        mask = (u >= torch.where(hidden, reveal, keep)) & ~batch.fixed
    shown = torch.where(hidden, chance, batch.revealed_with)
    return Batch(draft.masked_fill(mask, batch.d), batch.d, calls, asked, shown, batch.fixed)


def confident_sigma(
    revealed_with: Float[Tensor, "batch n"], hidden: Bool[Tensor, "batch n"], sigma: float
) -> Float[Tensor, "batch n"]:
    """Return ReMDM-conf's sigma of each token, sigma * softmax(-psi), psi its probability when revealed.

    A masked token has psi = infinity, so its share is zero (the text's sign of psi).
    """
    scores = (-revealed_with).masked_fill(hidden, -torch.inf)
    return torch.where(hidden, 0.0, sigma * torch.softmax(scores, -1))


def draw_tokens(log_p: Float[Tensor, "rows d"], generator: Generator | None = None) -> Int[Tensor, "rows"]:
    """Draw a token of each row by inverting its cumulative law in 64 bits, a bounded number of rows at a time."""
    found = []
    for part in torch.split(log_p, max(1, CHUNK // log_p.shape[-1])):
        cumulative = part.double().exp().cumsum(-1)
        u = torch.rand(len(part), 1, dtype=torch.float64, generator=generator, device=part.device)
        token = torch.searchsorted(cumulative, u * cumulative[:, -1:], right=True)
        found.append(token[:, 0].clamp(max=log_p.shape[-1] - 1))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.long, device=log_p.device)


def _complete(
    denoiser: Denoiser, batch: Batch, generator: Generator | None
) -> tuple[Int[Tensor, "batch n"], Float[Tensor, "batch n"]]:
    """Fill every mask independently; return the drafts and the probability of each filled token."""
    hidden = batch.hidden
    rows = hidden.any(-1)
    z = batch.tokens[rows]
    chance = torch.ones(hidden.shape, dtype=torch.float64, device=hidden.device)
    if not len(z):
        return batch.tokens, chance
    masked = _asked(denoiser, z, batch.d)[z == batch.d]
    token = draw_tokens(masked, generator)
    chance[hidden] = masked.gather(-1, token[:, None])[:, 0].double().exp()
    return batch.tokens.masked_scatter(hidden, token), chance


def _asked(denoiser: Denoiser, z: Int[Tensor, "rows n"], d: int) -> Float[Tensor, "rows n d"]:
    """Return the denoiser's answer. A network's is checked, a bounded number of rows at a time; tables already are."""
    log_p = denoiser(z)
    if isinstance(denoiser, World | TableDenoiser | FunctionDenoiser) and log_p.ndim == 3:
        return log_p
    if not isinstance(log_p, Tensor) or tuple(log_p.shape) != (*z.shape, d):
        return check_conditionals(log_p, z, d)
    rows = max(1, CHUNK // (z.shape[-1] * d))
    for part, seen in zip(torch.split(log_p, rows), torch.split(z, rows), strict=True):
        check_conditionals(part, seen, d)
    return log_p


def _chances(batch: Batch, step: Step) -> tuple[Tensor | float, float]:
    """Return the chances to keep a visible token and to reveal a masked one."""
    if step.kind == "posterior":
        return float(step.posterior.keep), float(step.posterior.reveal)
    sigma = confident_sigma(batch.revealed_with, batch.hidden, float(step.sigma))
    return 1 - sigma, float(Step(step.alpha_now, step.alpha_next).posterior.reveal)


def _remasked(
    draft: Int[Tensor, "batch n"],
    free: Bool[Tensor, "batch n"],
    step: Step,
    selection: Selection,
    predictor: Predictor | None,
    generator: Generator | None,
) -> tuple[Bool[Tensor, "batch n"], Bool[Tensor, "batch"]]:
    """Return the positions masked again and the rows whose draft the predictor has read."""
    counts = selection.draw_counts(float(step.alpha_next), free, generator)
    read = (counts > 0) & (counts < free.sum(-1)) & (predictor is not None)
    scores = torch.zeros(draft.shape, dtype=torch.float64, device=draft.device)
    if predictor is not None and bool(read.any()):
        scores[read] = check_logits(predictor(draft[read]), draft[read])
    return selection.choose(scores, counts, generator, free), read
