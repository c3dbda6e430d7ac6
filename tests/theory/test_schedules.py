"""Schedules: derivatives, both ways of the optimality condition, stable reveal probabilities, bad input."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
import torch

from theory import grids, schedules
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


SUBTRACTED = 4.5 * float(np.finfo(float).eps)
"""How far a complement may be off where the derivative has to be measured by differences (`callables.complement_of`).

A value below one is within one unit of its last place, eps / 2, and 1 - value is then exact; the integral of the
derivative, whose own error is unknown, is taken in its place where the two agree to 4 eps.
"""


@pytest.mark.parametrize(
    ("source", "differentiable"),
    [
        (lambda t: math.sin(math.pi * t / 2), False),
        (lambda t: np.sin(np.pi * t / 2), False),
        (lambda t: torch.sin(math.pi * t / 2), True),
        (schedules.SINE, True),
        ("sine", True),
    ],
    ids=["math", "numpy", "torch", "schedule", "name"],
)
def test_every_form_of_one_schedule(source: object, differentiable: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = schedules.as_schedule(source)
        slopes = found.derivative(np.linspace(0, 1, 101))
        near = 1 - np.array([1e-2, 1e-4, 1e-6])
        hidden = found.complement(near)
    np.testing.assert_allclose(found(T), schedules.SINE(T), rtol=1e-15)
    np.testing.assert_allclose(slopes, schedules.SINE.derivative(np.linspace(0, 1, 101)), rtol=1e-6, atol=1e-9)
    rtol, atol = (1e-9, 0.0) if differentiable else (0.0, SUBTRACTED)
    np.testing.assert_allclose(hidden, schedules.SINE.complement(near), rtol=rtol, atol=atol)


def test_a_slope_at_the_end_saves_the_digits_of_the_complement() -> None:
    """1 - alpha ~ (1 - t): subtraction alone would leave 1e-16 / 1e-13, four digits."""
    found = schedules.as_schedule(lambda t: torch.sin(math.pi * t / 2) ** 2 * 0.5 + 0.5 * t)
    away = 1e-13
    t = np.array([1 - away])
    exact = 0.5 * math.sin(math.pi * (1 - t[0]) / 2) ** 2 + 0.5 * (1 - t[0])
    assert float(found.complement(t)[0]) == pytest.approx(exact, rel=1e-12)


def test_slopes_of_steep_functions_without_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = schedules.from_callable(np.sqrt)
        slopes = found.derivative(np.array([0.0, 1e-9, 0.25, 1.0]))
    assert slopes[1:].tolist() == pytest.approx([0.5 / math.sqrt(1e-9), 1.0, 0.5], rel=1e-6)
    assert np.isfinite(slopes).all()


def test_piecewise_grids() -> None:
    found = schedules.as_schedule([0, 0.2, 1])
    assert found.grid(2).tolist() == [0.0, 0.2, 1.0]
    assert found(0.75) == pytest.approx(0.6)
    assert found.derivative(np.array([0.1, 0.5, 1.0])).tolist() == pytest.approx([0.4, 1.6, 1.6])
    assert schedules.as_schedule(torch.tensor([0.0, 0.5, 1.0]))(0.3) == pytest.approx(0.3)
    assert repr(found) == "Schedule('piecewise linear, 2 pieces')"


@pytest.mark.parametrize("schedule", [*ALL, schedules.piecewise([0, 0.3, 0.4, 1])], ids=lambda s: s.name)
def test_mirrored_schedules(schedule: Schedule) -> None:
    mirrored = schedule.mirrored()
    np.testing.assert_allclose(mirrored(T), 1 - schedule(1 - T), atol=1e-15)
    np.testing.assert_allclose(mirrored.derivative(T), schedule.derivative(1 - T), rtol=1e-12)


def test_recipes_make_schedules_again() -> None:
    for schedule in (
        *NAMED.values(),
        schedules.beta(2, 3),
        schedules.beta_mask(0.4, 1),
        schedules.piecewise([0, 0.1, 1]),
    ):
        assert schedules.from_recipe(*schedule.recipe or ()) == schedule
    assert schedules.beta(2, 3) != schedules.beta_mask(2, 3)
    assert schedules.from_callable(np.sqrt) != schedules.from_callable(np.sqrt)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("cosine", "unknown schedule 'cosine'"),
        (3, "schedule of type int; expected a Schedule, a name"),
        (None, "schedule of type NoneType"),
        ([[0, 1]], "schedule of type list"),
        ([0, 2, 1], "out of order at step 1"),
        ([0.1, 1], r"grid runs from 0\.1"),
        (lambda t: 1 / 0, "ZeroDivisionError"),
        (lambda t: "x", "as many finite numbers"),
        (lambda: 3, "TypeError"),
        (lambda t: [1, 2, 3], "as many finite numbers"),
        (lambda t: 1 + np.log(t), "not finite at t = 0"),
        (lambda t: 2 * t, "runs from 0 to 2"),
    ],
)
def test_what_is_no_schedule_is_named_in_one_line(source: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        schedules.as_schedule(source)
    assert "\n" not in str(caught.value)


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
        (lambda: schedules.from_callable(lambda t: 0.5), "runs from 0.5 to 0.5"),
    ],
)
def test_bad_schedules_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


@pytest.mark.parametrize("power", [0.3, 1.0, 2.2, 5.0, 9.0])
def test_the_order_with_which_a_schedule_starts(power: float) -> None:
    """Also where alpha underflows at the smallest times: 2^-500 to the power 2.2 is no number."""
    order, doubt = schedules.from_callable(lambda t: t**power, lambda t: power * t ** (power - 1)).start_order()
    assert order == pytest.approx(power, abs=1e-9)
    assert doubt <= 1e-4


def test_a_flat_start_has_infinite_order() -> None:
    assert schedules.piecewise([0.0, 0.0, 1.0]).start_order()[0] == math.inf


def test_a_name_that_is_given_is_kept() -> None:
    assert schedules.from_callable(np.sqrt, name="root").name == "root"
    assert schedules.from_callable(np.sqrt).name == "sqrt"


def test_a_geometric_grid_of_one_step_is_whole() -> None:
    for end in ("masked", "revealed"):
        assert grids.geometric_grid(1, 0.5, end).tolist() == [0.0, 1.0]


def test_steps_after_everything_is_revealed_reveal_everything() -> None:
    assert grids.step_reveal_probabilities([0.0, 0.5, 1.0, 1.0, 1.0]).tolist() == [0.5, 1.0, 1.0, 1.0]
