"""PUNT's calls a token against length, its bias on two fixtures and against the in-order bound (arXiv 2510.21961)."""

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
    "binary": {"color": "#009E73", "linestyle": "-", "marker": "*", "label": "PUNT, binary-coded tests"},
    "in-order": {"color": "#D55E00", "linestyle": "--", "marker": "o", "label": "in-order tests"},
}
NOTES = {"G1": "G1: parity of\ntwo positions", "G2": "G2: reverse\nanchor"}
CASES = {"independent": "-", "chain, stay 0.7": "--", "chain, stay 0.9": ":"}
CASE_COLORS = {"independent": "#000000", "chain, stay 0.7": "#0072B2", "chain, stay 0.9": "#E69F00"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw calls a token and the fixtures above; KL over eps and KL against its bound below."""
    record = records["punt_calls"]
    table = record.table
    figure, ((calls, bias), (over, against)) = pyplot.subplots(2, 2, figsize=(7.0, 5.6))
    _calls(calls, table[table["part"] == "length"])
    _fixtures(bias, table[table["part"] == "fixture"])
    tables = table[table["part"] == "tables"]
    _thresholds(over, tables)
    _bound(against, tables, record)
    figure.legend(*over.get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(table, "calls", "steps", "tv", "kl", "errors")


def _calls(axes: Axes, table: DataFrame) -> None:
    mine = table[table["tests"] == "binary"]
    for case, rows in mine.groupby("case", sort=False):
        axes.plot(rows["n"], rows["calls"] / rows["n"], marker="*", markersize=7, markeredgecolor="black",
                  markeredgewidth=0.4, color=CASE_COLORS[case], linestyle=CASES[case], label=case)  # fmt: skip
    lengths = np.unique(mine["n"])
    axes.plot(lengths, (1 + np.ceil(np.log2(lengths))) / lengths, color="0.5", linewidth=4, alpha=0.5, linestyle="-",
              zorder=1, label=r"$(1 + \lceil\log_2 n\rceil)/n$")  # fmt: skip
    axes.axhline(1, color="black", linewidth=0.9, linestyle="-.", label="one by one")
    logarithmic(axes, [0.1, 0.2, 0.5, 1, 2])
    plain_ticks(axes.xaxis, list(lengths))
    lowest = min(0.1, (mine["calls"] / mine["n"]).min())
    axes.set(ylim=(0.9 * lowest, 2.3), xlabel="length $n$, all masked at first", ylabel="denoiser calls a token")
    axes.set_title(rf"calls, $\varepsilon$ = {mine['eps'].iloc[0]:g} nats")
    axes.legend(loc="lower left", fontsize=7.5, labelspacing=0.25)
    axes.grid(True)


def _fixtures(axes: Axes, table: DataFrame) -> None:
    for k, (tests, look) in enumerate(TESTS.items()):
        rows = table[table["tests"] == tests].set_index("case")["tv"].round(12)
        bars = axes.bar(np.arange(len(NOTES)) + 0.36 * (k - 0.5), rows[list(NOTES)], 0.34, color=look["color"],
                        hatch="" if tests == "binary" else "//", edgecolor="black", linewidth=0.6)  # fmt: skip
        axes.bar_label(bars, [f"{value:.2f}" if value else "0" for value in rows[list(NOTES)]], padding=2, fontsize=8)
    axes.set_xticks(range(len(NOTES)), list(NOTES.values()))
    axes.set(ylabel="TV of output law from data", ylim=(0, 0.6), title=r"fixtures, $\varepsilon = 0$")


def _thresholds(axes: Axes, tables: DataFrame) -> None:
    for tests, look in TESTS.items():
        mean = tables[tables["tests"] == tests].groupby("eps")[["kl", "errors"]].mean()
        axes.plot(range(len(mean)), mean["kl"], markeredgecolor="black", markeredgewidth=0.4, markersize=6, **look)
        label = r"$\mathrm{E}\sum\delta$ of the kept tokens" if tests == "binary" else None
        axes.plot(
            range(len(mean)), mean["errors"], color=look["color"], linestyle=(0, (1, 1)), linewidth=1.3, label=label
        )
    axes.set_xticks(range(len(mean)), [f"{eps:g}" for eps in mean.index])
    rooted(axes.yaxis, 1.1 * tables.groupby(["tests", "eps"])[["kl", "errors"]].mean().to_numpy().max())
    count = tables["case"].nunique()
    axes.set(
        xlabel=r"threshold $\varepsilon$ (nats)",
        ylabel="mean KL(output ‖ data), nats",
        title=f"{count} random 4-bit laws",
    )
    axes.grid(True)


def _bound(axes: Axes, tables: DataFrame, record: Record) -> None:
    top = 1.1 * tables[["kl", "errors"]].to_numpy().max()
    for tests, look in TESTS.items():
        rows = tables[tables["tests"] == tests]
        axes.plot(rows["errors"], rows["kl"], linestyle="none", marker=look["marker"], color=look["color"], alpha=0.75,
                  markersize=6 if tests == "binary" else 4, markeredgecolor="black", markeredgewidth=0.3)  # fmt: skip
    axes.plot([0, top], [0, top], color="black", linewidth=1, linestyle="-")
    rooted(axes.yaxis, top)
    rooted(axes.xaxis, top)
    counts = [
        f"{record.scalars[f'{tests}/violations']:.0f} of {record.scalars[f'{tests}/cases']:.0f}" for tests in TESTS
    ]
    axes.annotate(f"above the line\nbinary: {counts[0]}\nin order: {counts[1]}", (0.04, 0.97), xycoords="axes fraction",
                  va="top", fontsize=8, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    axes.set(xlabel=r"$\mathrm{E}\sum\delta$ of the kept tokens (nats)", ylabel="KL(output ‖ data), nats",
             title="the bound holds in order only")  # fmt: skip
    axes.grid(True)
