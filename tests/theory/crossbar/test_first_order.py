"""First order and bounds: the terms of random patterns, correlations with distance, tiles within their bounds."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from theory.crossbar import first_order
from theory.crossbar.mesh import cells, equal_wires, solve

OHMS = 2.5


def _patterns(active: int, count: int, seed: int = 0) -> np.ndarray:
    """Return random 64 x 64 patterns with so many active cells."""
    generator = np.random.default_rng(seed)
    patterns = np.zeros((count, 64 * 64), dtype=int)
    for pattern in patterns:
        pattern[generator.choice(64 * 64, active, replace=False)] = 1
    return patterns.reshape(count, 64, 64)


def test_distance_and_interaction_balance_at_a_density_of_65_over_2730() -> None:
    """At 64 x 64; above 30 percent the interaction is over ten times larger."""
    distance = first_order.mean_nf(64, 64, 0, Fraction(1), Fraction(1))
    assert distance == 65
    assert first_order.mean_nf(64, 64, Fraction(65, 2730), Fraction(1), Fraction(1)) == 2 * distance
    assert first_order.mean_nf(64, 64, 0.3, 1.0, 1.0) > 11 * 65


@pytest.mark.parametrize(
    ("n", "m", "density", "error"), [(64, 64, 0.4, 0.0003458), (16, 16, 0.05, 0.02547), (3, 4, 0.3, 0.07132)]
)
def test_the_density_itself_overestimates_the_share_of_pairs(n: int, m: int, density: float, error: float) -> None:
    share = first_order.pair_share_of_density(density, n * m)
    plain, exact = (first_order.mean_nf(n, m, p, 1.0, 1.0) for p in (density, share))
    assert float(plain) / float(exact) - 1 == pytest.approx(error, rel=1e-3)


@pytest.mark.parametrize(("active", "correlation"), [(8, 0.871), (64, 0.720), (410, 0.808), (820, 0.873)])
def test_distance_alone_explains_part_of_the_losses_and_first_order_all(active: int, correlation: float) -> None:
    """60 patterns: Fisher's z of their correlation is within four standard errors 1 / sqrt(57) of that of 1000 others.

    The ratio of NF to r / R times the mean distance is, to first order and on average, 1 + 42 (active - 1) / 4095.
    """
    patterns = _patterns(active, 60)
    nf = solve(cells(patterns), np.ones((1, 64)), equal_wires(OHMS)).nf[:, 0]
    distance, first = first_order.summed_distance(patterns), first_order.nf(patterns, equal_wires(OHMS))
    z = math.atanh(float(np.corrcoef(nf, distance)[0, 1]))
    assert z == pytest.approx(math.atanh(correlation), abs=4 / math.sqrt(57))
    assert np.corrcoef(nf, first)[0, 1] > 0.9999
    ratio = first / (OHMS / 1e5 * distance / active)
    assert ratio.mean() == pytest.approx(1 + 42 * (active - 1) / 4095, abs=4 * ratio.std() / math.sqrt(60))
    bounds = first_order.nf_bounds(cells(patterns), equal_wires(OHMS))
    assert (bounds.lower <= nf).all() and (nf <= bounds.upper).all()


def test_a_single_cell_loses_in_proportion_to_its_distance() -> None:
    """Correlation 1.000 at one active cell, over 60 positions."""
    patterns = _patterns(1, 60)
    nf = solve(cells(patterns), np.ones((1, 64)), equal_wires(OHMS)).nf[:, 0]
    assert np.corrcoef(nf, first_order.summed_distance(patterns))[0, 1] > 0.9999


def test_nothing_is_lost_where_wires_are_perfect_and_a_tile_without_cells_has_no_factor() -> None:
    bounds = first_order.nf_bounds(np.ones((2, 3)), equal_wires(0.0))
    assert bounds.lower == bounds.upper == bounds.first == 0
    assert np.isnan(first_order.nf_bounds(np.zeros((2, 3)), equal_wires(1.0)).upper)
    assert np.isnan(first_order.nf(np.zeros((2, 3)), equal_wires(1.0)))
    assert first_order.pair_share_of_density(0.5, 1) == first_order.pair_share_of_count(1, 1) == 0


def test_a_hundred_random_tiles_are_within_their_bounds() -> None:
    """Every column between nothing and first order, all columns between both bounds, from 0.1 to 100 ohm."""
    generator = np.random.default_rng(7)
    for _ in range(100):
        n, m = generator.integers(1, 33, 2)
        g = cells(generator.integers(0, 2, (n, m)), 1e5, float(generator.choice([1e6, np.inf])))
        wires = equal_wires(float(10 ** generator.uniform(-1, 2)))
        solution = solve(g, np.ones((1, n)), wires)
        first = first_order.losses(g, np.ones((1, n)), wires)
        rounded = 1e-12 * float(solution.ideal.max(initial=0))
        assert (solution.losses >= -rounded).all() and (solution.losses <= first + rounded).all()
        if g.any():
            bounds = first_order.nf_bounds(g, wires)
            assert bounds.lower - 1e-12 <= solution.nf[0] <= bounds.upper + 1e-12
