"""Enclosures of functions over balls, their derivatives by series arithmetic (Arb): no derivative is typed.

A ball stands for every real number in it. A series is a truncated power series in t whose coefficients are balls;
`x + t` pushed through a function gives the value at x and every derivative there, divided by factorials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from flint import arb, arb_series

from theory.ledger.certificates import Ball, ends

Series = Any
"""A truncated power series with ball coefficients, `flint.arb_series`."""

SeriesFunction = Callable[[Sequence[Series]], Series]
"""A function of several variables, written for series; at constant series its coefficient 0 is its value."""


def moving(point: Sequence[Ball], along: int | None = None) -> list[Series]:
    """Return the point as series of two terms: x_k + t for the coordinate `along`, constants for the others."""
    return [arb_series([x, int(k == along)], 2) for k, x in enumerate(point)]


def value(function: SeriesFunction, point: Sequence[Ball]) -> Ball:
    """Return an enclosure of the function's values on the box of balls."""
    return coefficient(function(moving(point)), 0)


def slopes(function: SeriesFunction, point: Sequence[Ball]) -> list[Ball]:
    """Return enclosures of the partial derivatives on the box of balls, each the coefficient of t at x_k + t."""
    return [coefficient(function(moving(point, k)), 1) for k in range(len(point))]


def mean_value(function: SeriesFunction, point: Sequence[Ball]) -> Ball:
    """Enclose the function on a box by the mean value form, centre + gradient . (point - centre)."""
    middle = [x.mid() for x in point]
    rise = zip(slopes(function, point), point, middle, strict=True)
    return value(function, middle) + sum(slope * (x - m) for slope, x, m in rise)


def log_gamma(argument: Series, derivatives: int = 0) -> Series:
    """Return ln Gamma, or its derivative of the given order, of a series whose coefficient 0 is a positive ball.

    The coefficients of ln Gamma(x + s) in s are monotone in x > 0 from the first on (digamma rises; the later ones are
    Hurwitz zeta values over whole numbers, up to sign, and those fall), so each is enclosed by its values at both ends
    of the ball. Coefficient 0 is enclosed by the mean value theorem.
    """
    kept = argument.prec
    expansion = _log_gamma_expansion(argument[0], kept + derivatives)
    for _ in range(derivatives):
        expansion = expansion.derivative()
    rise = [argument[k] for k in range(1, kept)]
    if all(c.is_zero() for c in rise):
        return arb_series([expansion[0]], kept)
    return expansion(arb_series([0, *rise], kept))


def over_power(function: Callable[[Series], Series], u: Ball, power: int, terms: int = 8) -> Ball:
    """Enclose f(u) / u^power on a ball u >= 0 that may hold 0, for a function with a zero of that order at 0.

    Taylor's theorem at 0: f(u) = sum_{k < terms} c_k u^k + C u^terms, C the coefficient of t^terms in f(v + t) for
    some v between 0 and u; it is enclosed by expanding f at the ball that holds them all. `terms` is at most 8: f may
    differentiate once, and flint keeps ten coefficients by default.
    """
    at_zero = function(arb_series([0, 1], terms + 2))
    if not all(coefficient(at_zero, k) == 0 for k in range(power)):
        return arb.nan()
    rest = coefficient(function(arb_series([arb(0).union(u), 1], terms + 2)), terms)
    inner = [coefficient(at_zero, k) for k in range(power, terms)]
    return sum(c * u**k for k, c in enumerate(inner)) + rest * u ** (terms - power)


def coefficient(series: Series, k: int) -> Ball:
    """Return the coefficient of t^k; no number where the series was cut before it: flint would say 0."""
    return series[k] if k < series.prec else arb.nan()


def distance(ball: Ball, number: Fraction) -> Fraction | float:
    """Return how far a number lies outside a ball, exactly: 0 where it is contained, infinite for no finite ball."""
    if not ball.is_finite():
        return float("inf")
    low, high = (as_fraction(end) for end in ends(ball))
    return max(low - number, number - high, Fraction(0))


def as_fraction(point: Ball) -> Fraction:
    """Return the number that an exact ball stands for."""
    mantissa, exponent = point.man_exp()
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _log_gamma_expansion(x: Ball, terms: int) -> Series:
    low, high = (arb_series([end, 1], terms).lgamma() for end in ends(x))
    middle = x.mid()
    hull = [one.union(other) for one, other in zip(low, high, strict=True)]
    hull[0] = middle.lgamma() + hull[1] * (x - middle)
    return arb_series(hull, terms)
