"""PUNT's calls a token against length, and its error against the in-order bound (arXiv 2510.21961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, plain_ticks, rooted, shortened
from synthetic.records import Record

EXPERIMENTS = ("punt_calls",)
TESTS: dict[str, dict[str, Any]] = {
    "binary": {"color": "#009E73", "marker": "*", "label": "PUNT, binary-coded tests"},
    "in-order": {"color": "#D55E00", "marker": "o", "label": "in-order tests"},
}
FIXTURES = {"G1": "on the parity of two positions", "G2": "on a pair whose surer position names the other"}
ROUNDING = 1e-6
"""Nats; the plotted numbers have six digits."""
CASES = {"independent": "-", "chain, stay 0.7": "--", "chain, stay 0.9": ":"}
CASE_COLORS = {"independent": "#000000", "chain, stay 0.7": "#0072B2", "chain, stay 0.9": "#E69F00"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw calls a token over length, mean KL over the threshold, and how far KL is from the in-order bound."""
    table = records["punt_calls"].table
    figure, (calls, over, against) = pyplot.subplots(1, 3, figsize=(7.0, 3.0))
    _calls(calls, table[table["part"] == "length"])
    tables = table[table["part"] == "tables"]
    _thresholds(over, tables)
    _excess(against, tables)
    handles, labels = over.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncol=2)
    return figure, shortened(table, "calls", "steps", "tv", "kl", "errors")


def _calls(axes: Axes, table: DataFrame) -> None:
    mine = table[table["tests"] == "binary"]
    lengths = np.unique(mine["n"])
    axes.plot(lengths, (1 + np.ceil(np.log2(lengths))) / lengths, color="0.5", linewidth=4, alpha=0.5, linestyle="-",
              zorder=1, label=r"$(1 + \lceil\log_2 n\rceil)/n$")  # fmt: skip
    for case, rows in mine.groupby("case", sort=False):
        axes.plot(rows["n"], rows["calls"] / rows["n"], marker="*", markersize=7, markeredgecolor="black",
                  markeredgewidth=0.4, color=CASE_COLORS[case], linestyle=CASES[case], label=case)  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.9, linestyle="-.", label="one by one")
    logarithmic(axes, [0.1, 0.2, 0.5, 1, 2])
    plain_ticks(axes.xaxis, list(lengths))
    lowest = min(0.1, (mine["calls"] / mine["n"]).min())
    axes.set(ylim=(0.4 * lowest, 2.3), xlabel="length $n$, all masked at first", ylabel="denoiser calls a token")
    axes.set_title(rf"calls, $\varepsilon$ = {mine['eps'].iloc[0]:g} nats")
    axes.legend(loc="lower left", fontsize=7, labelspacing=0.2, handlelength=2.2, borderaxespad=0.2)
    axes.grid(True)


def _thresholds(axes: Axes, tables: DataFrame) -> None:
    for tests, look in TESTS.items():
        mean = tables[tables["tests"] == tests].groupby("eps")["kl"].mean()
        line = "-" if tests == "binary" else "--"
        axes.plot(range(len(mean)), mean, linestyle=line, markeredgecolor="black", markeredgewidth=0.4, markersize=6,
                  **look)  # fmt: skip
    _over_thresholds(axes, tables)
    rooted(axes.yaxis, 1.1 * tables.groupby(["tests", "eps"])["kl"].mean().max())
    axes.set(ylabel="mean KL(output ‖ data), nats", title=f"{tables['case'].nunique()} random 4-bit laws")


def _excess(axes: Axes, tables: DataFrame) -> None:
    """Draw, for each threshold, the range over the laws of KL less the bound, and its median."""
    for k, (tests, look) in enumerate(TESTS.items()):
        mine = tables[tables["tests"] == tests]
        excess = (mine["kl"] - mine["errors"]).groupby(mine["eps"]).agg(["min", "median", "max"])
        places = np.arange(len(excess)) + 0.3 * (k - 0.5)
        axes.vlines(places, excess["min"], excess["max"], color=look["color"], linewidth=2.5)
        axes.plot(places, excess["median"], linestyle="none", marker=look["marker"], color=look["color"], markersize=5,
                  markeredgecolor="black", markeredgewidth=0.4)  # fmt: skip
    axes.axhline(0, color="black", linewidth=1, linestyle="-")
    _over_thresholds(axes, tables)
    axes.set(ylabel="KL less its bound (nats)", title="above 0 the bound fails")


def _over_thresholds(axes: Axes, tables: DataFrame) -> None:
    thresholds = sorted(tables["eps"].unique())
    axes.set_xticks(range(len(thresholds)), [f"{eps:g}" for eps in thresholds])
    axes.tick_params(axis="x", labelsize=7, labelrotation=45)
    axes.set_xlabel(r"threshold $\varepsilon$ (nats)")
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say how often the bound fails for either kind of tests, and how far the output is off where a law breaks them."""
    tables, counts = table[table["part"] == "tables"], {}
    for tests in TESTS:
        mine = tables[tables["tests"] == tests]
        counts[tests] = f"{int((mine['kl'] - mine['errors'] > ROUNDING).sum())} of {len(mine)}"
    fixtures = table[(table["part"] == "fixture") & (table["tests"] == "binary")].set_index("case")["tv"]
    wrong = ", ".join(f"{fixtures[case]:.2f} {where}" for case, where in FIXTURES.items())
    return (
        f"The bound fails on {counts['binary']} pairs of a law and a threshold with binary-coded tests and on "
        f"{counts['in-order']} in order. With a threshold of 0 the batched tests still miss the data law by a total "
        f"variation of {wrong}."
    )
