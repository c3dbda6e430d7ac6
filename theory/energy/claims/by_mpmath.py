"""The functions that the ball proofs enclose, by another library and other formulas: mpmath, 40 digits.

Derivatives are mpmath's numerical ones of the plain formulas. A number is right to `ERROR` relative to max(1, number).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath

DIGITS = 40
ERROR = Fraction(1, 10 ** (DIGITS - 10))
"""What is claimed of the 40 digits: ten are left to cancellation and to the numerical derivatives."""


def log_excess(shapes: Sequence[Any]) -> Any:
    """Return ln(J / pi^2) of a Beta(a, b) mask under a Beta(c, e) weight, from Euler's Beta function."""
    a, b, c, e = shapes
    return mpmath.log(mpmath.beta(2 * a - c, 2 * b - e) * mpmath.beta(c, e) / mpmath.beta(a, b) ** 2)


def hessian_sign(shapes: Sequence[Any]) -> Any:
    """Return the Hessian determinant of ln B at (x, y) over trigamma(x) trigamma(y), by numerical derivatives."""

    def log_beta(x: Any, y: Any) -> Any:
        return mpmath.log(mpmath.beta(x, y))

    second = {order: mpmath.diff(log_beta, tuple(shapes), order) for order in ((2, 0), (0, 2), (1, 1))}
    scale = mpmath.diff(mpmath.loggamma, shapes[0], 2) * mpmath.diff(mpmath.loggamma, shapes[1], 2)
    return (second[2, 0] * second[0, 2] - second[1, 1] ** 2) / scale


def hessian_sign_plainly(shapes: Sequence[Any]) -> Any:
    """Return the same by polygammas, for its derivatives."""
    x, y = shapes
    return 1 - mpmath.psi(1, x + y) * (1 / mpmath.psi(1, x) + 1 / mpmath.psi(1, y))


def sinc_fall(u: Sequence[Any]) -> Any:
    """Return minus the derivative of sin(u) / u at u > 0, over u."""
    return -mpmath.diff(mpmath.sinc, u[0]) / u[0]


def chord_over_arc(s: Sequence[Any]) -> Any:
    """Return 2 (1 - cos s) / s^2."""
    return 2 * (1 - mpmath.cos(s[0])) / s[0] ** 2


def number(function: Callable[[Sequence[Any]], Any], point: Sequence[Fraction]) -> Fraction:
    """Return the function's value at a rational point, as the fraction of its 40 digits."""
    with mpmath.workdps(DIGITS):
        return _rational(function([_precise(v) for v in point]))


def slope(function: Callable[[Sequence[Any]], Any], point: Sequence[Fraction], along: int) -> Fraction:
    """Return the partial derivative along one coordinate, numerically."""
    with mpmath.workdps(DIGITS):
        order = tuple(int(k == along) for k in range(len(point)))
        return _rational(mpmath.diff(lambda *moved: function(moved), tuple(_precise(v) for v in point), order))


def _precise(value: Fraction) -> Any:
    return mpmath.mpf(value.numerator) / value.denominator


def _rational(value: Any) -> Fraction:
    return Fraction(mpmath.nstr(value, DIGITS))
