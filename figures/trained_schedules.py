"""Mask schedules of trained models: measured losses, path code lengths and success (arXiv 2509.13866, 2511.04647)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, concat

from figures._intervals import columns
from figures.looks import SCHEDULES, plain_ticks, shortened
from synthetic.intervals import crossed
from synthetic.records import Record

EXPERIMENTS = ("trained_schedules",)
STEPS = 4
LENGTHS = 3
"""The panel of path KL relative to linear's, among those of the table."""
SHOWN: dict[str, dict[str, Any]] = {
    **{name: SCHEDULES[name] for name in ("linear", "sine", "squared sine", "one minus cosine", "best Beta")},
    "computed": SCHEDULES["best sizes"],
}
COLORS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw losses with the computed grids, excess against steps for the first task, then excess and success by task."""
    table = records["trained_schedules"].table
    tasks = list(dict.fromkeys(table.loc[table["part"] == "item", "task"]))
    figure, ((losses, steps), (lengths, success)) = pyplot.subplots(2, 2, figsize=(7.0, 5.8))
    curves = concat([measured(table[table["task"] == task]) for task in tasks])
    _losses(losses, curves, table[table["part"] == "grid"])
    against = excess(table[table["task"] == tasks[0]])
    _steps(steps, against, tasks[0])
    relative, gained = differences(table, tasks)
    _dots(lengths, relative, tasks)
    lengths.set(xlabel="excess over linear's (percent of linear's)", title=f"path KL above one by one, $K$ = {STEPS}")
    _dots(success, gained, tasks)
    success.set(xlabel="success minus linear's (points)", title=f"samples in blocks, $K$ = {STEPS}")
    figure.legend(*steps.get_legend_handles_labels(), loc="outside upper center", ncol=3)
    plotted = concat([part.assign(panel=k) for k, part in enumerate((curves, against, relative, gained), 1)])
    return figure, shortened(plotted, "loss", "error", "mean", "low", "high")


def findings(table: DataFrame) -> str:
    """Say what the computed schedule's path KL is relative to linear's, task by task."""
    rows = table[(table["panel"] == LENGTHS) & (table["schedule"] == "computed")]
    said = [f"{row.task} {row.mean:+.0f} % [{row.low:+.0f}, {row.high:+.0f}]" for row in rows.itertuples(index=False)]
    return f"At {STEPS} steps the computed schedule's path KL differs from linear's by {'; '.join(said)}."


def measured(table: DataFrame) -> DataFrame:
    """Return the loss by share revealed, averaged over the seeds, relative to its first value, with its error."""
    curve = table[table["part"] == "curve"]
    mean = curve.groupby("item")[["loss", "error"]].mean() / curve.loc[curve["item"] == 0, "loss"].mean()
    share = mean.index.to_numpy() / curve["steps"].iloc[0]
    mean["error"] *= 1 / np.sqrt(curve["seed"].nunique())
    return mean.assign(task=curve["task"].iloc[0], share=share).reset_index()


def excess(table: DataFrame) -> DataFrame:
    """Return the path code length of every schedule above that of one token a step, in nats, with its interval."""
    single, items = _wide(table[table["part"] == "single"]), table[table["part"] == "item"]
    rows = []
    for (schedule, steps), mine in items[items["schedule"].isin(list(SHOWN))].groupby(["schedule", "steps"]):
        rows.append({"task": table["task"].iloc[0], "schedule": schedule, "steps": steps,
                     **_interval(_wide(mine) - single)})  # fmt: skip
    return DataFrame(rows)


def differences(table: DataFrame, tasks: list[str]) -> tuple[DataFrame, DataFrame]:
    """Return, by task and schedule at STEPS steps, code length and success minus linear's, in percent."""
    lengths, success = [], []
    for task in tasks:
        mine = table[table["task"] == task]
        items = mine[(mine["part"] == "item") & (mine["steps"] == STEPS)]
        linear = items[items["schedule"] == "linear"]
        whole = (_wide(linear) - _wide(mine[mine["part"] == "single"])).mean()
        for schedule in SHOWN:
            own = items[items["schedule"] == schedule]
            row = {"task": task, "schedule": schedule, "steps": STEPS}
            if schedule != "linear":
                lengths.append({**row, **_interval(100 * (_wide(own) - _wide(linear)) / whole)})
                gain = _wide(own, "success") - _wide(linear, "success")
                success.append({**row, **_interval(100 * gain)})
    return DataFrame(lengths), DataFrame(success)


