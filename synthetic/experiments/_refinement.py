"""Samplers that refine, measured: exactly where all sequences fit in a list, else on samples; and what they cost.

Evaluations are those of `theory.remasking.sampling`, in the mean over a sequence's own chance: the denoiser where a
state has masks, the predictor where there is a choice of what to mask again. A pass of either counts as one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import torch

from theory.remasking import chain, drafts, sampling
from theory.remasking.schedules import Step, counted, standard
from theory.remasking.selection import RANDOM
from theory.unmasking.rules.sets import RandomOne
from theory.worlds import TableWorld, states

if TYPE_CHECKING:
    from torch import Tensor

    from synthetic.tasks import Task
    from theory.denoisers import Denoiser, TableDenoiser
    from theory.remasking.predictor import Predictor

Plan = tuple[Step, ...]
MOST_STEPS = 512


def window(steps: int, on: float) -> Plan:
    """Return masked diffusion with refinement at the paper's times t <= on: the last `on` of the run."""
    return counted(steps, (1 - on, 1.0))


def evaluations(steps: Sequence[Step], n: int, guided: bool) -> float:
    """Return the expected evaluations of both networks for one sequence of n tokens, from all masks."""
    total, hidden = 0.0, 1.0
    for step in steps:
        count = RANDOM.counts(float(step.alpha_next), n)
        refined = step.kind == "counted"
        total += hidden + (float(count[1:n].sum()) if guided and refined else 0.0)
        hidden = 1 - float(count[0]) if refined else 1 - float(step.alpha_next) ** n
    return total


def within(budget: float, plan: Callable[[int], Plan], n: int, guided: bool = False) -> Plan:
    """Return the plan of the most steps whose evaluations stay within the budget."""
    steps = (plan(k) for k in range(1, MOST_STEPS + 1))
    inside = list(itertools.takewhile(lambda found: evaluations(found, n, guided) <= budget + 1e-9, steps))
    return inside[-1] if inside else standard(1)


class Bench(Protocol):
    """Runs a plan with a predictor, with random sets (None), or one token at a time in random order."""

    def refined(self, plan: Plan, predictor: Any) -> dict[str, list[float]]:
        """Return values of each measure."""
        ...

    def one_by_one(self) -> dict[str, list[float]]:
        """Return values of each measure of masked diffusion in the limit of many steps."""
        ...


@dataclass(frozen=True)
class Exact:
    """The output laws themselves: tv and kl (nats) from the data, entropy (nats). Predictors are their logits."""

    world: TableWorld
    denoiser: TableDenoiser

    @cached_property
    def proposal(self) -> drafts.Proposal:
        """Return how the denoiser fills masks."""
        return drafts.factorised(self.denoiser)

    def refined(self, plan: Plan, predictor: drafts.Refinement | None) -> dict[str, list[float]]:
        """Measure the output law."""
        return self._measures(chain.output_law(self.proposal, plan, predictor))

    def one_by_one(self) -> dict[str, list[float]]:
        """Measure the law of random order, one token a step."""
        from theory.unmasking.walks import walk

        return self._measures(walk(RandomOne(), self.world, self.denoiser).output)

    def refinement(self, predictor: Predictor) -> drafts.Refinement:
        """Tabulate a predictor's choices."""
        return drafts.refinement(RANDOM, predictor(states.all_sequences(self.world.n, self.world.d)))

    def _measures(self, output: TableWorld) -> dict[str, list[float]]:
        tv, kl = chain.distances(self.world, output)
        return {"tv": [float(tv)], "kl": [float(kl)], "entropy": [float(output.entropy())]}


@dataclass(frozen=True)
class Sampled:
    """The share of successes of every chunk of the samples. Predictors map tokens to logits."""

    task: Task
    denoiser: Denoiser
    samples: int
    chunks: int
    seed: int

    def refined(self, plan: Plan, predictor: Predictor | None) -> dict[str, list[float]]:
        """Sample with the plan."""
        generator = torch.Generator().manual_seed(self.seed)
        start = sampling.masked_batch(self.denoiser, self.samples)
        found = sampling.sample(self.denoiser, plan, start, predictor=predictor, generator=generator)
        return self._measures(found.tokens)

    def one_by_one(self) -> dict[str, list[float]]:
        """Sample one token a step."""
        from theory.unmasking.sampling import sample

        return self._measures(sample(RandomOne(), self.denoiser, self.samples, seed=self.seed).tokens)

    def _measures(self, tokens: Tensor) -> dict[str, list[float]]:
        from synthetic.tasks import unconditional

        good = self.task.success(tokens, unconditional(tokens))
        return {"success": [float(part.mean()) for part in good.chunk(self.chunks)]}
