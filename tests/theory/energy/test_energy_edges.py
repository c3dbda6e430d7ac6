"""Edges of the energies' engines: equal end points of an arc, series that move slowly, zeros of too low an order."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from flint import arb, arb_series
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.energy import enclosures, paths, sphere


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


@given(st.lists(st.integers(1, 9), min_size=4, max_size=4), st.lists(st.integers(1, 5), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_no_detour_around_a_square_gains_more_than_the_best(carried: list[int], chance: list[int]) -> None:
    """What moves is at most what each step of the way carries; of 41 amounts one is half a spacing from the best."""
    start, one, two, both = (Fraction(c, 20) for c in chance)
    p = np.array([start, one, two, both], dtype=object)
    flux = np.full((4, 4), Fraction(0), dtype=object)
    ways = [(0, 1), (1, 3), (0, 2), (2, 3)]
    for edge, amount in zip(ways, carried, strict=True):
        flux[edge] = Fraction(amount)

    def cost(moved: Fraction) -> Fraction:
        left = [carried[0] - moved, carried[1] - moved, carried[2] + moved, carried[3] + moved]
        return sum((j**2 / (p[a] * p[b]) for j, (a, b) in zip(left, ways, strict=True)), Fraction(0))

    least, most = -min(carried[2:]), min(carried[:2])
    tried = max(cost(Fraction(0)) - cost(least + 2 * k * Fraction(most - least, 80)) for k in range(41))
    found = paths._detour_gain(p, flux, (0, 1, 3), (0, 2, 3))
    half = Fraction(most - least, 80)
    assert tried <= found <= tried + half**2 * sum(1 / (p[a] * p[b]) for a, b in ways)
