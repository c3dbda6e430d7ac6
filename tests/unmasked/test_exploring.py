"""The tables of `um.explore` against the engines and against numbers known by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import unmasked as um
from synthetic import remasking as shared_remasking

PAIRS = um.worlds.copied_pairs(3)


@pytest.mark.parametrize("subject", ["schedules", "rules", "remasking"])
def test_the_worlds_of_a_subject_are_built_by_name(subject: str) -> None:
    assert um.explore.worlds(subject)["even parity"]().n in (4, 6)
    with pytest.raises(um.InvalidInput, match="did you mean rules"):
        um.explore.worlds("rule")


def test_errors_are_those_of_compare_and_nothing_is_below_the_optima() -> None:
    table = um.explore.errors(PAIRS, lambda t: t**1.5, steps=4)
    own = um.compare(lambda t: t**1.5, PAIRS, steps=4)
    assert table["error"].iloc[0] == pytest.approx(own.error, abs=1e-12)
    assert table["error"]["best grid"] == pytest.approx(own.optimum, abs=1e-12)
    assert table["error"]["best sizes"] == pytest.approx(own.optimal_sizes.error, abs=1e-12)
    assert (table["error"].drop("best sizes") >= table["error"]["best grid"] - 1e-12).all()
    assert (table["energy"].dropna() >= 1 - 1e-12).all()
    assert table["energy"]["squared sine"] == pytest.approx(1.0, abs=1e-12)


def test_errors_of_a_named_schedule_have_one_row_for_it_and_no_sizes_beyond_n() -> None:
    table = um.explore.errors(PAIRS, "linear", steps=7)
    assert table.index.is_unique
    assert "best sizes" not in table.index


def test_a_curve_that_is_given_takes_the_place_of_the_worlds_own() -> None:
    assert (um.explore.errors(PAIRS, "linear", 3, curve=[0.0] * 6)["error"].abs() < 1e-12).all()


def test_rules_are_measured_as_measure_does() -> None:
    def everything(log_p, masked):
        return masked

    chosen = [um.TopK(2), um.EntropyBounded(0.3, by="entropy"), um.RandomOne(), everything]
    table = um.explore.rules(PAIRS, chosen)
    for rule, (_, row) in zip(chosen, table.iterrows(), strict=True):
        found = um.measure(rule, PAIRS)
        assert (row["KL"], row["path KL"], row["calls"], row["bound"], row["excess"]) == pytest.approx(
            (max(0.0, found.kl), found.path_kl, found.calls, found.bound, found.excess), abs=1e-12
        )
    assert table["KL"]["everything"] == pytest.approx(3 * math.log(2))
    assert (table["model error"] == 0).all()


def test_the_parts_of_a_models_error_add_up() -> None:
    world = um.worlds.markov_chain([[0.9, 0.1], [0.2, 0.8]], n=4)
    model = um.worlds.markov_chain([[0.8, 0.2], [0.3, 0.7]], n=4)
    table = um.explore.rules(world, [um.TopK(1), um.TopK(2)], model)
    assert (table["model error"] > 0).all()
    assert np.allclose(table["KL"], table["model error"] + table["joint dependence"], atol=1e-12)


def test_what_rests_on_paths_is_nan_for_a_rule_that_looks_at_drawn_tokens() -> None:
    row = um.explore.rules(PAIRS, [um.Punt(0.1)]).iloc[0]
    assert math.isfinite(row["KL"])
    assert row[["path KL", "bound", "excess"]].isna().all()
    assert um.explore.blocks(um.Punt(0.1), PAIRS).empty


def test_the_frontier_is_the_best_that_rules_do() -> None:
    best = um.explore.frontier(PAIRS)
    assert best["calls"].is_monotonic_increasing
    assert (best["excess"] == 0).all()
    assert best[["calls", "path KL"]].to_numpy() == pytest.approx(np.array([[1.0, 3 * math.log(2)], [2.0, 0.0]]))


def test_blocks_add_up_to_the_error_of_the_rule() -> None:
    world = um.explore.worlds("rules")["six atoms"]()
    rule = um.EntropyBounded(0.4)
    found = um.explore.blocks(rule, world)
    assert (found["visits"] * found["error"]).sum() == pytest.approx(um.measure(rule, world).kl, abs=1e-12)
    assert (found["error"] <= found["bound"] + 1e-12).all()
    assert all(len(state.split()) == 5 and "_" in state for state in found.index)
    assert um.explore.blocks(um.TopK(1), world).empty


@pytest.mark.parametrize("sampler", um.explore.REMASKING)
def test_a_remasked_law_is_that_of_the_experiments(sampler: str) -> None:
    world = um.explore.worlds("remasking")["chain of 3"]()
    law, window = shared_remasking.exact("chain of 3"), (0.5, 1.0)
    expected = law.output(sampler, shared_remasking.SAMPLERS[sampler](4, window), 0.5)
    found = um.explore.remasked(world, sampler, 4, window, 0.5)
    assert torch.allclose(found.output.law(), expected.law(), atol=1e-14)
    table = um.explore.remasking(world, [2, 4], window, 0.5)
    assert table[sampler][4] == pytest.approx(found.total_variation, abs=1e-14)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(um.InvalidInput, match="did you mean guided"):
        um.explore.remasked(PAIRS, "guide", 4)
    with pytest.raises(um.InvalidInput, match="did you mean star"):
        um.explore.refinement(PAIRS, "sta")


def test_speculation_has_no_error_and_stays_below_its_ceiling() -> None:
    table = um.explore.masked_rounds(um.worlds.even_parity(4))
    assert list(table.index) == [1, 2, 3, 4]
    assert (table["TV"] < 1e-12).all()
    assert (table["rounds"] <= table["ceiling"] + 1e-12).all()
    last = table.loc[4]  # only the last of the four tokens is wrong, with chance 1/2, and it is corrected in its round
    assert (last["rounds"], last["rejections"], last["ceiling"]) == pytest.approx((1.0, 0.5, 1.5))


def test_gaussian_rounds_stay_below_their_ceiling_on_every_path() -> None:
    chain = um.gaussian_chains.diffusion(um.gaussian_chains.TOY, steps=20)
    table = um.explore.gaussian_rounds(chain, [1, 4], paths=200)
    assert (table["least room"] >= 0).all()
    assert table["rounds"][1] == 20
    assert table.equals(um.explore.gaussian_rounds(chain, [1, 4], paths=200))


def test_verdicts_and_trained_models_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path))
    table = um.explore.verdicts("eb", "decomposition", preset="smoke")
    assert set(table["verdict"]) <= {"supported", "refuted", "undecided", "too few values"}
    assert "eb.E1" in table.index
    run = um.trained("small/copied pairs", "smoke")
    assert run.rows.world is not None
    assert run.nelbo > float(run.rows.world.entropy())
    assert run.sample(um.TopK(2), 8).tokens.shape == (8, 6)
    with pytest.raises(um.InvalidInput, match="did you mean smoke"):
        um.trained("small/copied pairs", "smok")
    with pytest.raises(um.InvalidInput, match="experiment"):
        um.explore.verdicts("ebb")


def test_no_module_hides_a_name_of_the_face() -> None:
    modules = {path.stem for path in Path(um.__file__).parent.glob("*.py")}
    groups = {"adapters", "crossbars", "strategies", "temperature", "training"}  # names that are those modules
    assert modules & set(um.__all__) == groups


def test_a_drawing_shows_its_picture_in_a_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path))
    drawing = um.figures.draw("steps", "smoke")
    assert drawing._repr_html_ is None
    assert drawing._repr_png_().startswith(b"\x89PNG")
