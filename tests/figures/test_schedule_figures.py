"""The schedules' figures, from records made by hand whose numbers are worked out by hand."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from figures import schedule_agreement, schedules_by_steps
from figures.trained_schedules import SHOWN

SUCCESS = {"linear": ((0.0, 1.0), (1.0, 1.0)), "computed": ((1.0, 1.0), (1.0, 1.0))}  # by seed, then item
OTHERS = ((0.0, 0.0), (1.0, 0.0))


def items(steps: int) -> list[dict[str, Any]]:
    return [
        {
            "part": "item",
            "task": "puzzle",
            "schedule": name,
            "steps": steps,
            "seed": seed,
            "item": item,
            "success": value,
        }
        for name in SHOWN
        for seed, row in enumerate(SUCCESS.get(name, OTHERS))
        for item, value in enumerate(row)
    ]


def law(steps: int) -> list[dict[str, Any]]:
    return [
        {"part": "law", "task": "small/world", "schedule": name, "steps": steps, "seed": seed, "item": 0,
         "kl_blocks": (0.5 if name == "computed" else 1.0) / steps + 0.01 * seed}
        for name in SHOWN for seed in range(3)
    ]  # fmt: skip


def test_means_gains_and_spread_over_seeds_by_hand() -> None:
    table = pd.DataFrame([*items(2), *items(4), *law(2), *law(4)])
    found = schedules_by_steps.values(table).set_index(["task", "schedule", "steps"])
    assert found.loc[("puzzle", "linear", 2), "mean"] == pytest.approx(3 / 4)
    assert found.loc[("puzzle", "computed", 2), "gain_mean"] == pytest.approx(1 / 4)
    assert found.loc[("puzzle", "linear", 2), "std"] == pytest.approx(math.sqrt(1 / 8))
    assert found.loc[("small/world", "computed", 4), "mean"] == pytest.approx(0.125 + 0.01)
    assert found.loc[("small/world", "computed", 4), "gain_mean"] == pytest.approx(-0.125)
    assert found.loc[("small/world", "linear", 4), "measure"] == schedules_by_steps.KL


def test_half_the_steps_are_enough_where_the_computed_mean_is_no_worse() -> None:
    """The puzzle's computed schedule succeeds always; the world's has half of linear's KL at equal steps, so a tie."""
    table = schedules_by_steps.values(pd.DataFrame([*items(2), *items(4), *law(2), *law(4)]))
    assert schedules_by_steps.halves(table.round(9)) == (2, 2)
    worse = table.assign(mean=table["mean"].where(table["schedule"] != "computed", 1.01 * table["mean"])).round(9)
    assert schedules_by_steps.halves(worse) == (1, 2)
    assert "computed: better in 2 and worse in 0 of 4" in schedules_by_steps.findings(table.round(9))


def test_kendall_s_tau_of_the_halves_by_counting_pairs() -> None:
    shapes = {
        "linear": (0.5, 0.6),
        "0.8, 0.4": (0.6, 0.7),
        "1, 1": (0.4, 0.65),
        "0.4, 0.8": (0.2, 0.3),
        "0.2, 1": (0.1, 0.1),
    }
    rows = [
        {"part": "shape", "task": "puzzle", "schedule": name, "steps": 4, "seed": seed, "item": 0,
         "validation": one + 0.01 * seed, "success": other}
        for name, (one, other) in shapes.items() for seed in range(2)
    ]  # fmt: skip
    rows += [{"part": "agreement", "task": "puzzle", "schedule": "", "steps": 50, "seed": seed, "item": draw,
              "tau": 0.8 + 0.1 * draw, "tau_rest": 0.7} for seed in range(2) for draw in range(2)]  # fmt: skip
    table = pd.DataFrame(rows)
    found = schedule_agreement.halves(table)
    values = found[["validation", "test"]].to_numpy().tolist()
    signs = [(a[0] - b[0]) * (a[1] - b[1]) for a, b in itertools.combinations(values, 2)]
    tau = (sum(s > 0 for s in signs) - sum(s < 0 for s in signs)) / len(signs)
    assert tau == pytest.approx(0.8)
    assert found.set_index("schedule").loc["linear", "validation"] == pytest.approx(0.505)
    assert schedule_agreement.agreement(table)["tau_mean"].to_numpy() == pytest.approx([0.85, 0.85])
    record: Any = SimpleNamespace(table=table, scalars={})
    from matplotlib import pyplot

    figure, drawn = schedule_agreement.draw({"trained_schedules": record})
    pyplot.close(figure)
    said = schedule_agreement.findings(drawn)
    assert "is 0.80 for all 5 schedules and 0.67 for the 4 marked ones" in said
    assert "of which Beta(0.8, 0.4) is first on both." in said
    assert "is 0.70 with 50 items" in said
    drawn.loc[drawn["schedule"] == "1, 1", "test"] = 1.0
    assert "Beta(0.8, 0.4) is first on one half and Beta(1, 1) on the other" in schedule_agreement.findings(drawn)
