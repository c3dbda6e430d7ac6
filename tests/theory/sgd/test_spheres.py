"""The toys on the sphere, least squares in one dimension and the estimate from neighbours, by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch

from theory.errors import InvalidInput
from theory.sgd import neighbours, sphere
from theory.sgd.least_squares import LeastSquares, mixture_entropy
from theory.sgd.neighbours import neighbour_entropy

TWO = LeastSquares([(Fraction(1), Fraction(0)), (Fraction(1, 2), Fraction(0))])


def _uniform(shape: tuple[int, ...], seed: int) -> torch.Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x / x.norm(dim=-1, keepdim=True)


def _at(
    rows: torch.Tensor, rates: list[float], chains: int, steps: int, start: torch.Tensor | None = None
) -> torch.Tensor:
    begin = _uniform((1, chains, rows.shape[1]), 1).expand(len(rates), -1, -1) if start is None else start
    run = sphere.steps(rows, torch.tensor(rates), begin, torch.Generator().manual_seed(2))
    return next(x for step, x in enumerate(run) if step == steps)


def test_the_closed_ratio_of_signal_and_noise_is_that_of_the_gradients() -> None:
    generator = torch.Generator().manual_seed(0)
    points, degrees = _uniform((2000, 3), 3), (torch.rand(2000, generator=generator) * 88 + 1).tolist()
    for point, beta in zip(points, degrees, strict=True):
        rows = sphere.overparameterised(beta)
        direct, closed = sphere.signal_to_noise(rows, point), sphere.signal_to_noise_of_two(beta, point)
        assert float(direct) == pytest.approx(float(closed), rel=1e-8)
        slope = math.tan(math.radians(beta))
        assert float(direct) >= abs(float(point[2])) * min(slope, 1 / slope) * (1 - 1e-12)


def test_paths_do_not_come_nearer_to_the_rows_up_to_one_and_do_beyond() -> None:
    rows = _uniform((6, 10), 4)
    for rate in (0.1, 0.5, 0.9, 1.0, 1.1):
        run = sphere.steps(rows, torch.tensor([rate]), _uniform((1, 200, 10), 5), torch.Generator().manual_seed(6))
        lengths = torch.stack([sphere.beyond(rows, x) for x, _ in zip(run, range(300), strict=False)])
        smallest = float(lengths.diff(dim=0).min())
        assert smallest >= -1e-12 if rate <= 1 else smallest < -1e-6


def test_the_toy_with_a_common_zero_reaches_it_below_one_and_not_above() -> None:
    rows = sphere.overparameterised()
    reached = sphere.loss(rows, _at(rows, [0.11, 0.3, 0.5, 0.9, 1.2], 200, 3000)).median(-1).values
    assert bool((reached[:4] < 1e-20).all()) and float(reached[4]) > 1e-3


def test_at_learning_rate_one_the_loss_falls_like_one_over_six_t() -> None:
    """The mean over 20,000 chains of loss times 6 t is 1 up to O(1 / t) and a standard error below one per cent."""
    rows = sphere.overparameterised()
    start = torch.nn.functional.normalize(torch.tensor([0.1, 0.1, 1.0], dtype=torch.float64), dim=0).expand(
        1, 20_000, 3
    )
    late = float(sphere.loss(rows, _at(rows, [1.0], 20_000, 4000, start)).mean()) * 6 * 4000
    assert late == pytest.approx(1, abs=0.05)


def test_slow_paths_settle_on_the_direction_of_least_signal() -> None:
    """Mean ratios above their infimum tan 30 degrees = .577, which only ever slower learning approaches."""
    rows, rates = sphere.overparameterised(), [0.002, 0.01, 0.05, 0.2, 0.5]
    means = []
    for rate, steps in zip(rates, (12_000, 3000, 600, 200, 60), strict=True):
        run = sphere.steps(rows, torch.tensor([rate]), _uniform((1, 2000, 3), 7), torch.Generator().manual_seed(8))
        ratios = []
        for step, x in enumerate(run):
            if step > steps:
                break
            if step > 0.7 * steps:
                ratios.append(float(sphere.signal_to_noise_of_two(30.0, x).nanmean()))
        means.append(float(np.mean(ratios)))
    assert min(means) > math.tan(math.radians(30))
    assert means == pytest.approx([0.579, 0.586, 0.616, 0.708, 1.0], rel=0.03)


def test_the_toy_without_a_common_zero_stays_above_its_least_loss_by_the_temperature() -> None:
    """U - U_min = T (1 + k eta + O(eta²)), k = (1 - s)(1 - 9 s) / (2 (1 - 3 s)) = .3554, s = 1/26 the least loss."""
    rows, s = sphere.underparameterised(), 1 / 26
    rates = torch.tensor([0.03, 0.06, 0.11, 0.41], dtype=torch.float64)
    start = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(4, 2000, 3)
    total, count = torch.zeros(4, dtype=torch.float64), 0
    for step, x in enumerate(sphere.steps(rows, rates, start, torch.Generator().manual_seed(9))):
        if step >= 3000:
            break
        if step >= 300:
            total, count = total + sphere.loss(rows, x).mean(-1), count + 1
    temperature = rates * 25 / 338 / (2 - rates * 23 / 26)
    excess = (total / count - s) / temperature - 1
    k = (1 - s) * (1 - 9 * s) / (2 * (1 - 3 * s))
    assert k == pytest.approx(0.3554, abs=5e-5)
    assert excess.tolist() == pytest.approx([k * 0.03, k * 0.06, 0.04, 0.13], abs=0.01)


def test_the_toy_without_a_common_zero_loses_its_signal_like_the_root_of_the_rate() -> None:
    rows, rate, h = sphere.underparameterised(), 0.01, 23 / 26
    start = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64).expand(1, 20_000, 3)
    x = _at(rows, [rate], 20_000, 600, start)
    variance = rate * 25 / 338 / (2 - rate * h) / h
    assert float(sphere.signal_to_noise(rows, x).mean()) == pytest.approx(
        h * math.sqrt(math.pi * variance / 2) / (5 / 13), rel=0.03
    )


def test_few_steps_of_least_squares_have_the_exact_second_moment() -> None:
    """The second moment is carried by ever rarer chains, so that simulation can follow it for a few steps only."""
    rate, generator = 0.5, np.random.default_rng(0)
    error = np.ones(400_000)
    for step in range(1, 5):
        error *= 1 - rate * generator.choice([1.0, 0.25], size=error.size)
        exact = float(TWO.factor(Fraction(1, 2))) ** step
        assert np.mean(error**2) == pytest.approx(exact, rel=0.02)


def test_a_stationary_error_has_the_exact_second_moment() -> None:
    law = LeastSquares([(Fraction(x), Fraction(sign * e, 2)) for x, e in ((1, 2), (2, 1)) for sign in (1, -1)])
    rate, generator = 0.1, np.random.default_rng(1)
    pairs, error, total = np.array(law.pairs, dtype=float), np.zeros(20_000), 0.0
    for step in range(300):
        x, e = pairs[generator.integers(4, size=error.size)].T
        error = (1 - rate * x * x) * error - rate * x * e
        total += float(np.mean(error**2)) * (step >= 100)
    assert total / 200 == pytest.approx(float(law.mean_square(Fraction(1, 10))), rel=0.03)


def test_the_entropy_of_errors_is_that_of_a_large_sample() -> None:
    generator = np.random.default_rng(2)
    steps = 6
    log_error = np.log(np.abs(generator.standard_normal(10**6)))
    for _ in range(steps):
        log_error += np.log(1 - 0.5 * generator.choice([1.0, 0.25], size=log_error.size))
    density, edges = np.histogram(log_error, bins=400, density=True)
    width = np.diff(edges)
    filled = density > 0
    entropy = -(density * np.log(np.where(filled, density, 1.0)) * width).sum() + log_error.mean() + math.log(2)
    assert mixture_entropy(TWO, 0.5, steps) == pytest.approx(entropy, abs=0.01)
    assert mixture_entropy(TWO, 0.5, 0) == pytest.approx(math.log(2 * math.pi * math.e) / 2, abs=1e-9)


def test_points_of_a_uniform_sphere_have_the_published_estimate() -> None:
    """The authors' code gives 103,784.74 for one draw of 1,000 points on the sphere of 24,408 dimensions."""
    x = np.random.default_rng(0).standard_normal((1000, 24_408))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert neighbour_entropy(x, 24_407) == pytest.approx(103_784.74, abs=5)


