"""How far the tokens of a PUNT step depend on each other, by the number of revealed tokens (arXiv 2510.21961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import rooted, shortened
from synthetic.records import Record

EXPERIMENTS = ("punt_quantiles",)
TESTS: dict[str, dict[str, Any]] = {
    "binary": {"color": "#009E73", "marker": "*", "markersize": 7, "label": "PUNT, binary-coded tests"},
    "in-order": {"color": "#D55E00", "marker": "o", "markersize": 3.5, "label": "in-order tests"},
}
SHIFT = 0.13


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a row a threshold and a column a world: medians with bars from the 5 % to the 95 % quantile."""
    record = records["punt_quantiles"]
    table = record.table.copy()
    keys = [f"{row.world}/{row.tests}/{row.eps:g}/over" for row in table.itertuples()]
    table = table.assign(over_all=[float(record.scalars[key]) for key in keys])
    levels, worlds = sorted(table["eps"].unique()), list(dict.fromkeys(table["world"]))
    size = (7.0, 1.65 * len(levels) + 1.0)
    figure, panels = pyplot.subplots(len(levels), len(worlds), figsize=size, sharex="col", sharey="row", squeeze=False)
    for row, eps in enumerate(levels):
        mine = table[table["eps"] == eps]
        for column, world in enumerate(worlds):
            axes = panels[row, column]
            _quantiles(axes, mine[mine["world"] == world], eps)
            if not row:
                axes.set_title(world)
            rooted(axes.yaxis, 1.15 * max(float(mine["q95"].max()), eps), (0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1))
        panels[row, 0].set_ylabel(rf"$\varepsilon$ = {eps:g}" + "\n" + r"$\delta$ (nats)")
    for axes in panels[-1]:
        axes.set_xlabel("tokens revealed before")
    pairs = [axes.get_legend_handles_labels() for axes in panels.flat]
    entries = {label: handle for handles, labels in pairs for handle, label in zip(handles, labels, strict=True)}
    figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncol=3)
    return figure, shortened(table, "chance", "several", "q05", "median", "q95", "over", "over_all")


def _quantiles(axes: Axes, rows: DataFrame, eps: float) -> None:
    axes.axhline(eps, color="black", linestyle="--", linewidth=1, label=r"threshold $\varepsilon$")
    for side, (tests, look) in zip((-1, 1), TESTS.items(), strict=True):
        mine = rows[(rows["tests"] == tests) & rows["median"].notna()]
        lengths = np.stack((mine["median"] - mine["q05"], mine["q95"] - mine["median"]))
        if len(mine):
            axes.errorbar(mine["revealed"] + side * SHIFT, mine["median"], lengths, linestyle="none", linewidth=1.2,
                          markeredgecolor="black", markeredgewidth=0.4, clip_on=False, zorder=3, **look)  # fmt: skip
        else:
            axes.text(0.97, {-1: 0.5, 1: 0.35}[side], f"{tests}: one token a step", ha="right", fontsize=7.5,
                      color=look["color"], transform=axes.transAxes)  # fmt: skip
    axes.set_xticks(range(int(rows["revealed"].max()) + 1))
    axes.set_xlim(-0.5, rows["revealed"].max() + 0.5)


def findings(table: DataFrame) -> str:
    """Say which share of the tokens exceeds the threshold by both ways of testing."""
    shares = table.groupby(["tests", "world", "eps"])["over_all"].first()
    binary, ordered = shares["binary"], shares["in-order"]
    world, eps = binary.idxmax()
    return (
        f"With binary-coded tests up to {binary.max():.0%} of the tokens exceed the threshold ({world}, threshold "
        f"{eps:g} nats); with in-order tests the share is {ordered.max():.0%}."
    )
