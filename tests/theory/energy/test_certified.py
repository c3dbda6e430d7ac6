"""Ball-arithmetic certificates: true bounds are proved, false ones are not, enclosures contain the truth."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from flint import arb, arb_series
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.energy import certified, closed_forms, enclosures
from theory.energy.claims import by_mpmath
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
    assert (Fraction(1, 10), Fraction(10)) == certified.SHAPES
    found = certified.certify_landscape()
    assert found.proved and found.boxes > 100


def test_landscape_bound_with_one_percent_to_spare_is_refuted() -> None:
    assert certified.certify_landscape(factor=Fraction(101, 100)).refuted


def test_landscape_enclosed_directly_up_to_a_thousandth() -> None:
    """ln(J / pi^2) is at least ln(pi^2 / 8) = .21002 on the box, at its corner (1, 1, 1/2, 1/2)."""
    box = [(1, Fraction(5, 4))] * 2 + [(Fraction(3, 8), Fraction(1, 2))] * 2
    assert certified.certify_landscape_directly(box, Fraction(209, 1000)).proved
    corner = [(1, 1), (1, 1), (Fraction(1, 2), Fraction(1, 2)), (Fraction(1, 2), Fraction(1, 2))]
    assert certified.certify_landscape_directly(corner, Fraction(21, 100)).proved
    assert certified.certify_landscape_directly(corner, Fraction(2101, 10000)).refuted
    assert math.log(closed_forms.beta_landscape(1, 1, 0.5, 0.5) / math.pi**2) == pytest.approx(math.log(math.pi**2 / 8))


def test_landscape_needs_positive_shapes() -> None:
    with pytest.raises(InvalidInput, match="0 < low <= high"):
        certified.certify_landscape(Fraction(0), Fraction(1))


def test_chord_and_arc_constants() -> None:
    assert certified.certify_chord_against_arc().proved
    for s in (1e-3, 0.4, 1.0, math.pi / 2):
        chord = 2 * (1 - math.cos(s))
        assert 8 / math.pi**2 * s**2 <= chord * (1 + 1e-9) and chord <= s**2 * (1 + 1e-9)


def test_step_energies_of_unnamed_schedules_are_refused() -> None:
    with pytest.raises(InvalidInput, match="expected one of"):
        certified.step_energy_ball("cosine", 8)
    with pytest.raises(InvalidInput, match="K = 0"):
        certified.step_energy_ball("linear", 0)


def numbers(low: str, high: str) -> st.SearchStrategy[Fraction]:
    """Draw multiples of 1/1000."""
    return st.integers(int(Fraction(low) * 1000), int(Fraction(high) * 1000)).map(lambda k: Fraction(k, 1000))


@settings(max_examples=25, derandomize=True, deadline=None)
@given(x=numbers("1/10", "20"), derivative=st.integers(0, 3), width=numbers("0", "1/20"))
def test_log_gamma_encloses_polygammas_on_thin_and_wide_balls(x: Fraction, derivative: int, width: Fraction) -> None:
    series = enclosures.log_gamma(arb_series([ball(x - width, x + width), 1], 2), derivative)
    import mpmath

    for k in (0, 1):
        expected = by_mpmath.number(lambda p, k=k: mpmath.diff(mpmath.loggamma, p[0], derivative + k), [x])
        assert enclosures.distance(enclosures.coefficient(series, k), expected) <= by_mpmath.ERROR * abs(expected)


@settings(max_examples=25, derandomize=True, deadline=None)
@given(u=numbers("1/1000", "8/10"), share=numbers("0", "1"))
def test_sinc_fall_encloses_the_slope_on_balls_that_reach_to_zero(u: Fraction, share: Fraction) -> None:
    found = certified.sinc_fall(ball(u * share, u))
    for point in (u, max(u * share, Fraction(1, 1000))):
        assert enclosures.distance(found, by_mpmath.number(by_mpmath.sinc_fall, [point])) <= by_mpmath.ERROR


@settings(max_examples=25, derandomize=True, deadline=None)
@given(x=numbers("1/10", "10"), y=numbers("1/10", "10"), width=numbers("0", "1/25"))
def test_mean_value_form_encloses_the_corners(x: Fraction, y: Fraction, width: Fraction) -> None:
    found = enclosures.mean_value(certified.hessian_sign, [ball(v - width, v + width) for v in (x, y)])
    for dx, dy in ((width, width), (width, -width), (-width, width), (-width, -width)):
        expected = by_mpmath.number(by_mpmath.hessian_sign_plainly, [x + dx, y + dy])
        assert enclosures.distance(found, expected) <= by_mpmath.ERROR


def test_two_forms_of_the_hessian_agree() -> None:
    point = [Fraction(3, 10), Fraction(7)]
    plain, derived = (by_mpmath.number(f, point) for f in (by_mpmath.hessian_sign_plainly, by_mpmath.hessian_sign))
    assert abs(plain - derived) < by_mpmath.ERROR


def test_a_series_that_was_cut_gives_no_number() -> None:
    short = arb_series([1, 2], 2)
    assert enclosures.coefficient(short, 1) == 2
    assert not enclosures.coefficient(short, 2).is_finite()
    assert not enclosures.over_power(lambda s: s.sin().derivative().derivative(), arb(0.25), 1).is_finite()


def test_a_function_without_the_zero_gives_no_number() -> None:
    assert not enclosures.over_power(lambda s: s.cos(), arb(0.25), 1).is_finite()


def test_distance_is_exact() -> None:
    half = exact(Fraction(1, 2))
    assert enclosures.distance(half, Fraction(1, 2)) == 0
    assert enclosures.distance(half, Fraction(3, 4)) == Fraction(1, 4) == enclosures.distance(half, Fraction(1, 4))
    assert enclosures.distance(arb.nan(), Fraction(0)) == math.inf


@settings(max_examples=25, derandomize=True, deadline=None)
@given(parts=st.lists(st.integers(1, 20), min_size=1, max_size=6), slope=numbers("1/10", "1"))
def test_dual_bound_is_below_the_least_chord_energy(parts: list[int], slope: Fraction) -> None:
    """For any slope; the engine's steps are as good as some slope proves (energy.5b)."""
    widths = [Fraction(p, sum(parts)) for p in parts]
    floats = [float(w) for w in widths]
    least = float(closed_forms.chord_energy(closed_forms.best_chord_steps(floats), floats))
    bound = certified.least_chord_energy_ball(widths, slope / max(widths))
    assert enclosures.as_fraction(bound.lower()) <= Fraction(least) * (1 + Fraction(1, 10**12))
