"""Bisection counts its boxes, stops where it was told, and says where it stopped."""

from __future__ import annotations

from fractions import Fraction

from flint import arb

from theory.ledger.certificates import certify_nonnegative, judged


def test_boxes_are_counted_one_by_one() -> None:
    assert certify_nonnegative(lambda point: point[0] + 1, [(0, 1)]).boxes == 1
    halves = certify_nonnegative(lambda point: point[0] * (point[0] - 1) + arb(3) / 5, [(0, 1)])
    assert halves.proved and halves.boxes == 3  # the whole is not enough, both halves are
    found = certify_nonnegative(lambda point: point[0] - arb(1) / 3, [(0, 1)], max_boxes=7)
    assert found.boxes <= 7 and found.refuted


def test_a_search_that_runs_out_of_boxes_is_undecided() -> None:
    square = certify_nonnegative(lambda point: (point[0] - arb(1) / 3) ** 2 - arb(2) ** -200, [(0, 1)], max_boxes=50)
    assert square.boxes == 50 and not square.proved and not square.refuted
    assert not judged(square).decided
    assert judged(certify_nonnegative(lambda point: point[0] - 2, [(0, 1)])).fails


def test_a_negative_point_is_a_refutation() -> None:
    found = certify_nonnegative(lambda point: point[0] - arb(1) / 2, [(Fraction(1, 4), Fraction(1, 4))])
    assert found.refuted and found.boxes == 1
