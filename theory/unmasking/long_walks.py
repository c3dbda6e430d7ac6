"""Errors and calls of a set rule on worlds too long to enumerate, by Rao-Blackwellised sampling. Nats.

Sequences are drawn from the data and revealed in the rule's own partitions (teacher forcing, q_phi of
Ben-Hamu et al., arXiv 2505.24857, eq. (6)). What can be integrated exactly is: model error and the entropy
bound are exact at every visited state, and the joint dependence error of a block a_1..a_k is averaged over
each token in turn, sum_j H(X_aj | z) - H(X_aj | z, x_a1..x_a(j-1)), by exact conditionals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from scipy import special
from torch import Generator, Tensor

from theory.denoisers import Denoiser, for_world
from theory.errors import InvalidInput
from theory.showing import Shown, shown
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import token_entropy
from theory.unmasking.sampling import choose, unmask
from theory.worlds import World, information


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

    def __str__(self) -> str:
        return f"{shown(self.mean)} +- {shown(self.standard_error, 2)}"

    def interval(self, false_alarm: float = 0.05) -> tuple[float, float]:
        """Return the central-limit interval that misses the mean with about the given probability."""
        half = float(special.ndtri(1 - false_alarm / 2)) * self.standard_error
        return self.mean - half, self.mean + half


@dataclass(frozen=True, repr=False, eq=False)
class LongWalk(Shown):
    """Totals along a path of the data (KL(q || output law) = model error + dependence for deterministic rules)."""

    rule: str
    world: World
    model_error: Estimate
    joint_dependence: Estimate
    bound: Estimate
    path_divergence: Estimate
    calls: Estimate
    calls_of_data: Estimate
    conditional_calls: int
    """Batched calls of the world's exact conditionals: the budget that was spent."""

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from rule and world
        """Return the rule and the world."""
        return f"{self.rule} on {self.world.name}"

    def _facts(self) -> dict[str, object]:
        errors = {"path KL (nats)": self.path_divergence, "bound (nats)": self.bound, "calls": self.calls}
        return {"sequences": self.calls.samples, **errors}


def sample_walk(
    rule: SetRule,
    world: World,
    samples: int,
    generator: Generator | None = None,
    denoiser: Any = None,
    start: Sequence[int] | Int[Tensor, "n"] | None = None,
) -> LongWalk:
    """Estimate the errors and E[NFE] of a rule with `samples` sequences under the data and as many drawn.

    The denoiser is the world itself unless given; `start` is one partially masked state from which all begin, the data
    law conditioned on it. Raises InvalidInput for fewer than two samples, a wrong selection or wrong conditionals.
    """
    if samples < 2:
        raise InvalidInput(f"{samples} samples; expected at least 2 for a standard error")
    data = world if start is None else world.given(start)
    z = torch.full((world.n,), world.d) if start is None else torch.as_tensor(start)
    trace = _Trace(rule, data, for_world(denoiser, world), z.expand(samples, -1), generator)
    gap, dependence, bound, calls = trace.follow(data.sample(samples, generator))
    drawn = trace.generate()
    return LongWalk(
        rule.name, data, Estimate.of(gap), Estimate.of(dependence), Estimate.of(bound), Estimate.of(gap + dependence),
        Estimate.of(drawn), Estimate.of(calls), trace.calls,
    )  # fmt: skip


class _Trace:
    def __init__(
        self, rule: SetRule, world: World, denoiser: Denoiser, start: Tensor, generator: Generator | None
    ) -> None:
        self.rule, self.world, self.denoiser, self.generator = rule, world, denoiser, generator
        self.start, self.calls = start, 0

    def exact(self, z: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n d"]:
        self.calls += 1
        return self.world.conditionals(z)

    def follow(self, x: Int[Tensor, "samples n"]) -> Float[Tensor, "4 samples"]:
        """Reveal the true tokens in the rule's partitions; return the four totals of every sequence."""
        totals = torch.zeros(4, len(x), dtype=torch.float64)

        def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
            log_p, chosen = choose(self.rule, self.denoiser, before, self.generator)
            true = self.exact(before)
            h = token_entropy(true.log())
            gap = (information.kullback_leibler(true, log_p.exp()) * chosen).sum(-1)
            bound = (h * chosen).sum(-1) - torch.where(chosen, h, 0.0).amax(-1)
            dependence = (h * chosen).sum(-1) - self.block_entropy(before, x[rows], chosen, h)
            totals[:, rows] += torch.stack((gap, dependence, bound, torch.ones_like(gap)))
            return torch.where(chosen, x[rows], before), torch.ones_like(rows)

        for _ in unmask(self.start.clone(), self.world.d, advance):
            pass
        return totals

    def block_entropy(self, z: Tensor, x: Tensor, chosen: Tensor, first: Tensor) -> Float[Tensor, "batch"]:
        """Return sum_j H(X_aj | z, x_a1..x_a(j-1)) along the true tokens, blocks in index order."""
        order = chosen.cumsum(-1)
        total = torch.zeros(len(z), dtype=torch.float64)
        for j in range(1, int(order.amax()) + 1):
            now = chosen & (order == j)
            rows = now.any(-1).nonzero()[:, 0]
            seen = torch.where(chosen[rows] & (order[rows] < j), x[rows], z[rows])
            h = first[rows] if j == 1 else token_entropy(self.exact(seen).log())
            total[rows] += (h * now[rows]).sum(-1)
        return total

    def generate(self) -> Float[Tensor, "samples"]:
        """Draw sequences with the sampler and return the denoiser calls of each."""
        d, calls = self.world.d, torch.zeros(len(self.start), dtype=torch.float64)

        def advance(number: int, rows: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
            log_p, chosen = choose(self.rule, self.denoiser, before, self.generator)
            u = torch.rand(*before.shape, 1, dtype=torch.float64, generator=self.generator)
            tokens = (log_p.exp().cumsum(-1) < u).sum(-1).clamp(max=d - 1)
            return torch.where(chosen, tokens, before), torch.ones_like(rows)

        for step in unmask(self.start.clone(), d, advance):
            calls[step.rows] += step.calls
        return calls
