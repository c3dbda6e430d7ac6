"""Beta interpolation schedules and the mask schedules they are optimal for (arXiv 2509.13866, Fig. 3)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("interpolations",)
NAMES = {(0.5, 0.5): ": linear mask", (1.0, 1.0): ": squared sine mask"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw gamma and alpha over generation time, one line a shape."""
    table = records["interpolations"].table
    figure, panels = pyplot.subplots(1, 2, figsize=(7.0, 3.6), sharex=True, sharey=True)
    for (a, b), rows in table.groupby(["a", "b"], sort=False):
        label = f"({a:g}, {b:g}){NAMES.get((a, b), '')}"
        for axes, quantity in zip(panels, ("gamma", "alpha"), strict=True):
            axes.plot(rows["t"], rows[quantity], label=label)
    panels[0].set(ylabel=r"weight $\gamma_t$ = BetaCDF$(t; a, b)$")
    panels[1].set(ylabel=r"revealed fraction $\alpha_t = \sin^2(\pi\gamma_t/2)$")
    for axes in panels:
        axes.set(xlabel="generation time $t$", xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.grid(True)
    figure.legend(*panels[0].get_legend_handles_labels(), title="shapes $(a, b)$",
                  loc="outside lower center", ncol=3)  # fmt: skip
    return figure, table
