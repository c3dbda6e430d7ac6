"""The integral J on the plane of Beta shapes: its closed form, where it is finite, and a proof of J >= pi^2 in balls.

Chen et al. (arXiv 2509.13866), Theorem 3.6. Where the bound comes from for all schedules is in least.py.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.energy import closed_forms, symbolic
from theory.energy.claims.inputs import (
    CLOSED_FORM_TERMS,
    EXACT,
    J_MEANS,
    PAPER,
    QUADRATURE,
    by_quadrature,
    contained,
    finite_shapes,
    ours,
    vanish,
)
from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, equal, rounding
from theory.reference.energy import Problem
from theory.schedules import beta

if TYPE_CHECKING:
    from theory.energy.enclosures import SeriesFunction
    from theory.ledger.certificates import Certificate

Plain = Callable[[Sequence[Any]], Any]
"""A function of plain numbers, as mpmath evaluates it."""


def landscape_is_closed(shapes: list[float], digits: str = "", factor: float = 1.0) -> Iterator[Evidence]:
    """Compare J of a Beta mask schedule under a Beta weight by quadrature, through chi-square, and in closed form.

    `digits` are a printed value, right to half a unit of its last place.
    """
    a, b, c, e = shapes
    closed = factor * float(closed_forms.beta_landscape(*shapes))
    yield equal("quadrature", closed_forms.schedule_integral(Problem.beta(*shapes)), closed, by_quadrature(closed))
    own = Problem(beta(a, b), beta(c, e), beta(b, a), beta(e, c))
    through = math.pi**2 * (1 + closed_forms.chi_square(own))
    yield equal("quadrature", through, closed, by_quadrature(closed), note="pi^2 (1 + chi-square)")
    yield from vanish(symbolic.landscape())
    if digits:
        unit_of_last_place = 10.0 ** -len(digits.partition(".")[2])
        yield equal("closed form", closed, float(digits), unit_of_last_place / 2, note="printed digits")


def landscape_is_finite_iff(shapes: list[str], margin: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Compare whether J is finite with 2a > c and 2b > e: in the closed form, and by the integrand's end exponents.

    Near t = 0 the integrand grows like t^(p - 1), with p read off at two tiny times; J converges iff p > 0 at both ends.
    Quadrature is asked too unless p is so small that it cannot tell.
    """
    a, b, c, e = (Fraction(s) for s in shapes)
    least, floats = min(2 * a - c, 2 * b - e), [float(Fraction(s)) for s in shapes]
    claimed = int(least > margin)
    yield equal("closed form", int(np.isfinite(closed_forms.beta_landscape(*floats))), claimed, 0)
    mirrored = [floats[1], floats[0], floats[3], floats[2]]
    exponents = [end_exponent(Problem.beta(*numbers)) for numbers in (floats, mirrored)]
    flattest = float(min(a, b, c, e))
    yield equal("enumeration", min(exponents), float(least), 100 * EARLY[0] ** flattest + rounding(64, 10.0))
    yield equal("closed form", int(min(exponents) > margin + HALF_A_STEP), claimed, 0, note="from the exponents")
    if not 0 < least < Fraction(1, 10):
        yield equal("quadrature", int(settles(Problem.beta(*floats))), claimed, 0)


def landscape_certified(
    at: list[str],
    width: str = "1/50",
    factor: float = 1.0,
    certify: bool = False,
    spare: Fraction = Fraction(1),
    bound: Fraction = Fraction(209, 1000),
) -> Iterator[Evidence]:
    """Prove J >= pi^2 on the Beta plane in balls, and test the enclosures that the proof rests on at a point.

    The enclosures of ln(J / pi^2), of the Hessian's sign and of their derivatives at `at` = [a, b, c, e] contain what
    mpmath finds there, and their mean value forms on a box of half width `width` contain what it finds at two corners.
    """
    from theory.energy import certified
    from theory.energy.claims import by_mpmath
    from theory.ledger.certificates import judged

    point = [Fraction(v) for v in at]
    a, b, c, e = point
    value = float(closed_forms.beta_landscape(*map(float, point)))
    slack = rounding(CLOSED_FORM_TERMS, value)
    yield at_least("closed form", value, factor * math.pi**2, slack)
    excess, sign = by_mpmath.log_excess, by_mpmath.hessian_sign
    yield from enclosed(certified.log_excess, excess, excess, point, Fraction(width))
    corner = [2 * a - c, 2 * b - e]
    yield from enclosed(certified.hessian_sign, sign, by_mpmath.hessian_sign_plainly, corner, Fraction(width))
    if certify:
        yield judged(_convexity(spare), "Hessian of ln B")
        yield judged(_directly(bound), "closed form itself, away from equality")


