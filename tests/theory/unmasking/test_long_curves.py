"""Schedules of sequences of real length: errors, optimal grids, Beta fits and many-step constants at n = 4096."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from theory import schedules
from theory.schedules import Schedule
from theory.unmasking import beta_fit, curves, optimal, riemann

N = 4096
SQUARE = torch.linspace(0, 1, N, dtype=torch.float64) ** 2
ROUNDING = 1e-10
"""n eps times the number of tokens, for a sum of n smoothed values that are good to about 1e-14."""


def smoothed_square(alpha: np.ndarray) -> np.ndarray:
    return alpha**2 + alpha * (1 - alpha) / (N - 1)


def power(p: float) -> Schedule:
    return schedules.from_callable(lambda t: t**p, lambda t: p * t ** (p - 1), f"t^{p}")


def test_per_token_and_learned_errors() -> None:
    for mask in schedules.NAMED.values():
        grid = mask.grid(64)
        kept = N * float(np.diff(grid) @ smoothed_square(grid[:-1]))
        assert curves.per_token_error(SQUARE, grid) == pytest.approx(float(SQUARE.sum()) - kept, abs=ROUNDING)
        learned = curves.learned_per_token_error(5 - SQUARE, 2.0, grid)
        assert learned == pytest.approx(N * 5 - kept - 2.0, abs=ROUNDING)


def test_optimal_grid_is_stationary_and_better_than_named_grids() -> None:
    """At the optimum Z~(alpha_k) - Z~(alpha_{k-1}) = (alpha_{k+1} - alpha_k) Z~'(alpha_k)."""
    grid, error = optimal.optimal_grid(SQUARE, 64)
    z, slope = smoothed_square(grid), 2 * grid * (1 - 1 / (N - 1)) + 1 / (N - 1)
    residual = z[1:-1] - z[:-2] - np.diff(grid)[1:] * slope[1:-1]
    assert np.abs(residual).max() < 1e-9
    assert error < min(float(curves.per_token_error(SQUARE, s.grid(64))) for s in schedules.NAMED.values())
    assert error == pytest.approx(curves.best_many_step_constant(SQUARE) / 64, rel=0.02)


@pytest.mark.parametrize("n", [5, 70, 1000])
def test_lattice_programme_is_the_general_one(n: int) -> None:
    rng = np.random.default_rng(n)
    points = np.concatenate(([0.0], np.sort(rng.random(39)), [1.0]))
    heights = -np.sort(rng.random(40))
    for steps in (1, 2, 7, 40):
        nodes = riemann.least_nodes(points, heights, steps)
        least = riemann.least_riemann_sums(points, heights, steps)[0][-1]
        assert float(np.diff(points[nodes]) @ heights[nodes[:-1]]) == pytest.approx(least, abs=1e-14)
        assert len(nodes) == steps + 1


def test_optimal_grid_of_degenerate_curves() -> None:
    tiny = [0.0, 5e-324, 1e-323]
    for curve, steps in ((tiny, 2), ([0.0, 0.0, 0.0], 3), ([0.0], 2), ([0.0, 1.0], 5), ([0, 0, 0, 1e-300], 4)):
        grid, error = optimal.optimal_grid(curve, steps)
        assert schedules.check_grid(grid).shape == (steps + 1,)
        assert math.isfinite(error) and error >= 0


def test_best_beta_and_its_plane() -> None:
    fit = beta_fit.best_beta(SQUARE, 16)
    assert fit.error == pytest.approx(float(curves.per_token_error(SQUARE, fit.grid)), abs=ROUNDING)
    assert optimal.optimal_grid(SQUARE, 16).error <= fit.error


