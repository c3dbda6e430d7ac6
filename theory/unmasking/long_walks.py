"""Errors and calls of a set rule on worlds too long to enumerate, by Rao-Blackwellised sampling. Nats.

Sequences are drawn from the data and revealed in the rule's own partitions (teacher forcing, q_phi of
Ben-Hamu et al., arXiv 2505.24857, eq. (6)). What can be integrated exactly is: model error and the entropy
bound are exact at every visited state, and the joint dependence error of a block a_1..a_k is averaged over
each token in turn, sum_j H(X_aj | z) - H(X_aj | z, x_a1..x_a(j-1)), by exact conditionals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from scipy import special
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.unmasking.rules.base import SetRule, check_conditionals, check_selection
from theory.unmasking.rules.proxies import token_entropy
from theory.worlds import World, information

Denoiser = Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n d"]]


@dataclass(frozen=True)
class Estimate:
    """A mean over independent sequences with its standard error."""

    mean: float
    standard_error: float
    samples: int

    @classmethod
    def of(cls, values: Float[Tensor, "samples"]) -> Estimate:
        """Gather per-sequence values."""
        return cls(float(values.mean()), float(values.std() / math.sqrt(len(values))), len(values))

    def interval(self, false_alarm: float = 0.05) -> tuple[float, float]:
        """Return the central-limit interval that misses the mean with about the given probability."""
        half = float(special.ndtri(1 - false_alarm / 2)) * self.standard_error
        return self.mean - half, self.mean + half


@dataclass(frozen=True)
class LongWalk:
    """Totals along a path of the data (KL(q || output law) = model error + dependence for deterministic rules)."""

    rule: str
    model_error: Estimate
    joint_dependence: Estimate
    bound: Estimate
    path_divergence: Estimate
    nfe_data: Estimate
    nfe_sampler: Estimate
    conditional_calls: int
    """Batched calls of the world's exact conditionals: the budget that was spent."""


def sample_walk(
    rule: SetRule, world: World, samples: int, generator: Generator | None = None, denoiser: Denoiser | None = None
) -> LongWalk:
    """Estimate the errors and E[NFE] of a rule with `samples` sequences under the data and as many drawn.

    Raises InvalidInput for fewer than two samples, a wrong selection or wrong conditionals.
    """
    if samples < 2:
        raise InvalidInput(f"{samples} samples; expected at least 2 for a standard error")
    trace = _Trace(rule, world, denoiser or world, generator)
    gap, dependence, bound, calls = trace.follow(world.sample(samples, generator))
    drawn = trace.generate(samples)
    return LongWalk(
        rule.name, Estimate.of(gap), Estimate.of(dependence), Estimate.of(bound), Estimate.of(gap + dependence),
        Estimate.of(calls), Estimate.of(drawn), trace.calls,
    )  # fmt: skip


class _Trace:
    def __init__(self, rule: SetRule, world: World, denoiser: Denoiser, generator: Generator | None) -> None:
        self.rule, self.world, self.denoiser, self.generator = rule, world, denoiser, generator
        self.calls = 0

    def exact(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        self.calls += 1
        return self.world.conditionals(z)

    def choose(self, z: Int[Tensor, "batch n"]) -> tuple[Tensor, Tensor]:
        """Return predicted log-conditionals and the positions revealed, for rows with masks left."""
        masked = z == self.world.d
        log_p = check_conditionals(self.denoiser(z), z, self.world.d)
        chosen = self.rule.for_states(z).select(log_p, masked, self.generator)
        return log_p, check_selection(self.rule.name, chosen, masked, z)

    def follow(self, x: Int[Tensor, "batch n"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Reveal the true tokens in the rule's partitions; return the four totals of every sequence."""
        z = torch.full_like(x, self.world.d)
        totals = torch.zeros(4, len(x), dtype=torch.float64)
        while True:
            active = (z == self.world.d).any(-1).nonzero()[:, 0]
            if not len(active):
                return totals[0], totals[1], totals[2], totals[3]
            here = z[active]
            log_p, chosen = self.choose(here)
            true = self.exact(here)
            h = token_entropy(true.log())
            gap = (information.kullback_leibler(true, log_p.exp()) * chosen).sum(-1)
            bound = (h * chosen).sum(-1) - torch.where(chosen, h, 0.0).amax(-1)
            dependence = (h * chosen).sum(-1) - self.block_entropy(here, x[active], chosen, h)
            totals[:, active] += torch.stack((gap, dependence, bound, torch.ones_like(gap)))
            z[active] = torch.where(chosen, x[active], here)

    def block_entropy(self, z: Tensor, x: Tensor, chosen: Tensor, first: Tensor) -> Float[Tensor, "batch"]:
        """Return sum_j H(X_aj | z, x_a1..x_a(j-1)) along the true tokens, blocks in index order."""
        order = chosen.cumsum(-1)
        total = torch.zeros(len(z), dtype=torch.float64)
        for j in range(1, int(order.amax()) + 1):
            now = chosen & (order == j)
            rows = now.any(-1).nonzero()[:, 0]
            shown = torch.where(chosen[rows] & (order[rows] < j), x[rows], z[rows])
            h = first[rows] if j == 1 else token_entropy(self.exact(shown).log())
            total[rows] += (h * now[rows]).sum(-1)
        return total

    def generate(self, samples: int) -> Float[Tensor, "samples"]:
        """Draw sequences with the sampler and return the denoiser calls of each."""
        z = torch.full((samples, self.world.n), self.world.d)
        calls = torch.zeros(samples, dtype=torch.float64)
        while True:
            active = (z == self.world.d).any(-1).nonzero()[:, 0]
            if not len(active):
                return calls
            log_p, chosen = self.choose(z[active])
            u = torch.rand(*z[active].shape, 1, dtype=torch.float64, generator=self.generator)
            tokens = (log_p.exp().cumsum(-1) < u).sum(-1).clamp(max=self.world.d - 1)
            z[active] = torch.where(chosen, tokens, z[active])
            calls[active] += 1
