"""The numbers of SGD on quadratics: covariance, temperature, monotonicity, free energy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
import torch

from theory.errors import InvalidInput
from theory.sgd import chains, temperatures
from theory.sgd.quadratic import Quadratic, aligned_temperature, gibbs

FALLING = Quadratic.diagonal(np.array([0.2, 1.0]), np.array([1.0, 1e-4]))


def _random(generator: np.random.Generator, d: int) -> Quadratic:
    a, b = generator.standard_normal((2, d, d))
    return Quadratic(a @ a.T + 0.1 * np.eye(d), b @ b.T + 0.01 * np.eye(d))


def test_the_stationary_equation_is_solved_at_every_stable_rate() -> None:
    problem = _random(np.random.default_rng(1), 5)
    rates = np.linspace(0.01, 0.96, 40) * problem.largest_rate
    sigma = problem.stationary(rates).covariance
    step = np.eye(5) - rates[:, None, None] * problem.hessian
    residual = sigma - step @ sigma @ step.mT - rates[:, None, None] ** 2 * problem.noise
    assert np.abs(residual).max() <= 1e-12 * np.abs(sigma).max()


def test_many_chains_and_many_steps_have_the_closed_covariance_within_two_per_cent() -> None:
    """4,000 chains over 300 steps: time averages leave a standard error below one per cent."""
    problem = _random(np.random.default_rng(2), 5)
    rates = torch.tensor([0.3, 0.6, 0.96], dtype=torch.float64) * problem.largest_rate
    found = chains.mean_squares(problem, rates, 4000, 300, torch.Generator().manual_seed(0), settle=400)
    exact = problem.stationary(rates.numpy()).covariance
    largest = np.abs(exact).max((-1, -2), keepdims=True)
    assert (np.abs(found.numpy() - exact) / largest).max() < 0.02


def test_independent_and_shared_noise_have_the_same_law() -> None:
    problem = _random(np.random.default_rng(3), 2)
    rates, count = torch.tensor([0.2, 0.8], dtype=torch.float64) * problem.largest_rate, 20_000
    exact = problem.stationary(rates.numpy()).covariance
    for shared in (True, False):
        run = chains.chains(problem, rates, count, torch.Generator().manual_seed(5), shared=shared)
        settle = max(chains.steps_to_settle(problem, float(rate), 1e-9) for rate in rates)
        w = next(w for step, w in enumerate(run) if step == settle)
        ratio = (w**2).sum(1).numpy() / np.einsum("mii->mi", exact)
        low, high = scipy.stats.chi2(count).ppf([1e-8, 1 - 1e-8])
        assert ((ratio > low) & (ratio < high)).all()
        if not shared:
            assert abs(float(torch.corrcoef(w[:, :, 0])[0, 1])) < 6 / count**0.5


def test_the_temperature_is_the_slope_of_loss_against_entropy() -> None:
    problem = _random(np.random.default_rng(4), 4)
    rates = np.linspace(0.02, 0.97, 25) * problem.largest_rate
    step = 1e-4 * rates * (1 - rates / problem.largest_rate)
    above, below = problem.stationary(rates + step), problem.stationary(rates - step)
    central = (above.loss - below.loss) / (above.entropy - below.entropy)
    assert problem.stationary(rates).temperature == pytest.approx(central, rel=1e-5)


def test_the_covariance_grows_in_every_direction_up_to_the_largest_rate() -> None:
    for seed in range(40):
        problem = _random(np.random.default_rng(seed), 4)
        laws = problem.stationary(np.array([0.01, 0.5, 0.9, 0.99]) * problem.largest_rate)
        assert (np.linalg.eigvalsh(laws.covariance_slope)[:, 0] > 0).all()


def test_slow_learning_has_the_temperature_of_the_trace() -> None:
    for seed in range(20):
        problem = _random(np.random.default_rng(seed), 3)
        aligned = Quadratic.diagonal(problem.curvatures, np.diag(problem.rotated_noise))
        rate = 0.01 / problem.curvatures[-1]
        assert aligned.stationary(rate).temperature[0] / rate == pytest.approx(np.trace(problem.noise) / 6, rel=0.01)


def test_the_worked_case_in_which_the_temperature_falls() -> None:
    """The printed .199 of the derivation's source at eta = 1 is .1985; the others agree to the digits given."""
    rates = np.array([1.0, 1.5, 1.9, 1.99])
    assert FALLING.stationary(rates).temperature == pytest.approx([0.1985, 0.2008, 0.0700, 0.0275], abs=5e-5)
    grid = np.linspace(0, 2, 200_002)[1:-1]
    temperature = FALLING.stationary(grid).temperature
    top = temperature[grid < 1.6].argmax()
    assert grid[top] == pytest.approx(1.2780, abs=1e-4) and temperature[top] == pytest.approx(0.2146, abs=5e-5)
    bottom = (
        temperature.argmin()
        if grid[temperature.argmin()] > 1
        else temperature[grid > 1.5].argmin() + (grid <= 1.5).sum()
    )
    assert grid[bottom] == pytest.approx(1.9836, abs=1e-4) and temperature[bottom] == pytest.approx(0.0245, abs=5e-5)
    free = FALLING.stationary(grid).free_energy(FALLING.stationary(1.9).temperature[0])
    least = np.flatnonzero((np.diff(free)[:-1] < 0) & (np.diff(free)[1:] > 0)) + 1
    assert grid[least] == pytest.approx([0.2902, 1.997], abs=1e-3)
    assert free[least[0]] < free[least[1]]


