"""What the energy claims share: sources, tolerances, Hypothesis strategies for schedules and laws, evidence helpers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from numpy import ndarray

from theory.energy.quadrature import RELATIVE_ERROR
from theory.ledger import Evidence, Instance, equal, rounding, undecided
from theory.ledger.strategies import paired, worlds
from theory.reference.energy import RELATIVE_ERROR as REFERENCE_ERROR
from theory.reference.energy import Problem, beta_mixture
from theory.schedules import Schedule, optimal_mask

PAPER = "Chen, Nie, Sun, Feng, Li, Wen, Li, arXiv 2509.13866"
J_MEANS = "J = int_0^1 alpha'(t)^2 / (gamma'(t) alpha(t) (1 - alpha(t))) dt"
SCHEDULES = "the mask schedule alpha and the weight gamma increase from 0 to 1 on the time interval [0, 1]"
QUADRATURE = (
    "quadrature: the relative error that each of the two rules keeps, 1e-12 and 1e-11, and the rounding of a"
    " closed form of 64 operations"
)
ROUNDING = "rounding: 8 eps for each of at most 8 K rounded terms, relative to the energy"
EXACT = "zero: fractions, integers or identities of algebra"
CLOSED_FORM_TERMS = 64
"""Rounded operations in a closed form: six log-gammas of at most ten each, and their combination."""

Components = list[list[float]]
"""Rows [weight, a, b] of a mixture of Beta distribution functions."""


def vanish(residuals: Mapping[str, Any]) -> Iterator[Evidence]:
    """Yield one exact comparison per symbolic residual: 0 where it is identically zero, else 1."""
    for name, residual in residuals.items():
        yield equal("symbolic", Fraction(int(residual != 0)), Fraction(0), 0, note=name, proves=math.inf)


def ours(note: str) -> str:
    """Name the paragraph of docs/derivations.md that proves a statement of our own."""
    return f"ours, see docs/derivations.md, energy.{note}"


def contained(ball: Any, number: Fraction, allowance: Fraction = Fraction(0), note: str = "") -> Evidence:
    """Assert that a ball contains a number known to `allowance`: its distance from the ball is at most that."""
    from theory.energy import enclosures

    away = enclosures.distance(ball, number)
    if not isinstance(away, Fraction):
        return undecided("ball", f"{note}: no finite enclosure")
    return equal("ball", away, Fraction(0), allowance, note=f"containment: {note}")


def by_quadrature(value: float) -> float:
    """Return the tolerance of a number that quadrature found, beside a closed form."""
    return RELATIVE_ERROR * abs(value) + rounding(CLOSED_FORM_TERMS, abs(value))


def by_reference_quadrature(value: float) -> float:
    """Return the tolerance of a number found by the quadrature of `theory.reference.energy`."""
    return REFERENCE_ERROR * abs(value) + rounding(CLOSED_FORM_TERMS, abs(value))


def unit(alpha: Fraction, speed: Fraction) -> Fraction:
    """Return alpha'^2 / (alpha (1 - alpha)), what rates and integrands are measured in."""
    return speed**2 / (alpha * (1 - alpha))


def read_backwards(rows: Components) -> Components:
    """Return the mixture read from t = 1: Beta(a, b) becomes Beta(b, a)."""
    return [[w, b, a] for w, a, b in rows]


def optimal_mixture(rows: Components) -> Schedule:
    """Return sin^2(pi G / 2) for a mixture G."""
    return optimal_mask(beta_mixture(rows))


def mixture_problem(mask: Components, weight: Components, *, as_weights: bool = False) -> Problem:
    """Pair the mask sin^2(pi G / 2) (`as_weights`: G itself) with the weight W, both mixtures."""
    build = beta_mixture if as_weights else optimal_mixture
    back = read_backwards(mask), read_backwards(weight)
    return Problem(build(mask), beta_mixture(weight), build(back[0]), beta_mixture(back[1]))


def single(a: float, b: float) -> Components:
    """Return Beta(a, b) as a mixture of one."""
    return [[1.0, a, b]]


def mixtures(low: int, high: int) -> SearchStrategy[Components]:
    """Draw one to three components with shapes k / 20, low <= k <= high."""
    shape = st.integers(low, high).map(lambda k: k / 20)
    row = st.tuples(st.integers(1, 5).map(float), shape, shape).map(list)
    return st.lists(row, min_size=1, max_size=3)


def mixture_pairs() -> SearchStrategy[dict[str, Any]]:
    """Draw masks with shapes in [0.6, 2] and weights with shapes in [0.3, 1]: J is finite."""
    return st.fixed_dictionaries({"mask": mixtures(12, 40), "weight": mixtures(6, 20)})


def finite_shapes(least: int = 4) -> SearchStrategy[list[float]]:
    """Draw [a, b, c, e] with a, b, c, e <= 2 and 2a - c, 2b - e at least `least` / 20."""
    numbers = st.tuples(st.integers(4, 40), st.integers(2, 40))
    pair = numbers.filter(lambda p: 2 * p[0] - p[1] >= least)
    return st.tuples(pair, pair).map(lambda p: [v / 20 for v in (p[0][0], p[1][0], p[0][1], p[1][1])])


def world_inputs(**parts: SearchStrategy[Any]) -> SearchStrategy[Instance]:
    """Draw a world of at most nine sequences with the named parts."""
    return paired(world=worlds(n=(1, 3), d=(2, 3), cells=9), **parts)


def fractions() -> SearchStrategy[str]:
    """Draw k / 20 with 0 < k < 20, written as a fraction."""
    return st.integers(1, 19).map(lambda k: str(Fraction(k, 20)))


def times() -> SearchStrategy[float]:
    """Draw k / 64 with 0 < k < 64."""
    return st.integers(1, 63).map(lambda k: k / 64)


def shape_pairs(low: int = 2, high: int = 60) -> SearchStrategy[list[float]]:
    """Draw [a, b] with entries k / 20, low <= k <= high."""
    return st.lists(st.integers(low, high).map(lambda k: k / 20), min_size=2, max_size=2)


def angle_steps(steps: tuple[int, int] = (1, 8)) -> SearchStrategy[list[int]]:
    """Draw positive integers, the relative sizes of the steps of a path or of a weight."""
    return st.lists(st.integers(1, 20), min_size=steps[0], max_size=steps[1])


def quarter_turn(parts: list[int] | list[float]) -> ndarray:
    """Return the parts scaled to sum to pi / 2."""
    share = np.asarray(parts, dtype=float)
    return np.asarray(math.pi / 2 * share / share.sum())


def steps_and_widths(**parts: SearchStrategy[Any]) -> SearchStrategy[Instance]:
    """Draw relative sizes of angles and of widths, cut to the shorter of the two by the claims, with the named parts."""
    return st.fixed_dictionaries({"parts": angle_steps((2, 6)), "widths": angle_steps((2, 6)), **parts})
