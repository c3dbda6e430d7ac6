"""What the claims on unmasking share: worlds, strategies of proxies and products, and the rounding of their sums."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory.ledger import rounding
from theory.unmasking.rules.proxies import PROXIES, ProxyName
from theory.worlds import TableWorld, World

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
