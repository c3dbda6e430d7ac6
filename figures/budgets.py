"""EB over its budget: six atoms where E[NFE] rises and KL falls, and how often that happens (arXiv 2505.24857)."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from pandas import DataFrame
from scipy.stats import binomtest

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("budgets",)
RATES = {"nfe rises": "calls rise with the\nbudget somewhere", "kl falls": "KL falls with the\nbudget somewhere"}
LOOKS = {"nfe rises": ("o", "#0072B2"), "kl falls": ("s", "#D55E00")}
JUMP = (0.40, 0.45)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the sweep of the six atoms on the left, the shares of random laws with their intervals on the right."""
    record = records["budgets"]
    table = record.table
    figure = pyplot.figure(figsize=(7.0, 3.7))
    grid = figure.add_gridspec(2, 2, width_ratios=[1.35, 1])
    calls = figure.add_subplot(grid[0, 0])
    errors = figure.add_subplot(grid[1, 0], sharex=calls)
    sweep = table[table["part"] == "sweep"]
    calls.step(sweep["budget"], sweep["nfe"], where="post", color="#0072B2", label="under the sampler")
    calls.step(sweep["budget"], sweep["nfe_data"], where="post", color="black", linestyle=":", label="under the data")
    errors.step(sweep["budget"], sweep["kl"], where="post", color="#D55E00")
    for axes, name, below in ((calls, "nfe", -11), (errors, "kl", 5)):
        _jump(axes, [float(record.scalars[f"{budget:.2f}/{name}"]) for budget in JUMP], below)
        axes.grid(True)
    calls.set(ylabel="E[NFE]", ylim=(0.8, 5), title="six atoms, $n = 5$, exact conditionals")
    calls.tick_params(labelbottom=False)
    calls.legend(loc="lower left")
    errors.set(xlabel="budget (nats)", ylabel="exact KL (nats)", xlim=(0, sweep["budget"].max()), ylim=(0, None))
    found = shares(record)
    _shares(figure.add_subplot(grid[:, 1]), found)
    plotted = shortened(table.drop(columns=["above", "below"]), "budget", "nfe", "nfe_data", "kl")
    return figure, pd.concat((plotted, found), ignore_index=True)


def shares(record: Record) -> DataFrame:
    """Return the shares of random laws by family, with Wilson's 95 % intervals: the laws are independent."""
    families = [str(family) for family in record.table["family"].unique() if family != "six atoms"]
    rows = []
    for family in families:
        laws = round(float(record.scalars[f"{family}/laws"]))
        for what in RATES:
            share = float(record.scalars[f"{family}/{what}"])
            low, high = binomtest(round(share * laws), laws).proportion_ci(method="wilson")
            rows.append({"part": what, "family": family, "laws": laws, "share": share, "low": low, "high": high})
    return DataFrame(rows)


def _jump(axes: Axes, values: list[float], first: int) -> None:
    """Mark the values on both sides of the jump."""
    for budget, value, place in zip(JUMP, values, ((-4, first), (5, 5)), strict=True):
        axes.plot(budget, value, "o", color="black", markersize=3.5, zorder=4)
        axes.annotate(f"{value:.3f}", (budget, value), xytext=place, textcoords="offset points", fontsize=8,
                      ha="right" if budget == JUMP[0] else "left")  # fmt: skip


def _shares(axes: Axes, found: DataFrame) -> None:
    families = list(dict.fromkeys(found["family"]))
    for k, (what, (marker, color)) in enumerate(LOOKS.items()):
        mine = found[found["part"] == what].set_index("family").loc[families]
        places = [place + 0.24 * (k - 0.5) for place in range(len(families))]
        bars = [mine["share"] - mine["low"], mine["high"] - mine["share"]]
        axes.errorbar(mine["share"], places, xerr=bars, fmt=marker, color=color, markeredgecolor="black",
                      markersize=5.5, linewidth=1.2, capsize=2)  # fmt: skip
        axes.annotate(RATES[what], (mine["share"].iloc[0], places[0]), (0, -7 if k else 7), fontsize=8, color=color,
                      textcoords="offset points", ha="left" if k == 0 else "center",
                      va="bottom" if k == 0 else "top")  # fmt: skip
    axes.set_yticks(range(len(families)), families)
    axes.set(xlim=(-0.03, 1), ylim=(len(families) - 0.4, -0.75), xlabel="share of the laws, 95 % interval")
    axes.set_title(f"{found['laws'].iloc[0]} random laws a family, $n = 5$")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(True, axis="x")


def findings(table: DataFrame) -> str:
    """Say how often either happens, over the families."""
    often = table[table["part"].isin(list(RATES))].groupby("part")["share"].agg(["min", "max"])
    return (
        f"Calls rise somewhere with the budget on {often.loc['nfe rises', 'min']:.0%} to "
        f"{often.loc['nfe rises', 'max']:.0%} of the laws of a family, and KL falls somewhere on "
        f"{often.loc['kl falls', 'min']:.0%} to {often.loc['kl falls', 'max']:.0%}."
    )
