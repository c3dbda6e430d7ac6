"""An arithmetic expression in parallel and sequential steps, and steps by the shape of an expression (2510.13117)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, shortened
from synthetic.records import Record
from theory.power.expressions import Expression, products_of_sums

EXPERIMENTS = ("expression_steps",)
STEP_COLORS = ("#BFDDF0", "#F6C9A8", "#BFE5D6")
SIGNS = {"*": "×", "+": "+", "-": "−"}
SHAPES: dict[str, dict[str, Any]] = {
    "sequential": {"color": "0.6", "linewidth": 4, "alpha": 0.6, "linestyle": "-"},
    "chain": {"color": "#D55E00", "linestyle": ":", "marker": "s"},
    "random": {"color": "#009E73", "linestyle": "--", "marker": "D"},
    "balanced": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
}
NAMES = {
    "sequential": "one operation a step", "chain": "parallel, a chain", "random": "parallel, random shape",
    "balanced": "parallel, balanced",
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the expression's tree on the left and the steps by shape on the right."""
    record = records["expression_steps"]
    table = record.table
    figure, (tree, steps) = pyplot.subplots(1, 2, figsize=(7.0, 3.2), width_ratios=(1.45, 1))
    numbers = [int(n) for n in record.config["numbers"]]
    _tree(tree, table[table["part"] == "expression"], products_of_sums(), numbers)
    tree.set_title(f"{record.scalars['parallel']:g} parallel steps, {record.scalars['sequential']:g} sequential ones")
    _shapes(steps, table[table["part"] == "shape"])
    return figure, shortened(table, "steps")


def _tree(axes: Axes, rows: DataFrame, expression: Expression, numbers: list[int]) -> None:
    """Draw numbers below, an operation above the middle of its operands, and below each its sequential step."""
    x, y = [float(k) for k in range(len(numbers))], [0.0] * len(numbers)
    for (_, operands), height in zip(expression.operations, expression.heights, strict=True):
        x.append(float(np.mean([x[place] for place in operands])))
        y.append(float(height))
        for place in operands:
            axes.plot([x[-1], x[place]], [y[-1], y[place]], color="0.5", linewidth=0.8, linestyle="-", zorder=1)
    for k, number in enumerate(numbers):
        axes.text(x[k], -0.08, str(number), ha="center", va="top", fontsize=9)
    for row in rows.itertuples():
        across, up = x[row.place], y[row.place]
        color = STEP_COLORS[(int(row.parallel) - 1) % len(STEP_COLORS)]
        axes.plot(across, up, marker="o", markersize=17, color=color, markeredgecolor="black", markeredgewidth=0.7)
        axes.text(across, up, SIGNS[row.name], ha="center", va="center", fontsize=11)
        axes.text(across + 0.42, up + 0.13, f"{row.sequential}", ha="left", va="bottom", fontsize=7.5, color="0.35")
    for step in sorted(rows["parallel"].unique()):
        axes.text(-1.0, step, f"step {step}", ha="right", va="center", fontsize=8)
    axes.text(-1.0, -0.2, "given", ha="right", va="center", fontsize=8)
    axes.set(xlim=(-3.4, len(numbers) - 0.2), ylim=(-0.5, max(y) + 0.5), xticks=[], yticks=[])
    axes.set_axis_off()


def _shapes(axes: Axes, rows: DataFrame) -> None:
    for name, look in SHAPES.items():
        mine = rows[rows["name"] == name].sort_values("operations")
        axes.plot(mine["operations"], mine["steps"], **{"markersize": 3.5, "linewidth": 1.2, **look}, label=NAMES[name])
    logarithmic(axes, [1, 2, 3, 5, 10, 20, 30, 50, 100, 200])
    axes.set(xlabel="binary operations of an expression", ylabel="steps")
    axes.legend(loc="upper left", fontsize=7.5, labelspacing=0.25)
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say what the largest expressions take, by shape."""
    rows = table[table["part"] == "shape"]
    largest = rows[rows["operations"] == rows["operations"].max()].set_index("name")["steps"]
    return (
        f"With {rows['operations'].max()} operations a balanced expression takes {largest['balanced']:.0f} parallel "
        f"steps, a random one {largest['random']:.0f} on average and a chain {largest['chain']:.0f}."
    )