@pytest.mark.parametrize(("dimensions", "expected"), [(24_408, 103_784.5), (1_550_016, 6_599_614)])
def test_points_of_a_sphere_of_any_dimension_by_their_inner_products(dimensions: int, expected: float) -> None:
    """Rows of a Bartlett factor have the inner products of normal points: chi on the diagonal, normal numbers below.

    The released 6,599,658 for 1,550,016 weights was computed in single precision; double precision gives 6,599,614.
    """
    generator = np.random.default_rng(1)
    factor = np.tril(generator.standard_normal((1000, 1000)), -1)
    factor[np.diag_indices(1000)] = np.sqrt(generator.chisquare(dimensions - np.arange(1000)))
    factor /= np.linalg.norm(factor, axis=1, keepdims=True)
    assert neighbour_entropy(factor, dimensions - 1) == pytest.approx(expected, abs=10)


def test_the_quoted_drifts_of_wide_networks_fall_faster_than_one_over_t() -> None:
    """From 1e-6 to 1e-8 at step 4,000 to 1e-11 to 1e-12 at 1.5 million: exponents between 1.2 and 2.3."""
    steps = math.log(1.5e6 / 4e3)
    exponents = [math.log(early / late) / steps for early in (1e-6, 1e-8) for late in (1e-11, 1e-12)]
    assert [min(exponents), max(exponents)] == pytest.approx([1.2, 2.3], abs=0.05)


