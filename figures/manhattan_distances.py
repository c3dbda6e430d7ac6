"""Losses of crossbars against the distances of their active cells and against first order (arXiv 2511.04798)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("manhattan_distances",)
LOOKS = (("#000000", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#E69F00", "D"), ("#D55E00", "v"))


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the nonideality factor over the mean distance times r / R, and over its first order."""
    record = records["manhattan_distances"]
    table, ratio = record.table, record.scalars["ratio"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.3), sharey=True)
    for (active, mine), (color, marker) in zip(table.groupby("active"), LOOKS, strict=False):
        look = {"color": color, "markersize": 3, "alpha": 0.7, "label": f"{active}"}
        left.plot(ratio * mine["distance"], mine["nf"], marker, **look)
        right.plot(mine["first"], mine["nf"], marker, **look)
    whole_range = np.array([table["nf"].min(), table["nf"].max()])
    for axes, label in ((left, "mean distance x $r/R$: the hypothesis"), (right, "first order in $r$, by tail counts")):
        axes.plot(whole_range, whole_range, color="grey", linewidth=1, linestyle="--")
        axes.set(xscale="log", yscale="log", xlabel=label)
        axes.grid(True)
    left.set_ylabel("nonideality factor")
    figure.legend(*left.get_legend_handles_labels(), title="active cells of 4,096", loc="outside upper left", ncol=5)
    return figure, shortened(table, "distance", "nf", "first")


def findings(table: DataFrame) -> str:
    """Say how far the hypothesis is off where many cells are active."""
    groups = dict(list(table.groupby("active")))
    least, most = min(groups), max(groups)
    per = {active: (mine["nf"] / mine["distance"]).mean() for active, mine in groups.items()}
    close = max(float((1 - mine["nf"] / mine["first"]).abs().max()) for mine in groups.values())
    return (
        f"With {most} active cells the factor over distance is {per[most] / per[least]:.1f} times that of one cell. "
        f"First order is off by at most {close:.1%}."
    )
