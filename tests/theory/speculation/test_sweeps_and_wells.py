"""Drafts by sweeps by a literal path-by-path run and exact laws; the double well by plain sums and known integrals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import pytest
import torch

from theory.errors import InvalidInput
from theory.speculation import coupling, quadrature, wells
from theory.speculation.gaussian import TOY, Chain, diffusion
from theory.speculation.sampling import listed, speculate
from theory.speculation.sweeps import NoiseIn, Swept, speculate_by_sweeps
from theory.speculation.wells import DoubleWell

PATHS = 40_000
EXCESS = math.sqrt(math.log(2 / 1e-9) / (2 * PATHS))
"""Dvoretzky, Kiefer, Wolfowitz and Massart: P(sup |F_n - F| > this) <= 1e-9."""


def noise(chain: Chain, paths: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    z = torch.randn(chain.steps, paths, chain.dimension, dtype=torch.float64, generator=generator)
    return z, torch.rand(chain.steps, paths, dtype=torch.float64, generator=generator).log()


def literal(
    chain: Chain, window: int, sweeps: int, noise_in: NoiseIn, start: float, z: list[float], log_u: list[float]
) -> tuple[float, int, int, int]:
    """Run one path, window by window, list by list: return its last state, rounds, rejections and calls."""
    gamma, sigma = chain.gamma.tolist(), chain.sigma.tolist()

    def drift(k: int, x: float) -> float:
        return float(chain.drift(k, torch.tensor([[x]], dtype=torch.float64))[0, 0])

    y, n, rounds, rejections, calls = start, 0, 0, 0, 0
    while n < chain.steps:
        width = min(window, chain.steps - n)
        rounds += 1
        states = [y] * (width + 1)
        means = [y] * width
        for sweep in range(1, sweeps + 1):
            calls += 1
            slopes = [drift(n + i, states[i]) for i in range(width)]
            if noise_in == "every":
                new = [y]
                for i in range(width):
                    slope = drift(n, y) if sweep == 1 else slopes[i]
                    means[i] = new[i] + gamma[n + i] * slope
                    new.append(means[i] + sigma[n + i] * z[n + i])
            else:
                means = [states[i] + gamma[n + i] * slopes[i] for i in range(width)]
                last = sweep == sweeps or width == 1
                new = [y, *(m + sigma[n + i] * z[n + i] * last for i, m in enumerate(means))]
            states = new
            if width == 1:
                break
        calls += width > 1
        for i in range(width):
            target = y + gamma[n] * drift(n, y)
            delta = (means[i] - target) / sigma[n]
            if delta == 0 or log_u[n] <= -z[n] * delta - delta**2 / 2:
                y, n = states[i + 1], n + 1
                continue
            y, n, rejections = target - sigma[n] * z[n], n + 1, rejections + 1
            break
    return y, rounds, rejections, calls


@pytest.mark.parametrize("noise_in", ["every", "last"])
@pytest.mark.parametrize(("window", "sweeps"), [(1, 2), (4, 1), (4, 3), (12, 2)])
def test_every_path_is_that_of_the_windows_written_out(noise_in: NoiseIn, window: int, sweeps: int) -> None:
    chain, paths = diffusion(TOY, 12, 0.7), 20
    z, log_u = noise(chain, paths)
    start = chain.start(paths, torch.Generator().manual_seed(4))
    found = speculate_by_sweeps(chain, window, sweeps, paths, noise_in=noise_in, start=start, noise=listed(z, log_u))
    for path in range(paths):
        y, *counts = literal(
            chain, window, sweeps, noise_in, float(start[path, 0]), z[:, path, 0].tolist(), log_u[:, path].tolist()
        )
        assert float(found.terminal[path, 0]) == pytest.approx(y, abs=1e-9)
        assert [int(found.rounds[path]), int(found.rejections[path]), int(found.calls[path])] == counts


def test_one_sweep_with_all_noise_is_the_frozen_draft() -> None:
    chain, paths = diffusion(TOY, 30, copies=3), 50
    z, log_u = noise(chain, paths)
    start = chain.start(paths, torch.Generator().manual_seed(4))
    frozen = speculate(chain, 7, paths, lookahead=False, start=start, noise=listed(z, log_u))
    found = speculate_by_sweeps(chain, 7, 1, paths, start=start, noise=listed(z, log_u))
    assert float((found.terminal - frozen.terminal).abs().max()) < 1e-12
    assert torch.equal(found.calls, frozen.sequential_calls)


def test_as_many_sweeps_as_steps_are_the_chain_itself_without_a_rejection() -> None:
    """The first i states are a fixed point after i sweeps, so a window of four needs no more than four."""
    chain, paths = diffusion(TOY, 20), 100
    z, log_u = noise(chain, paths)
    start = chain.start(paths, torch.Generator().manual_seed(4))
    found = speculate_by_sweeps(chain, 4, 4, paths, start=start, noise=listed(z, log_u))
    y = start
    for k in range(chain.steps):
        y = y + chain.gamma[k] * chain.slope(k, y) + chain.sigma[k] * z[k]
    assert int(found.rejections.sum()) == 0
    assert float((found.terminal - y).abs().max()) < 1e-12
    assert set(found.calls.tolist()) == {25}


def distance(found: Swept, law: Callable[[torch.Tensor], torch.Tensor]) -> float:
    """Return the greatest gap between the empirical distribution function and an exact one."""
    x = found.terminal[:, 0].sort().values
    exact = law(x)
    steps = torch.arange(len(x) + 1, dtype=torch.float64) / len(x)
    return float(torch.maximum((exact - steps[:-1]).abs(), (exact - steps[1:]).abs()).max())


@pytest.mark.parametrize(("noise_in", "sweeps"), [("every", 1), ("every", 2), ("last", 1), ("last", 3)])
def test_the_output_has_the_law_of_the_chain(noise_in: NoiseIn, sweeps: int) -> None:
    chain = diffusion(TOY, 10)
    found = speculate_by_sweeps(chain, 5, sweeps, PATHS, torch.Generator().manual_seed(1), noise_in=noise_in)
    assert distance(found, lambda x: quadrature.terminal_law(chain, x)) < EXCESS
    expected, counted = float(found.expected_rejections.mean()), found.rejections.double()
    assert abs(expected - float(counted.mean())) < 6 * float(counted.std()) / math.sqrt(PATHS)


@pytest.mark.parametrize(("noise_in", "sweeps"), [("every", 1), ("last", 3)])
def test_drafts_kept_without_a_test_have_another_law(
    noise_in: NoiseIn, sweeps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = diffusion(TOY, 10)
    monkeypatch.setattr(coupling, "couple", lambda draft, *rest: (draft, torch.ones(len(draft), dtype=torch.bool)))
    wrong = speculate_by_sweeps(chain, 5, sweeps, PATHS, torch.Generator().manual_seed(1), noise_in=noise_in)
    assert distance(wrong, lambda x: quadrature.terminal_law(chain, x)) > EXCESS


@pytest.mark.parametrize("barrier", [0.5, 1.0, 3.0])
def test_the_mass_is_that_of_a_plain_sum_and_the_score_a_difference_quotient(barrier: float) -> None:
    well, h = DoubleWell(barrier), 1e-3
    total = h * math.fsum(math.exp(-barrier * ((h * k) ** 2 - 1) ** 2) for k in range(-5000, 5001))
    assert well.mass() == pytest.approx(total, rel=1e-12)
    assert well.mass() != pytest.approx(1.01 * total, rel=1e-3)
    y = torch.tensor([[-1.7, 0.3], [0.2, 2.0]], dtype=torch.float64)
    for i in range(2):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[i] = 1e-5
        slope = (well.log_weight(y + shift) - well.log_weight(y - shift)) / 2e-5
        assert torch.allclose(well.score(y)[:, i], slope, rtol=1e-7)


def test_the_distance_is_that_of_sums_over_another_grid() -> None:
    """Plain loops over points 0.07 apart; the sums converge so fast that this is enough for steps of 0.05."""
    gamma, steps, h = 0.05, 3, 0.07
    points = [h * k for k in range(-50, 51)]
    sigma = math.sqrt(2 * gamma)

    def gauss(x: float, scale: float) -> float:
        return math.exp(-((x / scale) ** 2) / 2) / (scale * math.sqrt(2 * math.pi))

    density = [gauss(x, 0.5) for x in points]
    for _ in range(steps):
        means = [x + gamma * 4 * x * (1 - x * x) for x in points]
        density = [h * math.fsum(p * gauss(x - m, sigma) for p, m in zip(density, means, strict=True)) for x in points]
    weights = [math.exp(-((x * x - 1) ** 2)) for x in points]
    mass = h * math.fsum(weights)
    gap = h / 2 * math.fsum(abs(p - w / mass) for p, w in zip(density, weights, strict=True))
    found = wells.distance_after(DoubleWell(1.0), gamma, steps)
    assert found == pytest.approx(gap, abs=2e-3)  # |.| has a kink: both rules are of second order there
    assert found > 0.1
    y = wells.grid(gamma)
    middle = float(wells.density_after(DoubleWell(1.0), gamma, steps)[len(y) // 2])
    assert middle == pytest.approx(density[50], rel=1e-9)
    assert middle != pytest.approx(1.01 * density[50], rel=1e-3)


def test_both_drafts_keep_the_law_of_langevin_dynamics() -> None:
    well, gamma, steps = DoubleWell(1.0), 0.05, 12
    y = wells.grid(gamma)
    cumulated = wells.density_after(well, gamma, steps).cumsum(0) * (y[1] - y[0])
    cumulated = cumulated - wells.density_after(well, gamma, steps) * (y[1] - y[0]) / 2
    for draft in (None, well.still(steps, gamma)):
        run = speculate(well.langevin(steps, gamma), 6, PATHS, torch.Generator().manual_seed(2), draft=draft)
        x = run.terminal[:, 0]
        gaps = [abs(float((x <= a).double().mean()) - float(c)) for a, c in zip(y, cumulated, strict=True)]
        assert max(gaps) < EXCESS + 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: speculate_by_sweeps(diffusion(TOY, 3), 0, 1, 2), "window 0, 1 sweeps"),
        (lambda: speculate_by_sweeps(diffusion(TOY, 3), 1, 0, 2), "at least 1 of each"),
        (lambda: speculate_by_sweeps(diffusion(TOY, 3), 1, 1, 2, noise_in=cast("Any", "first")), "place of the noise"),
        (lambda: DoubleWell(0.0), "barrier 0.0; expected a positive"),
        (lambda: DoubleWell(1.0).langevin(0, 0.1), "0 steps of size gamma = 0.1"),
        (lambda: DoubleWell(1.0).still(3, -1.0), "gamma = -1"),
        (lambda: wells.density_after(DoubleWell(1.0), 0.1, 40), "choose smaller steps"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
