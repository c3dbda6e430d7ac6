"""Products of words by a denoiser that answers in one pass, and by a learned product composed in rounds."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("single_pass",)
LOOKS = {"rounds": ("#0072B2", "o"), "single pass": ("#D55E00", "s")}
NAMES = {2: "parity", 120: "S5", 6: "S3"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the share of right words over training, a panel a group."""
    table = records["single_pass"].table
    groups = sorted(table["group"].unique())
    figure, panels = pyplot.subplots(1, len(groups), figsize=(6.0, 2.6), sharey=True, squeeze=False)
    for axes, group in zip(panels[0], groups, strict=True):
        rows = table[table["group"] == group]
        for model, (color, marker) in LOOKS.items():
            mine = rows[rows["model"] == model]
            mean = mine.groupby("step")["share"].mean()
            axes.plot(mean.index, mean, color=color, linewidth=1, linestyle="-")
            axes.plot(mine["step"], mine["share"], marker, color=color, markersize=3, alpha=0.6, label=model)
        axes.axhline(1 / group, color="black", linewidth=1, linestyle="--", label="chance")
        axes.set_title(f"{NAMES[int(group)]}, words of {rows['n'].max():.0f}", fontsize=8)
        axes.set_xlabel("training step")
        axes.set_ylim(-0.03, 1.03)
        axes.grid(True)
    panels[0, 0].set_ylabel("share of words right")
    panels[0, -1].legend(fontsize=7, loc="center right")
    return figure, table


def findings(table: DataFrame) -> str:
    """Say what both reach at the end."""
    last = table[table["step"] == table["step"].max()].groupby(["group", "model"])["share"].mean()
    each = "; ".join(
        f"{NAMES[int(group)]} {last[group, 'single pass']:.1%} in one pass, {last[group, 'rounds']:.1%} in rounds"
        for group in sorted(table["group"].unique())
    )
    return f"Shares of right words after training, mean over seeds: {each}."
