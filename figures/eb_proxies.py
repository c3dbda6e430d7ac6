"""EB and Top-k by all three proxies on trained models: quality over denoiser calls (arXiv 2505.24857)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._intervals import columns
from figures.eb_trained import PROXIES
from figures.looks import plain_ticks, rooted
from synthetic.intervals import crossed
from synthetic.itemised import Curve, curve, unpack
from synthetic.records import Record

EXPERIMENTS = ("eb",)
RULES = {"EB": "EB, each budget", "Top-k": "Top-$k$, each $k$"}
FIRST = "entropy"
"""The proxy that the others are compared with, and whose Top-1 is the zero of tasks without a known law."""
RANDOM = "random one"


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a task, EB above and Top-k below: quality over calls, a line for each proxy."""
    record = records["eb"]
    tasks = list(dict.fromkeys(record.table["task"]))
    points = concat([quality(record, task) for task in tasks], ignore_index=True)
    gains = concat([against_first(record, task) for task in tasks], ignore_index=True)
    figure, panels = pyplot.subplots(2, len(tasks), figsize=(7.0, 4.3), sharex="col", sharey="col", squeeze=False)
    for column, task in zip(panels.T, tasks, strict=True):
        mine = points[points["task"] == task]
        for axes, rule in zip(column, RULES, strict=True):
            _panel(axes, mine[mine["family"] == rule], mine[mine["family"] == RANDOM])
        _axes(column[0], mine)
        column[0].set_title(f"{task}\n{mine['measure'].iloc[0]}".replace("1's (", "1's\n("), fontsize=7.5)
    for axes, label in zip(panels[:, 0], RULES.values(), strict=True):
        axes.set_ylabel(label, fontsize=8.5)
    figure.supxlabel("mean denoiser calls a sequence (NFE)", fontsize=8.5)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=4, fontsize=8)
    table = concat((points.assign(part="quality"), gains.assign(part="gain")), ignore_index=True)
    return figure, table.round(6)


def findings(table: DataFrame) -> str:
    """Say at how many budgets EB by another proxy is ahead of or behind EB by entropy at equal calls."""
    rows, said = table[table["part"] == "gain"], []
    for by, mine in rows.groupby("by", sort=False):
        ahead, behind = int((mine["low"] > 0).sum()), int((mine["high"] < 0).sum())
        said.append(f"{by} is ahead of {FIRST} at {ahead} of {len(mine)} budgets and behind at {behind}")
    if not said:
        return ""
    worst = rows.loc[rows["value"].abs().idxmax()]
    unit = table.loc[(table["part"] == "quality") & (table["task"] == worst["task"]), "measure"].iloc[0]
    direction = "better" if worst["value"] > 0 else "worse"
    return (
        f"At equal calls, all tasks together, EB by {', by '.join(said)} (95 % intervals beyond zero); budgets at "
        "which two proxies choose alike are left out. "
        f"The largest difference is {abs(worst['value']):.3f} of {unit} on "
        f"{worst['task']}, where {worst['by']} is {direction}, at {worst['nfe']:.1f} calls."
    )


def quality(record: Record, task: str) -> DataFrame:
    """Return for each rule, proxy and parameter the mean calls and the mean quality of a task with its interval."""
    qualities = []
    for family, by in [(RANDOM, ""), *((family, by) for family in RULES for by in PROXIES)]:
        measured = _curve(record, task, family, by)
        if measured is None:
            continue
        for k in np.argsort(measured.mean_nfe, kind="stable"):
            row = columns(crossed(measured.quality[k]))
            qualities.append({"task": task, "family": family, "by": by, "parameter": measured.parameters[k],
                          "nfe": float(measured.mean_nfe[k]), "measure": _measure(record, task), "value": row["mean"],
                          "low": row["low"], "high": row["high"]})  # fmt: skip
    return DataFrame(qualities)


