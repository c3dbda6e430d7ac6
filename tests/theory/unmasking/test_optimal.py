"""The dynamic programme at scale and off its assumptions; Beta planes; bounds' schedules; bad input."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from theory.errors import InvalidInput
from theory.unmasking import beta_fit, bounds, curves, optimal, riemann


def random_curve(n: int, seed: int = 0) -> np.ndarray:
    return np.concatenate(([0.0], np.cumsum(np.random.default_rng(seed).random(n - 1) ** 6)))


@pytest.mark.parametrize("n", [1, 2, 3, 33, 64, 65, 300])
def test_divide_and_conquer_is_the_dense_programme(n: int) -> None:
    curve, steps = random_curve(n, n), min(n, 20)
    found = optimal.optimal_sizes(curve, steps)
    dense = riemann.least_riemann_sums_densely(np.arange(n + 1.0), -curve, steps) + curve.sum()
    assert [s.error for s in found] == pytest.approx(dense.tolist(), abs=1e-10)
    for k, s in enumerate(found, 1):
        assert (len(s.sizes), sum(s.sizes), min(s.sizes) > 0) == (k, n, True)
        assert s.error == pytest.approx(float(curves.fixed_size_error(torch.from_numpy(curve), s.sizes)), abs=1e-10)


def test_learned_curves_that_rise_are_solved_densely() -> None:
    """Cross-entropies need not fall with context; the programme must still be optimal."""
    cross = torch.tensor([2.0, 1.0, 1.5, 0.5, 0.9, 0.2], dtype=torch.float64)
    for k, found in enumerate(optimal.optimal_sizes_learned(cross, 1.0, 6), 1):
        from theory.unmasking.laws import compositions

        brute = min(float(curves.learned_fixed_size_error(cross, 1.0, s)) for s in compositions(6, k) if min(s) > 0)
        assert found.error == pytest.approx(brute, abs=1e-12)


def test_best_grid_is_a_stationary_point() -> None:
    curve = torch.from_numpy(random_curve(10))
    grid, error = optimal.optimal_grid(curve, 5)
    rng = np.random.default_rng(1)
    for _ in range(200):
        moved = grid.copy()
        moved[1:-1] += rng.normal(0, 1e-3, 4)
        assert float(curves.per_token_error(curve, np.sort(moved.clip(0, 1)))) >= error - 1e-12


def test_beta_plane_is_each_schedule_alone() -> None:
    from theory import schedules

    curve = torch.from_numpy(random_curve(7))
    plane = beta_fit.beta_plane(curve, np.array([[0.4], [1.3]]), np.array([[0.5, 2.0, 1.0]]), [2, 3, 6])
    for steps in (2, 3, 6):
        alone = float(curves.per_token_error(curve, schedules.beta_mask(1.3, 2.0).grid(steps)))
        assert plane[steps][1, 1] == pytest.approx(alone, abs=1e-13)


def test_a_grid_rounds_to_the_nearest_whole_tokens() -> None:
    assert curves.rounded_sizes([0, 0.26, 0.44, 0.44, 0.55, 1], 10) == [3, 1, 2, 4]
    assert curves.rounded_sizes([0, 0.05, 1], 10) == [1, 9]
    assert curves.rounded_sizes([0, 0.049, 1], 10) == [10]


def test_theorem_9_sizes_partition_and_mirror() -> None:
    for n in (1, 5, 64, 500):
        for zeta in (2, 3, 9):
            sizes = bounds.doubling_sizes(n, zeta)
            assert sum(sizes) == n and min(sizes) >= 1
            assert bounds.doubling_sizes(n, zeta, "DTC") == sizes[::-1]


def test_theorem_9_recursions_as_printed() -> None:
    """N_i = floor(N + (n - N) / zeta) while it moves; mirrored N' = ceil(N' (1 - 1 / zeta)); then unit steps."""
    n, zeta = 100, 4
    nodes = list(itertools.accumulate(bounds.doubling_sizes(n, zeta), initial=0))
    mirrored = [n - m for m in itertools.accumulate(bounds.doubling_sizes(n, zeta, "DTC")[::-1], initial=0)]
    for before, after in itertools.pairwise(nodes):
        assert after == before + max(1, (n - before) // zeta)
    for before, after in itertools.pairwise(mirrored):
        assert after == min(before - 1, -(-before * (zeta - 1) // zeta))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optimal.optimal_sizes([0.0, 1.0], 3), "K = 3 steps for 2 cells; expected 1 <= K <= 2"),
        (lambda: optimal.optimal_sizes([0.0, 1.0], 0), "expected 1 <= K"),
        (lambda: optimal.optimal_sizes([0.0, 1.0, 0.5], 2), "falls by 0.5"),
        (lambda: bounds.doubling_sizes(5, 1), "zeta = 1"),
        (lambda: bounds.balanced_sizes(3, 4), "K = 4 steps for n = 3"),
        (lambda: bounds.singles_then_blocks(4, 4, 1), "4 singles"),
        (lambda: curves.fixed_size_error(torch.zeros(3).double(), [1, 1]), "sum to 2"),
        (lambda: curves.rounded_sizes([[0, 1], [0, 1]], 4), "expected one grid"),
    ],
)
def test_bad_requests_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_a_grid_of_more_steps_than_lattice_cells_has_a_finer_lattice() -> None:
    """`optimal_grid` at 200 steps: 201 increasing nodes, though the usual lattice has 192 cells."""
    found = optimal.optimal_grid(np.linspace(0, 1, 300) ** 2, 200)
    assert len(found.grid) == 201
    assert (np.diff(found.grid) > 0).all()


def test_a_step_too_long_keeps_a_tenth_of_every_cell() -> None:
    """`_moved`: a node that would pass its neighbour stops where a tenth of the cell is left."""
    moved = optimal._moved(np.array([0.0, 0.5, 1.0]), np.array([2.0]))
    np.testing.assert_allclose(moved, [0.0, 0.95, 1.0], rtol=1e-15)
    np.testing.assert_allclose(optimal._moved(np.array([0.0, 0.5, 1.0]), np.array([0.1])), [0.0, 0.6, 1.0], rtol=1e-15)
