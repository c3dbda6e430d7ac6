"""Hypothesis strategies for the objects of the theory: worlds, denoisers, schedules, grids, sizes, curves.

They draw the objects themselves, never seeds, so a failing example is read off directly and shrinks: a world to small
weights, a denoiser to uniform rows, a schedule to the linear one. Strategies for unmasking rules are in
`theory.unmasking.strategies`.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory import schedules as masks
from theory.denoisers import TableDenoiser
from theory.schedules import Schedule
from theory.worlds import TableWorld, World, states

LARGEST_WEIGHT = 64
"""The largest weight of a sequence in a dense world."""

FEW_ROWS = 81
"""Up to this many conditionals a denoiser's are drawn one by one; more are drawn as some distinct rows, repeated."""


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
def worlds(draw: DrawFn, n: tuple[int, int] = (2, 4), d: tuple[int, int] = (2, 3), cells: int = 81) -> TableWorld:
    """Draw a world with whole weights, kept exactly in `world.weights`.

    `n` and `d` are the least and largest length and vocabulary; larger vocabularies are left out where d^n exceeds
    `cells`. Three in seven are dense, two sparse (with sequences of probability zero), one a product of independent
    positions, and one structured: copied pairs, a repeated token, parity, or a single sequence.
    """
    length = draw(st.integers(*n))
    largest = max(v for v in range(d[0], d[1] + 1) if v**length <= cells or v == d[0])
    size = draw(st.integers(d[0], largest))
    kinds = (_dense, _dense, _dense, _sparse, _sparse, _product, _structured)
    return TableWorld.from_weights(draw(draw(st.sampled_from(kinds))(length, size)), length, size)


@st.composite
def denoisers(
    draw: DrawFn, world: World | SearchStrategy[World] | tuple[int, int], zeros: bool = False
) -> TableDenoiser:
    """Draw a denoiser for a world (or for sizes `(n, d)`): unrelated rational conditionals at every state.

    Its conditionals are inconsistent in general: no law has them. With `zeros` some probabilities are zero, so that
    the denoiser may rule out what the world allows.
    """
    chosen = draw(world) if isinstance(world, SearchStrategy) else world
    n, d = chosen if isinstance(chosen, tuple) else (chosen.n, chosen.d)
    row = st.lists(st.integers(0 if zeros else 1, 9), min_size=d, max_size=d).map(lambda w: w if any(w) else [1] * d)
    z = states.all_states(n, d)
    hidden = z == d
    count = int(hidden.sum())
    drawn = draw(st.lists(row, min_size=min(count, FEW_ROWS), max_size=min(count, FEW_ROWS)))
    rows = torch.tensor(drawn, dtype=torch.float64).repeat(-(-count // len(drawn)), 1)[:count]
    p = torch.nn.functional.one_hot(z, d + 1)[..., :d].double()
    p[hidden] = rows / rows.sum(-1, keepdim=True)
    return TableDenoiser(p.log(), "drawn rows")


def schedules() -> SearchStrategy[Schedule]:
    """Draw a mask schedule: a named one, a Beta mask, or piecewise linear between nodes."""
    beta = st.builds(masks.beta_mask, shape_parameters(), shape_parameters())
    return st.sampled_from(tuple(masks.NAMED.values())) | beta | grids().map(masks.piecewise)


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


def paired(**parts: SearchStrategy[Any]) -> SearchStrategy[dict[str, Any]]:
    """Draw named parts as one mapping: `paired(world=worlds(), grid=grids())`."""
    return st.fixed_dictionaries(parts)