def against_first(record: Record, task: str) -> DataFrame:
    """Return what EB by the other proxies gains over EB by entropy at equal calls; positive is better.

    A budget at which the two make the same calls and have the same quality, item by item, is left out.
    """
    gains = []
    first = _curve(record, task, "EB", FIRST)
    for by in (by for by in PROXIES if by != FIRST):
        mine = _curve(record, task, "EB", by)
        if first is None or mine is None:
            continue
        sign = 1.0 if _is_puzzle(record, task) else -1.0
        for k in mine.comparable(first):
            if np.array_equal(mine.nfe[k], first.nfe[k]) and np.array_equal(mine.quality[k], first.quality[k]):
                continue
            row = columns(crossed(sign * mine.gain(first, k)))
            gains.append({"task": task, "family": "EB", "by": by, "parameter": mine.parameters[k],
                          "nfe": float(mine.mean_nfe[k]), "measure": f"gain over {FIRST}", "value": row["mean"],
                          "low": row["low"], "high": row["high"]})  # fmt: skip
    return DataFrame(gains)


def _is_puzzle(record: Record, task: str) -> bool:
    mine = record.table[record.table["task"] == task]
    return not bool((mine["nll"] != "").any())


def _measure(record: Record, task: str) -> str:
    if _is_puzzle(record, task):
        return "share solved"
    known = any(f"{task}/{seed}/surprisal" in record.scalars for seed in record.table["seed"].unique())
    return "KL (nats a token)" if known else "KL above Top-1's (nats a token)"


def _curve(record: Record, task: str, family: str, by: str) -> Curve | None:
    """Return success of puzzles, else what the path costs a token above the data's own law or Top-1's path."""
    table = record.table[record.table["task"] == task]
    rows = table[(table["family"] == family) & (table["by"] == by)]
    if _is_puzzle(record, task):
        return curve(rows, "success")
    if family == RANDOM:
        return None  # a rule that draws has no path likelihood
    whole = curve(rows, "nll")
    tops = table[(table["family"] == "Top-k") & (table["by"] == FIRST) & (table["parameter"] == 1)]
    seeds = sorted(rows["seed"].unique())
    zeros = []
    for seed in seeds:
        key = f"{task}/{seed}/surprisal"
        text = str(record.scalars[key]) if key in record.scalars else tops.loc[tops["seed"] == seed, "nll"].iloc[0]
        zeros.append(unpack(text))
    tokens = np.array([float(record.scalars[f"{task}/{seed}/masked"]) for seed in seeds])
    return Curve(whole.parameters, whole.nfe, (whole.quality - np.stack(zeros)) / tokens[:, None])


def _panel(axes: Axes, rows: DataFrame, random: DataFrame) -> None:
    for k, (by, look) in enumerate(PROXIES.items()):
        mine = rows[rows["by"] == by].sort_values("nfe", kind="stable")
        errors = (mine["value"] - mine["low"], mine["high"] - mine["value"])
        axes.errorbar(mine["nfe"], mine["value"], np.clip(errors, 0, None), label=f"by {by}", linewidth=1,
                      elinewidth=0.7, markersize=5.4 - 1.1 * k, markeredgecolor="black", markeredgewidth=0.3,
                      **look)  # fmt: skip
    if len(random):
        axes.plot(random["nfe"], random["value"], linestyle="none", marker="x", color="black", markersize=6,
                  label="one token, random order")  # fmt: skip


def _axes(axes: Axes, rows: DataFrame) -> None:
    most, shown = rows["nfe"].max(), rows[rows["family"] != RANDOM]
    axes.set(xscale="log", xlim=(0.85, 1.2 * most))
    plain_ticks(axes.xaxis, [tick for tick in (1, 2, 4, 8, 16, 32, 64, 128) if tick <= 1.1 * most])
    if rows["measure"].iloc[0] == "share solved":
        axes.set_ylim(0, 1.03)
        plain_ticks(axes.yaxis, [0, 0.2, 0.4, 0.6, 0.8, 1])
    elif rows["measure"].iloc[0].startswith("KL ("):
        rooted(axes.yaxis, 1.08 * shown["high"].max())
    for panel in axes.figure.axes:
        if panel.get_shared_x_axes().joined(panel, axes):
            panel.tick_params(labelsize=7)
            panel.grid(True)
