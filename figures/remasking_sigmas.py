"""How often DFM and ReMDM's cap and loop mask a shown token again, over time (arXiv 2503.00307, Figs. 2 and 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from figures.samplers import decades
from synthetic.records import Record

EXPERIMENTS = ("remasking_sigmas",)
COLORS = ("#56B4E9", "#0072B2", "#000000")
"""Of the runs with the fewest, more and most steps."""
LINES: dict[str, Any] = {"DFM": (0, (4, 1.5)), "ReMDM": "-"}
FLOOR = 1e-4


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw sigma of both processes for short and for long runs; below, alpha and sigma of the loop on even scales."""
    record = records["remasking_sigmas"]
    table = record.table
    figure, panels = pyplot.subplots(2, 2, figsize=(7.0, 5.4), height_ratios=[1.5, 1])
    for axes, part in zip(panels[0], ("cap", "loop"), strict=True):
        rows = table[table["part"] == part]
        _sigmas(axes, rows)
        axes.set_title(f"ReMDM-{part}, $\\eta$ = {record.scalars[f'{part} eta']:g}, beside DFM")
    panels[0, 1].tick_params(labelleft=False)
    panels[0, 0].set_ylabel("chance $\\sigma_t$ that a shown token\nis masked again in a step")
    loop = table[(table["part"] == "loop") & (table["process"] == "ReMDM")]
    _loop(panels[1, 0], panels[1, 1], loop[loop["steps"] == loop["steps"].max()])
    runs = zip(table["part"], table["process"], table["steps"], strict=True)
    remasked = [record.scalars[f"{part}/{process}/{steps}/remasked"] for part, process, steps in runs]
    plotted = table.assign(remasked=remasked, limit=record.scalars["limit"])
    return figure, shortened(plotted, "time", "alpha", "sigma", "most", "remasked")


def findings(table: DataFrame) -> str:
    """Say how often a position is masked again in a run of each kind, by the number of steps."""
    said = {}
    for (part, process), rows in table.groupby(["part", "process"], sort=False):
        counts = rows.groupby("steps")["remasked"].first()
        said[part, process] = " / ".join(f"{count:.1f}" for count in counts)
    parts = {part: " / ".join(map(str, sorted(rows["steps"].unique()))) for part, rows in table.groupby("part")}
    limit = table["limit"].iloc[0]
    return (
        f"In a whole run of {parts['cap']} steps a position is masked again {said['cap', 'ReMDM']} times by cap and "
        f"{said['cap', 'DFM']} times by DFM. In a run of {parts['loop']} steps it is {said['loop', 'ReMDM']} times by "
        f"loop and {said['loop', 'DFM']} times by DFM, whose limit is {limit:.2f}."
    )


def _sigmas(axes: Axes, table: DataFrame) -> None:
    for (steps, rows), color in zip(table.groupby("steps"), COLORS, strict=True):
        for process, mine in rows.groupby("process"):
            seen = mine[mine["sigma"] > FLOOR / 3]
            label = f"{process}, $T$ = {steps}" if process == "DFM" else None
            axes.plot(seen["time"], seen["sigma"], color=color, linestyle=LINES[process], linewidth=1.5, label=label)
    axes.plot([], [], color=COLORS[-1], linestyle="-", label="ReMDM, every $T$")
    axes.set(yscale="log", ylim=(FLOOR, 1.4), xlim=(1.02, -0.02), xlabel="$t$ (1: all masks, 0: the end)")
    decades(axes.yaxis)
    axes.grid(True)
    axes.legend(loc="lower left")


def _loop(shown: Axes, remasked: Axes, rows: DataFrame) -> None:
    end = DataFrame({"time": [0.0], "alpha": [1.0]})
    times = [*rows["time"], *end["time"]]
    shown.plot(times, [*rows["alpha"], *end["alpha"]], color="black", linestyle="-")
    remasked.plot(times, [*rows["sigma"], 0.0], color="black", linestyle="-", drawstyle="steps-post")
    inside = rows[rows["sigma"] > 0]["time"]
    for axes in (shown, remasked):
        axes.axvspan(inside.max(), inside.min(), color="0.9", linewidth=0, zorder=0)
        axes.set(xlim=(1.02, -0.02), xlabel="$t$ (1: all masks, 0: the end)")
    shown.set(ylim=(0, 1.05), ylabel="revealed fraction $\\alpha_t$", title="ReMDM-loop")
    remasked.set(ylim=(0, 1.25 * rows["sigma"].max()), ylabel="$\\sigma_t$", title="ReMDM-loop")
    middle = (inside.max() + inside.min()) / 2
    shown.annotate(
        "plateau:\ntokens are masked\nand filled again", (middle, 0.45), ha="center", va="center", fontsize=8
    )
