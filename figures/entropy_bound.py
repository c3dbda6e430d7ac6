"""Entropy bound against realised joint dependence error at every node, by family of laws (arXiv 2505.24857, eq. 8)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("entropy_bound",)
BINS = np.linspace(0, 1, 11)
KINDS = {
    "Top": {"marker": "o", "facecolors": "#D55E00", "label": "block of Top-$k$"},
    "EB": {"marker": "D", "facecolors": "#0072B2", "label": "block of EB"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a family: bound against error with the identity line; how much of the bound is realised."""
    record = records["entropy_bound"]
    families = list(record.table.groupby("family", sort=False))
    figure, panels = pyplot.subplots(2, len(families), figsize=(7.0, 3.9), sharey="row", squeeze=False)
    widest, highest = 1.06 * record.table["bound"].max(), 1.06 * record.table["dependence"].max()
    for (family, mine), above, below in zip(families, *panels, strict=True):
        _nodes(above, mine, widest, highest)
        above.set_title(family)
        _tightness(below, mine, float(record.scalars[f"{family}/ratio"]))
    panels[0, 0].set_ylabel("joint dependence\nerror (nats)")
    panels[0, len(families) // 2].set_xlabel("entropy bound, sum minus max (nats)")
    panels[1, 0].set_ylabel("share of visits")
    panels[1, len(families) // 2].set_xlabel("tightness, error / bound")
    handles = [
        Line2D([], [], linestyle="none", marker=kind["marker"], markerfacecolor=kind["facecolors"], markersize=5,
               markeredgecolor="black", markeredgewidth=0.4, label=kind["label"])
        for kind in KINDS.values()
    ]  # fmt: skip
    handles.append(Line2D([], [], color="black", linewidth=1, label="error = bound"))
    figure.legend(handles=handles, loc="outside upper center", ncol=3)
    return figure, shortened(record.table, "weight", "bound", "dependence")


def _nodes(axes: Axes, table: DataFrame, widest: float, highest: float) -> None:
    axes.plot([0, highest], [0, highest], color="black", linewidth=1, zorder=1)
    for prefix, kind in KINDS.items():
        mine = table[table["rule"].str.startswith(prefix)]
        sizes = 2 + 22 * mine["weight"] ** 0.5
        axes.scatter(mine["bound"], mine["dependence"], s=sizes, edgecolors="black", linewidths=0.3, alpha=0.7,
                     zorder=2, clip_on=False, rasterized=True, **kind)  # fmt: skip
    axes.set(xlim=(0, widest), ylim=(0, highest), xticks=[0, 1, 2], yticks=[0, 0.5, 1])
    axes.grid(True)


def _tightness(axes: Axes, table: DataFrame, ratio: float) -> None:
    share = (table["dependence"] / table["bound"]).clip(0, 1)
    axes.hist(share, BINS, weights=table["weight"] / table["weight"].sum(), color="#56B4E9", edgecolor="black",
              linewidth=0.6, hatch="///")  # fmt: skip
    axes.axvline(ratio, color="black", linestyle="--", linewidth=1)
    axes.annotate(f"total {ratio:.0%}", (ratio, 0.99), xycoords=("data", "axes fraction"), fontsize=8, va="top",
                  xytext=(4, 0), textcoords="offset points")  # fmt: skip
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
