"""The small laws on which samplers that remask are computed exactly, by name, with exact conditionals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from theory import worlds
from theory.errors import unknown
from theory.remasking import chain, drafts, predictor
from theory.remasking.drafts import Proposal, Refinement
from theory.remasking.schedules import Step, counted, standard, star
from theory.remasking.selection import Selection
from theory.worlds import TableWorld
from theory.worlds.table import table_of
from theory.worlds.tree import markov_chain

STAY = 0.85
START = (0.7, 0.3)
ZEROS = (0.7, 0.6, 0.8)
"""Chance of token 0 at each position of the product law."""

SAMPLERS: dict[str, Callable[..., tuple[Step, ...]]] = {
    "masked diffusion": lambda steps, window=(0.0, 1.0): standard(steps),
    "star": star,
    "fixed count": counted,
    "guided": counted,
}
"""From T and the window in generation time to steps. "star" masks every position independently; "fixed count" masks
a uniform subset of ceil((1 - alpha) n) positions, "guided" one drawn by the optimal error predictor."""


@dataclass(frozen=True, eq=False)
class Exact:
    """A small world with its exact denoiser and the Bayes-optimal error predictor."""

    world: TableWorld

    @cached_property
    def independent(self) -> Proposal:
        """Return the proposal that fills masks one by one, independently: what a denoiser can do."""
        return drafts.factorised(self.world)

    @cached_property
    def joint(self) -> Proposal:
        """Return the proposal that fills masks from their joint conditional."""
        return drafts.joint(self.world)

    @cached_property
    def logits(self) -> Float[Tensor, "cells n"]:
        """Return the logit of the chance that a token of a draft is an error."""
        return predictor.error_logits(self.world, self.independent)

    def refinement(self, sampler: str, temperature: float | None = 1.0) -> Refinement:
        """Return how a sampler chooses the positions it masks again; temperature None is the limit 0."""
        if sampler == "guided":
            return drafts.refinement(Selection(temperature), self.logits)
        return drafts.unguided(Selection(), self.world)

    def output(self, sampler: str, steps: Sequence[Step], temperature: float | None = 1.0) -> TableWorld:
        """Return the law of the sampled sequences."""
        return chain.output_law(self.independent, steps, self.refinement(sampler, temperature))

    def distance(self, output: TableWorld) -> float:
        """Return TV(data, output)."""
        return float(chain.distances(self.world, output)[0])

    def divergence(self, output: TableWorld) -> float:
        """Return KL(data || output) in nats."""
        return max(0.0, float(chain.distances(self.world, output)[1]))

    def surprise(self, output: TableWorld) -> float:
        """Return E[-ln data law] under the output in nats: the logarithm of a perfect judge's perplexity."""
        return float(-torch.xlogy(output.law(), self.world.law()).sum())


def _chain(n: int) -> worlds.World:
    moves = torch.tensor([[STAY, 1 - STAY], [1 - STAY, STAY]], dtype=torch.float64)
    return markov_chain(moves, n, torch.tensor(START, dtype=torch.float64))


def _product() -> worlds.World:
    return worlds.product(torch.tensor([[p, 1 - p] for p in ZEROS], dtype=torch.float64))


LAWS: dict[str, Callable[[], worlds.World]] = {
    "chain of 4": lambda: _chain(4),
    "chain of 3": lambda: _chain(3),
    "product law": _product,
    "two copied pairs": lambda: worlds.copied_pairs(2),
    "even parity": lambda: worlds.even_parity(4),
}
"""Two Markov chains with start (.7, .3) that stay with chance .85; independent bits; two laws of hard constraints."""


def exact(name: str) -> Exact:
    """Return a law by name. Raises InvalidInput for an unknown one."""
    if name not in LAWS:
        raise unknown("law", name, LAWS)
    return Exact(table_of(LAWS[name]()))
