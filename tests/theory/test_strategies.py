"""The strategies draw what they say, cover the degenerate cases, shrink to something small, and are written to JSON."""

from __future__ import annotations

import json

import hypothesis
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import instances, strategies
from theory.schedules import Schedule
from theory.unmasking.best_rules import TabulatedRule
from theory.unmasking.rules.base import SetRule
from theory.unmasking.strategies import rules
from theory.worlds import TableWorld

FINDS = settings(max_examples=2000, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("wanted", "smallest"),
    [
        (lambda w: float(w.total_correlation()) > 1e-6, [1, 1, 1, 2]),
        (lambda w: bool((w.law() == 0).any()), [0, 0, 0, 1]),
    ],
)
def test_worlds_shrink_to_small_weights(wanted: object, smallest: list[int]) -> None:
    found = hypothesis.find(strategies.worlds(), wanted, settings=FINDS)  # type: ignore[arg-type]  # a predicate
    assert (found.n, found.d) == (2, 2)
    assert sorted(found.weights or ()) == smallest


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_what_is_drawn_is_written_down_and_read_back(data: st.DataObject) -> None:
    world = data.draw(strategies.worlds(n=(2, 3), cells=27))
    model = data.draw(strategies.denoisers(world, zeros=True))
    schedule = data.draw(strategies.schedules())
    rule = data.draw(rules())
    assert (model.n, model.d) == (world.n, world.d)
    back = instances.decode(
        json.loads(json.dumps(instances.encode({"world": world, "model": model, "schedule": schedule, "rule": rule})))
    )
    assert isinstance(back["world"], TableWorld) and back["world"].weights == world.weights
    assert isinstance(back["model"], TableDenoiser) and torch.equal(back["model"].log_p, model.log_p)
    assert isinstance(back["schedule"], Schedule) and back["schedule"] == schedule
    assert isinstance(back["rule"], SetRule) and back["rule"] == rule


def test_rules_that_are_tables_and_mappings_with_a_kind_are_written_down_and_read_back() -> None:
    rule = TabulatedRule("first", torch.tensor([[True], [True], [False]]), 2)
    written = json.loads(json.dumps(instances.encode({"rule": rule, "option": {"kind": "linear", "steps": 3}})))
    back = instances.decode(written)
    assert torch.equal(back["rule"].sets, rule.sets) and back["rule"].sets.dtype == torch.bool
    assert back["option"] == {"kind": "linear", "steps": 3}


def test_denoisers_shrink_to_uniform_rows() -> None:
    found = hypothesis.find(strategies.denoisers((2, 2)), lambda _: True, settings=FINDS)
    assert torch.equal(found.log_p[-1].exp(), torch.full((2, 2), 0.5, dtype=torch.float64))
