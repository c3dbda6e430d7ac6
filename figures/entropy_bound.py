"""Entropy bound against realised joint dependence error at every node, by family of laws (arXiv 2505.24857, eq. 8)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("entropy_bound",)
KINDS = {"EB": "blocks of EB", "Top": "blocks of Top-$k$"}
CELL = 0.1
"""Nats on either side of a cell in which visits are counted."""
DENSITY = LogNorm(1e-3, 1)
BINS = np.linspace(0, 1, 11)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a family: where visits lie between bound and error, for each rule; how much of the bound is real.

    The density of a panel is the share of a rule's visits in each cell.
    """
    record = records["entropy_bound"]
    families = list(record.table.groupby("family", sort=False))
    figure, panels = pyplot.subplots(3, len(families), figsize=(7.0, 5.4), sharey="row", squeeze=False)
    widest, highest = (CELL * np.ceil(record.table[name].max() / CELL + 0.5) for name in ("bound", "dependence"))
    for (family, mine), column in zip(families, panels.T, strict=True):
        for axes, prefix in zip(column, KINDS, strict=False):
            filled = _density(axes, mine[mine["rule"].str.startswith(prefix)], widest, highest)
        column[0].set_title(family)
        _tightness(column[2], mine, float(record.scalars[f"{family}/ratio"]))
    panels[0, 0].annotate("error = bound", (0.75, 0.75), (-2, 3), textcoords="offset points", fontsize=7, rotation=61,
                          ha="center", va="bottom", rotation_mode="anchor").set_in_layout(False)  # fmt: skip
    for row, label in enumerate(KINDS.values()):
        panels[row, 0].set_ylabel(f"{label}\nerror (nats)")
    panels[1, len(families) // 2].set_xlabel("entropy bound, sum minus max (nats)")
    panels[2, 0].set_ylabel("share of visits")
    panels[2, len(families) // 2].set_xlabel("error over bound")
    bar = figure.colorbar(filled, ax=panels[:2], shrink=0.8, aspect=30, pad=0.01)
    bar.set_label("share of the rule's visits")
    bar.ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    return figure, shortened(record.table, "weight", "bound", "dependence")


def _density(axes: Axes, table: DataFrame, widest: float, highest: float) -> object:
    """Draw the share of visits in each cell, and the line on which the error is the whole bound."""
    across, up = np.arange(0, widest + CELL / 2, CELL), np.arange(0, highest + CELL / 2, CELL)
    weights = table["weight"] / table["weight"].sum()
    counted = np.histogram2d(table["bound"], table["dependence"], (across, up), weights=weights)[0].T
    filled = axes.pcolormesh(across, up, np.where(counted > 0, counted, np.nan), norm=DENSITY, cmap="cividis_r")
    axes.plot([0, highest], [0, highest], color="black", linewidth=1)
    axes.set(xlim=(0, widest), ylim=(0, highest), xticks=[0, 1, 2], yticks=[0, 0.5, 1])
    axes.grid(True)
    return filled


def _tightness(axes: Axes, table: DataFrame, ratio: float) -> None:
    share = (table["dependence"] / table["bound"]).clip(0, 1)
    axes.hist(share, BINS, weights=table["weight"] / table["weight"].sum(), color="#56B4E9", edgecolor="black",
              linewidth=0.6)  # fmt: skip
    axes.axvline(ratio, color="black", linestyle="--", linewidth=1)
    axes.annotate(f"total {ratio:.0%}", (ratio, 0.99), xycoords=("data", "axes fraction"), fontsize=7.5, va="top",
                  xytext=(3, 0), textcoords="offset points").set_in_layout(False)  # fmt: skip
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def findings(table: DataFrame) -> str:
    """Say how much of the bound is real, over all visits, where it is least and where it is most."""
    weighted = table.assign(error=table["weight"] * table["dependence"], whole=table["weight"] * table["bound"])
    sums = weighted.groupby("family")[["error", "whole"]].sum()
    real = sums["error"] / sums["whole"]
    return (
        f"Over all visits {real.min():.0%} of the bound is real error for {real.idxmin()} and {real.max():.0%} for "
        f"{real.idxmax()}."
    )
