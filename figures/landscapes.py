"""Energy landscapes over Beta(a, b) mask schedules for several weights (arXiv 2509.13866, Fig. 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pandas import DataFrame

from figures.looks import BEST, logarithmic, point, shortened
from synthetic.records import Record

EXPERIMENTS = ("landscapes",)
LEVELS = (1.0, 1.05, 1.1, 1.2, 1.4, 1.7, 2.0, 3.0, 5.0, 10.0)
INFINITE = {"facecolor": "0.92", "edgecolor": "0.45", "hatch": "////", "linewidth": 0.8}
TICKS = (0.1, 0.2, 0.5, 1, 2, 3)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a weight, in units of the least energy pi^2; regions of infinite energy are hatched."""
    table = records["landscapes"].table
    weights = list(table.groupby(["c", "e"], sort=False))
    columns = math.ceil(len(weights) / 2)
    figure, panels = pyplot.subplots(2, columns, figsize=(7.0, 6.4), sharex=True, sharey=True)
    for axes, ((c, e), rows) in zip(panels.flat, weights, strict=False):
        filled = _landscape(axes, rows, c, e)
    bar = figure.colorbar(filled, ax=panels, ticks=LEVELS, shrink=0.85, aspect=35)
    bar.set_label(r"energy $J/\pi^2$ (the least is 1)")
    bar.ax.set_yticklabels([f"{level:g}" for level in LEVELS])
    figure.supxlabel("$a$ of the mask schedule", fontsize=9)
    figure.supylabel("$b$ of the mask schedule", fontsize=9)
    handles = [*panels.flat[0].get_legend_handles_labels()[0], Patch(label="infinite energy", **INFINITE)]
    figure.legend(handles=handles, loc="outside upper center", ncol=4)
    return figure, shortened(table, "a", "b", "energy")


def _landscape(axes: Axes, rows: DataFrame, c: float, e: float) -> QuadContourSet:
    plane = rows.pivot(index="b", columns="a", values="energy") / math.pi**2
    a, b, energy = plane.columns, plane.index, plane.to_numpy()
    norm = BoundaryNorm(LEVELS, 256, extend="max")
    axes.set_facecolor(pyplot.get_cmap("cividis_r")(1.0))
    filled = axes.contourf(a, b, energy, LEVELS, cmap="cividis_r", norm=norm, extend="max")
    axes.contour(a, b, energy, LEVELS[1:], colors="black", linewidths=0.4)
    low, high = float(a.min()), float(a.max())
    for start, width, height in (((low, low), c / 2 - low, high), ((c / 2, low), high, e / 2 - low)):
        axes.add_patch(Rectangle(start, max(width, 0.0), max(height, 0.0), **INFINITE))
    axes.plot(c, e, label="minimum, $(a, b) = (c, e)$", **BEST)
    axes.plot(0.5, 0.5, **point("linear", markersize=6, label="linear (½, ½)"))
    axes.plot(1, 1, **point("squared sine", markersize=5, label="squared sine (1, 1)"))
    logarithmic(axes, TICKS)
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title=f"weight Beta({c:g}, {e:g})")
    return filled
