"""Measurements as runs: cut off and taken up again, refused for another model, damaged, and reported in words."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from figures import model_page
from synthetic.measuring import estimates, grids
from synthetic.measuring.report import TABLES, Report
from synthetic.measuring.runs import Run, measure
from synthetic.measuring.scores import Plan
from synthetic.measuring.sequences import Sequences, sequences
from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.schedules import LINEAR
from theory.unmasking.curves import per_token_error
from theory.worlds import TreeWorld, markov_chain

PLAN = Plan(draws=8, scored=6, sizes=(2, 4), budgets=(0.5, 1.0), group=4, windows=1, window=4)


def chain(n: int = 12) -> TreeWorld:
    return markov_chain([[0.8, 0.1, 0.1], [0.05, 0.9, 0.05], [0.3, 0.1, 0.6]], n)


def data(count: int = 10, n: int = 12, seed: int = 0) -> Sequences:
    return sequences(chain(n).sample(count, torch.Generator().manual_seed(seed)), 3)


class Failing:
    """A denoiser that breaks off after some calls, as a session that ends does."""

    name, n, d = "Markov chain", 12, 3

    def __init__(self, calls: float) -> None:
        self.left, self.world, self.asked = calls, chain(), 0

    def __call__(self, z: Tensor) -> Tensor:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= 1
        self.asked += len(z)
        return self.world(z)


@pytest.mark.parametrize("calls", [3, 40, 90])
def test_a_run_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(calls: int, tmp_path: Path) -> None:
    whole = measure(Failing(math.inf), data(), PLAN)
    with pytest.raises(KeyboardInterrupt):
        measure(Failing(calls), data(), PLAN, tmp_path)
    done = len(list(tmp_path.glob("part-*.json")))
    again = Failing(math.inf)
    second = measure(again, data(), PLAN, tmp_path)
    pd.testing.assert_frame_equal(second.rows, whole.rows)
    assert second.states == whole.states
    assert done == 0 or again.asked < whole.states
    third = Failing(2)
    measure(third, data(), PLAN, tmp_path)
    assert third.asked == 2


def test_a_folder_of_another_measurement_is_refused(tmp_path: Path) -> None:
    measure(Failing(math.inf), data(), PLAN, tmp_path)
    with pytest.raises(InvalidInput, match="other sequences"):
        measure(Failing(math.inf), data(seed=1), PLAN, tmp_path)
    with pytest.raises(InvalidInput, match="draws 8 for 10"):
        measure(Failing(math.inf), data(), Plan(draws=10), tmp_path)
    other = Failing(math.inf)
    other.world = markov_chain([[0.8, 0.1, 0.1], [0.05, 0.9, 0.05], [0.31, 0.1, 0.59]], 12)
    with pytest.raises(InvalidInput, match="other weights"):
        measure(other, data(), PLAN, tmp_path)
    (tmp_path / "measurement.json").unlink()
    with pytest.raises(InvalidInput, match="not known"):
        measure(Failing(math.inf), data(), PLAN, tmp_path)


def test_a_damaged_part_is_measured_again_with_a_warning(tmp_path: Path) -> None:
    whole = measure(Failing(math.inf), data(), PLAN, tmp_path)
    part = sorted(tmp_path.glob("part-*.json"))[1]
    part.write_bytes(part.read_bytes()[:-40])
    with pytest.warns(UserWarning, match="measuring it again"):
        again = measure(Failing(math.inf), data(), PLAN, tmp_path)
    pd.testing.assert_frame_equal(again.rows, whole.rows)


def test_the_cost_is_said_first() -> None:
    said: list[str] = []
    run = measure(Failing(math.inf), data(), PLAN, say=said.append)
    most = int(said[0].split("at most ")[1].split()[0])
    assert "10 sequences to measure" in said[0] and run.states <= most <= 2 * run.states


def report_of(denoiser: Denoiser, given: Sequences, plan: Plan = PLAN) -> Report:
    return Report("model", len(given), plan, measure(denoiser, given, plan))


def test_a_report_has_every_table_a_sentence_on_each_and_a_record_of_plain_json() -> None:
    report = report_of(chain(), data())
    assert list(report.tables) == list(TABLES)
    assert all(len(table) for table in report.tables.values())
    text = "\n".join(report.sentences)
    words = ("NELBO", "masked token", "random order", "All orders", "4 steps", "with budget", "calls", "drafted")
    assert [word for word in words if word not in text] == []
    assert "inf" not in text and "nan" not in text
    record = json.loads(report.json())
    assert record["sentences"] == report.sentences and len(record["rows"]["value"]) == len(report.run.rows)
    assert repr(report).count("\n") == len(report.sentences)


def test_a_single_sequence_is_reported_without_intervals() -> None:
    text = "\n".join(report_of(chain(), data(1)).sentences)
    assert "inf" not in text and "nan" not in text and "(" not in text and "there are no intervals" in text


def test_only_some_sequences_scored_or_none() -> None:
    for plan in (
        Plan(draws=8, scored=0, sizes=(2,), budgets=(1.0,), windows=0),
        Plan(draws=8, scored=1, sizes=(2,), budgets=(1.0,), windows=0),
        Plan(draws=8, scored=4, orders=0, sizes=(), budgets=(), thresholds=(), windows=1),
    ):
        report = report_of(chain(), data(4), plan)
        assert report.sentences and (report.spread is None) == (plan.scored == 0)
        assert model_page.page(report.tables, "a page").axes


def test_lengths_doubts_and_impossible_sequences_are_found_before_the_work() -> None:
    """What is wrong with a model or a sequence is said at once, with the number of the sequence."""

    class Long(Failing):
        longest = 11

    with pytest.raises(InvalidInput, match="sequence 0 has 12 tokens; the model takes at most 11"):
        measure(Long(math.inf), data(), PLAN)

    class Dropout(Failing):
        def __call__(self, z: Tensor) -> Tensor:
            answer = super().__call__(z)
            return (answer + torch.rand(answer.shape)).log_softmax(-1)

    with pytest.raises(InvalidInput, match="answers differently when asked twice"):
        measure(Dropout(math.inf), data(), PLAN)
    never = markov_chain([[0.0, 1.0], [1.0, 0.0]], 4)
    with pytest.raises(InvalidInput, match="sequence 0 has a token of probability 0"):
        measure(never, sequences([[0, 0, 0, 0]], 2), PLAN)


def test_rules_are_compared_where_they_make_few_calls() -> None:
    report = report_of(chain(), data())
    table, rows = report.tables["equal_calls"], report.run.rows
    assert set(table["share"]) == {0.5, 0.25} and (table["calls"] == 12 * table["share"]).all()
    confidence = table[(table.family == "confidence") & (table.share == 0.5)].iloc[0]
    two = rows[(rows.kind == "rule") & (rows.name == "confidence") & (rows.parameter == 2)].value.mean()
    assert confidence.log_likelihood == pytest.approx(two, abs=1e-8)


def test_numbers_of_any_kind_become_tokens_and_prompts() -> None:
    for kind in (np.uint8, np.int8, np.uint16, np.int32, np.uint64):
        rows = sequences(np.array([[0, 1, 2], [2, 1, 0]], dtype=kind), 3, prompts=np.array([1, 2], dtype=kind))
        assert rows.tokens[1].tolist() == [2, 1, 0] and rows.free == [2, 1]
    assert sequences([[0, 1]], 2, prompts=np.int64(1)).free == [1]
    for prompts in (2.0, "ab", [None, None]):
        with pytest.raises(InvalidInput, match="prompt"):
            sequences([[0, 1, 1], [1, 1, 0]], 2, prompts=prompts)
    for tokens in (np.ones((2, 2)), np.ones((2, 2), dtype=bool), 5):
        with pytest.raises(InvalidInput, match=r"whole numbers|where sequences belong"):
            sequences(tokens, 2)


def test_the_noise_of_the_masks_is_the_variance_of_the_estimate() -> None:
    """One sequence estimated 1,200 times: the replicates' noise is the spread, within 4.5 of their errors."""
    x = chain().sample(1, torch.Generator().manual_seed(3)).repeat(1200, 1)
    rows = measure(chain(), sequences(x, 3), Plan(draws=8, scored=0, windows=0, group=200)).rows
    values = estimates.nelbo(rows)
    squares = (values - values.mean()) ** 2
    error = math.sqrt(2 * float(squares.var()) / len(values))  # of two about equally noisy means of squares
    assert abs(estimates.mask_noise(rows) - float(squares.mean())) < 4.5 * error < float(squares.mean()) / 2


