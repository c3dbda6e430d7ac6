"""Certified bounds: J >= pi^2 on the Beta plane, the Fisher-Rao constants, K-step energies and their digits.

Everything is proved in ball arithmetic over a stated box (theory.ledger.certificates). The statements are those
of Chen et al. (arXiv 2509.13866), Theorem 3.6 and D.5, in the closed forms of the energy notes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from flint import arb, ctx

from theory.errors import InvalidInput
from theory.ledger.certificates import Ball, Certificate, certify_nonnegative, ends, exact

SHAPES = (Fraction(1, 10), Fraction(10))
"""Range of c, e, 2a - c and 2b - e over which J >= pi^2 is certified."""

EQUALITY_MARGIN = Fraction(1, 50)
"""Half width of the box around equal angles that is treated analytically, in radians."""


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
        if x > y:  # symmetric
            return arb(0)
        p, q, joint = _trigamma(x), _trigamma(y), exact(factor) * _trigamma(x + y)
        fall = 2 * exact(factor) * _zeta3(x + y)
        inverse = 1 / p + 1 / q
        along_x = fall * inverse - joint * 2 * _zeta3(x) / p**2
        along_y = fall * inverse - joint * 2 * _zeta3(y) / q**2
        u, v = x.mid(), y.mid()
        centre = 1 - exact(factor) * arb(2).zeta(u + v) * (1 / arb(2).zeta(u) + 1 / arb(2).zeta(v))
        return centre + along_x * (x - u) + along_y * (y - v)

    if not 0 < low <= high:
        raise InvalidInput(f"Beta shapes from {low} to {high}; expected 0 < low <= high")
    return certify_nonnegative(determinant, [(low, high)] * 2, max_boxes=max_boxes)


def certify_landscape_directly(
    box: Sequence[tuple[Any, Any]], bound: Fraction = Fraction(0), max_boxes: int = 100_000
) -> Certificate:
    """Certify ln(J / pi^2) >= bound on a box of (a, b, c, e), by enclosing the closed form itself."""

    def excess(point: Sequence[Ball]) -> Ball:
        """Enclose by the mean value form, centre + gradient . (point - centre)."""
        middle = [v.mid() for v in point]
        linear = zip(_log_excess_gradient(point), point, middle, strict=True)
        return _log_excess(middle) + sum(g * (v - m) for g, v, m in linear) - exact(bound)

    return certify_nonnegative(excess, box, max_boxes=max_boxes)


def certify_chord_against_arc() -> Certificate:
    """Certify (8 / pi^2) s^2 <= 2 (1 - cos s) <= s^2 on [0, pi / 2]: sin(u) / u falls on (0, pi / 4].

    2 (1 - cos s) / s^2 = (sin u / u)^2 with u = s / 2 falls from 1 to ((1 / sqrt 2) / (pi / 4))^2 = 8 / pi^2.
    Equality at u = 0 is divided out: (sin u - u cos u) / u^3 = sum_k (-1)^k (2k + 2) u^2k / (2k + 3)! > 0.
    So every discretised energy with chords lies between 8 / pi^2 and 1 times the one with arcs.
    """
    return certify_nonnegative(lambda point: _sinc_fall(point[0]), [(Fraction(0), Fraction(8, 10))])


def certify_step_energy(steps: int, bound: Fraction = Fraction(1), max_boxes: int = 100_000) -> Certificate:
    """Certify 4 K sum dtheta_k^2 >= bound pi^2 for all interior angles in [0, pi / 2], any order, K = 2 or 3.

    Angles are in units of pi / 2, x in [0, 1]^(K-1), so that K sum dx_k^2 >= bound is rational. Around the
    equality point x_k = k / K the excess is the quadratic form K u.T.u, T = tridiag(-1, 2, -1): positive
    definite by its leading minors, exactly; bisection covers the rest. Raises InvalidInput for other K.
    """
    if steps not in (2, 3):
        raise InvalidInput(f"K = {steps}; expected 2 or 3: the box has K - 1 dimensions")
    if not all(minor > 0 for minor in step_form_minors(steps)):
        return Certificate(0, tuple((Fraction(0), Fraction(1)) for _ in range(steps - 1)))
    equal = [Fraction(k, steps) for k in range(1, steps)]
    margin = EQUALITY_MARGIN

    def excess(point: Sequence[Ball]) -> Ball:
        if bound <= 1 and all(abs(x - exact(m)) <= exact(margin) for x, m in zip(point, equal, strict=True)):
            return arb(0)
        nodes = [arb(0), *point, arb(1)]
        return steps * sum((b - a) ** 2 for a, b in itertools.pairwise(nodes)) - exact(bound)

    return certify_nonnegative(excess, [(0, 1)] * (steps - 1), max_boxes=max_boxes)


def step_form_minors(steps: int) -> list[Fraction]:
    """Return the leading principal minors 2, 3, ..., K of tridiag(-1, 2, -1) of size K - 1, exactly."""
    minors = [Fraction(1), Fraction(2)]
    while len(minors) < steps:
        minors.append(2 * minors[-1] - minors[-2])
    return minors[1:steps]


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


def _trigamma(x: Ball) -> Ball:
    low, high = ends(x)
    return arb(2).zeta(low).union(arb(2).zeta(high))


def _zeta3(x: Ball) -> Ball:
    low, high = ends(x)
    return arb(3).zeta(low).union(arb(3).zeta(high))


def _log_beta(x: Ball, y: Ball) -> Ball:
    return x.lgamma() + y.lgamma() - (x + y).lgamma()


def _log_excess(point: Sequence[Ball]) -> Ball:
    a, b, c, e = point
    return _log_beta(2 * a - c, 2 * b - e) + _log_beta(c, e) - 2 * _log_beta(a, b)


def _log_excess_gradient(point: Sequence[Ball]) -> tuple[Ball, Ball, Ball, Ball]:
    """Enclose the gradient of ln(J / pi^2); digamma is increasing, so its ends enclose it."""

    def digamma(x: Ball) -> Ball:
        low, high = ends(x)
        return low.digamma().union(high.digamma())

    a, b, c, e = point
    x, y = 2 * a - c, 2 * b - e
    joint, weight, mask = digamma(x + y), digamma(c + e), digamma(a + b)
    return (
        2 * (digamma(x) - joint) - 2 * (digamma(a) - mask),
        2 * (digamma(y) - joint) - 2 * (digamma(b) - mask),
        -(digamma(x) - joint) + digamma(c) - weight,
        -(digamma(y) - joint) + digamma(e) - weight,
    )


def _sinc_fall(u: Ball, terms: int = 8) -> Ball:
    """Enclose (sin u - u cos u) / u^3 for 0 <= u < 1 by its alternating series and the first dropped term."""
    square, total, power, factorial = u**2, arb(0), arb(1), arb(6)
    for k in range(terms):
        total += (-1) ** k * (2 * k + 2) * power / factorial
        power, factorial = power * square, factorial * (2 * k + 4) * (2 * k + 5)
    dropped = ((2 * terms + 2) * power / factorial).upper()
    return total + (-dropped).union(dropped)
