"""Every exact experiment: its presets, its table, and its numbers by another route."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import itertools
import math
import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic import worlds as shared
from synthetic.digest import PROJECT
from synthetic.encoding import decode_table, encode_config, encode_scalars, encode_table
from synthetic.experiments import registry
from synthetic.progress import Silent
from theory import schedules, worlds
from theory.energy import closed_forms, sphere
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers
from theory.reference.energy import Problem
from theory.unmasking import curves, laws
from theory.unmasking.beta_fit import beta_grids
from theory.worlds import TableWorld
from theory.worlds.information import dual_total_correlation, total_correlation

NAMES = tuple(registry())
NOT_FINITE = {
    "landscapes": {"energy"},
    "steps": {"a", "b"},
    "energy_vs_error": {"energy", "a", "b"},
    **{name: {"low", "high"} for name in ("noise_temperature", "sgd_temperatures", "small_networks", "sphere_chains")},
}
TARGETS = {"left": worlds.beta_toy_left, "right": worlds.beta_toy_right}


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float | str]]:
    module = importlib.import_module(registry()[name])
    whole = module.PRESETS["smoke"]
    runs = getattr(module, "parts", lambda config: ())(whole) or (whole,)
    found = [module.run(config, Silent()) for config in runs]
    scalars = {name: value for _, some in found for name, value in some.items()}
    return pd.concat([table for table, _ in found], ignore_index=True), scalars


@functools.cache
def exact_toy(key: str) -> dict[tuple[int, ...], Fraction]:
    rows = TARGETS[key]().support.tolist()
    return {tuple(x): Fraction(1, len(rows)) for x in rows}


def vector(law: dict[tuple[int, ...], Fraction]) -> torch.Tensor:
    return torch.tensor([float(law.get(x, 0)) for x in reference.sequences(5, 2)], dtype=torch.float64)


@pytest.mark.parametrize("name", NAMES)
def test_presets_are_frozen_and_can_be_recorded(name: str) -> None:
    module = importlib.import_module(registry()[name])
    assert [preset for preset in module.PRESETS if preset != "h100"] == ["smoke", "laptop", "gpu"]
    assert ("h100" in module.PRESETS) == hasattr(module, "models")
    for config in module.PRESETS.values():
        assert dataclasses.is_dataclass(config)
        encode_config(config)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_the_documented_columns_and_finite_numbers(name: str) -> None:
    table, scalars = smoke(name)
    text = importlib.import_module(registry()[name]).__doc__ or ""
    documented = re.findall(r"\w+", text[text.index("Table: ") : text.index("Scalars")])
    assert set(table.columns) <= set(documented)
    pd.testing.assert_frame_equal(decode_table(encode_table(table)), table, check_exact=True)
    encode_scalars(scalars)
    numbers = table.drop(columns=NOT_FINITE.get(name, set())).select_dtypes("number")
    assert not np.isinf(numbers.to_numpy()).any()
    assert "nan" in documented or not np.isnan(numbers.to_numpy()).any()


def test_presets_are_looked_up_without_heavy_libraries() -> None:
    code = f"import sys, importlib; [importlib.import_module(m) for m in {list(registry().values())!r}]"
    code += "; print(*sorted({'torch', 'pandas', 'scipy', 'sympy', 'matplotlib'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=PROJECT, check=True)
    assert done.stdout == "\n"


def test_parity_is_held_by_a_place_that_depends_on_all_inputs_alone() -> None:
    """Every place reads at most its fan-in, and cones grow as counted from the reads."""
    table, scalars = smoke("light_cones")
    parity, reads = table[table["part"] == "parity"], table[table["part"] == "read"]
    assert set(parity["share"][parity["inputs"] == scalars["n"]]) == {1.0}
    assert set(parity["share"][parity["inputs"] < scalars["n"]]) == {0.5}
    assert (parity["inputs"] <= parity["allowed"]).all()
    read = reads.groupby(["fan_in", "step", "x"]).size()
    assert (read.to_numpy() <= read.index.get_level_values("fan_in")).all()
    assert (reads["reads_step"] < reads["step"]).all()


def test_interpolations_meet_condition_3_4() -> None:
    table, scalars = smoke("interpolations")
    assert table["alpha"].to_numpy() == pytest.approx(np.sin(np.pi / 2 * table["gamma"]) ** 2, abs=1e-15)
    assert max(scalars.values()) < 1e-15


def test_landscapes_agree_with_quadrature_and_have_their_minimum_at_the_weight() -> None:
    table, scalars = smoke("landscapes")
    assert (table["energy"] >= closed_forms.LEAST * (1 - 1e-12)).all()
    finite = table[np.isfinite(table["energy"])]
    assert (np.isinf(table["energy"]) == ((2 * table["a"] <= table["c"]) | (2 * table["b"] <= table["e"]))).all()
    gentle = finite[(2 * finite["a"] > finite["c"] + 0.5) & (2 * finite["b"] > finite["e"] + 0.5)]
    for row in gentle.iloc[[0, len(gentle) // 2, -1]].itertuples():
        problem = Problem.of(schedules.beta_mask(row.a, row.b), schedules.beta(row.c, row.e))
        assert closed_forms.schedule_integral(problem) == pytest.approx(row.energy, rel=1e-9)
    for c, e in {(row.c, row.e) for row in table.itertuples()}:
        assert scalars[f"{c:g},{e:g}/least"] == pytest.approx(closed_forms.LEAST, rel=1e-12)
        assert (scalars[f"{c:g},{e:g}/a"], scalars[f"{c:g},{e:g}/b"]) == pytest.approx((c, e), rel=1e-6)


def test_only_squared_sine_follows_the_geodesic_at_constant_speed() -> None:
    table, scalars = smoke("geodesic")
    for name, rows in table.groupby("schedule"):
        points = np.stack((np.cos(rows["angle"]), np.sin(rows["angle"])), axis=-1)
        slerp = sphere.slerp([1.0, 0.0], [0.0, 1.0], rows["t"].to_numpy())
        assert (np.abs(points - slerp).max() < 1e-14) == (name == "squared sine")
    wide = table.pivot(index="t", columns="schedule", values="speed").iloc[1:-1]
    assert wide["squared sine"].to_numpy() == pytest.approx(math.pi / 2, rel=1e-12)
    assert wide["linear"].to_numpy() == pytest.approx(0.5 / np.sqrt(wide.index * (1 - wide.index)), rel=1e-12)
    assert scalars["squared sine/energy ratio"] == pytest.approx(1, abs=1e-14)
    assert scalars["linear/energy ratio"] * math.pi**2 == pytest.approx(12.24, abs=0.005)
    assert scalars["one minus cosine/energy ratio"] * math.pi**2 == pytest.approx(12.49, abs=0.005)


def test_rates_are_ordered_and_reach_the_closed_forms() -> None:
    table, scalars = smoke("rates")
    wide = table.pivot(index=["n", "d", "draw"], columns="rate", values="energy").reset_index()
    for row in wide.to_dict("records"):
        assert row["MDM"] == pytest.approx(scalars[f"{row['n']},{row['d']}/MDM"], rel=1e-12)
        assert row["all pairs"] == pytest.approx(row["n"], rel=1e-8)
        chain = [row[rate] for rate in ("all pairs", "any one-token change", "one-token unmasking", "MDM")]
        assert all(low <= high + 1e-8 for low, high in itertools.pairwise(chain))
        assert (chain[2] < chain[3] - 1e-6) == (row["n"] > 1)
    assert scalars["gap"] < 1e-9


def test_curves_are_approximated_best_among_all_compositions() -> None:
    table, scalars = smoke("curves")
    for world, rows in table.groupby("world"):
        area = float((rows["curve"] - rows["steps"]).sum())
        z = torch.tensor(rows["curve"].tolist(), dtype=torch.float64)
        parts = [s for s in laws.compositions(len(z), 3) if all(s)]
        assert scalars[f"{world}/error"] == pytest.approx(area, abs=1e-12)
        assert area == pytest.approx(min(float(curves.fixed_size_error(z, s)) for s in parts), abs=1e-12)
        law, n, d = shared.world(world).law(), shared.world(world).n, shared.world(world).d
        assert scalars[f"{world}/TC"] == pytest.approx(float(total_correlation(law, n, d)), abs=1e-10)
        assert scalars[f"{world}/DTC"] == pytest.approx(float(dual_total_correlation(law, n, d)), abs=1e-10)


NOTES = {
    "best sizes": (0.5342, 0.2213, 0.0954, 0.0319, 0.0),
    "best grid": (0.7634, 0.4802, 0.3501, 0.2754, 0.2269),
    "linear": (0.8164, 0.5186, 0.3791, 0.2986, 0.2461),
    "squared sine": (0.8164, 0.5672, 0.4319, 0.3457, 0.2873),
    "one minus cosine": (0.8114, 0.5302, 0.3906, 0.3085, 0.2547),
}


@pytest.mark.parametrize("schedule", NOTES)
def test_steps_reproduce_the_notes_for_the_markov_chain(schedule: str) -> None:
    table = smoke("steps")[0].query("world == 'Markov chain' and schedule == @schedule and 2 <= steps <= 6")
    assert table["steps"].tolist() == [2, 3, 4, 5, 6]
    assert table["error"].to_numpy() == pytest.approx(NOTES[schedule], abs=5.1e-5)


def test_best_beta_improves_on_the_notes_and_comes_close_to_the_best_grid() -> None:
    """An earlier computation searched a grid of shapes: .7634, .4817, .3518, .2771, .2285 at K = 2..6."""
    chain = smoke("steps")[0].query("world == 'Markov chain' and 2 <= steps <= 6")
    errors = chain.pivot(index="steps", columns="schedule", values="error")
    gain = np.array([0.7634, 0.4817, 0.3518, 0.2771, 0.2285]) - errors["best Beta"]
    assert ((gain > -5.1e-5) & (gain < 1.6e-3)).all()
    assert (errors["best Beta"] <= 1.008 * errors["best grid"]).all()


def test_no_schedule_beats_the_best_grid_and_no_grid_the_best_sizes() -> None:
    table, scalars = smoke("steps")
    for (world, steps), rows in table.groupby(["world", "steps"]):
        errors = rows.set_index("schedule")["error"]
        assert (errors.drop("best sizes") >= errors["best grid"] - 1e-9).all()
        assert errors["best sizes"] <= errors["best grid"] + 1e-9
        if steps == 1:
            assert errors.to_numpy() == pytest.approx(scalars[f"{world}/TC"], abs=1e-12)


def test_squared_sine_loses_on_copied_pairs_and_wins_on_the_logit_like_curve() -> None:
    table, scalars = smoke("energy_vs_error")
    assert (table["error"] >= -1e-9).all()
    assert (table["step_energy"] >= -1e-12).all()
    pairs = smoke("steps")[0].query("world == 'copied pairs'").pivot(index="steps", columns="schedule", values="error")
    ratio = pairs["squared sine"] / pairs["linear"] - 1
    assert ratio[[4, 5, 6]].round(2).tolist() == [0.17, 0.19, 0.21]
    assert scalars["logit-like curve/sign"] < 0 < scalars["copied pairs/sign"]
    signs = [value for name, value in scalars.items() if name.endswith("/sign")]
    assert scalars["worlds"] == len(signs)
    assert scalars["squared sine worse"] == sum(sign > 1e-12 for sign in signs)


def test_beta_energies_agree_with_quadrature() -> None:
    table = smoke("energy_vs_error")[0].query("world == 'copied pairs' and schedule == 'Beta'")
    some = table[(table["a"] > 0.9) & (table["b"] > 0.9)].iloc[-1]
    problem = Problem.of(schedules.beta_mask(some["a"], some["b"]), schedules.beta(1, 1))
    assert closed_forms.schedule_integral(problem) / math.pi**2 - 1 == pytest.approx(some["energy"], rel=1e-9)


@pytest.mark.parametrize("key", TARGETS)
@pytest.mark.parametrize("schedule", ["linear", "squared sine", "sine", "one minus cosine"])
def test_toy_laws_are_those_of_the_literal_chain(key: str, schedule: str) -> None:
    table, scalars = smoke("toy")
    reveal = schedules.NAMED[schedule].reveal_probabilities(3)
    law = exact_toy(key)
    chain = reference_samplers.chain_law(reference.conditionals_of(law, 2), reveal.tolist(), 5, 2)
    rows = table.query("target == @key and schedule == @schedule")
    output = [chain.get(tuple("ab".index(token) for token in x), 0.0) for x in rows["sentence"]]
    assert rows["output"].to_numpy() == pytest.approx(output, abs=1e-14)
    assert scalars[f"{key}/{schedule}/kl"] == pytest.approx(reference.kullback_leibler(law, chain), abs=1e-13)
    distance = sum(abs(p - float(q)) for p, q in zip(output, rows["data"], strict=True)) / 2
    assert scalars[f"{key}/{schedule}/tv"] == pytest.approx(distance, abs=1e-14)
    path = reference_samplers.path_divergence(law, reference.conditionals_of(law, 2), reveal.tolist(), 5, 2)
    assert scalars[f"{key}/{schedule}/error"] == pytest.approx(path, abs=1e-12)


@pytest.mark.parametrize("key", TARGETS)
def test_the_best_sizes_hit_the_target_exactly_in_rational_arithmetic(key: str) -> None:
    scalars = smoke("toy")[1]
    sizes = [int(s) for s in str(scalars[f"{key}/best sizes/sizes"]).split(" + ")]
    law = exact_toy(key)
    found = reference_samplers.fixed_size_law(reference.conditionals_of(law, 2), sizes, 5, 2)
    assert {x: p for x, p in found.items() if p} == law
    error = reference_samplers.fixed_size_error(law, reference.conditionals_of(law, 2), sizes, 5, 2)
    assert scalars[f"{key}/best sizes/error"] == pytest.approx(error, abs=1e-12)
    assert (error > 0.07) == (key == "right")


def test_toy_headline_numbers() -> None:
    scalars = smoke("toy")[1]
    expected = {"left/linear": 0.5193, "left/squared sine": 0.4913, "left/best grid": 0.3301}
    expected |= {"right/linear": 0.1243, "right/squared sine": 0.1366, "right/best grid": 0.1068}
    for key, value in expected.items():
        assert scalars[f"{key}/kl"] == pytest.approx(value, abs=5.1e-5)


@pytest.mark.parametrize("key", TARGETS)
def test_no_neighbour_of_the_best_grid_is_better_and_beta_reaches_it(key: str) -> None:
    scalars, law = smoke("toy")[1], TableWorld(vector(exact_toy(key)), 5, 2)
    best = float(scalars[f"{key}/best grid/kl"])
    grid = np.array([float(x) for x in str(scalars[f"{key}/best grid/grid"]).split(", ")])
    for move in itertools.product((-0.01, 0, 0.01), repeat=2):
        near = grid + np.array([0, *move, 0])
        assert float(laws.mixed_divergence(law, laws.per_token(near, 5))) >= best - 1e-8
    assert scalars[f"{key}/best Beta/kl"] == pytest.approx(best, abs=1e-9)


def test_sentences_are_ordered_by_number_of_as_then_lexicographically() -> None:
    rows = smoke("toy")[0].query("target == 'left' and schedule == 'linear'")
    sentences = rows["sentence"].tolist()
    assert sentences == sorted(sentences, key=lambda s: (s.count("a"), s))
    assert (sentences[0], sentences[1], sentences[-1]) == ("bbbbb", "abbbb", "aaaaa")
    assert rows["rank"].tolist() == list(range(32))


@pytest.mark.parametrize("key", TARGETS)
def test_the_plane_agrees_with_the_sweep_over_states_and_stays_below_the_path_kl(key: str) -> None:
    table, scalars = smoke("beta_plane")
    rows = table.query("target == @key")
    assert (rows["kl"] <= rows["error"] + 1e-12).all()
    assert scalars[f"{key}/best/kl"] <= rows["kl"].min() + 1e-12
    assert scalars[f"{key}/best error/error"] <= rows["error"].min() + 1e-12
    law = TableWorld(vector(exact_toy(key)), 5, 2)
    for row in rows.iloc[[0, 40, 77, -1]].itertuples():
        grid = schedules.beta_mask(row.a, row.b).grid(3)
        swept = laws.mixed_divergence(law, laws.per_token(grid, 5))
        assert float(swept) == pytest.approx(row.kl, rel=1e-9, abs=1e-12)


def test_named_schedules_are_placed_where_beta_has_the_same_grid() -> None:
    scalars = smoke("beta_plane")[1]
    for name, schedule in schedules.NAMED.items():
        a, b = scalars[f"left/{name}/a"], scalars[f"left/{name}/b"]
        assert beta_grids(a, b, schedules.uniform_grid(3)) == pytest.approx(schedule.grid(3), abs=1e-9)
    assert (scalars["left/linear/a"], scalars["left/linear/b"]) == pytest.approx((0.5, 0.5), abs=1e-9)
    assert (scalars["left/best/a"], scalars["left/best/b"]) == pytest.approx((0.496, 0.272), abs=1e-3)
    assert (scalars["right/best/a"], scalars["right/best/b"]) == pytest.approx((0.389, 0.538), abs=1e-3)


def test_shared_worlds_have_curves_and_an_unknown_one_is_named() -> None:
    with pytest.raises(InvalidInput, match="did you mean 4x4 Sudoku"):
        shared.world("4x4 sudoko")
    logit = shared.logit_like_curve(40)
    jumps = [1 / ((j - 0.5) * (40.5 - j)) for j in range(2, 41)]
    assert logit.diff().tolist() == pytest.approx([math.log(2) * jump / sum(jumps) for jump in jumps], rel=1e-12)
    for name in ("hidden Markov model", "MDS code", "Dirichlet"):
        z = shared.curve(name)
        assert (z.diff() >= -1e-12).all()
