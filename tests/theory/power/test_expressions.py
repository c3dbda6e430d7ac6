"""Expressions by machine against plain evaluation, steps against hand-made layers, mean heights against all shapes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch

from theory.errors import InvalidInput
from theory.power import planners
from theory.power.expressions import MODULUS, Expression, mean_height, products_of_sums


def by_formula(a: list[int]) -> int:
    """Return the value of `products_of_sums` written as one expression."""
    first = (a[0] + a[1]) * (a[2] + a[3])
    second = (a[4] - a[5]) * (a[6] + a[7])
    return first + second + (a[8] + a[9]) * (a[10] + a[11]) * (a[12] - a[13])


@pytest.mark.parametrize("sequential", [False, True])
def test_both_machines_have_the_value_of_the_formula(sequential: bool) -> None:
    expression = products_of_sums()
    words = torch.randint(0, 10, (50, 14), generator=torch.Generator().manual_seed(0))
    found = planners.run(expression.machine(sequential), words, 11)
    assert [by_formula(row) % MODULUS for row in words.tolist()] == found.last[:, -1].tolist()
    assert set(found.account.steps.tolist()) == {11 if sequential else 3}
    assert set(found.account.parallel.tolist()) == {1 if sequential else 7}


def test_one_parallel_step_less_leaves_the_result_masked() -> None:
    found = planners.run(products_of_sums().machine(), torch.ones(1, 14, dtype=torch.int64), 2)
    assert int(found.last[0, -1]) == MODULUS


@functools.cache
def all_heights(operations: int) -> tuple[int, ...]:
    """Return the height of every binary shape, one by one."""
    if operations == 0:
        return (0,)
    return tuple(
        1 + max(pair)
        for left in range(operations)
        for pair in itertools.product(all_heights(left), all_heights(operations - 1 - left))
    )


@pytest.mark.parametrize("operations", range(1, 9))
def test_mean_heights_are_those_of_all_shapes_listed(operations: int) -> None:
    heights = all_heights(operations)
    mean = Fraction(sum(heights), len(heights))
    assert mean_height(operations) == mean
    assert mean_height(operations) != mean * Fraction(101, 100)
    assert (min(heights), max(heights)) == (operations.bit_length(), operations)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Expression(2, (("/", (0, 1)),)), "operation '/'"),
        (lambda: Expression(2, (("+", (0, 2)),)), r"reads places \[0, 2\]"),
        (lambda: Expression(2, (("+", (0,)),)), "at least two"),
        (lambda: mean_height(0), "0 operations"),
    ],
)
def test_wrong_arguments_are_named(call: Callable[[], object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_heights_count_from_one_above_the_numbers() -> None:
    assert products_of_sums().heights == [1] * 7 + [2] * 3 + [3]
    assert Expression(2, (("+", (0, 1)), ("*", (0, 2)), ("-", (3, 2)))).heights == [1, 2, 3]
