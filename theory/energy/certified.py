"""Certified bounds: J >= pi^2 on the Beta plane, the constants between chords and arcs, K-step energies.

Everything is proved in ball arithmetic (theory.ledger.certificates), with derivatives by series arithmetic
(theory.energy.enclosures). The statements are those of Chen et al. (arXiv 2509.13866), Theorem 3.6 and D.5, in the
closed forms of docs/derivations.md, energy.2a and energy.5e.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import arb, ctx

from theory.energy.enclosures import Series, log_gamma, mean_value, over_power
from theory.errors import InvalidInput
from theory.ledger.certificates import Ball, Certificate, certify_nonnegative, exact

SHAPES = (Fraction(1, 10), Fraction(10))
"""Range of c, e, 2a - c and 2b - e over which J >= pi^2 is certified."""


def certify_landscape(
    low: Fraction = SHAPES[0],
    high: Fraction = SHAPES[1],
    factor: Fraction = Fraction(1),
    max_boxes: int = 100_000,
) -> Certificate:
    """Certify J >= pi^2 for all Beta pairs with c, e, x = 2a - c and y = 2b - e in [low, high].

    ln(J / pi^2) = ln B(x, y) + ln B(c, e) - 2 ln B((x + c) / 2, (y + e) / 2) >= 0 is midpoint convexity of
    ln B, and ln B is convex where its Hessian is positive definite: with p = trigamma (positive and
    decreasing) iff 1 - factor p(x + y) (1 / p(x) + 1 / p(y)) > 0 at factor 1 (this implies p(x + y) < p(x)).
    Enclosed by the mean value form; symmetric in x and y, so boxes with x > y count as done.
    """

    def determinant(point: Sequence[Ball]) -> Ball:
        x, y = point
        return arb(0) if x > y else mean_value(lambda moved: hessian_sign(moved, factor), point)

    if not 0 < low <= high:
        raise InvalidInput(f"Beta shapes from {low} to {high}; expected 0 < low <= high")
    return certify_nonnegative(determinant, [(low, high)] * 2, max_boxes=max_boxes)


def hessian_sign(point: Sequence[Series], factor: Fraction = Fraction(1)) -> Series:
    """Return 1 - factor p(x + y) (1 / p(x) + 1 / p(y)), p = trigamma, of the series x and y.

    At factor 1 it has the sign of the determinant of the Hessian of ln B at (x, y).
    """
    x, y = point
    return 1 - exact(factor) * log_gamma(x + y, 2) * (1 / log_gamma(x, 2) + 1 / log_gamma(y, 2))


def certify_landscape_directly(
    box: Sequence[tuple[Any, Any]], bound: Fraction = Fraction(0), max_boxes: int = 100_000
) -> Certificate:
    """Certify ln(J / pi^2) >= bound on a box of (a, b, c, e), by enclosing the closed form itself."""
    return certify_nonnegative(lambda point: mean_value(log_excess, point) - exact(bound), box, max_boxes=max_boxes)


def log_excess(point: Sequence[Series]) -> Series:
    """Return ln(J / pi^2) = ln B(2a - c, 2b - e) + ln B(c, e) - 2 ln B(a, b) of the series a, b, c, e."""
    a, b, c, e = point
    return _log_beta(2 * a - c, 2 * b - e) + _log_beta(c, e) - 2 * _log_beta(a, b)


def certify_chord_against_arc() -> Certificate:
    """Certify that 2 (1 - cos s) / s^2 falls on (0, pi / 2]: sin(u) / u does on (0, 4/5], u = s / 2 <= pi / 4.

    2 (1 - cos s) / s^2 = (sin u / u)^2 falls from its limit 1 at 0 to its value at pi / 4 (`chord_over_arc`), so every
    discretised energy with chords lies between that value and 1 times the one with arcs.
    """
    return certify_nonnegative(lambda point: sinc_fall(point[0]), [(Fraction(0), Fraction(8, 10))])


def sinc_fall(u: Ball) -> Ball:
    """Enclose (sin u - u sin'(u)) / u^3 for 0 <= u < 1: minus the slope of sin(u) / u, divided by u."""

    def numerator(series: Series) -> Series:
        sine = series.sin()
        return sine - series * sine.derivative()

    return over_power(numerator, u, 3)


def chord_over_arc(s: Ball) -> Ball:
    """Enclose 2 (1 - cos s) / s^2 = (sin u / u)^2, u = s / 2, 1 at s = 0."""
    return (s / 2).sinc() ** 2


def step_energy_ball(name: str, steps: int) -> Ball:
    """Return an enclosure of the K-step energy 4 K sum dtheta_k^2 of a named schedule, weight gamma = t."""
    curves = {
        "linear": lambda t: t,
        "one minus cosine": lambda t: 1 - (t * arb.pi() / 2).cos(),
        "squared sine": lambda t: (t * arb.pi() / 2).sin() ** 2,
    }
    if name not in curves or steps < 1:
        raise InvalidInput(f"schedule {name!r}, K = {steps}; expected one of {', '.join(curves)} and K >= 1")
    with ctx.workprec(100):
        inner = [curves[name](exact(Fraction(k, steps))).sqrt().asin() for k in range(1, steps)]
        angle = [arb(0), *inner, arb.pi() / 2]
        return 4 * steps * sum((b - a) ** 2 for a, b in itertools.pairwise(angle))


def least_chord_energy_ball(widths: Sequence[Fraction], slope: Fraction) -> Ball:
    """Return a ball whose lower end no discretised energy 4 sum 2 (1 - cos theta_k) / w_k falls below, sum = pi / 2.

    Lagrangian duality, for any `slope` c with c w_k <= 1: the least over each theta_k in [0, pi / 2] of
    8 (1 - cos theta_k) / w_k - 8 c theta_k is attained at sin theta_k = c w_k. The bound is best where those angles
    sum to pi / 2.
    """
    total = 4 * exact(slope) * arb.pi()
    for width in widths:
        sine = exact(slope * width)
        total += 8 * (1 - (1 - sine**2).sqrt()) / exact(width) - 8 * exact(slope) * sine.asin()
    return total


def _log_beta(x: Series, y: Series) -> Series:
    return log_gamma(x) + log_gamma(y) - log_gamma(x + y)
