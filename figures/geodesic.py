"""A token's path along the great circle from mask to token at equal times (arXiv 2509.13866, Fig. 6)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import SCHEDULES
from synthetic.records import Record

EXPERIMENTS = ("geodesic",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one arc a schedule with its points at equal times, and all speeds."""
    record = records["geodesic"]
    schedules = list(record.table.groupby("schedule", sort=False))
    figure, panels = pyplot.subplots(1, len(schedules) + 1, figsize=(7.0, 2.75))
    for axes, (name, rows) in zip(panels, schedules, strict=False):
        _arc(axes, name, rows, float(record.scalars[f"{name}/energy ratio"]))
    panels[0].set_ylabel(r"token, $\sqrt{\alpha_t}$")
    _speeds(panels[-1], schedules)
    steps = int(schedules[0][1]["mark"].sum()) - 1
    title = f"marks at times $k/{steps}$; energy of {steps} steps in units of the least, $\\pi^2$"
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=len(schedules), title=title)
    return figure, record.table


def _arc(axes: Axes, name: str, rows: DataFrame, energy: float) -> None:
    arc = np.linspace(0, math.pi / 2, 100)
    axes.plot(np.cos(arc), np.sin(arc), color="0.6", linewidth=1, linestyle="-")
    angle = rows.loc[rows["mark"], "angle"].to_numpy()
    for theta in angle:
        axes.plot([0, math.cos(theta)], [0, math.sin(theta)], color="0.85", linewidth=0.7, linestyle="-")
    axes.plot(np.cos(angle), np.sin(angle), clip_on=False, zorder=3, **{**SCHEDULES[name], "linestyle": "none"})
    axes.text(1.05, 0.04, "$t=0$", fontsize=8)
    axes.text(0.06, 1.06, "$t=1$", fontsize=8)
    axes.set(title=f"{name}\nenergy {energy:.2f}", xlabel=r"mask, $\sqrt{1-\alpha_t}$", aspect="equal",
             xlim=(0, 1.3), ylim=(0, 1.3), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])  # fmt: skip


def _speeds(axes: Axes, schedules: list[tuple[str, DataFrame]]) -> None:
    for name, rows in schedules:
        every = np.flatnonzero(rows["mark"])[1:-1].tolist()
        axes.plot(rows["t"], rows["speed"], label=name, markevery=every, **SCHEDULES[name])
    axes.set(title="speed\n(radians per unit time)", xlabel="generation time $t$", xlim=(0, 1), ylim=(0, 4))
    axes.set_box_aspect(1)
    axes.set_xticks([0, 0.5, 1])
    axes.set_yticks([0, math.pi / 2, math.pi], ["0", r"$\pi/2$", r"$\pi$"])