def test_the_cost_of_a_grid_is_its_error_on_the_exact_chain() -> None:
    """The chain's own conditionals: the mean cost over its sequences is the schedule's E_iid, within 4.5 errors."""
    world, count = chain(8), 1500
    given = sequences(world.sample(count, torch.Generator().manual_seed(4)), 3)
    rows = measure(world, given, Plan(draws=8, scored=0, windows=0, group=500)).rows
    grid = LINEAR.grid(3)
    costs = np.array(list(grids._costs(estimates.draws_of(rows), grid).values()))
    exact, error = float(per_token_error(world.information_curve(), grid)), costs.std() / math.sqrt(count)
    assert abs(costs.mean() - exact) < 4.5 * error < exact / 4


def test_the_cost_of_a_grid_is_exact_on_exact_cross_entropies() -> None:
    """Every count once, with the cross-entropy H_1 - Z that the world's own curve gives; one percent off is noticed."""
    world = chain(7)
    curve = np.asarray(world.information_curve())
    alone = world.n * float(curve.max()) + 1.0  # any level above the curve: a constant costs every grid nothing
    rows = pd.DataFrame(
        [(0, 7, "draw", "0", float(k), alone - curve[7 - k], 1 / k * 6, 1.0) for k in range(1, 7)]
        + [(0, 7, "all masked", "all", 7.0, alone - curve[0], 1.0, 1.0)],
        columns=["item", "free", "kind", "name", "parameter", "value", "weight", "calls"],
    )
    for steps in (2, 3, 5):
        grid = LINEAR.grid(steps)
        exact = float(per_token_error(curve, grid))
        assert grids._costs(estimates.draws_of(rows), grid)[0] == pytest.approx(exact, abs=1e-10)
        assert grids._costs(estimates.draws_of(rows.assign(value=1.01 * rows.value)), grid)[0] != pytest.approx(exact)


