"""The estimate of an entropy from neighbours against the truth: a stretched axis, a correlated window (2505.23489)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("neighbour_entropies",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the change of the estimate over the dimension, and its slope in ln eta over the length of the window."""
    table = records["neighbour_entropies"].table
    rows = []
    for part, key in (("stretched", "d"), ("scaled", "d"), ("window", "window")):
        for value, mine in table[table["part"] == part].groupby(key):
            factor = 1.0 if part != "scaled" else 1 / mine["truth"].iloc[0]
            summary = columns(of_seeds((mine["change"] * factor).to_numpy()))
            rows.append({"part": part, "at": value, "truth": mine["truth"].mean() * factor, **summary})
    shown = DataFrame(rows)
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 2.7))
    labels = {
        "stretched": ("dimension", "change (nats), one axis\n10 times as long"),
        "scaled": ("dimension", "change over the true one,\nall axes twice as long"),
        "window": ("window over\nrelaxation time", "slope in $\\ln$ rate,\nper dimension"),
    }
    for axes, (part, (across, up)) in zip(panels, labels.items(), strict=True):
        mine = shown[shown["part"] == part]
        error = (mine["mean"] - mine["low"], mine["high"] - mine["mean"])
        axes.errorbar(mine["at"], mine["mean"], error, fmt="o", color="#0072B2", capsize=2, label="estimate")
        axes.plot(mine["at"], mine["truth"], color="black", linestyle="--", linewidth=1.2, label="truth")
        axes.set(xscale="log", xlabel=across, ylabel=up)
        axes.grid(True)
    panels[0].set(ylim=(0, None))
    panels[2].set(ylim=(0, 1.1))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncol=2)
    return figure, shown


def findings(table: DataFrame) -> str:
    """Say how far the estimate is off."""
    stretched = table[table["part"] == "stretched"]
    window = table[table["part"] == "window"].sort_values("at")
    last = stretched.iloc[-1]
    return (
        f"Stretching one axis changes the estimate by {last['mean']:.1f} nats in {last['at']:.0f} dimensions, and the "
        f"entropy by {last['truth']:.1f}. A window of {window['at'].iloc[0]:g} relaxation times gives the slope "
        f"{window['mean'].iloc[0]:.2f}, one of {window['at'].iloc[-1]:g} gives {window['mean'].iloc[-1]:.2f}."
    )