def _losses(axes: Axes, curves: DataFrame, grids: DataFrame) -> None:
    for k, (task, mine) in enumerate(curves.groupby("task", sort=False)):
        look = {"color": COLORS[k % len(COLORS)], "linestyle": LINES[k % len(LINES)]}
        axes.plot(mine["share"], mine["loss"], label=task, linewidth=1.2, **look)
        band = 1.96 * mine["error"]
        axes.fill_between(mine["share"], mine["loss"] - band, mine["loss"] + band, color=look["color"], alpha=0.2,
                          linewidth=0)  # fmt: skip
        nodes = grids[grids["task"] == task].groupby("item")["alpha"].mean().to_numpy()[:-1]
        axes.plot(nodes, np.interp(nodes, mine["share"], mine["loss"]), linestyle="none", marker="|", markersize=7,
                  color=look["color"])  # fmt: skip
    axes.set(xlabel="share of free tokens revealed", ylabel="loss of a masked token,\nrelative to all masked",
             title="measured losses; ticks: computed grid", ylim=(0, 1.4), xlim=(-0.02, 1.02))  # fmt: skip
    axes.legend(fontsize=7.5, labelspacing=0.25, ncol=3, loc="upper right")
    axes.grid(True)


def _steps(axes: Axes, table: DataFrame, task: str) -> None:
    for name, look in SHOWN.items():
        mine = table[table["schedule"] == name]
        spread = np.abs(mine[["low", "high"]].to_numpy().T - mine["mean"].to_numpy())
        axes.errorbar(mine["steps"], mine["mean"], yerr=spread, label=name, markersize=4, linewidth=1.2, capsize=2,
                      elinewidth=0.8, **look)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="steps $K$", ylabel="path KL above one by one (nats)", title=task)
    plain_ticks(axes.xaxis, sorted(set(table["steps"])))
    ticks = [digit * 10.0**power for power in range(-3, 3) for digit in (1, 2, 5)]
    plain_ticks(axes.yaxis, [tick for tick in ticks if table["low"].min() <= tick <= table["high"].max()])
    axes.grid(True)


def _dots(axes: Axes, table: DataFrame, tasks: list[str]) -> None:
    names = [name for name in SHOWN if name != "linear"]
    for k, name in enumerate(names):
        mine = table[table["schedule"] == name].set_index("task").loc[tasks]
        spread = np.abs(mine[["low", "high"]].to_numpy().T - mine["mean"].to_numpy())
        axes.errorbar(mine["mean"], np.arange(len(tasks)) + 0.15 * (k - (len(names) - 1) / 2), xerr=spread, capsize=1.5,
                      elinewidth=0.8, markersize=6 if name == "computed" else 4, color=SHOWN[name]["color"],
                      marker=SHOWN[name]["marker"], linestyle="none", markeredgecolor="black",
                      markeredgewidth=0.4)  # fmt: skip
    axes.axvline(0, color="black", linewidth=0.9, linestyle="-", zorder=1)
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    low, high = min(table["low"].min(), -2.0), max(table["high"].max(), 2.0)
    axes.set_xlim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    axes.xaxis.set_major_locator(MaxNLocator(6, prune="both"))
    axes.grid(True, axis="x")


def _wide(table: DataFrame, column: str = "per_token") -> np.ndarray:
    return table.set_index(["seed", "item"])[column].unstack("item").to_numpy()


def _interval(values: np.ndarray) -> dict[str, float]:
    return columns(crossed(values))
