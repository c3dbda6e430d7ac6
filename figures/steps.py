"""K-step error of named schedules, the best Beta, the best grid and the provably best sizes (arXiv 2511.04647)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures.looks import EDGE, SCHEDULES, plain_ticks
from synthetic.records import Record

EXPERIMENTS = ("steps",)
COLUMNS = 3
ZERO = 1e-12
STAR = {"marker": "*", "markersize": 11, "color": SCHEDULES["best sizes"]["color"], **EDGE}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a world, the error in nats on a logarithmic axis; exact zeros as stars on the axis."""
    table = records["steps"].table
    worlds = list(table.groupby("world", sort=False))
    columns = min(COLUMNS, len(worlds))
    rows, few = math.ceil(len(worlds) / columns), columns < COLUMNS
    size = (2.4 * columns + 1.6, 2.6 * rows + 1.2) if few else (7.0, 2.15 * rows + 0.8)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
    for axes, (world, mine) in zip(panels.flat, worlds, strict=False):
        _errors(axes, mine)
        axes.set_title(f"{world} ($n = {mine['n'].iloc[0]}$)")
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    figure.supxlabel("steps $K$", fontsize=9)
    figure.supylabel("error, path KL (nats)", fontsize=9)
    handles = panels[0, 0].get_legend_handles_labels()[0]
    star = Line2D([], [], label="best sizes, error 0", **STAR)
    figure.legend(handles=[*handles, star], loc="outside upper center", ncol=2 if few else 4)
    return figure, table


def _errors(axes: Axes, table: DataFrame) -> None:
    low, high = (table.loc[table["error"] > ZERO, "error"].agg(end) for end in ("min", "max"))
    floor = low / 1.6
    for k, (name, look) in enumerate(SCHEDULES.items()):
        rows = table[table["schedule"] == name]
        some = rows[rows["error"] > ZERO]
        marks = {"markersize": 6} if name == "best sizes" else {"markersize": 3.5, "markevery": (k, 6)}
        axes.plot(some["steps"], some["error"], label=name, linewidth=1.2, **marks, **look)
    zero = table.loc[table["error"] <= ZERO, "steps"].min()
    axes.plot(zero, floor, zorder=3, clip_on=False, **STAR)
    axes.set(yscale="log", ylim=(floor, 1.3 * high))
    ladder = [digit * 10.0**power for power in range(-4, 3) for digit in (1, 3)]
    plain_ticks(axes.yaxis, [tick for tick in ladder if floor <= tick <= high])
    most = int(table["steps"].max())
    axes.set_xticks(range(0, most + 1, max(1, most // 4)), minor=False)
    axes.set_xlim(0.5, most + 0.5)
    axes.grid(True, axis="y")
