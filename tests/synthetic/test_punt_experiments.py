"""The experiments on one step of PUNT, its quantiles and the generations of a tree, by the literal algorithm."""

from __future__ import annotations

import functools
import importlib
import math

import pandas as pd
import pytest
import torch

from synthetic.experiments import punt_depths, punt_quantiles, registry
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import lookahead
from theory.worlds.table import table_of
from theory.worlds.tree import sticky_chain


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float]]:
    module = importlib.import_module(registry()[name])
    found: tuple[pd.DataFrame, dict[str, float]] = module.run(module.PRESETS["smoke"], Silent())
    return found


def chain_conditional(stay: float, n: int, d: int, z: tuple[int, ...], i: int, v: int) -> float:
    """Return the conditional of a chain of d symbols from its nearest revealed neighbours, by powers of the matrix."""

    def agrees(distance: int) -> float:
        """Return the probability that two symbols at a distance are equal: 1/d + (1 - 1/d) lambda^distance."""
        second = 1 - (1 - stay) * d / (d - 1)
        return 1 / d + (1 - 1 / d) * second**distance

    if z[i] != d:
        return float(z[i] == v)
    weights = []
    for w in range(d):
        weight = 1.0
        for side in (range(i - 1, -1, -1), range(i + 1, n)):
            near = next((j for j in side if z[j] != d), None)
            if near is not None:
                same = agrees(abs(near - i))
                weight *= same if z[near] == w else (1 - same) / (d - 1)
        weights.append(weight)
    return weights[v] / sum(weights)


def test_the_step_is_the_literal_one() -> None:
    table, scalars = smoke("punt_step")
    state = table[table["part"] == "state"].sort_values("position")
    n, d = len(state), 3
    y = tuple(state["token"])
    z = tuple(d if masked else token for masked, token in zip(state["masked"], y, strict=True))
    denoiser = functools.partial(chain_conditional, 0.8, n, d)
    kept, calls = lookahead.punt_step(
        denoiser, z, y, d, lookahead.ranked("confidence"), lookahead.within(scalars["eps"])
    )
    rounds = table[table["part"] == "round"]
    last = rounds[rounds["round"] == rounds["round"].max()]
    assert set(last["position"][last["role"].isin(["anchor", "kept"])]) == set(kept)
    assert scalars["revealed"] == len(kept)
    assert scalars["calls"] == calls
    assert scalars["errors"] == pytest.approx(lookahead.step_errors(denoiser, z, y, kept, d), rel=1e-10)
    for _, mine in rounds.groupby("round"):
        shown = lookahead.shown(z, y, list(mine["position"][mine["role"] == "anchor"]))
        for row in mine[mine["moved"].notna()].itertuples():
            before, after = (lookahead.row(denoiser, state, row.position, d) for state in (z, shown))
            divergence = lookahead.divergence(before, after)
            assert row.moved == pytest.approx(divergence, abs=1e-12)
            assert (row.role == "dropped") == (divergence > scalars["eps"])


def test_what_a_step_reveals_depends_less_than_all_masks() -> None:
    """By the chain rule along the chain: information between neighbours that are next to each other in the block."""
    table, scalars = smoke("punt_step")
    state = table[table["part"] == "state"].sort_values("position")
    d, z = 3, tuple(3 if row.masked else row.token for row in state.itertuples())
    denoiser = functools.partial(chain_conditional, 0.8, len(z), d)
    masked = [i for i, token in enumerate(z) if token == d]

    def left_to_right(now: tuple[int, ...], places: list[int]) -> float:
        """Return the entropy of some places, revealed one after the other."""
        if not places:
            return 0.0
        first, rest = places[0], places[1:]
        found = lookahead.row(denoiser, now, first, d)
        later = math.fsum(p * left_to_right(reference.with_token(now, first, v), rest) for v, p in enumerate(found))
        return reference.entropy(found) + later

    single = math.fsum(reference.entropy(lookahead.row(denoiser, z, i, d)) for i in masked)
    assert scalars["all masked"] == pytest.approx(single - left_to_right(z, masked), abs=1e-10)
    assert scalars["dependence"] < scalars["all masked"]


