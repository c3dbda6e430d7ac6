"""The marginal table and exact conditionals against their literal definitions, and what bad tables say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from theory.errors import InvalidInput
from theory.ledger import strategies
from theory.reference import laws as reference
from theory.worlds import TableWorld, states


@settings(max_examples=25, deadline=None, derandomize=True)
@given(strategies.worlds(cells=27))
def test_marginal_table_is_the_sum_over_agreeing_sequences(world: TableWorld) -> None:
    n, d, exact = world.n, world.d, reference.exact(world)
    table = states.marginal_table(world.law(), n, d)
    for k, z in enumerate(reference.states(n, d)):
        assert float(table[k]) == pytest.approx(float(reference.marginal(exact, z, d)), abs=1e-14)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(strategies.worlds(n=(2, 3), cells=27))
def test_conditionals_carry_over_and_are_uniform_where_impossible(world: TableWorld) -> None:
    n, d, exact = world.n, world.d, reference.exact(world)
    table = states.marginal_table(world.law(), n, d)
    found = states.table_conditionals(table, states.all_states(n, d), d)
    for k, z in enumerate(reference.states(n, d)):
        for i in range(n):
            hidden = z[i] == d
            expected = [
                float(reference.conditional(exact, z, i, v, d)) if hidden else float(v == z[i]) for v in range(d)
            ]
            assert found[k, i].tolist() == pytest.approx(expected, abs=1e-13)


def test_a_batch_of_laws_is_each_law_alone() -> None:
    laws = torch.rand(2, 3, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    laws = laws / laws.sum(-1, keepdim=True)
    table = states.marginal_table(laws, 3, 3)
    assert table.shape == (2, 3, 64)
    assert torch.equal(table[1, 2], states.marginal_table(laws[1, 2], 3, 3))


def test_index_and_digits_are_inverse() -> None:
    z = states.all_states(4, 3)
    assert torch.equal(states.index_of(z, 3), torch.arange(4**4))
    assert torch.equal(states.masked_count(4, 3), (z == 3).sum(-1))
    assert torch.equal(states.index_of(states.all_sequences(4, 3), 3), states.sequence_index(4, 3))


def test_impossible_states_raise_when_asked_to() -> None:
    table = states.marginal_table(torch.tensor([0.5, 0.0, 0.0, 0.5], dtype=torch.float64), 2, 2)
    with pytest.raises(InvalidInput, match=r"state \[0, 1\] has probability zero"):
        states.table_conditionals(table, torch.tensor([[0, 1]]), 2, "raise")


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ([0.5, 0.5, 0.5, 0.5], "law sums to 2; expected 1 within 1e-9: divide by its sum"),
        ([1.5, -0.5, 0.0, 0.0], "negative probability -0.5"),
        ([float("nan"), 0.5, 0.5, 0.0], "1 NaN"),
        ([0.5, 0.5], r"expected d\^n = 2\^2 = 4"),
    ],
)
def test_bad_laws_are_named(law: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        states.check_law(law, 2, 2)


def test_tables_too_large_say_how_large_before_allocating() -> None:
    with pytest.raises(InvalidInput, match=r"marginal table for n = 16, d = 4 needs 1,136\.9 GiB"):
        states.marginal_table(torch.zeros(1, dtype=torch.float64), 16, 4)


def test_bad_states_are_named() -> None:
    with pytest.raises(InvalidInput, match="expected n = 3 positions"):
        states.check_states(torch.zeros(2, 4, dtype=torch.long), 3, 2)
    with pytest.raises(InvalidInput, match=r"expected torch\.int64 tokens"):
        states.check_states(torch.zeros(2, 3), 3, 2)
    with pytest.raises(InvalidInput, match=r"expected 0\.\.1, or 2 for the mask"):
        states.check_states(torch.tensor([[0, 1, 3]]), 3, 2)
