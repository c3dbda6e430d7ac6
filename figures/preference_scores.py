"""Bias and variance of the preference loss with estimated scores, against printed and sharp bounds (VRPO)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, shortened
from synthetic.records import Record

EXPERIMENTS = ("preference_scores",)
KINDS = {"two points": ("o", "#0072B2"), "several points": ("s", "#E69F00"), "nearly normal": ("^", "#009E73")}
TICKS = (1e-6, 1e-4, 1e-2, 1, 100)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the bias of the loss on the left and its variance on the right, over the variance of the score."""
    table = records["preference_scores"].table
    laws = table[table["part"] == "law"]
    figure, (bias, spread) = pyplot.subplots(1, 2, figsize=(7.0, 3.5))
    v = np.logspace(-3.5, 3, 200)
    for axes, column in ((bias, "bias"), (spread, "spread")):
        for kind, rows in laws.groupby("kind", sort=False):
            marker, color = KINDS[str(kind)]
            kept = rows[rows[column] > 1e-9]
            look = {"marker": marker, "color": color, "markersize": 2.6, "markeredgewidth": 0, "alpha": 0.7}
            axes.plot(kept["variance"], kept[column], linestyle="none", label=str(kind), **look)
    _line(bias, v, np.sqrt(v), "--", "printed")
    _line(bias, v, np.log(np.cosh(np.minimum(np.sqrt(v), 1400) / 2)), "-", "sharp, over all means")
    _line(spread, v, 4 * v, "--", "printed")
    _line(spread, v, v, "-", "sharp, over all means")
    bias.set(ylabel="bias of the loss (nats)", ylim=(1e-7, 200))
    spread.set(ylabel="variance of the loss (nats²)", ylim=(1e-7, 5000))
    for axes in (bias, spread):
        logarithmic(axes, TICKS)
        axes.set(xlabel="variance V of the score", xlim=(v[0], v[-1]))
        axes.grid(True)
    figure.legend(*bias.get_legend_handles_labels(), loc="outside upper center", ncol=5, fontsize=7.5, handlelength=2)
    return figure, shortened(laws, "mean", "variance", "bias", "spread")


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, style: str, label: str) -> None:
    axes.plot(x, y, color="black", linestyle=style, linewidth=1.4, label=label)


def findings(table: DataFrame) -> str:
    """Say how much of both bounds the laws use."""
    sharp = np.log(np.cosh(np.sqrt(table["mean"] ** 2 + table["variance"]) / 2)) - np.log(np.cosh(table["mean"] / 2))
    nearest, printed = (table["bias"] / sharp).max(), (table["bias"] / np.sqrt(table["variance"])).max()
    return (
        f"Of {len(table)} laws the nearest has {nearest:.1%} of the bias that its mean and variance allow, and none "
        f"has more than {printed:.0%} of the printed bound."
    )
