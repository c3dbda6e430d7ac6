"""The factor rule and the Halton orders against routes written here, their edge cases, and what wrong input is told."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planting import outcome, plant
from theory.errors import InvalidInput
from theory.ledger import catalogue, instances
from theory.unmasking import walks
from theory.unmasking.claims import factor as factor_claims
from theory.unmasking.rules import factor as factor_module
from theory.unmasking.rules import halton as halton_module
from theory.unmasking.rules.factor import FactorBounded
from theory.unmasking.rules.halton import Halton, block_counts, enough_points, halton_order, radical_inverse


def chosen(rule: FactorBounded | Halton, confidences: list[float], masked: list[bool] | None = None) -> list[int]:
    p = torch.tensor([[c, 1 - c] for c in confidences], dtype=torch.float64)[None]
    hidden = torch.tensor([masked or [True] * len(confidences)])
    return rule.select(p.log(), hidden)[0].nonzero()[:, 0].tolist()


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.integers(50, 99), min_size=1, max_size=7), st.integers(0, 70), st.data())
def test_the_factor_rule_is_the_largest_count_that_passes(
    percents: list[int], twentieths: int, data: st.DataObject
) -> None:
    """With confidences in falling order (k + 1)(1 - c_k) rises, so the prefix is the largest k that passes alone."""
    masked = data.draw(st.lists(st.booleans(), min_size=len(percents), max_size=len(percents)).filter(any))
    order = sorted((i for i, hidden in enumerate(masked) if hidden), key=lambda i: (-percents[i], i))
    passing = [
        k for k, i in enumerate(order, 1) if Fraction((k + 1) * (100 - percents[i]), 100) <= Fraction(twentieths, 20)
    ]
    wanted = sorted(order[: max([1, *passing])])
    assert chosen(FactorBounded(twentieths / 20), [p / 100 for p in percents], masked) == wanted


def test_the_released_code_reveals_a_last_position_that_fails() -> None:
    assert chosen(FactorBounded(1.0), [0.9, 0.5]) == [0]
    assert chosen(FactorBounded(1.0, as_released=True), [0.9, 0.5]) == [0, 1]
    assert chosen(FactorBounded(1.0, as_released=True), [0.99, 0.5, 0.5]) == [0]
    assert chosen(FactorBounded(1.0, as_released=True), [0.99, 0.99, 0.5]) == [0, 1, 2]
    assert chosen(FactorBounded(1.0, as_released=True), [0.5]) == [0]


def test_a_limit_that_is_met_up_to_rounding_is_met() -> None:
    assert chosen(FactorBounded(1.0), [2 / 3, 2 / 3]) == [0, 1]
    assert chosen(FactorBounded(0.999), [2 / 3, 2 / 3]) == [0]
    assert chosen(FactorBounded(0.0), [1.0, 1.0, 0.9]) == [0, 1]


@pytest.mark.parametrize("n", range(1, 33))
def test_a_line_is_ordered_by_mirrored_binary_digits(n: int) -> None:
    """Written here with strings: the digits of k, reversed, behind the binary point."""
    seen: list[int] = []
    for k in range(1, 4 * n + 2):
        digits = format(k, "b")[::-1]
        place = n * int(digits, 2) // 2 ** len(digits)
        if place not in seen:
            seen.append(place)
    assert list(halton_order(n)) == seen
    assert sorted(seen) == list(range(n))


def test_a_square_is_ordered_as_by_the_released_sampler() -> None:
    """The first points of bases 2 and 3 are (1/2, 1/3), (1/4, 2/3), (3/4, 1/9), (1/8, 4/9), (5/8, 7/9), (3/8, 2/9)."""
    cells = [(4, 2), (2, 5), (6, 0), (1, 3), (5, 6), (3, 1)]
    assert list(halton_order(8, 8)[:6]) == [r * 8 + c for r, c in cells]
    assert len(set(halton_order(64, 64))) == 4096


def test_point_numbers_beyond_int64_are_refused() -> None:
    with pytest.raises(InvalidInput, match="leave int64"):
        radical_inverse(torch.tensor([2**61]), 2, 8)


def test_steps_follow_sizes_also_from_a_prompt() -> None:
    rule = Halton(sizes=(1, 3, 4))
    masked = torch.ones(1, 8, dtype=torch.bool)
    counts = []
    while bool(masked.any()):
        step = rule.select(torch.zeros(1, 8, 2), masked)
        counts.append(int(step.sum()))
        masked = masked & ~step
    assert counts == [1, 3, 4]
    prompt = torch.tensor([[False, False, True, True, True, True, True, True]])
    assert int(rule.select(torch.zeros(1, 8, 2), prompt).sum()) == 2
    assert instances.decode(instances.encode(rule)) == rule


def test_both_rules_walk() -> None:
    world = factor_claims.one_flip(3, Fraction(1, 4))
    assert walks.walk(FactorBounded(1.0), world).calls == 1
    walk = walks.walk(Halton(1), world)
    assert walk.calls == 3 and walk.divergence == pytest.approx(0, abs=1e-12)


def test_the_first_reveals_of_a_line_are_spread() -> None:
    assert block_counts(halton_order(64), 16, 16) == [1] * 16
    assert block_counts(list(range(64)), 16, 16) == [4] * 4 + [0] * 12
    for rows, columns in itertools.product((1, 2, 3, 5, 7), (1, 2, 3, 5, 7)):
        assert enough_points(rows, columns) <= 24 * rows * columns


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: FactorBounded(-1.0), "factor -1.0; expected a number >= 0"),
        (lambda: FactorBounded(float("nan")), "factor nan"),
        (lambda: Halton(0), "expected k, columns and all sizes >= 1"),
        (lambda: Halton(sizes=(2, 0)), "expected k, columns and all sizes >= 1"),
        (lambda: Halton(first=-1), "the first point >= 0"),
        (lambda: Halton(columns=3).select(torch.zeros(1, 8, 2), torch.ones(1, 8, dtype=torch.bool)), "8 positions"),
        (lambda: Halton(sizes=(3,)).select(torch.zeros(1, 8, 2), torch.ones(1, 8, dtype=torch.bool)), "sum to 3"),
        (lambda: halton_order(0), "0 rows"),
        (lambda: radical_inverse(torch.tensor([1]), 1, 3), "base 1, size 3"),
        (lambda: block_counts([0, 1, 2], 1, 2), "2 blocks of 3 positions"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


@pytest.mark.parametrize(
    ("module", "name", "wrong", "claim"),
    [
        (factor_module, "meets", lambda f: lambda score, limit: f(score, 1.01 * limit), "factor.1"),
        (factor_module, "meets", lambda f: lambda score, limit: f(score, 0.99 * limit), "factor.3"),
        (factor_module, "confidence", lambda f: lambda log_p: f(log_p) * 0.99, "factor.3"),
        (halton_module, "radical_inverse", lambda f: lambda k, base, size: f(k + 1, base, size), "halton.1"),
        (halton_module, "radical_inverse", lambda f: lambda k, base, size: f(k, base + 1, size), "halton.3"),
        (halton_module, "enough_points", lambda f: lambda rows, columns=1: f(rows, columns) // 4, "halton.1"),
        (halton_module, "halton_order", lambda f: lambda *a: tuple(range(len(f(*a)))), "halton.2"),
        (halton_module, "halton_order", lambda f: lambda *a: f(*a)[1:] + f(*a)[:1], "halton.5"),
        (halton_module, "halton_order", lambda f: lambda *a: tuple(range(len(f(*a)))), "halton.4"),
    ],
)
def test_a_corrupted_engine_is_noticed(monkeypatch, module, name: str, wrong, claim: str) -> None:
    assert outcome(catalogue.claim(claim)) == catalogue.claim(claim).expected
    halton_module.halton_order.cache_clear()
    if name == "meets" or name == "confidence":
        monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    else:
        plant(monkeypatch, module.__name__, name, wrong)
    assert outcome(catalogue.claim(claim)) in ("refuted", "raised")
    monkeypatch.undo()
    halton_module.halton_order.cache_clear()


def test_the_released_form_reveals_the_last_token_in_every_row() -> None:
    """Rows of a batch are decided one by one: as many as three states of five positions."""
    log_p = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(2)).double().log_softmax(-1)
    masked = torch.tensor([[1, 1, 1, 1, 1], [0, 1, 0, 1, 0], [1, 0, 0, 0, 0]]).bool()
    rule = FactorBounded(3.0, as_released=True)
    together = rule.select(log_p, masked)
    alone = [rule.select(log_p[k : k + 1], masked[k : k + 1])[0].tolist() for k in range(3)]
    assert together.tolist() == alone


def test_enough_points_of_a_line_do_not_depend_on_its_direction() -> None:
    assert [enough_points(*size) for size in ((5, 1), (1, 5), (8, 1), (1, 1), (3, 2))] == [16, 16, 16, 2, 72]
    assert sorted(halton_order(1, 5)) == list(range(5))
