"""Quality against denoiser calls of EB, Top-k, thresholds and random order on trained models (arXiv 2505.24857)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from figures.looks import plain_ticks, rooted
from synthetic.intervals import crossed
from synthetic.itemised import curve, pack, unpack
from synthetic.records import Record

EXPERIMENTS = ("eb",)
BY, COLUMNS = "entropy", 3
FAMILIES: dict[str, dict[str, Any]] = {
    "EB": {"color": "#0072B2", "linestyle": "-", "marker": "D", "markersize": 3.6},
    "Top-k": {"color": "#D55E00", "linestyle": "--", "marker": "o"},
    "threshold": {"color": "#009E73", "linestyle": ":", "marker": "^"},
    "random one": {"color": "black", "linestyle": "none", "marker": "x", "markersize": 6},
}
LABELS = {"EB": "EB", "Top-k": "Top-$k$", "threshold": "threshold", "random one": "one token, random order"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a task: success of puzzles, KL of the rest as far as it is known, with 95 % bands."""
    record = records["eb"]
    points = plotted(record)
    tasks = list(dict.fromkeys(points["task"]))
    rows = math.ceil((len(tasks) + 1) / COLUMNS)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=(7.0, 2.4 * rows), squeeze=False)
    for axes, task in zip(panels.flat, tasks, strict=False):
        _panel(axes, points[points["task"] == task])
        axes.set_title(task)
    for axes in panels.flat[len(tasks) :]:
        axes.set_axis_off()
    known = [dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) for axes in panels.flat]
    handles = {label: handle for each in known for label, handle in each.items()}
    seeds = record.table["seed"].nunique()
    panels.flat[-1].legend(
        handles.values(), handles.keys(), loc="center", title=f"order by {BY}\n{seeds} seeds, 95% bands"
    )
    figure.supxlabel("mean denoiser calls (NFE)", fontsize=9)
    return figure, points


def plotted(record: Record) -> DataFrame:
    """Return the points: task, family, parameter, nfe, measure, value with low and high, the 95 % interval."""
    found = []
    for task, table in record.table.groupby("task", sort=False):
        puzzle = not (table["nll"] != "").any()
        for name in FAMILIES:
            rows = table[(table["family"] == name) & table["by"].isin(["", BY])]
            if puzzle:
                found += _points(rows, task, name, "share solved", "success")
            elif name != "random one":
                found += _points(_divergence(rows, record), task, name, _measure(task, record), "nll")
    return DataFrame(found)


def _measure(task: str, record: Record) -> str:
    return "KL (nats per token)" if _surprisals(task, record) else "KL above Top-1's (nats per token)"


def _surprisals(task: str, record: Record) -> dict[int, str]:
    seeds = record.table["seed"].unique()
    keys = {seed: f"{task}/{seed}/surprisal" for seed in seeds}
    return {seed: str(record.scalars[key]) for seed, key in keys.items() if key in record.scalars}


def _divergence(rows: DataFrame, record: Record) -> DataFrame:
    """Return the rows with nll per token less a reference: -ln q where the law is known, else Top-1's nll."""
    task = rows["task"].iloc[0]
    tops = record.table.query("task == @task and family == 'Top-k' and by == @BY and parameter == 1")
    reference = {**dict(zip(tops["seed"], tops["nll"], strict=True)), **_surprisals(task, record)}
    tokens = {seed: float(record.scalars[f"{task}/{seed}/masked"]) for seed in reference}
    texts = [
        pack((unpack(text) - unpack(reference[seed])) / tokens[seed])
        for seed, text in zip(rows["seed"], rows["nll"], strict=True)
    ]
    return rows.assign(nll=texts)


def _points(rows: DataFrame, task: str, name: str, measure: str, column: str) -> list[dict[str, Any]]:
    mine = curve(rows, column)
    found = []
    for k in np.argsort(mine.mean_nfe, kind="stable"):
        mean, low, high = columns(crossed(mine.quality[k])).values()
        found.append(
            {"task": task, "family": name, "parameter": mine.parameters[k], "nfe": round(float(mine.mean_nfe[k]), 4),
             "measure": measure, "value": round(mean, 6), "low": round(low, 6),
             "high": round(high, 6)}
        )  # fmt: skip
    return found


def _panel(axes: Axes, points: DataFrame) -> None:
    puzzle = points["measure"].iloc[0] == "share solved"
    for name, look in FAMILIES.items():
        mine = points[points["family"] == name]
        if not len(mine):
            continue
        style = {"markeredgecolor": "black", "markeredgewidth": 0.4} if name != "random one" else {}
        axes.plot(mine["nfe"], mine["value"], label=LABELS[name], clip_on=False, **style, **look)
        if len(mine) > 1:
            axes.fill_between(mine["nfe"], mine["low"], mine["high"], color=look["color"], alpha=0.18, linewidth=0)
        else:
            errors = ([mine["value"].iloc[0] - mine["low"].iloc[0]], [mine["high"].iloc[0] - mine["value"].iloc[0]])
            axes.errorbar(mine["nfe"], mine["value"], errors, fmt="none", ecolor="black", elinewidth=0.8, capsize=2)
    most = points["nfe"].max()
    axes.set(xscale="log", xlim=(0.93, 1.1 * most), ylabel=points["measure"].iloc[0])
    plain_ticks(axes.xaxis, [tick for tick in (1, 2, 4, 8, 16, 32, 64, 128) if tick <= 1.1 * most])
    if puzzle:
        axes.set_ylim(0, 1.03)
        plain_ticks(axes.yaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
    elif points["measure"].iloc[0].startswith("KL ("):
        rooted(axes.yaxis, 1.08 * points["high"].max())
    axes.grid(True)
