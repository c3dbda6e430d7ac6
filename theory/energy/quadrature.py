"""Quadrature of the energies over time: the double-exponential rule, exact at the ends where energies are singular.

The rule of `theory.reference.energy` is SciPy's; this one shares nothing with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy import ndarray

from theory.errors import InvalidInput

RELATIVE_ERROR = 1e-12
"""Relative error of `integral_from_zero` for integrands that are smooth but for growth like t^(p - 1), p >= 0.05."""

AGREEMENT = 1e-8
"""How well two levels must agree. Halving the step doubles the number of right digits, so the finer one is exact."""

LEVELS = (1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256)
"""The steps that are tried, in the variable u of t = upper / (1 + exp(-pi sinh u))."""

FIRST, LAST = -6.0, 3.5
"""Range of u: t / upper runs from e^(-633) to 1 - e^(-52)."""


def integral_from_zero(integrand: Callable[[ndarray], ndarray], upper: float = 0.5) -> float:
    """Integrate over t in (0, upper).

    Times at which the integrand under- or overflows count as 0. Raises InvalidInput when two levels disagree, or when
    the summands have not died down at the first time: the integral is infinite, or p is below 0.05.
    """
    before = math.nan
    for step in LEVELS:
        found, edge = _sum(integrand, upper, step)
        settled = edge <= RELATIVE_ERROR * abs(found) and abs(found - before) <= AGREEMENT * abs(found)
        if math.isfinite(found) and (settled or found == 0):
            return found
        before = found
    raise InvalidInput(
        f"energy integral does not settle ({before:.6g}); expected a finite energy: near t = 0 and 1,"
        " alpha'^2 / (gamma' alpha (1 - alpha)) must be integrable"
    )


def _sum(integrand: Callable[[ndarray], ndarray], upper: float, step: float) -> tuple[float, float]:
    """Return the sum at one step, and the mass that a tail like the first summand's may hide below the first time."""
    u = np.arange(round(FIRST / step), round(LAST / step) + 1) * step
    odds = np.exp(math.pi * np.sinh(u))
    t = upper * odds / (1 + odds)
    speed = math.pi * np.cosh(u) / (1 + odds)
    with np.errstate(all="ignore"):
        terms = np.asarray(integrand(t), dtype=float) * t * speed
    terms = np.where(np.isfinite(terms), terms, 0.0)
    return float(step * math.fsum(terms)), float(abs(terms[0]))