def literal_deltas(eps: float, in_order: bool) -> dict[int, list[tuple[float, float]]]:
    """Walk PUNT over all states and candidates of a chain of five bits: (delta, weight) by revealed tokens."""
    world = sticky_chain(5)
    denoiser = reference.conditionals_of(reference.floats(world), 2)
    step = lookahead.in_order_step if in_order else lookahead.punt_step
    now: dict[tuple[int, ...], float] = {(2,) * 5: 1.0}
    found: dict[int, list[tuple[float, float]]] = {}
    while now:
        after: dict[tuple[int, ...], float] = {}
        for z, mass in now.items():
            for y, weight in lookahead.candidate_vectors(denoiser, z, 2):
                kept, _ = step(denoiser, z, y, 2, lookahead.ranked("confidence"), lookahead.within(eps))
                for k, i in enumerate(kept[1:], start=1):
                    rows = [lookahead.row(denoiser, s, i, 2) for s in (z, lookahead.shown(z, y, kept[:k]))]
                    pair = (lookahead.divergence(*rows), mass * weight)
                    found.setdefault(5 - len(reference.masked(z, 2)), []).append(pair)
                x = lookahead.shown(z, y, kept)
                if 2 in x:
                    after[x] = after.get(x, 0.0) + mass * weight
        now = after
    return found


@pytest.mark.parametrize("tests", ["binary", "in-order"])
def test_the_quantiles_are_those_of_every_state_and_candidate(tests: str) -> None:
    table = smoke("punt_quantiles")[0]
    found = literal_deltas(0.2, tests == "in-order")
    mine = table[(table["world"] == "Markov chain") & (table["tests"] == tests) & (table["eps"] == 0.2)]
    mine = mine.set_index("revealed")
    assert set(mine.index[mine["median"].notna()]) == set(found)
    for count, pairs in found.items():
        total = math.fsum(weight for _, weight in pairs)
        for name, level in (("q05", 0.05), ("median", 0.5), ("q95", 0.95)):
            value = mine.loc[count, name]
            below = math.fsum(weight for delta, weight in pairs if delta < value - 1e-9) / total
            upto = math.fsum(weight for delta, weight in pairs if delta <= value + 1e-9) / total
            assert below < level + 1e-9 <= upto + 2e-9
        over = math.fsum(weight for delta, weight in pairs if delta > 0.2 + 1e-9) / total
        assert mine.loc[count, "over"] == pytest.approx(over, abs=1e-9)


def test_in_order_tests_let_no_token_exceed_the_threshold_and_binary_ones_do() -> None:
    scalars = smoke("punt_quantiles")[1]
    assert all(value == 0 for key, value in scalars.items() if "/in-order/" in key)
    assert any(value > 0.01 for key, value in scalars.items() if "/binary/" in key)


def test_a_quantile_is_the_least_value_with_enough_weight() -> None:
    values, weights = torch.tensor([3.0, 1.0, 2.0]).double(), torch.tensor([0.5, 0.25, 0.25]).double()
    assert [punt_quantiles.quantile(values, weights, level) for level in (0.1, 0.25, 0.26, 0.51, 1)] == [1, 1, 2, 3, 3]
    assert math.isnan(punt_quantiles.quantile(values[:0], weights[:0], 0.5))


def test_on_a_tree_with_a_leaning_root_every_step_of_the_literal_algorithm_is_a_generation() -> None:
    """For every candidate of every state that is reached; so the drawn table has step = depth + 1 without spread."""
    tree, depths = punt_depths.relabelled(2, 0.9, 0.9, torch.Generator().manual_seed(0))
    denoiser = reference.conditionals_of(reference.floats(table_of(tree)), 2)
    order, passes = lookahead.ranked("confidence"), lookahead.within(0.01)
    states: set[tuple[int, ...]] = {(2,) * 7}
    for depth in range(3):
        after: set[tuple[int, ...]] = set()
        for z in states:
            for y, _ in lookahead.candidate_vectors(denoiser, z, 2):
                kept, _ = lookahead.punt_step(denoiser, z, y, 2, order, passes)
                assert {int(depths[i]) for i in kept} == {depth}
                after.add(lookahead.shown(z, y, kept))
        states = after
    assert all(2 not in z for z in states)
    table = smoke("punt_depths")[0]
    strict = table[(table["world"] == "leaning root") & (table["eps"] == 0.01)]
    assert (strict["step"] == strict["depth"] + 1).all()
    assert (strict["high"] - strict["low"]).max() < 1e-9


def test_places_are_counted_by_hand_and_average_to_one_half() -> None:
    step = torch.tensor([[1, 2, 2, 4], [3, 1, 2, 2]])
    for row, found in zip(step.tolist(), punt_depths.place(step).tolist(), strict=True):
        expected = [(sum(s < t for s in row) + sum(s == t for s in row) / 2) / 4 for t in row]
        assert found == pytest.approx(expected)
    table = smoke("punt_depths")[0]
    means = (table["place"] * table["nodes"]).groupby([table["world"], table["rule"]]).sum() / 7
    assert means.to_numpy() == pytest.approx(0.5, abs=1e-12)
