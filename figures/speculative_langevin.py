"""Speculation on Langevin dynamics in a double well: acceptance, calls and bias by step size (arXiv 2501.05370)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("speculative_langevin",)
DRAFTS: dict[str, dict[str, Any]] = {
    "frozen": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "still": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
}
NAMES = {"frozen": "frozen drift", "still": "no drift"}
GAMMAS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05)
CALLS = (5, 10, 20, 50, 100, 200, 500, 1000, 2000)
ONE = {"color": "0.6", "linewidth": 3, "alpha": 0.6, "linestyle": "-", "zorder": 1, "label": "one step a call"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw acceptance and calls over the step size, and the bias over the calls."""
    table = records["speculative_langevin"].table
    figure, (kept, calls, bias) = pyplot.subplots(1, 3, figsize=(7.0, 3.3))
    single = table.groupby("gamma", as_index=False)[["steps", "distance"]].first()
    calls.plot(single["gamma"], single["steps"], **ONE)
    bias.plot(single["steps"], single["distance"], **ONE)
    for (draft, dimension), rows in table.groupby(["draft", "dimension"]):
        look = {**DRAFTS[draft], "linewidth": 1.2, "markersize": 4, "label": f"{NAMES[draft]}, dimension {dimension}"}
        if dimension > 1:
            look["markerfacecolor"] = "white"
        kept.errorbar(rows["gamma"], rows["acceptance"], rows["acceptance_error"], capsize=2, **look)
        calls.errorbar(rows["gamma"], rows["calls"], rows["calls_error"], capsize=2, **look)
        bias.plot(rows["calls"], rows["distance"], **look)
    _scales(kept, calls, bias)
    figure.legend(*calls.get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(table, "acceptance", "acceptance_error", "calls", "calls_error", "rounds", "distance")


def _scales(kept: Axes, calls: Axes, bias: Axes) -> None:
    for axes in (kept, calls):
        axes.set(xscale="log", xlabel=r"step size $\gamma$")
        plain_ticks(axes.xaxis, GAMMAS)
        axes.tick_params(axis="x", labelsize=7)
    kept.set(ylabel="share of drafts kept", ylim=(None, 1.01))
    calls.set(yscale="log", ylabel="sequential calls a chain")
    plain_ticks(calls.yaxis, CALLS)
    bias.set(xscale="log", yscale="log", xlabel="sequential calls a chain", ylabel="TV from the density")
    plain_ticks(bias.xaxis, CALLS[::2])
    plain_ticks(bias.yaxis, (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2))
    for axes in (kept, calls, bias):
        axes.grid(True, axis="y")


def findings(table: DataFrame) -> str:
    """Say what the smallest step size takes by both drafts."""
    smallest = table[table["gamma"] == table["gamma"].min()]
    steps = int(smallest["steps"].iloc[0])
    calls = smallest.set_index(["draft", "dimension"])["calls"]
    said = [
        f"{calls['frozen', dimension]:.0f} calls with the frozen drift and {calls['still', dimension]:.0f} without a "
        f"drift in dimension {dimension}"
        for dimension in sorted(smallest["dimension"].unique())
    ]
    return f"At the smallest step size the {steps} steps of a chain take {', '.join(said)}."