def _share_of_falls(decades: float, draws: int = 2000) -> float:
    """Return the share of random quadratics, h over three decades and d = 5, whose T falls somewhere."""
    generator = np.random.default_rng(7)
    falls = 0
    for _ in range(draws):
        h, c = 10 ** generator.uniform(-3, 0, 5), 10 ** generator.uniform(0, decades, 5)
        rates = np.linspace(0, 2 / h.max(), 302)[1:-1]
        x = 1 / (2 - rates[:, None] * h)
        falls += (np.diff(rates * (c * x**2).sum(-1) / x.sum(-1)) < 0).any()
    return falls / draws


def test_arbitrary_noise_makes_the_temperature_fall_more_often_the_wider_it_spreads() -> None:
    """No draw falls where variances spread over one decade; more and more do over two, three and four."""
    shares = [_share_of_falls(decades) for decades in (1, 2, 3, 4)]
    assert shares[0] == 0 and shares == sorted(shares) and shares[3] > 0.1


@pytest.mark.parametrize("family", ["isotropic", "curvature", "rising"])
def test_three_families_never_fall(family: str) -> None:
    generator = np.random.default_rng(8)
    for _ in range(100):
        h = np.sort(10 ** generator.uniform(-3, 0, 6))
        noise = {"isotropic": np.ones(6), "curvature": h, "rising": np.sort(10 ** generator.uniform(-3, 0, 6))}
        rates = np.linspace(0, 2 / h.max(), 302)[1:-1]
        laws = Quadratic.diagonal(h, noise[family]).stationary(rates)
        assert (np.diff(laws.temperature) > 0).all()


def test_equipartition_is_exact_for_one_curvature() -> None:
    problem = Quadratic.diagonal(np.full(3, 2.0), np.full(3, 0.5))
    laws = problem.stationary(np.array([0.1, 0.5, 0.9]))
    assert laws.loss == pytest.approx(3 * laws.temperature / 2, rel=1e-14)
    assert laws.temperature == pytest.approx(laws.rates * 0.5 / (2 - laws.rates * 2), rel=1e-14)
    assert aligned_temperature(problem.curvatures, np.full(3, 0.5), 0.5)[1] == pytest.approx(laws.temperature[1])


