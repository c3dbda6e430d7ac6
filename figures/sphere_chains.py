"""Temperatures of SGD on the sphere without a common zero, from independent chains, beside the theory (2505.23489)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("sphere_chains",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the intervals of temperatures of every set of losses, and the estimates over the theory."""
    table = records["sphere_chains"].table
    inner = table[np.isfinite(table["low"]) & np.isfinite(table["high"])]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.0))
    for k, (_, mine) in enumerate(inner.groupby("seed")):
        place = mine["rate"] * 1.03 ** (k - 4.5)
        left.vlines(place, mine["low"], mine["high"], color="#0072B2", linewidth=1.2,
                    label="interval $[T_-, T_+]$ of one set of losses" if not k else None)  # fmt: skip
        right.plot(
            mine["rate"],
            mine["temperature"] / mine["theory"],
            "o-",
            color="#0072B2",
            markersize=3,
            linewidth=0.6,
            alpha=0.7,
        )
    theory = table.groupby("rate")["theory"].mean()
    left.plot(
        theory.index, theory, color="black", linestyle="--", linewidth=1, label=r"$\eta\,\mathrm{tr}\,C/(2d)$, mean"
    )
    left.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="temperature")
    q = table["rate"].sort_values().unique()
    ratio = q[1] / q[0]
    bias = (np.sqrt(ratio) - 1 / np.sqrt(ratio)) / np.log(ratio)
    right.axhline(bias, color="black", linestyle="--", linewidth=1, label="bias of the estimate on this grid")
    right.set(xscale="log", xlabel="learning rate", ylabel="estimate over theory", ylim=(0.95, None))
    for axes in (left, right):
        axes.grid(True)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncol=2)
    figure.legend(*right.get_legend_handles_labels(), loc="outside upper right")
    return figure, table
