"""Discrete flow matching's corrector: against its velocities written out, and its total in closed form."""

from __future__ import annotations

import itertools
import math

import pytest
from scipy.integrate import quad

from theory.errors import InvalidInput
from theory.remasking.flow_corrector import corrector_strength, flow_sigma, flow_steps


def euler_step(u: float, width: float) -> tuple[float, float]:
    """Return the chances to mask a shown token and to show a masked one, an Euler step of both velocities.

    A masked token is shown at the rate (1 + beta) / (1 - u) of the forward velocity, a shown one masked at the rate
    beta / u of the backward one; u is the revealed fraction.
    """
    beta = 10 * u**0.25 * (1 - u) ** 0.25
    return width * beta / u, width * (1 + beta) / (1 - u)


@pytest.mark.parametrize("steps", [2, 8, 64, 512])
def test_steps_are_euler_steps_of_the_two_velocities(steps: int) -> None:
    taken = flow_steps(steps)
    assert taken[0].alpha_now == 0 and taken[-1].alpha_next == 1
    assert taken[0].sigma == taken[-1].sigma == 0
    for before, after in itertools.pairwise(taken):
        assert before.alpha_next == after.alpha_now
    for step in taken[1:-1]:
        width = step.alpha_next - step.alpha_now
        masked, shown = euler_step(float(step.alpha_now), float(width))
        assert width <= 1 / steps + 1e-12
        assert float(step.sigma) == pytest.approx(masked, rel=1e-12)
        assert float(step.posterior.reveal) == pytest.approx(shown, rel=1e-9)
        assert masked + shown <= 1 + 1e-9


def test_widths_are_cut_just_where_the_chances_of_a_full_step_exceed_one() -> None:
    cut = 0
    for step in flow_steps(64)[1:-1]:
        full = sum(euler_step(float(step.alpha_now), 1 / 64))
        narrow = step.alpha_next - step.alpha_now < (1 - 1e-9) / 64
        assert narrow == (full > 1 + 1e-9)
        cut += narrow
    assert 0 < cut < 32


def test_a_position_is_masked_again_as_often_as_the_integral_of_beta_says() -> None:
    """The sum of sigma alpha is a Riemann sum of beta, whose integral is 10 B(5/4, 5/4)."""
    integral = quad(lambda u: 10 * (u * (1 - u)) ** 0.25, 0, 1)[0]
    assert integral == pytest.approx(10 * math.gamma(1.25) ** 2 / math.gamma(2.5), rel=1e-7)
    total = math.fsum(float(step.sigma * step.alpha_now) for step in flow_steps(4096))
    assert total == pytest.approx(integral, rel=1e-3)
    assert abs(1.01 * total - integral) > 0.009 * integral, "one percent more would be noticed"


def test_the_strength_is_largest_in_the_middle_and_wrong_arguments_are_named() -> None:
    assert corrector_strength(0.5) == pytest.approx(10 / math.sqrt(2))
    assert corrector_strength(0) == corrector_strength(1) == flow_sigma(0.0, 0.3) == 0
    with pytest.raises(InvalidInput, match=r"alpha = 1\.5"):
        corrector_strength(1.5)
    with pytest.raises(InvalidInput, match="at least 2"):
        flow_steps(1)
