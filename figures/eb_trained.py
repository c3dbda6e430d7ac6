"""Quality against denoiser calls of EB, Top-k, thresholds and random order on trained models (arXiv 2505.24857)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._intervals import columns
from figures.looks import plain_ticks, rooted
from synthetic.intervals import crossed
from synthetic.itemised import curve, pack, unpack
from synthetic.records import Record

EXPERIMENTS = ("eb",)
BY = "entropy"
FAMILIES: dict[str, dict[str, Any]] = {
    "EB": {"color": "#0072B2", "linestyle": "-", "marker": "D", "markersize": 3.2},
    "Top-k": {"color": "#D55E00", "linestyle": "--", "marker": "o", "markersize": 3.6},
    "threshold": {"color": "#009E73", "linestyle": ":", "marker": "^", "markersize": 3.6},
    "random one": {"color": "black", "linestyle": "none", "marker": "x", "markersize": 6},
}
LABELS = {"EB": "EB", "Top-k": "Top-$k$", "threshold": "threshold", "random one": "one token, random order"}
PROXIES: dict[str, dict[str, Any]] = {
    "entropy": {"color": "#0072B2", "linestyle": "-", "marker": "D"},
    "confidence": {"color": "#CC79A7", "linestyle": "--", "marker": "s"},
    "margin": {"color": "#E69F00", "linestyle": ":", "marker": "v"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a task: quality over calls of every family above, what EB gains over Top-k below, by proxy."""
    record = records["eb"]
    points, gained = plotted(record), gains(record)
    tasks = list(dict.fromkeys(points["task"]))
    figure, panels = pyplot.subplots(2, len(tasks), figsize=(7.2, 4.6), squeeze=False)
    for k, task in enumerate(tasks):
        _panel(panels[0, k], points[points["task"] == task])
        _difference(panels[1, k], gained[gained["task"] == task])
        panels[1, k].set_xlim(panels[0, k].get_xlim())
        panels[0, k].set_title(task, fontsize=9)
    panels[0, 0].set_ylabel("order by entropy", fontsize=8)
    panels[1, 0].set_ylabel("gain of EB over Top-$k$\nat equal calls", fontsize=8)
    panels[1, len(tasks) // 2].set_xlabel("mean denoiser calls a sequence (NFE)", fontsize=8)
    for row, where in ((panels[0], "outside upper center"), (panels[1], "outside lower center")):
        known = [dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) for axes in row]
        handles = {label: handle for each in known for label, handle in each.items()}
        figure.legend(handles.values(), handles.keys(), loc=where, ncol=4, fontsize=8)
    return figure, concat((points.assign(part="quality"), gained.assign(part="gain")), ignore_index=True)


def findings(table: DataFrame) -> str:
    """Say, for each task, at how many of EB's budgets it is ahead of or behind Top-k at equal calls, by entropy."""
    rows = table[(table["part"] == "gain") & (table["family"] == BY)]
    said = []
    for task, mine in rows.groupby("task", sort=False):
        ahead, behind = int((mine["low"] > 0).sum()), int((mine["high"] < 0).sum())
        said.append(f"{task}: {ahead} of {len(mine)} budgets ahead, {behind} behind")
    return f"With 95 % intervals and order by entropy, {'; '.join(said)}."


def gains(record: Record) -> DataFrame:
    """Return what EB gains over Top-k at equal calls with its interval, by task, proxy (column family) and budget.

    Of puzzles the share solved, else nats a token of held-out data; a gain is positive.
    """
    found = []
    for task, table in record.table.groupby("task", sort=False):
        puzzle = not (table["nll"] != "").any()
        for by in PROXIES:
            mine, other = (table[(table["family"] == name) & (table["by"] == by)] for name in ("EB", "Top-k"))
            if mine.empty or _repeats(table, by):
                continue
            if not puzzle:
                mine, other = (_divergence(rows, record, by) for rows in (mine, other))
            measure, sign = ("success", 1.0) if puzzle else ("nll", -1.0)
            eb, top = curve(mine, measure), curve(other, measure)
            for k in eb.comparable(top):
                row = columns(crossed(sign * eb.gain(top, k)))
                found.append({"task": task, "family": by, "parameter": eb.parameters[k], "nfe": eb.mean_nfe[k],
                              "measure": "gain over Top-k", "value": row["mean"], **row})  # fmt: skip
    return DataFrame(found).drop(columns="mean").round(6)


def _repeats(table: DataFrame, by: str) -> bool:
    """Return whether a proxy ranks as entropy does, to the last token, as of two symbols it must."""
    columns_ = ["seed", "family", "parameter"]
    one, two = (table[(table["family"] == "EB") & (table["by"] == name)] for name in (BY, by))
    if by == BY or len(one) != len(two):
        return False
    return bool((one.sort_values(columns_)["nfe"].to_numpy() == two.sort_values(columns_)["nfe"].to_numpy()).all())


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


def _divergence(rows: DataFrame, record: Record, by: str = BY) -> DataFrame:
    """Return the rows with nll per token less a reference: -ln q where the law is known, else Top-1's nll."""
    task = rows["task"].iloc[0]
    tops = record.table.query("task == @task and family == 'Top-k' and by == @by and parameter == 1")
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
    measure = points["measure"].iloc[0]
    for name, look in FAMILIES.items():
        mine = points[points["family"] == name]
        if not len(mine):
            continue
        style = {"markeredgecolor": "black", "markeredgewidth": 0.4} if name != "random one" else {}
        axes.plot(mine["nfe"], mine["value"], label=LABELS[name], clip_on=False, linewidth=1, **style, **look)
        errors = (mine["value"] - mine["low"], mine["high"] - mine["value"])
        axes.errorbar(mine["nfe"], mine["value"], errors, fmt="none", ecolor=look["color"], elinewidth=0.7)
    _calls(axes, points)
    place, side = ((0.97, 0.04), "bottom") if measure == "share solved" else ((0.97, 0.97), "top")
    axes.annotate(
        measure.replace(" (", "\n(").replace("KL above ", "KL above\n").replace(" per token", "\na token"),
        place,
        xycoords="axes fraction",
        fontsize=6.5,
        ha="right",
        va=side,
    )
    if measure == "share solved":
        axes.set_ylim(0, 1.03)
        plain_ticks(axes.yaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
    elif measure.startswith("KL ("):
        rooted(axes.yaxis, 1.08 * points["high"].max())


def _difference(axes: Axes, rows: DataFrame) -> None:
    for by, look in PROXIES.items():
        mine = rows[rows["family"] == by].sort_values("nfe")
        errors = (mine["value"] - mine["low"], mine["high"] - mine["value"])
        axes.errorbar(mine["nfe"], mine["value"], errors, label=f"by {by}", markersize=3.4, linewidth=1, capsize=1.5,
                      elinewidth=0.7, markeredgecolor="black", markeredgewidth=0.3, **look)  # fmt: skip
    axes.axhline(0, color="black", linewidth=0.8, linestyle="-", zorder=1)
    _calls(axes, rows)


def _calls(axes: Axes, rows: DataFrame) -> None:
    most = rows["nfe"].max()
    axes.set(xscale="log", xlim=(0.9, 1.15 * most))
    plain_ticks(axes.xaxis, [tick for tick in (1, 2, 4, 8, 16, 32, 64, 128) if tick <= 1.1 * most])
    axes.tick_params(labelsize=7)
    axes.grid(True)
