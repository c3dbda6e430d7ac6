"""What the claims on unmasking share: worlds, tables, strategies of proxies, rules and products, rounding of sums."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory.denoisers import TableDenoiser
from theory.ledger import rounding
from theory.reference import laws as reference
from theory.unmasking.best_rules import TabulatedRule
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import PROXIES, ProxyName
from theory.worlds import TableWorld, World, states

COPIED_PAIRS = TableWorld.from_weights([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1], 4, 2, "copied pairs")


def tolerance(world: World, scale: float = 1.0) -> float:
    """Return the rounding error of a sum over all states of a world."""
    return rounding(world.n * (world.d + 1) ** world.n, scale)


def product_world(rows: Sequence[Sequence[int]]) -> TableWorld:
    """Return the law of independent positions, weights of each one's tokens in a row."""
    return TableWorld.from_weights([math.prod(r) for r in itertools.product(*rows)], len(rows), len(rows[0]), "product")


@st.composite
def product_worlds(draw: DrawFn, n: tuple[int, int]) -> TableWorld:
    """Draw a law of independent positions, two or three tokens of any probabilities at each."""
    length, d = draw(st.integers(*n)), draw(st.integers(2, 3))
    return product_world([draw(st.lists(st.integers(1, 64), min_size=d, max_size=d)) for _ in range(length)])


def proxies() -> SearchStrategy[ProxyName]:
    """Draw the proxy by which a rule orders positions."""
    return st.sampled_from(sorted(PROXIES))


def table(n: int, d: int, rows: Sequence[int]) -> TableDenoiser:
    """Return the conditionals of d nonnegative weights for every state and masked position, in order."""
    z = states.all_states(n, d)
    p = torch.nn.functional.one_hot(z, d + 1)[..., :d].double()
    weights = torch.tensor(rows, dtype=torch.float64).reshape(-1, d)
    p[z == d] = weights / weights.sum(-1, keepdim=True)
    return TableDenoiser(p.log(), "listed rows")


BITS = table(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])
"""Inconsistent conditionals of two bits."""

THREE_BITS = table(3, 2, [1 + (5 * k * k + 3 * k) % 9 for k in range(54)])
"""Inconsistent conditionals of three bits."""


def coded(codes: Sequence[int], n: int, d: int, single: bool = False) -> TabulatedRule:
    """Return the rule that takes the (code mod 2^m - 1)-th nonempty set, or the (code mod m)-th of m masked positions."""
    sets = torch.zeros((d + 1) ** n, n, dtype=torch.bool)
    for row, (z, code) in enumerate(zip(reference.states(n, d), codes, strict=True)):
        hidden = reference.masked(z, d)
        if hidden:
            picked = 1 << code % len(hidden) if single else code % (2 ** len(hidden) - 1) + 1
            sets[row, [i for k, i in enumerate(hidden) if picked >> k & 1]] = True
    return TabulatedRule("drawn", sets, d)


def any_rule(named: Sequence[SetRule], n: int, d: int, single: bool = False) -> SearchStrategy[SetRule]:
    """Draw a named rule, or any set (any single position) at every state."""
    codes = st.lists(st.integers(0, 2**n - 2), min_size=(d + 1) ** n, max_size=(d + 1) ** n)
    return st.sampled_from(named) | codes.map(lambda found: coded(found, n, d, single))
