"""Exact rounds of speculative masked decoding against the window, by order, and why drafts are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("speculative_masked",)
ORDERS: dict[str, dict[str, Any]] = {
    "left to right": {"color": "#000000", "marker": "o", "linestyle": "-", "markersize": 5},
    "random": {"color": "#56B4E9", "marker": "v", "linestyle": ":", "markersize": 5},
    "confidence": {"color": "#D55E00", "marker": "D", "linestyle": "--", "markersize": 4},
    "unsure": {"color": "#CC79A7", "marker": "P", "linestyle": "-.", "markersize": 5},
}
LABELS = {
    "left to right": "left to right",
    "random": "random permutation",
    "confidence": "surest position first",
    "unsure": "least sure first",
}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.4}
COLUMNS = 4


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw rounds over windows of two and more, a panel a world; below, rejections at L = n."""
    table = records["speculative_masked"].table
    worlds = list(table.groupby("world", sort=False))
    rows = -(-(len(worlds) + 1) // COLUMNS)
    figure = pyplot.figure(figsize=(7.0, 1.75 * rows + 2.5))
    above, below = figure.subfigures(2, 1, height_ratios=[1.75 * rows, 2.5])
    panels = above.subplots(rows, COLUMNS, sharey=True, squeeze=False)
    for axes, (world, mine) in zip(panels.flat, worlds, strict=False):
        _rounds(axes, mine)
        axes.set_title(f"{world} ($n = {mine['n'].iloc[0]}$)", fontsize=8.5)
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    panels.flat[len(worlds)].legend(*panels[0, 0].get_legend_handles_labels(), loc="center left", handlelength=2.0,
                                    bbox_to_anchor=(-0.15, 0.5), fontsize=7.5)  # fmt: skip
    above.supxlabel("window $L$", fontsize=9)
    above.supylabel("E[rounds], exact", fontsize=9)
    _rejections(below.subplots(), table[table["window"] == table["n"]])
    return figure, shortened(table, "rounds", "coins", "mismatches", "acceptance", "gap", "low", "high")


def _rounds(axes: Axes, table: DataFrame) -> None:
    """Draw the orders of a window side by side, each with its range over laws and permutations."""
    n = int(table["n"].iloc[0])
    windows = np.arange(2, n + 1)
    axes.bar(windows, np.ceil(n / windows), 1.0, color="0.88", zorder=1, label=r"below $\lceil n/L \rceil$")
    axes.axhline(n / 2, color="0.4", linewidth=0.8, linestyle=(0, (1, 2)), label="$n/2$: one call a token")
    for k, (order, look) in enumerate(ORDERS.items()):
        rows = table[(table["order"] == order) & (table["window"] > 1)]
        places = rows["window"] + 0.2 * (k - 1.5)
        axes.vlines(places, rows["low"], rows["high"], color=look["color"], linewidth=1.4, zorder=2)
        axes.plot(places, rows["rounds"], label=LABELS[order], clip_on=False, zorder=3,
                  **{**look, "linestyle": "none"}, **EDGE)  # fmt: skip
    axes.set(xlim=(1.5, n + 0.5), ylim=(0.8, 3.2), yticks=(1, 2, 3), xticks=windows)
    axes.grid(True, axis="y")


def _rejections(axes: Axes, table: DataFrame) -> None:
    """Stack E rejections by the coin and by the order."""
    for place, bars in _placed(table):
        for x, row in zip(place, bars.itertuples(), strict=True):
            color = ORDERS[row.order]["color"]
            axes.bar(x, row.coins, 0.19, color=color, edgecolor="black", linewidth=0.5)
            axes.bar(x, row.mismatches, 0.19, bottom=row.coins, color="white", edgecolor=color, hatch="////",
                     linewidth=0.5)  # fmt: skip
            axes.plot(x, -0.09 * (table["coins"] + table["mismatches"]).max(), clip_on=False,
                      **{**ORDERS[row.order], "linestyle": "none", "markersize": 3.5}, **EDGE)  # fmt: skip
    names = list(dict.fromkeys(table["world"]))
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", length=0, pad=15)
    handles = [Patch(facecolor="0.3", edgecolor="black", label="token refused by its coin"),
               Patch(facecolor="white", edgecolor="0.3", hatch="////", label="order moved on")]  # fmt: skip
    axes.legend(handles=handles, loc="upper right", handlelength=1.5)
    top = (table["coins"] + table["mismatches"]).max()
    axes.set(ylabel="E[rejections a sequence]", title="rejections at $L = n$", ylim=(0, 1.2 * top))
    axes.grid(True, axis="y")


def _placed(table: DataFrame) -> list[tuple[np.ndarray, DataFrame]]:
    """Return each world's rows in the order of the looks, with their places on the axis."""
    found = []
    for k, (_, mine) in enumerate(table.groupby("world", sort=False)):
        rows = mine.set_index("order").loc[list(ORDERS)].reset_index()
        found.append((k + 0.2 * (np.arange(len(ORDERS)) - (len(ORDERS) - 1) / 2), rows))
    return found


def findings(table: DataFrame) -> str:
    """Say what surest first costs beside left to right, and what its rejections are, at the largest window."""
    whole = table[table["window"] == table["n"]]
    wide = whole.pivot(index="world", columns="order", values="rounds")
    surest = whole[whole["order"] == "confidence"]
    moved = surest["mismatches"].sum() / (surest["coins"] + surest["mismatches"]).sum()
    extra = wide["confidence"] - wide["left to right"]
    return (
        f"With windows of all n positions, surest first takes up to {extra.max():.2f} rounds more than left to right "
        f"({extra.idxmax()}); over the worlds {moved:.0%} of its rejections are changes of order."
    )