def test_smoothing_leaves_constants_and_ends_alone() -> None:
    rates = np.geomspace(0.01, 0.1, 12)
    assert temperatures.smoothed(np.full(12, 3.0), rates) == pytest.approx(np.full(12, 3.0))
    values = np.random.default_rng(0).standard_normal(12)
    found = temperatures.smoothed(values, rates)
    assert found[[0, -1]] == pytest.approx(values[[0, -1]]) and not np.allclose(found, values)
    assert temperatures.minimiser(np.array([1.0, 0.5, 2.0]), np.array([0.0, 1.0, 2.0]), 0.4) == 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: FALLING.stationary(2.0), r"learning rate 2; expected one or more in \(0, 2\)"),
        (lambda: FALLING.stationary(np.array([0.5, -0.1])), "learning rate -0.1"),
        (lambda: FALLING.stationary(float("nan")), "learning rate nan"),
        (lambda: Quadratic(np.eye(2), np.diag([1.0, -0.5])), "positive semidefinite"),
        (lambda: Quadratic(np.diag([1.0, 0.0]), np.eye(2)), "expected it above 0"),
        (lambda: Quadratic(np.array([[1.0, 2.0], [0.0, 1.0]]), np.eye(2)), "not symmetric"),
        (lambda: Quadratic(np.eye(2), np.eye(3)), "expected one size"),
        (lambda: Quadratic(np.full((2, 2), np.nan), np.eye(2)), "finite"),
        (lambda: Quadratic(np.eye(2), np.diag([1.0, 0.0])).stationary(0.5).temperature, "noise is singular"),
        (lambda: gibbs(FALLING, 0.0), "temperature 0.0"),
        (lambda: next(chains.chains(FALLING, torch.tensor([2.5]), 3, torch.Generator())), "learning rate 2.5"),
        (lambda: next(chains.chains(FALLING, torch.tensor([0.5]), 0, torch.Generator())), "0 chains"),
        (lambda: temperatures.temperatures(np.zeros(3), np.array([0.0, 1.0, 1.0])), "do not rise"),
        (lambda: temperatures.temperatures(np.zeros(3), np.zeros(2)), "equal shapes"),
        (lambda: temperatures.temperatures(np.zeros(2), np.arange(2.0), -1.0), "slack -1.0"),
        (lambda: temperatures.smoothed(np.zeros(2), np.array([0.0, 1.0])), "positive"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: Callable[[], object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_one_step_settles_where_it_reaches_the_minimum_of_every_direction() -> None:
    """`steps_to_settle`: at eta = 1 / h nothing is left of the start; at slower rates a thousandth is."""
    problem = Quadratic.diagonal(np.array([0.5, 0.5]), np.array([1.0, 1.0]))
    assert chains.steps_to_settle(problem, 2.0) == 1
    steps = chains.steps_to_settle(problem, 0.2)
    assert 0.9 ** (2 * steps) <= 1e-3 < 0.9 ** (2 * (steps - 1))


def test_singular_noise_has_a_root() -> None:
    """Noise of rank one, whose rounding leaves eigenvalues below 0: `chains` stay finite and keep to its direction."""
    axis = np.array([0.3, -1.1, 0.7])
    noise = np.outer(axis, axis)
    noise -= 1e-17 * np.eye(3)
    problem = Quadratic(np.eye(3), (noise + noise.T) / 2)
    run = chains.chains(problem, torch.tensor([0.5]), 50, torch.Generator())
    w = next(w for step, w in enumerate(run) if step == 3)
    away = w[0].double().numpy() @ np.linalg.svd(axis[None])[2][1:].T
    assert np.isfinite(w.numpy()).all()
    assert np.abs(away).max() < 1e-6 * np.abs(w.numpy()).max()


def test_temperatures_with_a_slack_are_those_of_all_levels() -> None:
    """A level is allowed where no other free energy lies lower by more than the slack: levels are tried."""
    generator, slack = np.random.default_rng(5), 0.05
    entropy = np.sort(generator.standard_normal(6))
    loss = np.exp(0.5 * entropy) + 0.05 * generator.standard_normal(6)
    levels = np.linspace(-3, 6, 90_001)
    free = loss - levels[:, None] * entropy
    allowed = free <= free.min(1, keepdims=True) + slack
    found = temperatures.temperatures(loss, entropy, slack)
    for k in range(6):
        inside = levels[allowed[:, k]]
        assert bool(found.feasible[k]) == bool(len(inside))
        if len(inside) and k not in (0, 5):
            assert (found.low[k], found.high[k]) == pytest.approx((inside[0], inside[-1]), abs=2e-4)
    assert temperatures.minimiser(loss, entropy, 1.0) == free[np.abs(levels - 1).argmin()].argmin()


def test_the_point_between_temperatures_is_their_geometric_mean_where_there_is_one() -> None:
    found = temperatures.Temperatures(np.array([1.0, -1.0, 4.0, 2.0, -np.inf]), np.array([4.0, 2.0, 1.0, np.inf, 1.0]))
    assert found.point.tolist()[0] == 2.0
    assert np.isnan(found.point[1:]).all()