def test_stretching_one_axis_adds_more_than_its_logarithm_in_many_dimensions() -> None:
    for d, expected in ((2, 2.34), (5, 2.56), (10, 2.91), (50, 4.6)):
        x = np.random.default_rng(d).standard_normal((2000, d))
        before = neighbour_entropy(x, d)
        x[:, 0] *= 10
        assert neighbour_entropy(x, d) - before == pytest.approx(expected, rel=0.15)


def test_in_a_thousand_dimensions_one_axis_moves_the_estimate_by_far_less_than_the_trace_says() -> None:
    x = np.random.default_rng(3).standard_normal((2000, 1000))
    before = neighbour_entropy(x, 1000)
    x[:, 0] *= 10
    moved = neighbour_entropy(x, 1000) - before
    assert moved == pytest.approx(13, abs=3) and 500 * math.log((999 + 100) / 1000) == pytest.approx(47, abs=1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: neighbour_entropy(np.zeros((4, 2)), 2, 4), "4 neighbours in a sample of 4"),
        (lambda: neighbour_entropy(np.zeros((4, 2)), 2, 1), "coincide"),
        (lambda: neighbour_entropy(np.eye(3), 1, 1), "power 1.0 in dimension 1"),
        (lambda: neighbours.neighbour_distances(np.full((3, 2), np.nan), 1), "finite"),
        (lambda: sphere.overparameterised(90.0), "strictly between"),
        (lambda: _at(sphere.underparameterised(), [-1.0], 2, 1), "positive"),
        (lambda: _at(sphere.underparameterised(), [1.0], 2, 1, torch.ones(1, 2, 3).double()), "length 1"),
        (lambda: _at(sphere.underparameterised(), [1.0], 2, 1, torch.ones(1, 2, 4).double()), "start"),
        (lambda: LeastSquares([]), "0 pairs"),
        (lambda: LeastSquares([(1.0, 1.0)]), "expected 0"),
        (lambda: TWO.mean_square(Fraction(4)), "learning rate 4"),
        (lambda: mixture_entropy(LeastSquares([(1.0, 0.0)]), 0.5, 2), "1 values"),
        (lambda: mixture_entropy(TWO, 1.0, 2), "minus infinity"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dimensions", [3, 20])
def test_neighbour_distances_are_the_least_of_all_pairs(dimensions: int) -> None:
    points = 0.01 * np.random.default_rng(0).standard_normal((700, dimensions))
    every = np.sort(np.linalg.norm(points[:, None] - points, axis=-1), axis=1)[:, 1:]
    for k in (1, 2, 7):
        np.testing.assert_allclose(neighbours.neighbour_distances(points, k), every[:, :k], rtol=1e-9)


def test_the_largest_rate_of_least_squares_is_where_the_factor_is_one() -> None:
    law = LeastSquares([(1.0, 0.0), (2.0, 0.0), (3.0, 0.0)])
    assert law.largest_rate == pytest.approx(2 * (14 / 3) / (98 / 3))
    assert law.factor(law.largest_rate) == pytest.approx(1)
