"""The schedules that Theorem 9 builds from TC or from DTC alone, beside the provable optimum (arXiv 2511.04647)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, rooted, shortened
from synthetic.records import Record

EXPERIMENTS = ("constructions",)
COLUMNS = 4
ZERO = 1e-10
LOOKS: dict[str, dict[str, Any]] = {
    "best sizes": {"color": "#E69F00", "linestyle": "-", "linewidth": 2.0, "label": "provably best sizes"},
    "from TC": {"color": "#0072B2", "linestyle": ":", "marker": "o", "linewidth": 0.8, "label": "built from TC"},
    "from DTC": {"color": "#D55E00", "linestyle": ":", "marker": "s", "linewidth": 0.8, "label": "built from DTC"},
}
TICKS = (1, 2, 3, 4, 6, 10, 16, 30, 100, 300, 1000)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a world: the error as a share of the total correlation over the number of steps."""
    record = records["constructions"]
    table = record.table
    totals = table["world"].map(lambda world: float(record.scalars[f"{world}/TC"]))
    table = table.assign(share=table["error"] / totals, promised=table["guarantee"] / totals)
    worlds = list(table.groupby("world", sort=False))
    rows = math.ceil(len(worlds) / COLUMNS)
    figure, panels = pyplot.subplots(rows, COLUMNS, figsize=(7.0, 1.75 * rows + 0.9), sharey=True, squeeze=False)
    for axes, (world, mine) in zip(panels.flat, worlds, strict=False):
        _world(axes, mine)
        axes.set_title(f"{world}, $n$ = {mine['n'].iloc[0]}", fontsize=7.5)
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    figure.supxlabel("steps $K$", fontsize=9)
    figure.supylabel("error $E$ over TC", fontsize=9)
    figure.legend(*panels.flat[0].get_legend_handles_labels(), loc="outside upper center", ncol=4, handlelength=2)
    return figure, shortened(table, "error", "guarantee", "share", "promised")


def _world(axes: Axes, rows: DataFrame) -> None:
    most = int(rows["steps"].max())
    steps = np.arange(1, most + 1)
    axes.fill_between(steps, _guaranteed(rows, steps), 1, step="post", color="0.85", linewidth=0,
                      label="excluded by the guarantee")  # fmt: skip
    for method, look in LOOKS.items():
        mine = rows[rows["method"] == method].sort_values(["steps", "error"])
        axes.plot(mine["steps"], mine["share"].clip(lower=0), markersize=3.2, clip_on=False, zorder=3, **look)
    axes.set_xscale("log")
    axes.set_xlim(1, most)
    plain_ticks(axes.xaxis, [tick for tick in TICKS if most < 20 or tick in (1, 3, 10, 30, 100, 300, 1000)])
    rooted(axes.yaxis, 1.0, (0, 0.01, 0.05, 0.2, 0.5, 1))


def _guaranteed(rows: DataFrame, steps: np.ndarray) -> np.ndarray:
    """Return what the better of the two constructions promises with at most K steps, never more than 1."""
    built = rows[rows["method"] != "best sizes"]
    promises = [built.loc[built["steps"] <= k, "promised"].min() for k in steps]
    return np.asarray(np.minimum(1.0, np.nan_to_num(promises, nan=1.0)))


def steps_to(rows: DataFrame, method: str, share: float) -> float:
    """Return the least number of steps of a method whose error is at most a share of TC, nan where none is listed."""
    return float(rows.loc[(rows["method"] == method) & (rows["share"] <= share + ZERO), "steps"].min())


def findings(table: DataFrame) -> str:
    """Say how many more steps than the optimum the better construction takes to reach a tenth of TC."""
    ratios = {}
    for world, rows in table.groupby("world", sort=False):
        better = min(steps_to(rows, method, 0.1) for method in ("from TC", "from DTC"))
        ratios[str(world)] = better / steps_to(rows, "best sizes", 0.1)
    finite = {world: ratio for world, ratio in ratios.items() if not math.isnan(ratio)}
    if not finite:
        return ""
    least, most = min(finite, key=finite.__getitem__), max(finite, key=finite.__getitem__)
    return (
        f"To bring the error below a tenth of TC, the better construction takes from {finite[least]:.2g} ({least}) to "
        f"{finite[most]:.2g} times ({most}) the steps of the optimum."
    )
