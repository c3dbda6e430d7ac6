"""The experiments on speculative sampling: exact counts by enumeration, means within their own errors."""

from __future__ import annotations

import functools
import importlib
import math

import numpy as np
import pandas as pd
import pytest

from synthetic import small_worlds
from synthetic.experiments import registry
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import speculation as reference_speculation
from theory.speculation.bounds import expected_rounds

ERRORS = 3
"""Half-widths of 95% intervals allowed between a mean and its expectation: 5.9 standard errors."""


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float | str]]:
    module = importlib.import_module(registry()[name])
    return module.run(module.PRESETS["smoke"], Silent())


def test_gaussian_rounds_are_those_of_independent_coins_and_of_the_quadrature() -> None:
    table, _ = smoke("speculative_gaussian")
    sizes = table[table["part"] == "size"]
    for row in sizes[sizes["draft"] == "independent"].itertuples():
        assert row.exact_rounds == pytest.approx(expected_rounds([row.exact_acceptance] * row.steps, row.steps))
    known = sizes[sizes["exact_rounds"] > 0]
    assert len(known) == 4
    assert ((known["rounds"] - known["exact_rounds"]).abs() < ERRORS * known["rounds_error"]).all()


def test_gaussian_acceptances_are_the_means_of_their_compensator() -> None:
    table, _ = smoke("speculative_gaussian")
    assert ((table["acceptance"] - table["expected"]).abs() < ERRORS * table["acceptance_error"]).all()
    alone = table[table["draft"] == "independent"]
    assert alone["expected"].tolist() == pytest.approx(alone["exact_acceptance"].tolist(), abs=1e-12)


def test_gaussian_calls_and_evaluations_follow_from_the_rounds() -> None:
    table, scalars = smoke("speculative_gaussian")
    frozen, alone = (table[table["draft"] == draft] for draft in ("frozen", "independent"))
    assert (frozen["calls"] <= 2 * frozen["rounds"] + 1e-9).all()
    assert (alone["calls"] == alone["rounds"]).all()
    assert (table["evaluations"] >= table["steps"] - 1e-9).all()
    rows = frozen[(frozen["part"] == "size") & (frozen["steps"] >= 20)]
    slope = np.polyfit(np.log(rows["steps"]), np.log(rows["rounds"]), 1)[0]
    assert scalars["frozen/rounds/slope"] == pytest.approx(slope)
    assert scalars["frozen/1/best churn"] == 0.3


def test_gaussian_acceptances_of_the_notes() -> None:
    module = importlib.import_module(registry()["speculative_gaussian"])
    config = module.Config(acceptance_paths=400)
    for churn, dimension, noted in ((0.03, 1, 0.962), (1.0, 1, 0.985), (2.0, 1, 0.951), (1.0, 4, 0.966)):
        row = module.measured(config, "acceptance", "frozen", 200, 10, churn, dimension)
        assert row["acceptance"] == pytest.approx(noted, abs=ERRORS * row["acceptance_error"] + 5e-4)


@pytest.mark.parametrize("window", [2, 3, 5])
def test_masked_rounds_of_six_atoms_by_enumerating_drafts_and_coins(window: int) -> None:
    table, _ = smoke("speculative_masked")
    world = small_worlds.six_atoms()
    conditional = reference.conditionals_of(reference.floats(world), world.d)
    orders = {
        "left to right": reference_speculation.fixed_order(range(world.n), world.d),
        "confidence": reference_speculation.confidence_order(lambda z, i, v: round(conditional(z, i, v), 12), world.d),
    }
    mine = table[(table["world"] == "six atoms") & (table["window"] == window)].set_index("order")
    for name, order in orders.items():
        found = reference_speculation.speculative(conditional, order, world.n, world.d, window)
        wanted = [found.rounds, found.coins, found.mismatches]
        assert mine.loc[name, ["rounds", "coins", "mismatches"]].tolist() == pytest.approx(wanted, abs=1e-12)


def test_masked_laws_bounds_and_mismatches() -> None:
    table, scalars = smoke("speculative_masked")
    assert scalars["gap"] < 1e-12
    fixed = table[table["order"].isin(["left to right", "random"])]
    assert (fixed["mismatches"] == 0).all()
    refused = table["coins"] + table["mismatches"]
    assert (table["rounds"] <= np.ceil(table["n"] / table["window"]) + refused + 1e-12).all()
    assert (table["low"] - 1e-12 <= table["rounds"]).all()
    assert (table["rounds"] <= table["high"] + 1e-12).all()
    for window, rounds in ((1, lambda n: n), (2, lambda n: math.ceil(n / 2))):
        rows = table[table["window"] == window]
        assert rows["rounds"].tolist() == pytest.approx([rounds(n) for n in rows["n"]])
    assert scalars["dense laws/extra"] > 0.5
    assert scalars["dense laws/share"] > 0.5
    assert scalars["copied pairs/extra"] == pytest.approx(0, abs=1e-12)
