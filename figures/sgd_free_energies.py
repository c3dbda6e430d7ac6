"""Free energy of SGD over the learning rate, at the temperatures of four learning rates (arXiv 2505.23489)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("sgd_temperatures",)
LOOKS = (("#000000", "-"), ("#0072B2", "--"), ("#009E73", "-."), ("#D55E00", (0, (5, 1, 1, 1, 1, 1))))
NOISES = ("isotropic", "quiet in the steep direction")


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw F less its least value, a panel for each of two noises, with the own learning rates and the minima."""
    table = records["sgd_temperatures"].table
    free = table[(table["part"] == "free") & table["noise"].isin(NOISES)][["noise", "at", "rate", "free"]]
    figure, panels = pyplot.subplots(1, 2, figsize=(7.0, 3.1), sharex=True)
    for axes, noise in zip(panels, NOISES, strict=True):
        for (at, mine), (color, line) in zip(free[free["noise"] == noise].groupby("at"), LOOKS, strict=False):
            axes.plot(mine["rate"], mine["free"], color=color, linestyle=line, linewidth=1.2, label=f"{at:g}")
            near = mine.iloc[(mine["rate"] - at).abs().argmin()]
            axes.plot(near["rate"], near["free"], "s", color=color, markersize=6, markerfacecolor="none")
            least = mine.loc[mine["free"].idxmin()]
            axes.plot(least["rate"], least["free"], "o", color=color, markersize=3.5, clip_on=False, zorder=5)
        axes.set(title=f"noise: {noise}", xlabel="learning rate", xlim=(0, 2))
        axes.grid(True)
    panels[0].set(ylabel="free energy $U - TS$ above its least", ylim=(0, 0.6))
    panels[1].set(ylim=(0, 0.4))
    figure.legend(*panels[0].get_legend_handles_labels(), title="$T$ of the learning rate (square: there; disc: least)",
                  loc="outside lower center", ncol=4)  # fmt: skip
    return figure, shortened(free, "rate", "free")


def findings(table: DataFrame) -> str:
    """Say how far the minima lie from the learning rates whose temperature it is."""
    gaps = {}
    for noise in NOISES:
        rows = table[table["noise"] == noise]
        least = rows.loc[rows.groupby("at")["free"].idxmin()]
        gaps[noise] = (least["rate"] - least["at"]).abs().max()
    return (
        f"With isotropic noise the minimum lies within {gaps['isotropic']:.3f} of the learning rate whose temperature "
        f"it is, with the other noise up to {gaps[NOISES[1]]:.2f} away."
    )
