"""Schedules: derivatives, both ways of the optimality condition, stable reveal probabilities, bad input."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from theory import schedules
from theory.errors import InvalidInput
from theory.schedules import LINEAR, NAMED, SQUARED_SINE, Schedule

ALL = [*NAMED.values(), schedules.beta(0.7, 1.8), schedules.beta_mask(0.9, 0.3), schedules.beta_mask(2.0, 3.0)]
T = np.linspace(0.02, 0.98, 49)


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: s.name)
def test_schedule_is_a_schedule(schedule: Schedule) -> None:
    assert schedule(0.0) == 0.0
    assert schedule(1.0) == pytest.approx(1.0, abs=1e-15)
    assert (np.diff(schedule(np.linspace(0, 1, 101))) > 0).all()
    np.testing.assert_allclose(schedule(T) + schedule.complement(T), 1.0, atol=1e-14)
    numeric = schedules.from_callable(schedule.value)
    np.testing.assert_allclose(schedule.derivative(T), numeric.derivative(T), rtol=1e-5, atol=1e-6)


def test_mid_time_values_that_tell_the_cosines_apart() -> None:
    found = {name: float(s(0.5)) for name, s in NAMED.items()}
    assert found["one minus cosine"] == pytest.approx(0.293, abs=5e-4)
    assert found["squared sine"] == pytest.approx(0.5)
    assert found["sine"] == pytest.approx(0.707, abs=5e-4)


def test_proposition_3_7() -> None:
    np.testing.assert_allclose(schedules.beta_mask(0.5, 0.5)(T), T, atol=1e-14)
    np.testing.assert_allclose(schedules.beta_mask(1.0, 1.0)(T), SQUARED_SINE(T), atol=1e-14)


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: s.name)
def test_optimality_condition_both_ways(schedule: Schedule) -> None:
    there = schedules.optimal_mask(schedules.optimal_weight(schedule))
    back = schedules.optimal_weight(schedules.optimal_mask(schedule))
    np.testing.assert_allclose(there(T), schedule(T), rtol=1e-13)
    np.testing.assert_allclose(back(T), schedule(T), rtol=1e-13)
    np.testing.assert_allclose(there.derivative(T), schedule.derivative(T), rtol=1e-10)


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
@pytest.mark.parametrize("schedule", ALL, ids=lambda s: s.name)
def test_last_step_reveals_everything_exactly(schedule: Schedule, steps: int) -> None:
    reveal = schedule.reveal_probabilities(steps)
    assert reveal[-1] == 1.0
    assert ((reveal >= 0) & (reveal <= 1)).all()
    survival = np.cumprod(1 - reveal[:-1])
    np.testing.assert_allclose(survival, schedule.complement(np.arange(1, steps) / steps), rtol=1e-10)


def test_reveal_probabilities_keep_all_digits_at_both_ends() -> None:
    """Against 60 digits: squared sine at K = 10^5, where 1 - alpha_{K-1} is 2.5e-10."""
    steps = 100_000
    found = SQUARED_SINE.reveal_probabilities(steps)
    with mpmath.workdps(60):
        for k in (0, 1, steps // 2, steps - 3, steps - 2):
            hidden = [mpmath.cos(mpmath.pi * j / (2 * steps)) ** 2 for j in (k, k + 1)]
            exact = float(1 - hidden[1] / hidden[0])
            assert found[k] == pytest.approx(exact, rel=1e-10)


def test_end_slopes_of_beta_masks() -> None:
    ends = np.array([0.0, 1.0])
    assert schedules.beta_mask(0.5, 0.5).derivative(ends).tolist() == pytest.approx([1.0, 1.0])
    assert schedules.beta_mask(0.9, 0.3).derivative(ends).tolist() == [0.0, np.inf]


def test_geometric_grids() -> None:
    assert schedules.geometric_grid(3, 0.5).tolist() == [0.0, 0.5, 0.75, 1.0]
    assert schedules.geometric_grid(3, 0.5, "revealed").tolist() == [0.0, 0.25, 0.5, 1.0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LINEAR.grid(0), "K = 0 steps; expected a whole number K >= 1"),
        (lambda: schedules.check_grid([0, 0.7, 0.5, 1]), "out of order at step 1: it falls by 0.2"),
        (lambda: schedules.check_grid([0.1, 1]), "grid runs from 0.1 to 1.0"),
        (lambda: schedules.check_grid([0, np.nan, 1]), "NaN"),
        (lambda: schedules.check_grid([1.0]), "expected K"),
        (lambda: schedules.beta(0, 1), r"Beta\(0, 1\)"),
        (lambda: schedules.geometric_grid(3, 1.5), "r = 1.5"),
        (lambda: schedules.geometric_grid(3, 0.5, "both"), "expected 'masked' or 'revealed'"),
        (lambda: schedules.from_callable(lambda t: 1 - t), "runs from 1 to 0"),
        (
            lambda: schedules.from_callable(lambda t: t + np.sin(2 * np.pi * t)),
            "falls between t = 0.5|falls between t = 0.49",
        ),
        (lambda: schedules.from_callable(lambda t: 0.5), "as many finite numbers"),
    ],
)
def test_bad_schedules_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
