"""Whether few items rank Beta schedules as many do: two halves and random subsets, on trained models (2509.13866)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame, concat

from synthetic.records import Record

EXPERIMENTS = ("trained_schedules",)
LINEAR = "linear"
NEAR = {LINEAR: "(.5, .5)", "0.8, 0.4": "(.9, .3)", "1, 1": "(1, 1)", "0.4, 0.8": "(.3, .9)"}
"""The schedules that lie next to the paper's shapes, with those; linear is Beta's (1/2, 1/2)."""
MARKS: dict[str, dict[str, Any]] = {
    LINEAR: {"color": "#000000", "marker": "o", "markersize": 6.5},
    "0.8, 0.4": {"color": "#D55E00", "marker": "D", "markersize": 5},
    "1, 1": {"color": "#0072B2", "marker": "s", "markersize": 4},
    "0.4, 0.8": {"color": "#009E73", "marker": "^", "markersize": 6},
}
KINDS: dict[str, dict[str, Any]] = {
    "tau": {"color": "#0072B2", "marker": "o", "label": "all items, the subset's too"},
    "tau_rest": {"color": "#E69F00", "marker": "s", "label": "the items left out"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw success on one half of the items over that on the other, a dot a shape, and tau by the size of a subset."""
    table = records["trained_schedules"].table
    shapes, taus = halves(table), agreement(table)
    tasks = list(dict.fromkeys(shapes["task"]))
    figure, panels = pyplot.subplots(1, len(tasks) + 1, figsize=(7.0, 3.3), squeeze=False)
    for axes, task in zip(panels[0], tasks, strict=False):
        _halves(axes, shapes[shapes["task"] == task])
        axes.set_title(task, fontsize=8.5)
    panels[0, 0].set_ylabel("success on the other half", fontsize=8)
    panels[0, 0].legend(title="schedule, or Beta's (a, b)", title_fontsize=7, fontsize=7, loc="upper center", ncol=2,
                        bbox_to_anchor=(0.5, -0.24), handletextpad=0.1, columnspacing=1)  # fmt: skip
    _agreement(panels[0, -1], taus)
    return figure, concat((shapes.assign(part="shape"), taus.assign(part="tau")), ignore_index=True).round(6)


def findings(table: DataFrame) -> str:
    """Say how well the halves agree, for all shapes and for the four next to the paper's, and the subsets."""
    shapes, taus = table[table["part"] == "shape"], table[table["part"] == "tau"]
    said = []
    for task, mine in shapes.groupby("task", sort=False):
        four = mine[mine["paper"] != ""]
        best, same = _first(four, "validation"), _first(four, "test")
        said.append(
            f"on {task} Kendall's tau between the halves is {_tau(mine):.2f} for all {len(mine)} schedules and "
            f"{_tau(four):.2f} for the {len(four)} marked ones, of which "
            + (f"{best} is first on both" if best == same else f"{best} is first on one half and {same} on the other")
        )
    rest = taus.groupby("size")["tau_rest_mean"].agg(["min", "max"])
    spans = [f"{_span(row['min'], row['max'])} with {size:g} items" for size, row in rest.iterrows()]
    return (
        f"Means over seeds: {'; '.join(said)}. A random subset's mean tau with the items left out is "
        f"{', '.join(spans)}."
    )


def halves(table: DataFrame) -> DataFrame:
    """Return the mean success over seeds of every shape and of linear on either half, with the paper's shape."""
    rows = table[(table["part"] == "shape") & (table["schedule"].isin([LINEAR]) | table["schedule"].str.contains(","))]
    mean = rows.groupby(["task", "schedule", "steps"], sort=False)[["validation", "success"]].mean().reset_index()
    mean["paper"] = [NEAR.get(name, "") for name in mean["schedule"]]
    return mean.rename(columns={"success": "test"})


def agreement(table: DataFrame) -> DataFrame:
    """Return for every task, seed and size of a subset the mean tau over the draws, and its mean over the seeds."""
    rows = table[table["part"] == "agreement"].rename(columns={"steps": "size"})
    taus = rows.groupby(["task", "size", "seed"], sort=False)[list(KINDS)].mean().reset_index()
    for kind in KINDS:
        taus[f"{kind}_mean"] = taus.groupby(["task", "size"])[kind].transform("mean")
    return taus


def _tau(rows: DataFrame) -> float:
    """Return Kendall's tau-b between the halves; 0 where either ranks nothing."""
    from scipy.stats import kendalltau

    if min(rows["validation"].nunique(), rows["test"].nunique()) < 2:
        return 0.0
    return float(kendalltau(rows["validation"], rows["test"]).statistic)


def _span(low: float, high: float) -> str:
    """Return both ends to two digits, or one number where they are the same."""
    ends = dict.fromkeys((f"{low:.2f}", f"{high:.2f}"))
    return " to ".join(ends)


def _first(rows: DataFrame, half: str) -> str:
    return str(rows.loc[rows[half].idxmax(), "schedule"]).join(("Beta(", ")")).replace(f"Beta({LINEAR})", LINEAR)


def _halves(axes: Axes, rows: DataFrame) -> None:
    plain = rows[rows["paper"] == ""]
    axes.plot(plain["validation"], plain["test"], linestyle="none", marker="o", markersize=3, color="0.75",
              markeredgecolor="0.3", markeredgewidth=0.4, label="other shapes")  # fmt: skip
    for name, look in MARKS.items():
        mine = rows[rows["schedule"] == name]
        axes.plot(mine["validation"], mine["test"], linestyle="none", markeredgecolor="black", markeredgewidth=0.4,
                  label=name, **look)  # fmt: skip
    values = rows[["validation", "test"]].to_numpy()
    margin = 0.06 * max(values.max() - values.min(), 0.1)
    low, high = values.min() - margin, values.max() + margin
    axes.plot([low, high], [low, high], color="black", linewidth=0.8, linestyle="-", zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, prune="both"))
    axes.set_xlabel("success on one half", fontsize=8)
    axes.tick_params(labelsize=7.5)
    axes.grid(True)


def _agreement(axes: Axes, taus: DataFrame) -> None:
    groups = list(taus.groupby(["task", "size"], sort=False))
    for place, (_, rows) in enumerate(groups):
        for shift, (kind, look) in zip((-0.13, 0.13), KINDS.items(), strict=True):
            label = look["label"] if not place else None
            axes.plot(rows[kind], np.full(len(rows), place + shift), linestyle="none", markersize=3.5, alpha=0.8,
                      markeredgecolor="black", markeredgewidth=0.3, **{**look, "label": label})  # fmt: skip
            axes.plot(
                [rows[kind].mean()] * 2, [place + shift - 0.12, place + shift + 0.12], color="black", linestyle="-"
            )
    axes.set_yticks(range(len(groups)), [f"{task},\n{size:g} items" for (task, size), _ in groups], fontsize=7.5)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_xlim(taus[list(KINDS)].to_numpy().min() - 0.06, 1.01)
    axes.set_xlabel("Kendall's tau", fontsize=8)
    axes.tick_params(axis="x", labelsize=7.5)
    axes.legend(title="ranks of a subset beside those on", title_fontsize=7, fontsize=7, loc="upper center",
                bbox_to_anchor=(0.35, -0.24), handletextpad=0.1)  # fmt: skip
    axes.set_title("random subsets", fontsize=8.5)
    axes.grid(True, axis="x")
