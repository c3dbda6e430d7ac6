"""Speculative sampling of Gaussian chains, vectorised over paths, with every kind of call counted apart.

De Bortoli et al., arXiv 2501.05370 (docs/derivations.md, speculative.3). A window drafts L steps, verifies them in one
batch and keeps them up to the first rejection, whose step is corrected. Drafts after a rejection are discarded
unseen, so the engine draws each of the N steps once and walks all paths in step: the law, and with the same noise
the path, are those of the pseudocode (`definitions.spec_diffusion`); what the discarded drafts cost is counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.speculation import coupling
from theory.speculation.accounting import CallCount
from theory.speculation.coupling import Correction, reflect
from theory.speculation.gaussian import Chain, check_draft

Noise = Callable[[int], tuple[Float[Tensor, "paths dim"], Float[Tensor, "paths"]]]
"""From the step k to standard normals and logarithms of uniforms on (0, 1]."""


@dataclass(frozen=True)
class Run:
    """What happened on each path, and the means over paths of each step.

    `sequential_calls` counts batches of target evaluations one after the other, `evaluations` single target
    evaluations, `draft_evaluations` those of an independent draft, `rounds` windows. `expected_rejections` is the
    sum over the path of 2 Phi(delta / 2) - 1 given the past; delta has no unit. `deltas`, `kept` are None unless kept.
    """

    terminal: Float[Tensor, "paths dim"]
    rounds: Int[Tensor, "paths"]
    rejections: Int[Tensor, "paths"]
    sequential_calls: Int[Tensor, "paths"]
    evaluations: Int[Tensor, "paths"]
    draft_evaluations: Int[Tensor, "paths"]
    expected_rejections: Float[Tensor, "paths"]
    mean_delta: Float[Tensor, "steps"]
    mean_square_delta: Float[Tensor, "steps"]
    shortest: int
    longest: int
    deltas: Float[Tensor, "steps paths"] | None = None
    kept: Bool[Tensor, "steps paths"] | None = None

    @property
    def steps(self) -> int:
        """Return N."""
        return len(self.mean_delta)

    @property
    def acceptance(self) -> float:
        """Return the share of all steps on which the draft was kept."""
        return 1 - float(self.rejections.double().mean()) / self.steps

    @property
    def expected_acceptance(self) -> float:
        """Return the mean of 2 Phi(-delta / 2) over all steps."""
        return 1 - float(self.expected_rejections.mean()) / self.steps

    @property
    def later_acceptance(self) -> float:
        """Return the mean of 2 Phi(-delta / 2) over all steps but the first of each window, which is free when frozen.

        A ratio of two totals over all paths; meant for a frozen draft, NaN when every window has one step.
        """
        later = float((self.steps - self.rounds).sum())
        return 1 - float(self.expected_rejections.sum()) / later if later else math.nan

    @property
    def speedup(self) -> float:
        """Return steps per sequential call, all paths together."""
        return self.steps / float(self.sequential_calls.double().mean())


def drawn(chain: Chain, paths: int, generator: Generator | None = None) -> Noise:
    """Return fresh noise for every step."""

    def at(k: int) -> tuple[Tensor, Tensor]:
        z = torch.randn(paths, chain.dimension, dtype=torch.float64, generator=generator)
        return z, torch.log1p(-torch.rand(paths, dtype=torch.float64, generator=generator))

    return at


def listed(z: Float[Tensor, "steps paths dim"], log_uniform: Float[Tensor, "steps paths"]) -> Noise:
    """Return noise given in advance: the same for every sampler that takes it."""
    return lambda k: (z[k], log_uniform[k])


def plain(
    chain: Chain,
    paths: int,
    generator: Generator | None = None,
    *,
    start: Float[Tensor, "paths dim"] | None = None,
    noise: Noise | None = None,
) -> Float[Tensor, "paths dim"]:
    """Return Y_N of the chain itself, one sequential call a step."""
    y, noise = _begin(chain, paths, generator, start, noise)
    for k in range(chain.steps):
        y = y + chain.gamma[k] * chain.slope(k, y) + chain.sigma[k] * noise(k)[0]
    return y


def speculate(
    chain: Chain,
    window: int,
    paths: int,
    generator: Generator | None = None,
    *,
    draft: Chain | None = None,
    lookahead: bool = True,
    start: Float[Tensor, "paths dim"] | None = None,
    noise: Noise | None = None,
    correct: Correction = reflect,
    keep: bool = False,
) -> Run:
    """Run the speculative sampler on `paths` independent paths; Y_N has the law of the chain, for any draft.

    Without `draft` the drift of the window's first state is frozen (one call, and a second for the batch that
    verifies; `lookahead` adds the window's last state to that batch, which makes the next first call free after a
    full acceptance). With an independent `draft` a round is one batch. `correct` other than the reflection breaks
    the law. Raises InvalidInput for a window < 1, no paths, or a draft of another covariance or shape.
    """
    if window < 1:
        raise InvalidInput(f"window L = {window}; expected at least 1")
    if draft is not None:
        check_draft(chain, draft)
    y, noise = _begin(chain, paths, generator, start, noise)
    count = CallCount(paths, chain.steps, window, frozen=draft is None, lookahead=lookahead)
    frozen = torch.zeros_like(y)
    rejected = torch.zeros(paths, dtype=torch.float64)
    means, squares, deltas, kepts = [], [], [], []
    for k in range(chain.steps):
        fresh = count.open(k)
        gamma, sigma = chain.gamma[k], chain.sigma[k]
        slope = chain.slope(k, y)
        target = gamma * slope
        if draft is None:
            frozen = torch.where(fresh[:, None], slope, frozen)
            guess = gamma * frozen
        else:
            guess = draft.gamma[k] * draft.slope(k, y)
        mismatch = (guess - target) / sigma
        z, log_uniform = noise(k)
        y, kept = coupling.couple(y + guess + sigma * z, y + target, sigma, mismatch, z, log_uniform, correct)
        delta = coupling.mismatch_norm(mismatch)
        rejected += coupling.rejection(delta)
        means.append(delta.mean())
        squares.append(delta.square().mean())
        if keep:
            deltas.append(delta)
            kepts.append(kept)
        count.close(k, kept)
    return Run(
        y, count.rounds, count.rejections, count.calls, count.evaluations, count.drafts, rejected,
        torch.stack(means), torch.stack(squares), count.shortest, count.longest,
        torch.stack(deltas) if keep else None, torch.stack(kepts) if keep else None,
    )  # fmt: skip


def _begin(
    chain: Chain, paths: int, generator: Generator | None, start: Tensor | None, noise: Noise | None
) -> tuple[Tensor, Noise]:
    y = chain.start(paths, generator) if start is None else start
    if y.shape != (paths, chain.dimension):
        raise InvalidInput(f"start of shape {tuple(y.shape)}; expected ({paths}, {chain.dimension})")
    return y, noise or drawn(chain, paths, generator)
