"""Every unmasking rule by exact KL and E[NFE], above the optimal frontier (arXiv 2505.24857 and its neighbours)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import EDGE, plain_ticks, rooted, shortened
from synthetic.records import Record

EXPERIMENTS = ("frontiers",)
COLUMNS = 3
FRONTIER = {"color": "black", "linewidth": 1.3, "zorder": 2}
FAMILIES = {
    "random one": {"marker": "x", "markersize": 6, "color": "black", "linestyle": "none", "zorder": 4},
    "left to right": {"marker": ">", "markerfacecolor": "#F0E442", "markersize": 4.5, **EDGE},
    "dilated": {"marker": "s", "markerfacecolor": "white", "markersize": 4.5, **EDGE},
    "threshold": {"marker": "^", "markerfacecolor": "#56B4E9", "markersize": 4, **EDGE},
    "Top-k": {"marker": "o", "markerfacecolor": "#D55E00", "markersize": 4.5, **EDGE},
    "EB": {"marker": "D", "markerfacecolor": "#0072B2", "markersize": 3.6, **EDGE},
    "Info-Gain": {"marker": "P", "markerfacecolor": "#CC79A7", "markersize": 6, **EDGE},
    "PUNT": {"marker": "*", "markerfacecolor": "#009E73", "markersize": 7, **EDGE},
    "own": {"marker": "X", "markerfacecolor": "#FFFFFF", "markersize": 9, **EDGE},
}
LABELS = {
    "random one": "random one",
    "left to right": "left to right, $k$",
    "dilated": "dilated",
    "threshold": "thresholds (3 proxies)",
    "Top-k": "Top-$k$ (3 proxies)",
    "EB": "EB (3 proxies)",
    "PUNT": r"PUNT, $\varepsilon$",
    "Info-Gain": "Info-Gain, $N$",
    "own": "your own",
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a world: every rule a point, the optimal hull a line with nothing attainable below it."""
    table = records["frontiers"].table
    worlds = list(table.groupby("world", sort=False))
    columns = min(COLUMNS, len(worlds))
    rows, few = math.ceil(len(worlds) / columns), columns < COLUMNS
    size = (2.4 * columns + 1.6, 2.6 * rows + 1.4) if few else (7.0, 2.25 * rows + 0.9)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for axes, (world, mine) in zip(panels.flat, worlds, strict=False):
        _rules(axes, mine)
        axes.set_title(f"{world} ($n = {mine['n'].iloc[0]}$)")
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    figure.supxlabel("expected denoiser calls under the sampler, E[NFE]", fontsize=9)
    figure.supylabel("exact KL of data from output law (nats)", fontsize=9)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=2 if few else 3)
    return figure, shortened(table.drop(columns="n"), "nfe", "nfe_data", "kl", "parameter")


def _rules(axes: Axes, table: DataFrame) -> None:
    hull = table[table["family"] == "optimal"].sort_values("nfe")
    calls = np.geomspace(1, hull["nfe"].max(), 400)
    height = np.interp(calls, hull["nfe"], hull["kl"])
    axes.plot(calls, height, label="optimal frontier", **FRONTIER)
    axes.fill_between(calls, height, color="0.88", linewidth=0, zorder=1)
    for name, look in FAMILIES.items():
        mine = table[table["family"] == name]
        if name == "own" and mine.empty:
            continue
        edge = {} if name == "random one" else {"markeredgewidth": 0.4}
        axes.plot(mine["nfe"], mine["kl"], label=LABELS[name], clip_on=False, **{"zorder": 3, **look, **edge})
    axes.set(xscale="log", xlim=(0.9, 1.12 * table["nfe"].max()))
    rooted(axes.yaxis, 1.05 * table["kl"].max())
    plain_ticks(axes.xaxis, [tick for tick in (1, 2, 3, 4, 6, 10, 16) if tick <= 1.1 * table["nfe"].max()])
    axes.grid(True)
