"""Exact KL of the output law over the plane of Beta(a, b) schedules for both toy targets (arXiv 2509.13866, Fig. 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
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
    figure, panels = pyplot.subplots(1, 2, figsize=(7.0, 4.1), sharex=True, sharey=True)
    for axes, (target, rows) in zip(panels, record.table.groupby("target", sort=False), strict=True):
        _plane(figure, axes, rows, record.scalars, target)
    panels[0].set_ylabel("$b$")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=5)
    return figure, shortened(record.table[["target", "a", "b", "kl"]], "a", "b", "kl")


def _plane(figure: Figure, axes: Axes, rows: DataFrame, scalars: Mapping[str, Scalar], target: str) -> None:
    plane = rows.pivot(index="b", columns="a", values="kl")
    a, b = (scalars[f"{target}/best/{shape}"] for shape in "ab")
    best = float(scalars[f"{target}/best/kl"])
    levels = best * RATIOS
    filled = axes.contourf(plane.columns, plane.index, plane, levels, cmap="cividis_r", extend="max",
                           norm=BoundaryNorm(levels, 256, extend="max"))  # fmt: skip
    axes.contour(plane.columns, plane.index, plane, levels[1:], colors="black", linewidths=0.4)
    bar = figure.colorbar(filled, ax=axes, location="bottom", ticks=levels[::3], shrink=0.85, aspect=24)
    bar.ax.set_xticklabels([f"{level:.3f}" for level in levels[::3]])
    bar.ax.minorticks_off()
    bar.set_label("KL(target || output law) (nats)")
    for name in NAMED:
        axes.plot(scalars[f"{target}/{name}/a"], scalars[f"{target}/{name}/b"], **point(name, markersize=6, label=name))
    axes.plot(a, b, label="best Beta", **BEST)
    logarithmic(axes, (0.1, 0.3, 1, 3))
    axes.set(xlabel="$a$", aspect="equal")
    axes.set_title(f"target: {TITLES[target]}\nbest ({a:.2f}, {b:.2f}): {best:.4f} nats")
