"""Info-Gain's cumulative entropy against the diversity and the error of its output law (arXiv 2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("infogain_diversity",)
FORMS: dict[str, dict[str, Any]] = {
    "mean": {"color": "#CC79A7", "linestyle": "-", "marker": "P", "label": "mean form (the paper)"},
    "sum": {"color": "#0072B2", "linestyle": "--", "marker": "o", "label": "sum form"},
    "look-ahead": {"color": "#E69F00", "linestyle": ":", "marker": "^", "label": "look-ahead only"},
}
EDGES = {"markeredgecolor": "black", "markeredgewidth": 0.4}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw both entropies over N for the paper's form, KL over N for all forms, and the losses of the form by law."""
    table = records["infogain_diversity"].table
    figure, (entropies, errors, losses) = pyplot.subplots(1, 3, figsize=(7.0, 2.7))
    _entropies(entropies, table[table["form"] == "mean"])
    for form, look in FORMS.items():
        mean = table[table["form"] == form].groupby("candidates")["kl"].mean()
        errors.plot(mean.index, mean, markersize=5, **EDGES, **look)
    errors.set(xlabel="candidates $N$", ylabel="mean KL(output ‖ data), nats", ylim=(0, None))
    errors.set_title("error")
    errors.legend(loc="upper left", fontsize=7, handlelength=2.2)
    _losses(losses, table[table["form"] == "mean"])
    for axes in (entropies, errors):
        axes.set_xticks(sorted(table["candidates"].unique()))
    for axes in (entropies, errors, losses):
        axes.grid(True)
    return figure, shortened(table, "tilde", "entropy", "kl", "data")


def _entropies(axes: Axes, table: DataFrame) -> None:
    """Draw means over the laws with bands from the first to the third quartile, and the data's mean entropy."""
    for name, color, hatch, label, drop in (
        ("tilde", "#CC79A7", "///", "cumulative entropy", 6),
        ("entropy", "#009E73", "...", "entropy of the output", -14),
    ):
        grouped = table.groupby("candidates")[name]
        low, mean, high = grouped.quantile(0.25), grouped.mean(), grouped.quantile(0.75)
        axes.fill_between(mean.index, low, high, facecolor=color, alpha=0.25, hatch=hatch, edgecolor=color, linewidth=0)
        axes.plot(mean.index, mean, color=color, linestyle="-" if name == "tilde" else "--", linewidth=1.8)
        axes.annotate(label, (mean.index[-1], (high if drop > 0 else low).iloc[-1]), (0, drop), fontsize=7.5,
                      textcoords="offset points", ha="right", color=color,
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8})  # fmt: skip
    axes.axhline(table["data"].mean(), color="black", linestyle=":", linewidth=1)
    axes.annotate("data", (axes.get_xlim()[1], table["data"].mean()), ha="right", va="bottom", fontsize=7.5)
    axes.set(xlabel="candidates $N$", ylabel="nats, middle half of the laws", title="mean form (the paper)")
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.12 * (high - low), high + 0.05 * (high - low))


def _losses(axes: Axes, table: DataFrame) -> None:
    most = int(table["candidates"].max())
    last = table[table["candidates"] == most]
    end = 1.08 * (last["data"] - last["entropy"]).max()
    axes.plot(last["data"] - last["tilde"], last["data"] - last["entropy"], linestyle="none", markersize=5,
              color=FORMS["mean"]["color"], marker=FORMS["mean"]["marker"], **EDGES)  # fmt: skip
    axes.plot([0, end], [0, end], color="black", linewidth=1, linestyle="-")
    axes.annotate("equal falls", (0.72 * end, 0.72 * end), (2, -2), textcoords="offset points", rotation=45, va="top",
                  ha="center", fontsize=7.5, rotation_mode="anchor")  # fmt: skip
    axes.set(xlim=(-0.05, end), ylim=(0, end), aspect="equal", title=f"each law, $N = {most}$")
    axes.set(xlabel="cumulative falls by (nats)", ylabel="that of the output falls by (nats)")


def findings(table: DataFrame) -> str:
    """Say what the most candidates do to the two entropies and to the error, in the mean over the laws."""
    mine = table[table["form"] == "mean"]
    last = mine[mine["candidates"] == mine["candidates"].max()].mean(numeric_only=True)
    return (
        f"With {last['candidates']:.0f} candidates the cumulative entropy falls by {last['data'] - last['tilde']:.2f} "
        f"nats from the data's, the entropy of the output by {last['data'] - last['entropy']:.2f}, and the KL is "
        f"{last['kl']:.2f}."
    )
