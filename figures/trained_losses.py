"""What drawing masks in another way buys a trained model: variance of loss and gradient, and the final NELBO."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("trained_losses",)
LOOKS = (("o", "#0072B2", -0.13), ("s", "#E69F00", 0.13))
STANDARD = "1/t"


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a row a method: variances over those of 1/t, and the difference of final NELBOs, paired by seed."""
    table = records["trained_losses"].table
    rows = paired(table)
    names = [name for name in dict.fromkeys(table["method"]) if name != STANDARD]
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 2.9), sharey=True)
    titles = {
        "loss": "variance of the loss,\nover that of 1/t", "gradient": "variance of the gradient,\nover that of 1/t",
        "nelbo": "final NELBO,\nless that of 1/t (nats)",
    }  # fmt: skip
    for axes, (column, title) in zip(panels, titles.items(), strict=True):
        _intervals(axes, rows[rows["column"] == column], names)
        axes.set_xlabel(title)
        axes.grid(True, axis="x")
        if column != "nelbo":
            axes.set_xscale("log")
            plain_ticks(axes.xaxis, [0.03, 0.1, 0.3, 1, 3, 10])
        axes.axvline(0 if column == "nelbo" else 1, color="black", linewidth=1, linestyle="--", zorder=1)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncol=2)
    return figure, shortened(rows, "mean", "low", "high")


def paired(table: DataFrame) -> DataFrame:
    """Return mean and 95 % interval of each method's ratio (or difference) to 1/t over seeds, by task and column."""
    rows = []
    for task, mine in table.groupby("task", sort=False):
        for column in ("loss", "gradient", "nelbo"):
            wide = mine.pivot(index="seed", columns="method", values=column)
            wide = wide if column == "nelbo" else np.log(wide)
            for method in wide.columns.drop(STANDARD):
                estimate = of_seeds((wide[method] - wide[STANDARD]).to_numpy())
                ends = (float(estimate.mean), float(estimate.low), float(estimate.high))
                mean, low, high = ends if column == "nelbo" else (float(np.exp(end)) for end in ends)
                rows.append({"task": task, "column": column, "method": method, "mean": mean, "low": low, "high": high})
    return DataFrame(rows)


def _intervals(axes: Axes, rows: DataFrame, names: list[str]) -> None:
    for (task, mine), (marker, color, shift) in zip(rows.groupby("task", sort=False), LOOKS, strict=False):
        place = [names.index(name) + shift for name in mine["method"]]
        around = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
        look = {"marker": marker, "markersize": 4, "color": color, "capsize": 2, "linestyle": "none"}
        axes.errorbar(mine["mean"], place, xerr=around, label=str(task).removeprefix("small/"), **look)


def findings(table: DataFrame) -> str:
    """Say which method has the least gradient variance on each task, and what that comes to."""
    said = []
    for task, mine in table[table["column"] == "gradient"].groupby("task", sort=False):
        best = mine.loc[mine["mean"].idxmin()]
        said.append(f'"{best["method"]}" on the {str(task).removeprefix("small/")} task ({best["mean"]:.0%} of 1/t\'s)')
    return f"Least gradient variance at equal passes: {' and '.join(said)}. Bars are 95 % intervals over seeds."
