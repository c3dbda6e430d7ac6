"""Information curves of the worlds and their best K-piece left-endpoint step approximation (arXiv 2511.04647)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("curves",)
COLUMNS = 4


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a world; the hatched area is the least error of K steps."""
    record = records["curves"]
    worlds = list(record.table.groupby("world", sort=False))
    rows = math.ceil((len(worlds) + 1) / COLUMNS)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=(7.0, 1.95 * rows + 0.2))
    for axes, (world, table) in zip(panels.flat, worlds, strict=False):
        _curve(axes, table)
        sizes, error, total = (record.scalars[f"{world}/{key}"] for key in ("sizes", "error", "TC"))
        axes.set_title(
            f"{world}\nsteps of {_listed(str(sizes))}\nleave {_short(error)} of {_short(total)} nats", fontsize=8
        )
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    handles, labels = panels.flat[0].get_legend_handles_labels()
    panels.flat[-1].legend(handles, labels, loc="center", bbox_to_anchor=(0.4, 0.5))
    figure.supxlabel("$j$-th revealed token", fontsize=9)
    figure.supylabel("$Z_j$: mean information of a token with $j-1$ others (nats)", fontsize=9)
    return figure, record.table


def _curve(axes: Axes, table: DataFrame) -> None:
    n = len(table)
    edges = np.arange(n + 1) + 0.5
    curve, steps = table["curve"].to_numpy(), table["steps"].to_numpy()
    axes.stairs(curve, edges, baseline=steps, fill=True, facecolor="#F6C9A8", edgecolor="#D55E00",
                hatch="////", linewidth=0, label="error of these steps")  # fmt: skip
    axes.stairs(curve, edges, baseline=None, color="black", linewidth=1.5, label="information $Z_j$")
    axes.stairs(steps, edges, baseline=None, color="#0072B2", linewidth=1.5, linestyle="--", label="what the steps use")
    axes.set(xlim=(0.5, n + 0.5), ylim=(0, 1.08 * max(curve.max(), 1e-9)), xticks=_ticks(n))


def _listed(sizes: str) -> str:
    """Return "1, 2, 3 tokens" for "1 + 2 + 3"."""
    return f"{sizes.replace(' ', '').replace('+', ', ')} tokens"


def _ticks(n: int) -> list[int]:
    return list(range(1, n + 1)) if n <= 6 else [1, n // 2, n]


def _short(nats: float | int | str | bool) -> str:
    return f"{float(nats):#.3g}" if abs(float(nats)) > 1e-12 else "0"
