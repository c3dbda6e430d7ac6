"""Likelihood of trained models: NELBO against entropy, and DUEL against the ELBO rule by rule (arXiv 2603.01367)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from figures.looks import plain_ticks, shortened
from synthetic.intervals import crossed
from synthetic.records import Record

EXPERIMENTS = ("likelihood",)
RULES: dict[str, dict[str, Any]] = {
    "left to right": {"color": "#000000", "linestyle": "-", "marker": ">", "markerfacecolor": "white"},
    "confidence": {"color": "#D55E00", "linestyle": "-", "marker": "o"},
    "margin": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "entropy": {"color": "#009E73", "linestyle": ":", "marker": "^"},
    "EB": {"color": "#CC79A7", "linestyle": "-.", "marker": "D"},
}
ESTIMATES: dict[str, dict[str, Any]] = {
    "by count": {"color": "#000000", "marker": "o", "label": "by count"},
    "linear": {"color": "#E69F00", "marker": "v", "label": "linear"},
    "squared sine": {"color": "#0072B2", "marker": "s", "label": "squared sine"},
    "Beta": {"color": "#009E73", "marker": "^", "label": "Beta"},
}
COLUMNS = 3


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the NELBO above the entropy in the first panel, then DUEL minus ELBO against calls, one panel a task."""
    table = records["likelihood"].table
    scored = [task for task in dict.fromkeys(table["task"]) if not _listed(table, task)]
    rows = -(-(len(scored) + 1) // COLUMNS)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=(7.2, 2.6 * rows), squeeze=False)
    gaps = excess(table)
    _excess(panels[0, 0], gaps)
    gains = duel(table[table["task"].isin(scored)])
    for axes, task in zip(panels.flat[1:], scored, strict=False):
        _duel(axes, gains[gains["task"] == task])
        axes.set_title(f"{task}, $n$ = {table.loc[table['task'] == task, 'n'].iloc[0]}")
    for axes in panels.flat[1 + len(scored) :]:
        axes.set_axis_off()
    known = [dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True)) for axes in panels.flat[1:]]
    handles = {label: handle for each in known for label, handle in each.items()}
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncol=5)
    plotted = DataFrame([*gaps.to_dict("records"), *gains.to_dict("records")])
    return figure, shortened(plotted, "calls", "mean", "low", "high")


def findings(table: DataFrame) -> str:
    """Say where one token a step agrees with the ELBO, and what several tokens a step cost most."""
    gains = table[table["parameter"].notna() & (table["rule"] != "EB")]
    one, several = gains[gains["parameter"] == 1], gains[gains["parameter"] > 1]
    holds = int(((one["low"] <= 0) & (one["high"] >= 0)).sum())
    text = f"At one token a step {holds} of {len(one)} intervals of DUEL minus ELBO hold 0."
    if several.empty:
        return text
    worst = several.loc[several["mean"].idxmin()]
    return (
        f"{text} The largest loss with several tokens a step is that of {worst['rule']} on {worst['task']}, "
        f"{-worst['mean']:.1f} nats [{-worst['high']:.1f}, {-worst['low']:.1f}] at {worst['parameter']:g} a step."
    )


def excess(table: DataFrame) -> DataFrame:
    """Return NELBO minus entropy, as -ELBO + ln q of the same items, for every estimate; in nats with its interval."""
    rows = []
    for task, mine in table.groupby("task", sort=False):
        data = mine[mine["kind"] == "data"]
        for (kind, rule), estimate in mine[mine["kind"].isin(["elbo", "time"])].groupby(["kind", "rule"], sort=False):
            if not data.empty:
                name = "by count" if kind == "elbo" else "Beta" if rule.startswith("Beta") else rule
                rows.append({"task": task, "rule": name, **_interval(_wide(data) - _wide(estimate))})
    return DataFrame(rows)


def duel(table: DataFrame) -> DataFrame:
    """Return DUEL minus ELBO of every rule and parameter with its interval, and the mean calls."""
    rows = []
    for task, mine in table.groupby("task", sort=False):
        elbo = _wide(mine[mine["kind"] == "elbo"])
        for (rule, parameter), own in mine[mine["kind"] == "duel"].groupby(["rule", "parameter"], sort=False):
            calls = float(own["calls"].mean())
            rows.append({"task": task, "rule": rule, "parameter": parameter, "calls": calls,
                         **_interval(_wide(own) - elbo[:, : own["item"].nunique()])})  # fmt: skip
    return DataFrame(rows)


def _excess(axes: Axes, gaps: DataFrame) -> None:
    tasks = list(dict.fromkeys(gaps["task"]))
    for k, (name, look) in enumerate(ESTIMATES.items()):
        mine = gaps[gaps["rule"] == name]
        places = np.array([tasks.index(task) for task in mine["task"]]) + 0.17 * (k - 1.5)
        _errorbar(axes, mine, mine["mean"], places, horizontal=True, linestyle="none", markersize=4, **look)
    axes.axvline(0, color="black", linewidth=0.9, linestyle="-")
    axes.set_yticks(range(len(tasks)), [task.removeprefix("small/") for task in tasks])
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=0.1, linscale=1.0)
    ticks = [tick for tick in (-1, -0.1, 0, 0.1, 1) if gaps["low"].min() <= tick <= gaps["high"].max() or tick == 0]
    plain_ticks(axes.xaxis, ticks)
    axes.set(xlabel="NELBO − entropy (nats)", title="NELBO, with masks drawn by")
    axes.legend(loc="best", fontsize=7, handlelength=1.2, labelspacing=0.3, frameon=True, framealpha=0.9)
    axes.grid(True, axis="x")


def _duel(axes: Axes, gains: DataFrame) -> None:
    for rule, look in RULES.items():
        mine = gains[gains["rule"] == rule].sort_values("calls")
        if not mine.empty:
            _errorbar(axes, mine, mine["calls"], mine["mean"], markersize=4, linewidth=1.2, label=rule, **look)
    axes.axhline(0, color="0.35", linewidth=0.9, linestyle="-", zorder=1)
    axes.set_xscale("log")
    most, least = gains["calls"].max(), gains["calls"].min()
    plain_ticks(axes.xaxis, [2.0**k for k in range(8) if 0.8 * least <= 2**k <= 1.1 * most])
    axes.set(xlabel="denoiser calls a sequence", ylabel="DUEL − ELBO (nats)")
    axes.grid(True)


def _errorbar(axes: Axes, table: DataFrame, x: Any, y: Any, horizontal: bool = False, **look: Any) -> None:
    spread = np.abs(table[["low", "high"]].to_numpy().T - table["mean"].to_numpy())
    error = {"xerr" if horizontal else "yerr": spread}
    axes.errorbar(x, y, **error, capsize=2, elinewidth=0.8, markeredgecolor="black", markeredgewidth=0.4, **look)


def _listed(table: DataFrame, task: str) -> bool:
    return bool((table.loc[table["task"] == task, "kind"] == "oracle").any())


def _wide(table: DataFrame) -> np.ndarray:
    return table.set_index(["seed", "item"])["value"].unstack("item").to_numpy()


def _interval(values: np.ndarray) -> dict[str, float]:
    return columns(crossed(values))
