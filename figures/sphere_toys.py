"""SGD on the sphere with and without a common zero of all losses: paths, losses, signal to noise (arXiv 2505.23489)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("sphere_toys",)
NAMES = {"over": "common zero", "under": "no common zero"}
COLORS = ("#000000", "#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00")
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), ":")
TINY = 1e-32
NOTHING = 1e-28
"""Losses below are rounding, and so is what is left of signal and noise."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw paths from above, median losses and signal to noise over steps for each toy, and final losses over rates."""
    record = records["sphere_toys"]
    table = record.table
    figure, panels = pyplot.subplots(2, 4, figsize=(10.0, 5.0), width_ratios=(1, 1.2, 1.2, 1.2))
    for row, toy in zip(panels, NAMES, strict=True):
        mine = table[table["toy"] == toy]
        _paths(row[0], mine[mine["part"] == "path"], toy)
        course = mine[(mine["part"] == "course") & (mine["step"] > 0)]
        for axes, column in ((row[1], "loss"), (row[2], "snr")):
            _course(axes, course[course["loss"] > NOTHING], column)
        plain_ticks(row[2].yaxis, (0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 1, 1.5))
        _ends(row[3], mine[mine["part"] == "end"], toy, record.scalars)
    panels[0][1].set(ylim=(TINY, 3))
    panels[1][1].set(ylim=(0.03, 1))
    for axes in panels[1][1::2]:
        plain_ticks(axes.yaxis, (0.04, 0.1, 0.2, 0.5, 1))
    figure.legend(*panels[0][1].get_legend_handles_labels(), title="learning rate", loc="outside lower center", ncol=6)
    return figure, shortened(table, "x1", "x2", "loss", "snr")


def _paths(axes: Axes, rows: DataFrame, toy: str) -> None:
    axes.add_patch(Circle((0, 0), 1, fill=False, linewidth=0.8, color="grey"))
    for (rate, mine), color, line in zip(rows.groupby("rate"), COLORS, LINES, strict=False):
        if rate in (0.01, 0.1, 1.0):
            axes.plot(mine["x1"], mine["x2"], color=color, linestyle=line, linewidth=0.9)
    axes.plot(0, 0, "*", color="white", markeredgecolor="black", markersize=9)
    axes.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal", xticks=(-1, 0, 1), yticks=(-1, 0, 1),
             xlabel="$x_1$", ylabel=f"{NAMES[toy]}\n$x_2$")  # fmt: skip


def _course(axes: Axes, rows: DataFrame, column: str) -> None:
    for (rate, mine), color, line in zip(rows.groupby("rate"), COLORS, LINES, strict=False):
        axes.plot(
            mine["step"], mine[column].clip(lower=TINY), color=color, linestyle=line, linewidth=1.1, label=f"{rate:g}"
        )
    axes.set(
        xscale="log", yscale="log", xlabel="step", ylabel={"loss": "median loss", "snr": "mean signal to noise"}[column]
    )
    axes.grid(True)


def _ends(axes: Axes, rows: DataFrame, toy: str, scalars: Mapping[str, float]) -> None:
    axes.plot(rows["rate"], rows["loss"].clip(lower=TINY), "o", color="black", markersize=3.5, label="chains")
    axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="loss at the end")
    if toy == "over":
        axes.axvline(1.0, color="#D55E00", linewidth=1, linestyle="--")
        axes.annotate("threshold 1", (1.0, 1e-16), rotation=90, xytext=(-9, 0), textcoords="offset points", fontsize=7)
    else:
        rates = np.geomspace(0.01, 2, 100)
        heat = scalars["noise"] * rates / (2 - scalars["curvature"] * rates)
        axes.plot(rates, scalars["least loss"] + heat, color="#0072B2", linewidth=1.2, label="least loss + $T$")
        axes.legend(loc="upper left", handlelength=1.5)
        axes.set(ylim=(0.03, 1))
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say on which side of the threshold the losses of the first toy vanish."""
    last_losses = table[(table["part"] == "end") & (table["toy"] == "over")]
    below, above = (
        last_losses[(last_losses["rate"] < 1) & (last_losses["rate"] >= 0.05)],
        last_losses[last_losses["rate"] > 1],
    )
    reached = "below 1e-30" if below["loss"].max() < 1e-30 else f"at most {below['loss'].max():.0e}"
    return (
        f"With a common zero the median loss is {reached} after all steps for rates from .05 to below 1, and at least "
        f"{above['loss'].min():.1g} above 1."
    )
