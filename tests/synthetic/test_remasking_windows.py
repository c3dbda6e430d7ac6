"""The constants of the loop schedule: three samplers by literal enumeration, and what the figure says of them."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import pandas as pd
import pytest

from synthetic.experiments import remasking_windows
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking

MOVES = {True: Fraction(17, 20), False: Fraction(3, 20)}
START = (Fraction(7, 10), Fraction(3, 10))
PAPER = {"t_on": 0.55, "t_off": 0.05, "alpha_on": 0.9}


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    return remasking_windows.run(remasking_windows.PRESETS["smoke"], Silent())


@functools.cache
def data() -> dict[reference.State, float]:
    return {
        x: float(START[x[0]] * math.prod(MOVES[a == b] for a, b in itertools.pairwise(x)))
        for x in reference.sequences(4, 2)
    }


@functools.cache
def odds() -> dict[reference.State, list[float]]:
    """Return g* / (1 - g*) of every draft, from every original, masked set and draft."""
    fill = reference_remasking.independent(reference.conditionals_of(data(), 2), 2)
    weights = [1 / (5 * math.comb(4, m)) for m in range(5)]
    table = reference_remasking.error_table(data(), fill, weights, 4, 2)
    return {y: [g / (1 - g) for g in row] for y, row in table.items()}


def literal(sampler: str, steps: int, t_on: float, t_off: float, alpha_on: float) -> dict[str, float]:
    """Return the measures of a run whose times, levels and counts are written out in the paper's time."""
    fill = reference_remasking.independent(reference.conditionals_of(data(), 2), 2)

    def level(t: float) -> float:
        if t > t_on:
            return alpha_on * (1 - t) / (1 - t_on)
        return alpha_on if t >= t_off else 1 - (1 - alpha_on) * t / t_off

    law: dict[reference.State, float] = {(2,) * 4: 1.0}
    for k in range(steps):
        t, s = 1 - k / steps, 1 - (k + 1) / steps
        now, after = level(t), level(s) if k < steps - 1 else 1.0
        if t > t_on + 1e-9 or s < t_off - 1e-9:
            law = reference_remasking.posterior_step(law, fill, now, after, 0.0, 2)
        elif sampler == "star":
            law = reference_remasking.posterior_step(law, fill, now, after, 1 - after, 2)
        else:
            chosen = (lambda y: [1.0] * 4) if sampler == "fixed count" else odds().__getitem__
            count = math.ceil((1 - after) * 4 - 1e-9)
            law = reference_remasking.counted_step(law, fill, chosen, {count: 1.0}, 2)
    p = {x: law.get(x, 0.0) for x in data()}
    return {
        "kl": math.fsum(q * math.log(q / p[x]) for x, q in data().items()),
        "tv": math.fsum(abs(q - p[x]) for x, q in data().items()) / 2,
        "entropy": -math.fsum(v * math.log(v) for v in p.values()),
    }


def row(part: str, value: float, steps: int, sampler: str) -> dict[str, float]:
    table = smoke()[0]
    rows = table[(table["part"] == part) & (table["steps"] == steps) & (table["sampler"] == sampler)]
    (found,) = rows[(rows["value"] - value).abs() < 1e-9].to_dict("records")
    return {what: found[what] for what in ("kl", "tv", "entropy")}


@pytest.mark.parametrize("sampler", remasking_windows.SAMPLERS)
@pytest.mark.parametrize(
    ("part", "value", "steps"), [("t_on", 0.75, 8), ("t_off", 0.25, 8), ("alpha_on", 0.6, 8), ("alpha_on", 0.9, 16)]
)
def test_loops_by_hand(sampler: str, part: str, value: float, steps: int) -> None:
    wanted = literal(sampler, steps, **(PAPER | {part: value}))
    assert row(part, value, steps, sampler) == pytest.approx(wanted, abs=1e-10)
    wrong = literal(sampler, steps, **(PAPER | {part: value, "alpha_on": 0.5}))
    assert abs(wrong["kl"] - wanted["kl"]) > 1e-5, "another level would be noticed"


def test_guidance_errs_more_the_longer_the_plateau_and_a_fixed_count_of_random_masks_less() -> None:
    table = smoke()[0]
    mine = table[(table["part"] == "t_on") & (table["steps"] == 16)]
    guided, random = (
        mine[mine["sampler"] == sampler].sort_values("value")["kl"] for sampler in ("guided", "fixed count")
    )
    assert guided.is_monotonic_increasing
    assert random.iloc[-3] < random.iloc[0] / 2
    best = table[(table["steps"] == 8) & (table["sampler"] == "guided")]["kl"].min()
    assert best < smoke()[1]["8/kl"]


def test_a_level_acts_through_the_number_of_masks_on_the_plateau() -> None:
    """Of four tokens .8, .9 and .95 leave one mask and .6 two; the climbs to these levels matter little."""
    rows = {level: row("alpha_on", level, 16, "guided")["kl"] for level in (0.6, 0.8, 0.9, 0.95)}
    assert max(rows[0.8], rows[0.9], rows[0.95]) < 1.02 * min(rows[0.8], rows[0.9], rows[0.95])
    assert rows[0.6] > 1.1 * rows[0.8]


def test_only_times_with_two_steps_on_the_plateau_are_moved_to() -> None:
    assert remasking_windows.held(8, 0.375, 0.05) == 2
    assert remasking_windows.held(8, 0.25, 0.05) == 1
    assert remasking_windows.held(8, 0.1, 0.2) == 0
    table = smoke()[0]
    assert table.loc[(table["part"] == "t_on") & (table["steps"] == 8), "value"].min() == 0.375
