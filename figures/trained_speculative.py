"""Speculative decoding with trained models: calls against the window, and error against parallel decoding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import SUCCESS, bars, summary
from figures.looks import plain_ticks
from synthetic.records import Record

EXPERIMENTS = ("trained_speculative",)
ORDERS: dict[str, dict[str, Any]] = {
    "left to right": {"color": "#009E73", "linestyle": "-", "marker": ">"},
    "random": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "confidence": {"color": "#CC79A7", "linestyle": ":", "marker": "o"},
}
TOP = {"color": "#D55E00", "linestyle": "-.", "marker": "D", "label": "Top-$k$, parallel"}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.4, "elinewidth": 1, "capsize": 2}
CALLS = (1, 2, 4, 8, 16, 32, 64)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw calls a token over the window, KL over calls on the chain, and success over calls on real data."""
    table = records["trained_speculative"].table
    rows = table[(table["denoiser"] == "trained") & table["part"].isin(["window", "parallel"])]
    names = ("rounds", "calls", "rejections", "mismatches", "evaluations", "quality", "kl")
    drawn = summary(rows, ("part", "task", "order", "parameter"), names)
    scalars, first = records["trained_speculative"].scalars, rows["seed"].iloc[0]
    tokens = {task: float(scalars[f"{task}/{first}/tokens"]) for task in set(drawn["task"])}
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 2.9))
    chain = drawn[drawn["task"] == "chain"]
    _calls(panels[0], chain[chain["part"] == "window"], tokens["chain"])
    _against(panels[1], chain, "kl", "KL(output ‖ data), nats (bound)", "chain, $n = 32$")
    real = drawn[drawn["kl"].isna()]
    if len(real):
        task = real["task"].iloc[0]
        _against(panels[2], real[real["task"] == task], "quality", SUCCESS[task], f"{task}, $n = {tokens[task]:g}$")
        panels[2].set_ylim(0, 1)  # a share, whatever the interval
    else:
        panels[2].set_axis_off()
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside upper center", ncol=4)
    return figure, drawn.round(6)


def findings(table: DataFrame) -> str:
    """Say how many calls of one token a call the widest window needs on the chain, order by order."""
    chain = table[(table["task"] == "chain") & (table["part"] == "window")]
    said = []
    for order, rows in chain.groupby("order", sort=False):
        one, wide = rows.loc[rows["parameter"].idxmin()], rows.loc[rows["parameter"].idxmax()]
        said.append(f"{wide['calls'] / one['calls']:.0%} ({order}, window {wide['parameter']:g})")
    return f"Speculation on the trained chain takes {', '.join(said)} of the calls of one token a call, at its law."


def _calls(axes: Axes, rows: DataFrame, tokens: float) -> None:
    for order, look in ORDERS.items():
        mine = rows[rows["order"] == order].sort_values("parameter")
        axes.errorbar(mine["parameter"], mine["calls"] / tokens, bars(mine, "calls") / tokens, **EDGE, **look)
        thin = {"color": look["color"], "linestyle": look["linestyle"], "linewidth": 0.9}
        axes.plot(mine["parameter"], mine["rounds"] / tokens, **thin)
    axes.axhline(1, color="black", linewidth=0.9, linestyle="-.")
    axes.annotate("thin: rounds", (0.04, 0.05), xycoords="axes fraction", fontsize=7.5)
    axes.set(xscale="log", ylim=(0, None), xlabel="window $L$", ylabel="sequential calls a token", title="chain, calls")
    plain_ticks(axes.xaxis, sorted(rows["parameter"].unique()))
    axes.grid(True)


def _against(axes: Axes, rows: DataFrame, measure: str, label: str, title: str) -> None:
    top = rows[rows["part"] == "parallel"].sort_values("calls")
    axes.errorbar(top["calls"], top[measure], bars(top, measure), **EDGE, **TOP)
    for order, look in ORDERS.items():
        mine = rows[(rows["order"] == order) & (rows["part"] == "window")].sort_values("calls")
        plain = {**look, "linestyle": "none", "markersize": 6}
        axes.errorbar(mine["calls"], mine[measure], bars(mine, measure), label=f"speculative, {order}", **EDGE, **plain)
    axes.set(xscale="log", xlabel="sequential calls a sequence", ylabel=label, title=title)
    plain_ticks(axes.xaxis, [tick for tick in CALLS if tick <= 1.2 * rows["calls"].max()])
    axes.grid(True)
