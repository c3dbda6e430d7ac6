"""The toy experiment without sampling noise: output laws of three steps on two targets (arXiv 2509.13866, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record, Scalar

EXPERIMENTS = ("toy",)
ROWS = ("linear", "squared sine", "best grid", "best sizes")
NAMES = {"best grid": "best grid\n(per token)", "best sizes": "best sizes\n(blocks)"}
ATTAINED = 1e-6
"""Nats within which the best Beta schedule counts as the best grid."""
TITLES = {"left": "uniform on aaaaa, bbbbb", "right": "uniform on sentences with 2 or 3 a's"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a target, one row a schedule; what defines it, KL and TV in each panel."""
    record = records["toy"]
    table = record.table[record.table["schedule"].isin(ROWS)]
    figure, panels = pyplot.subplots(len(ROWS), 2, figsize=(7.0, 5.8), sharex=True, sharey="col")
    for column, target in enumerate(TITLES):
        panels[0, column].set_title(f"target: {TITLES[target]}")
        for row, schedule in enumerate(ROWS):
            mine = table[(table["target"] == target) & (table["schedule"] == schedule)]
            _law(panels[row, column], mine)
            note = _note(record.scalars, target, schedule)
            panels[row, column].annotate(note, (0.5, 0.97), xycoords="axes fraction", ha="center", va="top", fontsize=8)
            panels[row, 0].set_ylabel(NAMES.get(schedule, schedule))
        panels[-1, column].set_ylim(0, 1.5 * table.loc[table["target"] == target, "data"].max())
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncol=2)
    figure.supxlabel("number of a's in the sentence; lexicographically within each number", fontsize=9)
    figure.supylabel("probability of each of the 32 sentences", fontsize=9)
    return figure, table


def _law(axes: Axes, rows: DataFrame) -> None:
    edges = np.arange(len(rows) + 1) - 0.5
    axes.bar(rows["rank"], rows["output"], 0.8, color="#56B4E9", label="output law")
    axes.stairs(rows["data"], edges, color="black", linewidth=1.1, label="target")
    counts = rows["sentence"].str.count("a").to_numpy()
    starts = np.flatnonzero(np.diff(counts, prepend=-1))
    for start in starts[1:]:
        axes.axvline(start - 0.5, 0, 0.64, color="0.7", linewidth=0.6, linestyle=":", zorder=0)
    centres = [float(np.flatnonzero(counts == count).mean()) for count in np.unique(counts)]
    axes.set_xticks(centres, [str(count) for count in np.unique(counts)])
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(edges[0] - 0.3, edges[-1] + 0.3)


def _note(scalars: Mapping[str, Scalar], target: str, schedule: str) -> str:
    key = f"{target}/{schedule}"
    kl, tv = (float(scalars[f"{key}/{what}"]) for what in ("kl", "tv"))
    exact = max(kl, tv) < 1e-12
    text = "KL 0 nats,  TV 0" if exact else f"KL {kl:.4f} nats,  TV {tv:.4f}"
    if f"{key}/sizes" in scalars:
        return f"sizes {scalars[f'{key}/sizes']}\n{text}"
    inner = ", ".join(str(scalars[f"{key}/grid"]).split(", ")[1:-1])
    beta = f"{target}/best Beta"
    attained = schedule == "best grid" and abs(kl - float(scalars[f"{beta}/kl"])) < ATTAINED
    shape = f", Beta({scalars[f'{beta}/a']:.2f}, {scalars[f'{beta}/b']:.2f})" if attained else ""
    return rf"$\alpha$ = {inner}{shape}" + f"\n{text}"


def findings(table: DataFrame) -> str:
    """Say what the best per-token grid leaves on each target."""
    best = table[table["schedule"] == "best grid"]
    left, right = (_divergence(best[best["target"] == target]) for target in TITLES)
    return f"The best grid of per-token steps leaves {left:.3f} nats on the left and {right:.3f} on the right."


def _divergence(rows: DataFrame) -> float:
    seen = rows[rows["data"] > 0]
    return float((seen["data"] * np.log(seen["data"] / seen["output"])).sum())
