"""The bias of remasking at a constant level, and the bounds of star and ReMDM (arXiv 2510.08369, 2503.00307)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from figures.samplers import MARK, decades
from synthetic.records import Record

EXPERIMENTS = ("remasking_loop",)
LAWS: dict[str, dict[str, Any]] = {
    "product law": {"color": "#E69F00", "linestyle": "none", "marker": "P"},
    "chain of 3": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "chain of 4": {"color": "#000000", "linestyle": "-", "marker": "o"},
}
NAMES = {"product law": "product law, $n$ = 3", "chain of 3": "chain, $n$ = 3", "chain of 4": "chain, $n$ = 4"}
PROCESSES: dict[str, dict[str, Any]] = {
    "largest": {"color": "#D55E00", "linestyle": (0, (1, 1)), "label": r"largest $\sigma$"},
    "star": {"color": "#0072B2", "linestyle": "--", "label": r"star, $\sigma = 1 - \alpha_\mathrm{next}$"},
    "rescale 0.5": {"color": "#009E73", "linestyle": "-.", "label": r"rescale, $\eta$ = 0.5"},
    "cap 0.04": {"color": "#CC79A7", "linestyle": (0, (8, 2)), "label": r"cap, $\eta$ = 0.04"},
    "masked diffusion": {"color": "#000000", "linestyle": "-", "label": r"masked diffusion, $\sigma = 0$"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the plateau's bias over 1 - alpha and over sigma; below, weights over time and bounds over steps."""
    record = records["remasking_loop"]
    table = record.table
    places = [["level", "sigma"], ["control", "sigma"], ["weight", "bound"]]
    figure, panels = pyplot.subplot_mosaic(places, figsize=(7.0, 6.0), height_ratios=[2, 0.8, 2.8])
    _level(panels["level"], panels["control"], table[table["part"] == "plateau"], record)
    _sigma(panels["sigma"], table[table["part"] == "sigma"], record)
    _weights(panels["weight"], table[table["part"] == "weight"])
    _bounds(panels["bound"], table[table["part"] == "bound"])
    return figure, shortened(table, "time", "alpha", "sigma", "tv", "tv_states", "weight", "bound", "standard")


def _level(axes: Axes, below: Axes, table: DataFrame, record: Record) -> None:
    """Draw independent filling, and in a strip below it joint filling, which leaves rounding only."""
    for (law, process), rows in table.groupby(["law", "process"], sort=False):
        masked, look = 1 - rows["alpha"], LAWS[law]
        if process == "joint":
            below.plot(masked, rows["tv"], linestyle="none", marker=look["marker"], markersize=4,
                       markerfacecolor="none", markeredgecolor=look["color"])  # fmt: skip
            continue
        constant, slope = (record.scalars[f"{law}/{what}"] for what in ("constant", "slope"))
        label = rf"{NAMES[law]}: {constant:.3f}$\,(1 - \alpha)$, slope {slope:.2f}"
        axes.plot(masked, rows["tv"], label=label, **look, **MARK)
    axes.set(xscale="log", yscale="log", ylim=(3e-6, 20), ylabel="TV of drafts", title=r"star at constant $\alpha$")
    below.set(xscale="log", yscale="log", xlim=axes.get_xlim(), ylim=(1e-17, 3e-9), ylabel="TV",
              xlabel=r"masked fraction $1 - \alpha$ of the plateau")  # fmt: skip
    for each, every in ((axes, 2), (below, 3)):
        decades(each.xaxis)
        decades(each.yaxis, every)
        each.grid(True)
    axes.tick_params(labelbottom=False)
    below.annotate("masks filled jointly: rounding", (0.97, 0.9), xycoords="axes fraction", ha="right", va="top",
                   fontsize=7.5, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5})  # fmt: skip
    axes.legend(loc="upper left", fontsize=7.5, frameon=True, framealpha=1, edgecolor="none", borderpad=0.1)


