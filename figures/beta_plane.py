"""Exact KL of the output law over the plane of Beta(a, b) schedules for both toy targets (arXiv 2509.13866, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.contour import QuadContourSet
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import BEST, logarithmic, point, shortened
from synthetic.records import Record, Scalar

EXPERIMENTS = ("beta_plane",)
TITLES = {"left": "uniform on aaaaa, bbbbb", "right": "uniform on sentences with 2 or 3 a's"}
NAMED = ("linear", "sine", "squared sine", "one minus cosine")
RATIOS = np.array([1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 1.8, 2.3, 3.0, 4.0])


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a target with its best point and the named schedules."""
    record = records["beta_plane"]
    figure, panels = pyplot.subplots(1, 2, figsize=(7.0, 3.7), sharex=True, sharey=True)
    for axes, (target, rows) in zip(panels, record.table.groupby("target", sort=False), strict=True):
        filled = _plane(axes, rows, record.scalars, target)
    bar = figure.colorbar(filled, ax=panels, ticks=RATIOS, shrink=0.85, aspect=28)
    bar.ax.set_yticklabels([f"{ratio:g}" for ratio in RATIOS])
    bar.ax.minorticks_off()
    bar.set_label("KL over that of the best Beta")
    panels[0].set_ylabel("$b$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=5)
    return figure, shortened(record.table[["target", "a", "b", "kl"]], "a", "b", "kl")


def _plane(axes: Axes, rows: DataFrame, scalars: Mapping[str, Scalar], target: str) -> QuadContourSet:
    best = float(scalars[f"{target}/best/kl"])
    plane = rows.pivot(index="b", columns="a", values="kl") / best
    a, b = (scalars[f"{target}/best/{shape}"] for shape in "ab")
    filled = axes.contourf(plane.columns, plane.index, plane, RATIOS, cmap="cividis_r", extend="max",
                           norm=BoundaryNorm(RATIOS, 256, extend="max"))  # fmt: skip
    axes.contour(plane.columns, plane.index, plane, RATIOS[1:], colors="black", linewidths=0.4)
    for name in NAMED:
        axes.plot(scalars[f"{target}/{name}/a"], scalars[f"{target}/{name}/b"], **point(name, markersize=6, label=name))
    axes.plot(a, b, label="best Beta", **BEST)
    logarithmic(axes, (0.1, 0.2, 0.5, 1, 2, 4))
    axes.set(xlabel="$a$", aspect="equal")
    axes.set_title(f"{TITLES[target]}\nbest ({a:.2f}, {b:.2f}): KL {best:.4f} nats", fontsize=9)
    return filled