def enclosed(
    function: SeriesFunction, other: Plain, derived: Plain, point: list[Fraction], width: Fraction
) -> Iterator[Evidence]:
    """Compare enclosures of a function, thin and wide, and of its slopes with mpmath's values."""
    from theory.energy import enclosures
    from theory.energy.claims import by_mpmath
    from theory.ledger.certificates import ball, exact

    thin, name = [exact(v) for v in point], getattr(function, "__name__", "function")
    found = by_mpmath.number(other, point)
    yield contained(enclosures.value(function, thin), found, _doubt(found), name)
    for k, slope in enumerate(enclosures.slopes(function, thin)):
        expected = by_mpmath.slope(derived, point, k)
        yield contained(slope, expected, _doubt(expected), f"slope {k} of {name}")
    wide = enclosures.mean_value(function, [ball(v - width, v + width) for v in point])
    for side in (-1, 1):
        number = by_mpmath.number(derived, [v + side * width for v in point])
        yield contained(wide, number, _doubt(number), f"mean value form of {name}")


def end_exponent(problem: Problem) -> float:
    """Return p where the integrand of J grows like t^(p - 1) at t = 0, from two tiny times."""
    times = np.array(EARLY)
    speed = problem.mask.derivative(times)
    parts = (problem.weight.derivative(times), problem.mask.value(times), times)
    logs = 2 * np.log(speed) - np.log(parts[0]) - np.log(parts[1]) + np.log(parts[2])
    return float(np.diff(logs)[0] / np.diff(np.log(times))[0])


def settles(problem: Problem) -> bool:
    """Return whether quadrature finds J finite."""
    try:
        closed_forms.schedule_integral(problem)
    except InvalidInput:
        return False
    return True


def _doubt(number: Fraction) -> Fraction:
    from theory.energy.claims.by_mpmath import ERROR

    return ERROR * max(Fraction(1), abs(number))


@functools.cache
def _convexity(spare: Fraction) -> Certificate:
    from theory.energy import certified

    return certified.certify_landscape(Fraction(1, 10), Fraction(10), spare, max_boxes=20_000)


@functools.cache
def _directly(bound: Fraction) -> Certificate:
    from theory.energy import certified

    found = certified.certify_landscape_directly([(v, v) for v in NEAREST], bound)
    return found if not found.proved else certified.certify_landscape_directly(AWAY, bound, max_boxes=20_000)


def _any_shapes() -> SearchStrategy[list[str]]:
    number = st.integers(4, 40).map(lambda k: str(Fraction(k, 20)))
    return st.lists(number, min_size=4, max_size=4)


@st.composite
def _points(draw: st.DrawFn) -> Instance:
    """Draw shapes a, b, c, e with c, e, 2a - c and 2b - e in [1/10, 10], and a width that stays inside."""
    c, e, x, y = (Fraction(draw(st.integers(12, 1000)), 100) for _ in range(4))
    width = Fraction(draw(st.integers(1, 20)), 1000)
    return {"at": [str(v) for v in ((x + c) / 2, (y + e) / 2, c, e)], "width": str(width)}


HALF_A_STEP = Fraction(1, 40)
"""Half the distance between two of the exponents 2a - c that occur: shapes are multiples of 1/20."""

EARLY = (1e-30, 1e-40)
"""Two times next to 0. The integrand's first correction there is of order t^a, t the earlier, a the smallest shape."""

