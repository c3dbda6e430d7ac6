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
from theory.remasking import chain, predictor
from theory.remasking.chain import Proposal, Refinement
from theory.remasking.schedules import Step, counted, standard, star
from theory.remasking.selection import Selection
from theory.worlds import information, states
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


@dataclass(frozen=True)
class Exact:
    """A small law with its exact denoiser and the Bayes-optimal error predictor."""

    law: Float[Tensor, " cells"]
    n: int
    d: int

    @cached_property
    def log_p(self) -> Float[Tensor, "states n d"]:
        """Return the exact log-conditionals at all states."""
        z, table = states.all_states(self.n, self.d), states.marginal_table(self.law, self.n, self.d)
        return states.table_conditionals(table, z, self.d).log()

    @cached_property
    def independent(self) -> Proposal:
        """Return the proposal that fills masks one by one, independently: what a denoiser can do."""
        return chain.factorised(self.log_p)

    @cached_property
    def joint(self) -> Proposal:
        """Return the proposal that fills masks from their joint conditional."""
        return chain.joint(self.law, self.n, self.d)

    @cached_property
    def logits(self) -> Float[Tensor, "cells n"]:
        """Return the logit of the chance that a token of a draft is an error."""
        return predictor.error_logits(self.law, self.independent)

    def refinement(self, sampler: str, temperature: float | None = 1.0) -> Refinement:
        """Return how a sampler chooses the positions it masks again; temperature None is the limit 0."""
        if sampler == "guided":
            return chain.refinement(Selection(temperature), self.logits, self.d)
        return chain.unguided(Selection(), self.n, self.d)

    def output(self, sampler: str, steps: Sequence[Step], temperature: float | None = 1.0) -> Float[Tensor, " cells"]:
        """Return the law of the sampled sequences."""
        return chain.output_law(self.independent, steps, self.refinement(sampler, temperature))

    def distance(self, output: Float[Tensor, " cells"]) -> float:
        """Return TV(data, output)."""
        return float(information.total_variation(self.law, output))

    def divergence(self, output: Float[Tensor, " cells"]) -> float:
        """Return KL(data || output) in nats."""
        return max(0.0, float(information.kullback_leibler(self.law, output)))

    def surprise(self, output: Float[Tensor, " cells"]) -> float:
        """Return E[-ln data law] under the output in nats: the logarithm of a perfect judge's perplexity."""
        return float(-torch.xlogy(output, self.law).sum())


def _chain(n: int) -> worlds.World:
    moves = torch.tensor([[STAY, 1 - STAY], [1 - STAY, STAY]], dtype=torch.float64)
    return markov_chain(n, moves, torch.tensor(START, dtype=torch.float64))


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
    world = LAWS[name]()
    return Exact(world.law(), world.n, world.d)
