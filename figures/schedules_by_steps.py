"""Success and error of mask schedules by number of steps, task by task, on trained models (arXiv 2509.13866)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._intervals import SUCCESS, columns
from figures.looks import plain_ticks
from figures.trained_schedules import SHOWN
from synthetic.intervals import Estimate, crossed, of_seeds
from synthetic.records import Record

EXPERIMENTS = ("trained_schedules",)
SMALL = "small/"
COLUMNS = 3
LINEAR = "linear"
KL = "KL of output law (nats)"


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a task: success of samples where they are drawn, exact KL where the output law is enumerated."""
    table = records["trained_schedules"].table
    points = values(table)
    tasks = list(dict.fromkeys(points["task"]))
    height = -(-len(tasks) // COLUMNS)
    figure, panels = pyplot.subplots(height, min(COLUMNS, len(tasks)), figsize=(7.0, 2.2 * height + 0.7), squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=False):
        _panel(axes, points[points["task"] == task])
        axes.set_title(task.removeprefix(SMALL), fontsize=8.5)
    for axes in panels.flat[len(tasks) :]:
        axes.set_axis_off()
    figure.supxlabel("steps $K$", fontsize=8.5)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=6, fontsize=8,
                  columnspacing=1.2, handlelength=2.4)  # fmt: skip
    return figure, points.round(6)


def findings(table: DataFrame) -> str:
    """Say where the best Beta and the computed schedule are better or worse than linear, and when half the steps do."""
    said = []
    for schedule in ("best Beta", "computed"):
        rows = table[table["schedule"] == schedule]
        better = np.where(rows["measure"] == KL, rows["gain_high"] < 0, rows["gain_low"] > 0)
        worse = np.where(rows["measure"] == KL, rows["gain_low"] > 0, rows["gain_high"] < 0)
        said.append(f"{schedule}: better in {int(better.sum())} and worse in {int(worse.sum())} of {len(rows)}")
    halved, compared = halves(table)
    return (
        "Against linear at equal steps, by paired 95 % intervals over tasks and numbers of steps, "
        f"{'; '.join(said)}. With half the steps the computed schedule is no worse in the mean than linear in "
        f"{halved} of {compared} cases."
    )


def halves(table: DataFrame) -> tuple[int, int]:
    """Return in how many cases the computed schedule's mean with half the steps is no worse than linear's, and all."""
    mean = {(row.task, row.schedule, row.steps): (row.mean, row.measure) for row in table.itertuples(index=False)}
    reached = compared = 0
    for (task, schedule, steps), (linear, measure) in mean.items():
        if schedule == LINEAR and (task, "computed", steps / 2) in mean:
            own = mean[task, "computed", steps / 2][0]
            compared += 1
            reached += own <= linear if measure == KL else own >= linear
    return int(reached), compared


def values(table: DataFrame) -> DataFrame:
    """Return by task, schedule and steps the mean with its interval, its spread over seeds, and the gain over linear.

    The gain is the mean's excess over linear's, paired by seed and item.
    """
    measured_rows = [
        *_rows(table[table["part"] == "item"], "success"),
        *_rows(table[table["part"] == "law"], "kl_blocks"),
    ]
    return concat(measured_rows, ignore_index=True)


def _rows(table: DataFrame, column: str) -> list[DataFrame]:
    measured_rows = []
    for (task, steps), mine in table.groupby(["task", "steps"], sort=False):
        if column == "success" and str(task).startswith(SMALL):
            continue  # enumerated: their exact KL is drawn
        linear = _wide(mine[mine["schedule"] == LINEAR], column)
        rows: list[dict[str, Any]] = []
        for schedule in SHOWN:
            own = _wide(mine[mine["schedule"] == schedule], column)
            gain = {f"gain_{end}": value for end, value in columns(_estimate(own - linear)).items()}
            spread = float(own.mean(1).std(ddof=1)) if len(own) > 1 else 0.0
            rows.append({"task": task, "schedule": schedule, "steps": int(steps), "measure": _measure(task, column),
                         **columns(_estimate(own)), "std": spread, **gain})  # fmt: skip
        measured_rows.append(DataFrame(rows))
    return measured_rows


def _estimate(values_: np.ndarray) -> Estimate:
    return of_seeds(values_[:, 0]) if values_.shape[1] == 1 else crossed(values_)


def _measure(task: str, column: str) -> str:
    return KL if column == "kl_blocks" else SUCCESS.get(task, "share of successes")


def _wide(rows: DataFrame, column: str) -> np.ndarray:
    """Return a column with one row a seed and one column an item."""
    return np.asarray(rows.set_index(["seed", "item"])[column].unstack("item"))


def _panel(axes: Axes, rows: DataFrame) -> None:
    steps = sorted(rows["steps"].unique())
    step = (steps[-1] / steps[0]) ** (0.012 if len(steps) > 3 else 0.02)
    for k, (name, look) in enumerate(SHOWN.items()):
        mine = rows[rows["schedule"] == name].sort_values("steps")
        errors = np.stack((mine["mean"] - mine["low"], mine["high"] - mine["mean"])).clip(min=0)
        axes.errorbar(mine["steps"] * step ** (k - 2.5), mine["mean"], errors, label=name, linewidth=1, elinewidth=0.7,
                      markersize=6 if name == "computed" else 3.6, markeredgecolor="black", markeredgewidth=0.3,
                      **look)  # fmt: skip
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_ylabel(rows["measure"].iloc[0], fontsize=7.5)
    plain_ticks(axes.xaxis, steps)
    axes.tick_params(labelsize=7.5)
    axes.grid(True)
