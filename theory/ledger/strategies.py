"""Hypothesis strategies for the objects of the theory: laws, curves, grids, sizes. Objects, never seeds.

Laws are integer weights over the d^n sequences, so every one of them is rational and shrinks well. A third
of them are degenerate on purpose: zero cells, copies, parity, products and point masses.
"""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

LARGEST_WEIGHT = 64


@st.composite
def _dense(draw: DrawFn, n: int, d: int) -> list[int]:
    return draw(st.lists(st.integers(1, LARGEST_WEIGHT), min_size=d**n, max_size=d**n))


@st.composite
def _sparse(draw: DrawFn, n: int, d: int) -> list[int]:
    cells = st.sampled_from((0, 0, 0, 1, 2, 5, 40))
    weights = draw(st.lists(cells, min_size=d**n, max_size=d**n))
    weights[draw(st.integers(0, d**n - 1))] += 1
    return weights


@st.composite
def _product(draw: DrawFn, n: int, d: int) -> list[int]:
    rows = [draw(st.lists(st.integers(1, 9), min_size=d, max_size=d)) for _ in range(n)]
    weights = [1]
    for row in rows:
        weights = [w * r for w in weights for r in row]
    return weights


@st.composite
def _structured(draw: DrawFn, n: int, d: int) -> list[int]:
    kind = draw(st.sampled_from(("copies", "repetition", "parity", "point")))
    point = tuple(draw(st.lists(st.integers(0, d - 1), min_size=n, max_size=n)))

    def belongs(x: tuple[int, ...]) -> bool:
        if kind == "copies":
            return all(x[i] == x[i + 1] for i in range(0, n - 1, 2))
        if kind == "repetition":
            return len(set(x)) == 1
        return sum(x) % d == 0 if kind == "parity" else x == point

    return [int(belongs(x)) for x in itertools.product(range(d), repeat=n)]


@st.composite
def laws(draw: DrawFn, n: tuple[int, int] = (2, 4), d: tuple[int, int] = (2, 3), cells: int = 81) -> dict[str, Any]:
    """Draw `{"n", "d", "weights"}`: half dense, a quarter sparse, a quarter product or structured laws."""
    length = draw(st.integers(*n))
    largest = max(v for v in range(d[0], d[1] + 1) if v**length <= cells or v == d[0])
    size = draw(st.integers(d[0], largest))
    kinds = (_dense, _dense, _dense, _sparse, _sparse, _product, _structured)
    weights = draw(draw(st.sampled_from(kinds))(length, size))
    return {"n": length, "d": size, "weights": weights}


@st.composite
def grids(draw: DrawFn, steps: tuple[int, int] = (1, 5), denominator: int = 24) -> list[float]:
    """Draw a strictly increasing grid from 0 to 1 with multiples of 1 / `denominator` inside."""
    k = draw(st.integers(*steps))
    inner = draw(st.sets(st.integers(1, denominator - 1), min_size=k - 1, max_size=k - 1))
    return [0.0, *(i / denominator for i in sorted(inner)), 1.0]


@st.composite
def sizes(draw: DrawFn, n: int) -> list[int]:
    """Draw a composition of n into positive parts."""
    cuts = draw(st.sets(st.integers(1, n - 1), max_size=n - 1)) if n > 1 else set()
    nodes = [0, *sorted(cuts), n]
    return [b - a for a, b in itertools.pairwise(nodes)]


@st.composite
def curves(draw: DrawFn, n: tuple[int, int] = (2, 40)) -> list[float]:
    """Draw a nondecreasing curve Z_1 = 0 <= ... <= Z_n: smooth, stepped or mixed increments."""
    length = draw(st.integers(*n))
    steps = st.sampled_from((0, 0, 0, 1, 5)) if draw(st.booleans()) else st.integers(0, 16)
    jumps = draw(st.lists(steps, min_size=length - 1, max_size=length - 1))
    return [value / 16 for value in itertools.accumulate(jumps, initial=0)]


def shape_parameters(low: float = 0.2, high: float = 5.0) -> SearchStrategy[float]:
    """Draw a parameter of a Beta schedule, a multiple of 1/20."""
    return st.integers(round(low * 20), round(high * 20)).map(lambda k: k / 20)


@st.composite
def paired(draw: DrawFn, /, **parts: SearchStrategy[Any]) -> dict[str, Any]:
    """Draw a law-like mapping merged with named parts: `paired(law=laws(), grid=grids())`."""
    found: dict[str, Any] = {}
    for name, part in parts.items():
        value = draw(part)
        found.update(value if name == "law" else {name: value})
    return found
