"""What the masked claims are checked on: denoisers in fractions and as tables, orders, windows, laws, products."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.denoisers import TableDenoiser, tabulated
from theory.ledger import Instance, rounding, strategies
from theory.reference import laws as reference
from theory.reference import speculation as reference_speculation
from theory.reference.speculation import Outcome, Residual
from theory.speculation import masked
from theory.worlds import TableWorld, states

PATHS = 40_000
"""Sampled sequences of a statistical comparison."""

ORDERS = Sequence[int] | str


@dataclass(frozen=True, eq=False)
class Setup:
    """One denoiser as the engine and in fractions, one order as the loops and as the engine take it, a window."""

    denoiser: TableDenoiser
    window: int
    conditional: reference.Conditional
    order: reference_speculation.Order
    priority: masked.Priority

    @property
    def n(self) -> int:
        """Return the number of positions."""
        return self.denoiser.n

    @property
    def d(self) -> int:
        """Return the number of symbols."""
        return self.denoiser.d

    def literally(self, correct: Residual = "residual") -> Outcome:
        """Return the enumeration of all drafts."""
        return reference_speculation.speculative(self.conditional, self.order, self.n, self.d, self.window, correct)

    def sampled(self, paths: int = PATHS, correct: Residual = "residual") -> masked.MaskedRun:
        """Return a run of the batch sampler on the table."""
        generator = Generator().manual_seed(0)
        return masked.speculate(self.denoiser, self.window, paths, self.priority, generator, correct)

    @property
    def slack(self) -> float:
        """Return the rounding tolerance of the sweep."""
        return rounding(self.n * (self.d + 1) ** (2 * self.n))


def setup(denoiser: TableWorld | TableDenoiser, order: ORDERS, window: int) -> Setup:
    """Return a world's true conditionals, or a table's inconsistent ones; an order by permutation or "confidence"."""
    table, d = tabulated(denoiser), denoiser.d
    if isinstance(denoiser, TableWorld):
        conditional = reference.conditionals_of(reference.exact(denoiser), d)
    else:
        conditional = reference.rational_conditionals(denoiser)
    if order == "confidence":
        by_confidence = reference_speculation.confidence_order(conditional, d)
        return Setup(table, window, conditional, by_confidence, masked.confidence)
    fixed = [int(i) for i in order]
    return Setup(table, window, conditional, reference_speculation.fixed_order(fixed, d), masked.fixed(fixed))


def frequencies(tokens: Int[Tensor, "paths n"], base: int) -> Float[Tensor, "cells"]:
    """Return how often each sequence over `base` symbols was drawn, in the order of a law."""
    n = tokens.shape[-1]
    index = (tokens * torch.tensor([base ** (n - 1 - i) for i in range(n)])).sum(-1)
    return torch.bincount(index, minlength=base**n).double() / len(tokens)


def _orders(n: int) -> SearchStrategy[ORDERS]:
    return st.just("confidence") | st.permutations(range(n)).map(list)


@st.composite
def cases(draw: DrawFn) -> Instance:
    """Draw true or inconsistent conditionals, an order and a window."""
    n, d = draw(st.sampled_from(((2, 2), (2, 3), (3, 2), (3, 2))))
    found: dict[str, object] = {"window": draw(st.integers(1, n + 1)), "order": draw(_orders(n))}
    true, table = strategies.worlds(n=(n, n), d=(d, d)), strategies.denoisers((n, d))
    return {**found, "denoiser": draw(table if draw(st.booleans()) else true)}


@st.composite
def products(draw: DrawFn) -> Instance:
    """Draw independent positions, an order and a window."""
    n, d = draw(st.sampled_from(((2, 2), (3, 2), (4, 2), (3, 3))))
    row = st.lists(st.integers(1, 9), min_size=d, max_size=d)
    factors = [draw(row) for _ in range(n)]
    return {"world": product(factors), "order": draw(_orders(n)), "window": draw(st.integers(1, n))}


def product(factors: Sequence[Sequence[int]]) -> TableWorld:
    """Return independent positions with the given weights."""
    weights = [math.prod(row) for row in itertools.product(*factors)]
    return TableWorld.from_weights(weights, len(factors), len(factors[0]), "product law")


def few_cells() -> SearchStrategy[Instance]:
    """Draw worlds of up to 27 cells."""
    return strategies.paired(world=strategies.worlds(n=(2, 4), cells=27))


def _inconsistent() -> TableDenoiser:
    """Return conditionals of two bits that fit no law."""
    z = states.all_states(2, 2)
    p = (z[..., None] == torch.arange(2)).double()
    weights = torch.tensor([[5, 4], [9, 1], [1, 1], [2, 1], [1, 8], [4, 1]], dtype=torch.float64)
    p[z == 2] = weights / weights.sum(-1, keepdim=True)
    return TableDenoiser(p.log(), "inconsistent")


BITS = TableWorld.from_weights([3, 1, 4, 1, 5, 9, 2, 6], 3, 2, "three bits")
EVEN = TableWorld.from_weights([1, 0, 0, 1, 0, 1, 1, 0], 3, 2, "even parity")
CASES: tuple[Instance, ...] = (
    {"denoiser": BITS, "order": [0, 1, 2], "window": 3}, {"denoiser": BITS, "order": "confidence", "window": 2},
    {"denoiser": BITS, "order": [2, 0, 1], "window": 2}, {"denoiser": _inconsistent(), "order": [1, 0], "window": 2},
    {"denoiser": EVEN, "order": [0, 1, 2], "window": 3},
)  # fmt: skip
FOUR = TableWorld.from_weights([(7 * k * k + 3 * k) % 23 + 1 for k in range(16)], 4, 2, "four bits")
LONG: Instance = {"denoiser": FOUR, "order": "confidence", "window": 4}
LINE: Instance = {**LONG, "order": [0, 1, 2, 3]}
