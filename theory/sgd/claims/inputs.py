"""What the claims on SGD share: sources, strategies of quadratics, points on spheres and laws of features."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory.reference import sgd as reference
from theory.sgd.quadratic import Quadratic

PAPER = "Sadrtdinov, Klimov, Lobacheva, Vetrov, arXiv 2505.23489"
SETTING = f"ours, on the quantities U, S, T and F of {PAPER}"
EXACT = "none: fractions"
NONE = Fraction(0)

Rows = list[list[int]]


@st.composite
def definite(draw: DrawFn, d: int) -> Rows:
    """Draw a positive definite matrix A Aᵀ + I of whole numbers."""
    a = draw(st.lists(st.lists(st.integers(-2, 2), min_size=d, max_size=d), min_size=d, max_size=d))
    return [
        [sum(x * y for x, y in zip(r, s, strict=True)) + (i == j) for j, s in enumerate(a)] for i, r in enumerate(a)
    ]


@st.composite
def quadratics(draw: DrawFn, d: tuple[int, int] = (1, 3)) -> dict[str, Any]:
    """Draw a Hessian and a noise covariance of whole numbers, and a share of the learning rate 2 / tr H."""
    size = draw(st.integers(*d))
    return {
        "hessian": draw(definite(size)), "noise": draw(definite(size)),
        "share": Fraction(draw(st.integers(1, 39)), 40),
    }  # fmt: skip


def stable_rate(hessian: Rows, share: Fraction) -> Fraction:
    """Return a share of 2 / tr H, which is at most 2 / h_max."""
    return share * 2 / reference.trace(reference.fractions(hessian))


def problem(hessian: Rows, noise: Rows) -> Quadratic:
    """Return the engine's quadratic."""
    return Quadratic(np.array(hessian, dtype=float), np.array(noise, dtype=float))


def rounding_of(problem: Quadratic, rate: float) -> float:
    """Return the relative error allowed to the engine: 1e-13 times how much the stationary equation magnifies one.

    An eigendecomposition errs by a few eps of the largest eigenvalue; relative to an entry 1 / (h_i + h_j - eta h_i h_j)
    that is h_max / (h_min (2 - eta h_max)), and the inverse of Sigma adds its condition number.
    """
    h = problem.curvatures
    covariance = problem.stationary(rate).covariance[0]
    equation = h[-1] / min(h[0], 2 / rate - h[-1])
    return 1e-13 * float(equation * np.linalg.cond(covariance)) * problem.d**2


@st.composite
def curvatures_and_noise(draw: DrawFn, d: tuple[int, int] = (1, 4)) -> dict[str, Any]:
    """Draw curvatures h and variances c of noise along the same axes, as fractions, and a share of 2 / h_max."""
    size = draw(st.integers(*d))
    numbers = st.integers(1, 40).map(lambda k: Fraction(k, 8))
    return {
        "h": draw(st.lists(numbers, min_size=size, max_size=size)),
        "c": draw(st.lists(numbers, min_size=size, max_size=size)),
        "share": Fraction(draw(st.integers(1, 39)), 40),
    }


def small_fractions(largest: int = 6) -> SearchStrategy[Fraction]:
    """Draw k / m with |k| at most `largest` and m from 1 to 4."""
    return st.builds(Fraction, st.integers(-largest, largest), st.integers(1, 4))


@st.composite
def points(draw: DrawFn, dimensions: int) -> list[Fraction]:
    """Draw a rational point of the unit sphere."""
    return reference.on_sphere(draw(st.lists(small_fractions(), min_size=dimensions - 1, max_size=dimensions - 1)))


def angles() -> SearchStrategy[Fraction]:
    """Draw tan(beta / 2) of an angle strictly between 0 and 90 degrees, a fraction between 0 and 1."""
    return st.integers(1, 19).map(lambda k: Fraction(k, 20))


def two_rows(half_tangent: Fraction) -> list[list[Fraction]]:
    """Return the rows (cos beta, +-sin beta, 0), rational for rational tan(beta / 2)."""
    cosine = (1 - half_tangent**2) / (1 + half_tangent**2)
    sine = 2 * half_tangent / (1 + half_tangent**2)
    return [[cosine, sine, NONE], [cosine, -sine, NONE]]


@st.composite
def features(draw: DrawFn, residuals: bool) -> list[tuple[Fraction, Fraction]]:
    """Draw pairs of feature and residual that come with their mirror image (x, -e), so that E[x e] = 0."""
    numbers = st.integers(1, 12).map(lambda k: Fraction(k, 4))
    drawn = draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=4))
    return [(x, sign * e if residuals else NONE) for x, e in drawn for sign in (1, -1)]