def test_many_step_constants_of_a_quadratic_curve() -> None:
    """Z~' = 2 alpha + O(1 / n): int 2 t dt = 1 for alpha = t, and (int sqrt(2 t) dt)^2 = 8 / 9."""
    assert curves.many_step_constant(SQUARE, "linear") == pytest.approx(N / 2, rel=1e-9)
    assert curves.best_many_step_constant(SQUARE) == pytest.approx(N / 2 * 8 / 9, rel=2 / N)
    step = (torch.arange(N) > N // 3).double()
    assert curves.many_step_constant(step, schedules.LINEAR) == pytest.approx(N / 2, rel=1e-9)


LINE = torch.linspace(0, 1, 6, dtype=torch.float64)
"""Z~' = 1: the constant of alpha = t^p is 3 int p^2 t^(2p - 2) dt = 3 p^2 / (2 p - 1) for p > 1/2."""

LATE = [0.0, 0.0, 0.0, 1.0, 1.0]
"""Two equal steps at the start, one at the end: Z~' grows like alpha^2 and falls like 1 - alpha."""


@pytest.mark.parametrize("p", [0.5001, 0.51, 0.75, 1.0, 3.0])
def test_constants_that_just_converge(p: float) -> None:
    assert curves.many_step_constant(LINE, power(p)) == pytest.approx(3 * p**2 / (2 * p - 1), rel=1e-9)


@pytest.mark.parametrize("p", [0.501, 0.51, 0.6, 2.0])
def test_constants_of_two_powers(p: float) -> None:
    """Z~' = (2/3)(1 + alpha): the constant of t^p is p^2 / (2 p - 1) + p^2 / (3 p - 1)."""
    claimed = p**2 / (2 * p - 1) + p**2 / (3 * p - 1)
    assert curves.many_step_constant([0.0, 1 / 3, 1.0], power(p)) == pytest.approx(claimed, rel=1e-9)


@pytest.mark.parametrize(
    ("curve", "mask"),
    [
        (LINE, power(0.5)),
        (LINE, power(0.3)),
        (LINE, schedules.from_callable(lambda t: 1 - np.sqrt(1 - t), name="root at the end")),
        (LINE, schedules.beta_mask(0.25, 1)),
        (LINE, schedules.beta_mask(1, 0.2)),
        (LATE, power(0.25)),
        (LATE, schedules.beta_mask(1 / 8, 1)),
        (LATE, schedules.beta_mask(1, 1 / 6)),
    ],
)
def test_divergent_constants_are_infinite(curve: object, mask: Schedule) -> None:
    assert curves.many_step_constant(curve, mask) == math.inf


@pytest.mark.parametrize(
    ("curve", "mask"),
    [(LINE, schedules.beta_mask(0.26, 0.3)), (LATE, power(0.26)), (LATE, schedules.beta_mask(0.13, 0.17))],
)
def test_constants_beside_the_divergent_ones_are_finite(curve: object, mask: Schedule) -> None:
    assert 0 < curves.many_step_constant(curve, mask) < math.inf


def test_divergence_shows_in_the_errors() -> None:
    """3 sum_k (sqrt(k + 1) - sqrt(k))^2 grows like (3/4) ln K at the critical power 1/2; alpha = t converges."""
    for p, growth in ((0.5, 0.75 * math.log(10)), (1.0, 0.0)):
        scaled = [k * float(curves.per_token_error(LINE, power(p).grid(k))) for k in (1000, 10000, 100000)]
        assert np.diff(scaled).tolist() == pytest.approx([growth] * 2, rel=1e-2, abs=1e-8)
    assert curves.many_step_constant([0.0, 0.0, 0.0], power(0.1)) == 0.0


def test_a_constant_of_a_schedule_with_corners() -> None:
    nodes = [0.0, 0.3, 0.35, 1.0]
    claimed = 3 * 3 * float(np.sum(np.diff(nodes) ** 2))
    assert curves.many_step_constant(LINE, nodes) == pytest.approx(claimed, rel=1e-9)


def test_sizes_that_are_whole_floats_are_taken() -> None:
    assert curves.fixed_size_error(LINE, [3.0, 3]) == curves.fixed_size_error(LINE, [3, 3])
    with pytest.raises(ValueError, match="expected nonnegative integers"):
        curves.fixed_size_error(LINE, [2.5, 3.5])
    with pytest.raises(ValueError, match="expected nonnegative integers"):
        curves.fixed_size_error(LINE, [float("nan"), 6])


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_which_steps_count_as_equal_does_not_depend_on_the_unit(scale: float) -> None:
    """A first step of 1e-12 of the largest value is rounding: Z~' then grows like alpha, and t^0.4 converges."""
    assert curves.many_step_constant([0.0, 1e-12 * scale, scale], power(0.4)) < math.inf
    assert curves.many_step_constant([0.0, 1e-6 * scale, scale], power(0.4)) == math.inf
