"""Each function of planners and predictors is guarded: corrupt it, and a claim has not the verdict that it should."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.planting import Corruption, after, altered, constant, given, outcome, plant, plus, times
from theory.power.claims import cones, looping, node_orders, prefixes, regular

BY_NAME = {c.id: c for m in (cones, looping, node_orders, prefixes, regular) for c in m.CLAIMS}
POWER = "theory.power."


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def reversed_rows(function: Any) -> Any:
    """Return what the function returns with its last axis reversed."""
    return lambda *args, **kwargs: function(*args, **kwargs).flip(-1)


def other_planner(function: Any) -> Any:
    """Let the machine that is returned pick every place in its first step."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        machine = function(*args, **kwargs)

        def everything(string: torch.Tensor, step: int) -> torch.Tensor:
            return torch.full((len(string), machine.outputs), step == 1)

        return dataclasses.replace(machine, planner=everything)

    return wrong


def other_machine(function: Any) -> Any:
    """Let the program's predictor write the next symbol."""

    def wrong(*args: Any, **kwargs: Any) -> Any:
        program = function(*args, **kwargs)
        machine = program.machine

        def shifted(view: Any) -> torch.Tensor:
            return (machine.predictor(view) + 1) % machine.d

        return dataclasses.replace(program, machine=dataclasses.replace(machine, predictor=shifted))

    return wrong


turned = altered(left=lambda places: places.flip(-1))
CASES: list[tuple[str, str, str, Corruption]] = [
    ("reasoning.1", "monoids", "transition_monoid", altered(products=lambda t: t.T)),
    ("reasoning.1sizes", "monoids", "transition_monoid", altered(maps=lambda m: m[1:])),
    ("reasoning.1", "trees", "balanced_tree", turned),
    ("reasoning.1", "trees", "halvings", plus(1)),
    ("reasoning.1", "trees", "products_of", other_machine),
    ("reasoning.1track", "trees", "state_tracking", other_machine),
    ("reasoning.2", "prefixes", "prefix_lanes", other_machine),
    ("reasoning.2two", "prefixes", "prefix_lanes", given(2, lambda lanes: 3 - lanes)),
    ("reasoning.2once", "prefixes", "write_once_prefixes", turned),
    ("reasoning.2symbols", "prefixes", "write_once_prefixes", given(0, lambda n: n + 1)),
    ("reasoning.2few", "prefixes", "ladner_fischer", given(0, lambda n: 2 * n)),
    ("reasoning.3", "trees", "products_of", other_machine),
    ("reasoning.4", "light_cones", "light_cone", constant(frozenset())),
    ("reasoning.4best", "light_cones", "accuracies", plus(1)),
    ("reasoning.4best", "light_cones", "best_accuracy", times(2)),
    ("reasoning.4tree", "light_cones", "parity_tree", given(1, lambda k: k + 1)),
    ("reasoning.4tree", "light_cones", "least_steps", plus(1)),
    ("reasoning.9", "light_cones", "best_accuracy", times(2)),
    ("reasoning.5", "trees", "success_probability", times(2)),
    ("reasoning.5", "trees", "bottom_up", after(torch.logical_not)),
    ("reasoning.5", "trees", "one_at_a_time", given(2, lambda orders: orders.flip(-1))),
    ("reasoning.5numbers", "trees", "chain", given(0, lambda n: n + 1)),
    ("reasoning.5draws", "trees", "random_orders", after(lambda orders: orders.sort(-1).values)),
    ("reasoning.5guesses", "trees", "one_at_a_time", given(3, torch.zeros_like)),
    ("reasoning.6", "looped", "layer", plus(1)),
    ("reasoning.6", "looped", "apply", reversed_rows),
    ("reasoning.6", "looped", "as_masked_diffusion", other_planner),
    ("reasoning.6apart", "looped", "coordinates", plus(1)),
    ("reasoning.7attention", "causal", "emulated", reversed_rows),
    ("reasoning.7", "causal", "with_copies", other_planner),
    ("reasoning.7", "causal", "chain_of_thought", after(lambda strings: strings[::-1])),
    ("reasoning.7back", "causal", "inside_chain", altered(strings=lambda strings: strings[::-1])),
    ("reasoning.7back", "causal", "denoiser", other_planner),
    ("reasoning.8", "planners", "merged", after(lambda f: lambda *args: torch.ones_like(f(*args)))),
    ("reasoning.8", "planners", "by_rank", given(2, lambda sizes: sizes[::-1])),
    ("reasoning.8any", "planners", "by_confidence", other_planner),
    ("reasoning.10", "monoids", "subgroups", constant([])),
    ("reasoning.10", "monoids", "derived_series", constant([120, 1])),
]


@pytest.mark.parametrize(("name", "module", "function", "corruption"), CASES)
def test_a_corrupted_function_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, module: str, function: str, corruption: Corruption
) -> None:
    claim = BY_NAME[name]
    assert outcome(claim) == claim.expected
    plant(monkeypatch, POWER + module, function, corruption)
    assert outcome(claim) != claim.expected
