"""Ball-arithmetic certificates: true bounds are proved, false ones are not, bad boxes are refused."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from flint import arb

from theory.energy import certified
from theory.errors import InvalidInput
from theory.ledger.certificates import ball, certify_nonnegative, exact


def test_a_square_is_nonnegative_and_a_shifted_one_is_not() -> None:
    assert certify_nonnegative(lambda p: p[0] ** 2 + exact(Fraction(1, 100)), [(-1, 1)]).proved
    false = certify_nonnegative(lambda p: p[0] ** 2 - exact(Fraction(1, 100)), [(-1, 1)])
    assert not false.proved and false.refuted and false.uncertified is not None


def test_a_bound_attained_inside_the_box_stays_open() -> None:
    found = certify_nonnegative(lambda p: (p[0] - exact(Fraction(1, 3))) ** 3 + 0, [(0, 1)], max_boxes=500)
    assert not found.proved


def test_max_boxes_is_respected() -> None:
    found = certify_nonnegative(lambda p: p[0] * (p[0] - 1) + exact(Fraction(1, 4)), [(0, 1)], max_boxes=50)
    assert not found.proved and not found.refuted and found.boxes == 50


@pytest.mark.parametrize("box", [[], [(1, 0)], [(0, math.inf)], [(math.nan, 1)], [("x", 1)], [0]])
def test_bad_box_is_refused(box: object) -> None:
    with pytest.raises(InvalidInput, match="expected"):
        certify_nonnegative(lambda p: arb(1), box)


def test_balls_enclose_their_ends() -> None:
    found = ball(Fraction(1, 3), Fraction(2, 3))
    assert found.contains(exact(Fraction(1, 3)).mid()) and found.contains(exact(Fraction(2, 3)).mid())


def test_landscape_bound_on_the_wide_box() -> None:
    found = certified.certify_landscape()
    assert found.proved and found.boxes > 100


def test_landscape_bound_with_false_factor_is_refuted() -> None:
    found = certified.certify_landscape(factor=Fraction(21, 20))
    assert found.refuted


def test_landscape_enclosed_directly() -> None:
    box = [(1, 2), (1, 2), (Fraction(1, 4), Fraction(1, 2)), (Fraction(1, 4), Fraction(1, 2))]
    assert certified.certify_landscape_directly(box).proved
    assert certified.certify_landscape_directly(box, Fraction(1)).refuted


def test_landscape_needs_positive_shapes() -> None:
    with pytest.raises(InvalidInput, match="0 < low <= high"):
        certified.certify_landscape(Fraction(0), Fraction(1))


def test_chord_and_arc_constants() -> None:
    assert certified.certify_chord_against_arc().proved
    for s in (1e-3, 0.4, 1.0, math.pi / 2):
        chord = 2 * (1 - math.cos(s))
        assert 8 / math.pi**2 * s**2 <= chord * (1 + 1e-9) and chord <= s**2 * (1 + 1e-9)


@pytest.mark.parametrize("steps", [2, 3])
def test_step_energy_bound(steps: int) -> None:
    assert certified.certify_step_energy(steps).proved
    assert certified.certify_step_energy(steps, Fraction(101, 100)).refuted
    assert certified.step_form_minors(steps) == [Fraction(k) for k in range(2, steps + 1)]


def test_step_energy_bound_for_other_steps_is_refused() -> None:
    with pytest.raises(InvalidInput, match="expected 2 or 3"):
        certified.certify_step_energy(4)
    with pytest.raises(InvalidInput, match="expected one of"):
        certified.step_energy_ball("cosine", 8)
