"""Info-Gain's cumulative entropy against the diversity and the error of its output law (arXiv 2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("infogain_diversity",)
FORMS: dict[str, dict[str, Any]] = {
    "mean": {"color": "#CC79A7", "linestyle": "-", "marker": "P", "label": "mean form (the paper)"},
    "sum": {"color": "#0072B2", "linestyle": "--", "marker": "o", "label": "sum form"},
    "look-ahead": {"color": "#E69F00", "linestyle": ":", "marker": "^", "label": "look-ahead only"},
}
EDGES = {"markeredgecolor": "black", "markeredgewidth": 0.4}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw entropies over N for the paper's form, KL over N for all forms, and both losses law by law."""
    table = records["infogain_diversity"].table
    figure, (entropies, errors, losses) = pyplot.subplots(1, 3, figsize=(7.0, 2.9))
    _entropies(entropies, table[table["form"] == "mean"])
    for form, look in FORMS.items():
        mean = table[table["form"] == form].groupby("candidates")["kl"].mean()
        errors.plot(mean.index, mean, markersize=5, **EDGES, **look)
    errors.set(xlabel="candidates $N$", ylabel="mean KL(output ‖ data), nats", ylim=(0, None))
    errors.set_title("error")
    _losses(losses, table)
    for axes in (entropies, errors):
        axes.set_xticks(sorted(table["candidates"].unique()))
    for axes in (entropies, errors, losses):
        axes.grid(True)
    figure.legend(*errors.get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(table, "tilde", "entropy", "kl", "data")


def _entropies(axes: Axes, table: DataFrame) -> None:
    for name, color, hatch, label in (
        ("tilde", "#CC79A7", "///", "cumulative, E[$\\tilde H$]"),
        ("entropy", "#009E73", "...", "of the output"),
    ):
        grouped = table.groupby("candidates")[name]
        low, mean, high = grouped.quantile(0.25), grouped.mean(), grouped.quantile(0.75)
        axes.fill_between(mean.index, low, high, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color, linewidth=0)
        axes.plot(mean.index, mean, color=color, linestyle="-" if name == "tilde" else "--", linewidth=1.8, label=label)
    axes.axhline(table["data"].mean(), color="black", linestyle=":", linewidth=1)
    axes.annotate("data", (axes.get_xlim()[1], table["data"].mean()), ha="right", va="bottom", fontsize=8)
    axes.set(xlabel="candidates $N$", ylabel="entropy (nats), mean form", title="what it lowers")
    axes.set_ylim(bottom=axes.get_ylim()[0] - 0.3)
    axes.legend(loc="lower left", handlelength=2)


def _losses(axes: Axes, table: DataFrame) -> None:
    most = int(table["candidates"].max())
    last = table[table["candidates"] == most]
    across, up = (1.08 * (last["data"] - last[name]).max() for name in ("tilde", "entropy"))
    for form, look in FORMS.items():
        mine = last[last["form"] == form]
        axes.plot(mine["data"] - mine["tilde"], mine["data"] - mine["entropy"], linestyle="none", markersize=4.5,
                  color=look["color"], marker=look["marker"], alpha=0.85, **EDGES)  # fmt: skip
    axes.plot([0, up], [0, up], color="black", linewidth=1, linestyle="-", label="equal")
    plain_ticks(axes.xaxis, [tick / 5 for tick in range(12) if tick / 5 <= 1.6 * across])
    axes.legend(loc="center right", handlelength=1.6)
    axes.set(xlim=(-0.04, 1.6 * across), ylim=(0, up), title=f"each law, $N = {most}$ (nats)")
    axes.set(xlabel="fall of the cumulative one", ylabel="fall of the output entropy")