def test_intervals_of_the_measurement_hold_their_level() -> None:
    """400 measurements of 20 sequences: NELBO and the linear grid's cost are covered.

    The truths are the chain's entropy and its E_iid. The aim is 94 %, the simulation's own error 1.1 %, so 92 % is
    what an interval at the aim falls short of in one simulation of thirty.
    """
    world, repeats, count = chain(8), 400, 20
    drawn = sequences(world.sample(repeats * count, torch.Generator().manual_seed(9)), 3)
    rows = measure(world, drawn, Plan(draws=8, scored=0, windows=0, group=500)).rows
    grid = LINEAR.grid(3)
    truths = {"nelbo": float(world.entropy()), "cost": float(per_token_error(world.information_curve(), grid))}
    numbers = {
        "nelbo": estimates.nelbo(rows),
        "cost": np.array([*grids._costs(estimates.draws_of(rows), grid).values()]),
    }
    for name, truth in truths.items():
        intervals = [estimates.columns_of(part) for part in numbers[name].reshape(repeats, count)]
        covered = np.mean([each["low"] <= truth <= each["high"] for each in intervals])
        assert covered > 0.92, (name, covered)


def test_the_computed_schedule_beats_the_linear_one_where_the_curve_bends() -> None:
    """Copies of one token: everything is known after the first, so the best grid reveals little at first."""
    copies = torch.randint(3, (60, 1), generator=torch.Generator().manual_seed(5)).repeat(1, 24)
    world = markov_chain([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01], [0.01, 0.01, 0.98]], 24)
    rows = measure(world, sequences(copies, 3), Plan(draws=16, scored=0, windows=0)).rows
    table = grids.schedules(rows, (4,)).set_index("schedule")
    assert table.loc["linear", "excess_low"] > 0
    assert grids.computed_grid(rows, 4)[1] < 0.2


def test_mixtures_between_parameters_have_the_wanted_calls() -> None:
    points = [(4.0, np.array([-10.0, -12.0])), (8.0, np.array([-8.0, -9.0]))]
    assert estimates._at(points, 5.0).tolist() == [-9.5, -11.25]
    assert estimates._at(points, 8.0).tolist() == [-8.0, -9.0]


def test_seconds_outside_the_model_are_counted() -> None:
    rows = pd.DataFrame({"kind": [], "item": []})
    assert Report("m", 1, PLAN, Run(rows, 5, 10.0, 9.0)).in_model == pytest.approx(0.9)
