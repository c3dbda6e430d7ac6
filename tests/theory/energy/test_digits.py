"""Every number the two papers print about energies, rates and geodesics; the tests are named after them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from theory.energy import certified, closed_forms, rates, sphere
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference.energy import Problem, kinetic_constant
from theory.schedules import LINEAR, NAMED, ONE_MINUS_COSINE, SQUARED_SINE
from theory.worlds import TableWorld

LANDSCAPE = {
    "9.8696": (1.0, 1.0, 1.0, 1.0),
    "11.956321527": (1.3, 0.8, 1.0, 1.0),
    "11.198424705": (0.9, 0.7, 0.5, 0.5),
    "11.164254086": (1.5, 2.2, 1.0, 1.2),
}

RATE_TABLE = [(1, 3, 1, 1), (2, 2, 6, 2), (2, 3, 8, 2), (3, 2, 27, 3)]


@pytest.mark.parametrize("printed", LANDSCAPE)
def test_landscape_value(printed: str) -> None:
    shapes, places = LANDSCAPE[printed], len(printed.split(".")[1])
    assert f"{float(closed_forms.beta_landscape(*shapes)):.{places}f}" == printed
    assert f"{closed_forms.schedule_integral(Problem.beta(*shapes)):.{places}f}" == printed


def test_landscape_value_16_074368530_is_one_too_large_in_its_last_place() -> None:
    shapes = (0.6, 0.6, 1.0, 1.0)
    found = [
        float(closed_forms.beta_landscape(*shapes)),
        closed_forms.schedule_integral(Problem.beta(*shapes)),
    ]
    assert [f"{value:.9f}" for value in found] == ["16.074368529"] * 2
    assert found[0] == pytest.approx(16.074368530, abs=1e-9)


def test_linear_alpha_under_weight_t_is_infinite() -> None:
    assert closed_forms.beta_landscape(0.5, 0.5, 1, 1) == math.inf
    for schedule in (LINEAR, ONE_MINUS_COSINE):
        with pytest.raises(InvalidInput, match="does not settle"):
            closed_forms.schedule_integral(Problem.of(schedule, LINEAR))


@pytest.mark.parametrize(
    ("n", "d", "weights", "constant", "full"),
    [(3, 2, [0, 0, 0, 1, 1, 1, 1, 1], 25, 27), (2, 3, [1, 2, 3, 4, 5, 6, 0, 0, 0], 7, 8)],
)
def test_kinetic_constant_25_instead_of_27_and_7_instead_of_8(
    n: int, d: int, weights: list[int], constant: int, full: int
) -> None:
    world = TableWorld.from_weights(weights, n, d)
    assert kinetic_constant(reference.exact(world), d) == constant
    assert closed_forms.kinetic_constant(world) == constant
    assert closed_forms.full_support_constant(n, d) == full


@pytest.mark.parametrize(("n", "d", "mdm", "best_pairs"), [(1, 3, 1, 1), (2, 2, 6, 2), (2, 3, 8, 2), (3, 2, 27, 3)])
def test_rate_table_mdm_column_1_6_8_27_and_all_pairs_n(n: int, d: int, mdm: int, best_pairs: int) -> None:
    weights = np.random.default_rng(20 * n + d).integers(1, 60, d**n).tolist()
    row = rates.rate_table([TableWorld.from_weights(weights, n, d)], 0.3)[0]
    assert row["MDM"] == pytest.approx(mdm, rel=1e-12)
    assert row["all pairs"] == pytest.approx(best_pairs, rel=1e-9)
    unmasking, change = row["one-token unmasking"], row["any one-token change"]
    if n == 1:
        assert unmasking == pytest.approx(1, rel=1e-9) and change == pytest.approx(1, rel=1e-9)
    else:
        assert mdm - 1e-4 > unmasking > change + 1e-6 > best_pairs
    assert row["gap"] < 1e-9


def test_rate_table_row_of_the_notes_is_within_reach_at_n_2_d_2() -> None:
    """5.9926 and 5.9907 belong to a law the notes do not give; a mildly skewed law comes near."""
    row = rates.rate_table([TableWorld.from_weights([27, 24, 25, 24], 2, 2)])[0]
    assert 5.98 < row["any one-token change"] < row["one-token unmasking"] < 6


@pytest.mark.parametrize(
    ("name", "printed"), [("linear", "12.24"), ("one minus cosine", "12.49"), ("squared sine", "9.87")]
)
def test_eight_step_energy(name: str, printed: str) -> None:
    assert f"{float(closed_forms.step_energy(NAMED[name].grid(8))):.2f}" == printed
    assert certified.step_energy_ball(name, 8).overlaps(certified.exact(Fraction(printed)) + _half_cent())


def _half_cent() -> object:
    return certified.arb(0, 0.005)


def test_mask_path_energy_is_pi_squared_per_token() -> None:
    assert 4 * float(sphere.geodesic_angle([0.0, 1.0], [1.0, 0.0])) ** 2 == pytest.approx(math.pi**2, rel=1e-15)
    t = np.linspace(0, 1, 33)
    np.testing.assert_allclose(sphere.kinetic_optimal_kappa(t, 0.0), SQUARED_SINE(t), atol=1e-15)


def test_proposition_3_7_beta_one_half_is_linear_and_beta_one_is_squared_sine() -> None:
    from theory.schedules import beta_mask

    t = np.linspace(0, 1, 65)
    np.testing.assert_allclose(beta_mask(0.5, 0.5)(t), t, atol=4e-16)
    np.testing.assert_allclose(beta_mask(1, 1)(t), SQUARED_SINE(t), atol=4e-16)


def test_proportional_angles_2_2552_are_beaten_by_the_sine_rule_2_2339() -> None:
    """D.5 as printed has proportional angles optimal; at widths 1/4, 3/4 they are not (energies / 4)."""
    widths = [0.25, 0.75]
    printed, found = closed_forms.proportional_steps(widths), closed_forms.best_chord_steps(widths)
    proportional, best = (float(closed_forms.chord_energy(s, widths)) / 4 for s in (printed, found))
    assert proportional == pytest.approx(2.2552, abs=1e-4)
    assert best == pytest.approx(2.2339, abs=1e-4)
    assert closed_forms.best_chord_steps(widths)[0] == pytest.approx(math.atan(1 / 3), rel=1e-12)


def test_fisher_information_is_n_over_alpha_times_one_minus_alpha() -> None:
    world = TableWorld.from_weights([0, 0, 0, 1, 1, 1, 1, 1], 3, 2)
    for alpha in (0.05, 0.3, 0.9):
        expected = 3 / (alpha * (1 - alpha))
        assert sphere.fisher_information(world, alpha) == pytest.approx(expected, rel=1e-12)
        assert sphere.fisher_information_by_differences(world, alpha) == pytest.approx(expected, rel=1e-6)