AWAY = [(Fraction(1), Fraction(5, 4))] * 2 + [(Fraction(3, 8), Fraction(1, 2))] * 2
"""A box of shapes a, b, c, e without equality."""

NEAREST = (Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 2))
"""Its corner nearest to equality, with J = pi^4 / 8, ln(J / pi^2) = .21002."""

PRINTED = (
    ([1.0, 1.0, 1.0, 1.0], "9.8696"),
    ([1.3, 0.8, 1.0, 1.0], "11.956321527"),
    ([0.9, 0.7, 0.5, 0.5], "11.198424705"),
    ([1.5, 2.2, 1.0, 1.2], "11.164254086"),
    ([0.6, 0.6, 1.0, 1.0], "16.074368529"),
)
"""Arguments (a, b, c, e) and the value of the landscape to as many digits as are given."""

EQUAL = {"at": ["1", "2", "1", "2"], "certify": True}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.2a",
        statement="For a Beta(a, b) mask schedule, alpha = sin^2(pi G / 2) with G the distribution function of"
        " Beta(a, b), under the weight gamma of Beta(c, e), J = pi^2 B(2a - c, 2b - e) B(c, e) / B(a, b)^2 with B"
        f" Euler's Beta function and {J_MEANS}.",
        tex=r"J = \pi^2\, \frac{B(2a-c,\,2b-e)\,B(c,e)}{B(a,b)^2}",
        assumptions="2a > c and 2b > e; drawn shapes exceed this by 1/5, so that quadrature resolves the ends",
        source=ours("2a"),
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic", "closed form"),
        check=landscape_is_closed,
        tolerance=f"{QUADRATURE}; symbolic: {EXACT}; printed digits: half a unit of the last place",
        inputs=lambda: st.fixed_dictionaries({"shapes": finite_shapes()}),
        examples=10,
        fixtures=tuple({"shapes": shapes, "digits": digits} for shapes, digits in PRINTED),
        variants={"1% larger": partial(landscape_is_closed, factor=1.01)},
    ),
    Claim(
        id="energy.2c",
        statement="J of a Beta(a, b) mask schedule under a Beta(c, e) weight is finite if and only if 2a > c and 2b > e.",
        source=ours("2a"),
        quantifier="for all",
        kind="equality",
        routes=("closed form", "enumeration", "quadrature"),
        check=landscape_is_finite_iff,
        tolerance="yes or no: zero; exponents: 100 t^p at the earlier time t, p the least shape",
        inputs=lambda: st.fixed_dictionaries({"shapes": _any_shapes()}),
        examples=12,
        fixtures=(
            {"shapes": ["1/2", "1/2", "1", "1"]},
            {"shapes": ["3/5", "3/5", "1", "1"]},
            {"shapes": ["1", "13/20", "1", "6/5"]},
        ),
        variants={"finite iff 2a > c + 1/10": partial(landscape_is_finite_iff, margin=Fraction(1, 10))},
    ),
    Claim(
        id="energy.3d",
        statement="J >= pi^2 for every Beta(a, b) mask schedule under a Beta(c, e) weight with c, e, 2a - c and 2b - e"
        " between 1/10 and 10: ln B is convex there, proved in ball arithmetic.",
        source=f"{PAPER}, Theorem 3.6, on the plane of Beta shapes",
        status="reading",
        quantifier="for all",
        kind="lower",
        routes=("ball", "closed form"),
        check=landscape_certified,
        tolerance="balls contain mpmath's values up to the error of its 40 digits; closed form: rounding of 64 operations",
        inputs=_points,
        examples=5,
        fixtures=(EQUAL,),
        variants={
            "bound 1% larger": partial(landscape_certified, factor=1.01),
            "Hessian with 1% to spare": partial(landscape_certified, spare=Fraction(101, 100)),
            "ln(J / pi^2) 1% larger than its least value on a box": partial(
                landscape_certified, bound=Fraction(2122, 10000)
            ),
        },
        sharp=Sharp("pi^2, where (a, b) = (c, e)", {"at": ["1", "2", "1", "2"]}, 1 - 1e-12),
    ),
)
