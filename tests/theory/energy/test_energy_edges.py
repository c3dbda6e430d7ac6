"""Edges of the energies' engines: equal end points of an arc, series that move slowly, zeros of too low an order."""

from __future__ import annotations

import numpy as np
from flint import arb, arb_series

from theory.energy import enclosures, sphere


def test_an_arc_between_equal_points_stays_there() -> None:
    point = np.sqrt([0.2, 0.3, 0.5])
    path = sphere.slerp(point, point, [0.0, 0.25, 1.0])
    np.testing.assert_array_equal(path, np.tile(point, (3, 1)))
    end = np.sqrt([0.5, 0.3, 0.2])
    np.testing.assert_allclose(np.linalg.norm(sphere.slerp(point, end, [0.3, 0.9]), axis=-1), 1.0, atol=1e-15)


def test_the_logarithm_of_gamma_follows_a_series_with_a_zero_coefficient() -> None:
    """ln Gamma(2 + t + 0 t^2) = psi(2) t + psi'(2) t^2 / 2 + ..."""
    found = enclosures.log_gamma(arb_series([2, 1, 0], 3))
    assert found[1].overlaps(arb(2).digamma())
    assert found[2].overlaps(arb(2).zeta(arb(2)) / 2)
    still = enclosures.log_gamma(arb_series([2, 0, 0], 3))
    assert still[1].is_zero() and still[2].is_zero()


def test_a_function_without_the_zero_is_no_quotient() -> None:
    assert enclosures.over_power(lambda t: t * t, arb(0.25), 2).overlaps(arb(1))
    assert enclosures.over_power(lambda t: t + 1, arb(0.25), 1).is_nan()
    assert enclosures.over_power(lambda t: t, arb(0.25), 2).is_nan()