def _sigma(axes: Axes, table: DataFrame, record: Record) -> None:
    law = "chain of 4"
    rows, alpha, fill = table[table["law"] == law], record.scalars["alpha"], record.scalars[f"{law}/fill"]
    axes.plot(rows["sigma"], rows["tv"], label="drafts, from data", color="#000000", linestyle="-", marker="o", **MARK)
    axes.plot(rows["sigma"], rows["tv_states"], label="states, from noised data", color="#009E73", linestyle="--",
              marker="^", **MARK)  # fmt: skip
    axes.axhline(fill, color="0.35", linewidth=1, linestyle=":", label="drafts of noised data")
    axes.axvline(1 - alpha, color="#0072B2", linewidth=0.9, linestyle="--")
    axes.annotate("star", (1 - alpha, rows["tv_states"].min()), (-4, 0), textcoords="offset points", ha="right",
                  color="#0072B2", fontsize=8)  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel=r"remasking probability $\sigma$", ylabel="TV",
             title=rf"ReMDM at $\alpha$ = {alpha:g}, chain, $n$ = 4")  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        decades(axis)
    axes.grid(True)
    axes.legend(loc="upper left", fontsize=7.5)


def _weights(axes: Axes, table: DataFrame) -> None:
    for process, look in PROCESSES.items():
        rows = table[table["process"] == process]
        axes.plot(rows["time"], rows["weight"], linewidth=1.4, **look)
    steps = table["steps"].iloc[0]
    axes.set(yscale="log", xlim=(0, 1), ylim=(0.12 / steps, 1.5), xlabel=r"generation time $t$, $\alpha_t = t$",
             ylabel="weight of a step in the bound", title=f"weights, $T$ = {steps}")  # fmt: skip
    plain_ticks(axes.yaxis, [t for t in (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1) if t > 0.12 / steps])
    axes.grid(True)
    axes.legend(loc="lower right", fontsize=7.5, labelspacing=0.25)


def _bounds(axes: Axes, table: DataFrame) -> None:
    most = table["steps"].max()
    steps = np.geomspace(1, most, 300)
    axes.plot(steps, _one_token(steps), color="0.7", linestyle="-", linewidth=5, label="$(T + 1)(T + 2) / (6T)$")
    sizes = {"product law": 8, "chain of 3": 5, "chain of 4": 2.5}
    apart = 0.0
    for law, rows in table.groupby("law", sort=False):
        ratio = rows["bound"] / rows["standard"]
        apart = max(apart, float((ratio / _one_token(rows["steps"]) - 1).abs().max()))
        look = {**LAWS[law], **MARK, "linestyle": "none", "markersize": sizes[law]}
        axes.plot(rows["steps"], ratio, label=NAMES[law], **look)
    axes.annotate(f"chains within {apart:.1%}", (0.97, 0.05), xycoords="axes fraction", ha="right", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="steps $T$", ylabel="star bound / standard bound",
             ylim=(0.6, 2 * most / 6), title="mean bounds on $-\\ln p$")  # fmt: skip
    plain_ticks(axes.xaxis, [t for t in (1, 4, 16, 64, 256, 1024, 4096) if t <= most])
    plain_ticks(axes.yaxis, [t for t in (1, 3, 10, 30, 100, 300, 1000) if t <= most / 3])
    axes.grid(True)
    axes.legend(loc="upper left", fontsize=7.5)


def _one_token(steps: Any) -> Any:
    """Return the ratio of the bounds for independent positions."""
    return (steps + 1) * (steps + 2) / (6 * steps)


def findings(table: DataFrame) -> str:
    """Say by how much the bound of star exceeds the standard one in the most steps."""
    bound = table[table["part"] == "bound"]
    last = bound[bound["steps"] == bound["steps"].max()]
    ratio = (last["bound"] / last["standard"]).mean()
    return f"In {last['steps'].iloc[0]} steps star's bound is {ratio:.0f} times the standard one, T / 6 times or so."
