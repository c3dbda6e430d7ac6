"""Info-Gain on trained models at equal compute: likelier sequences, fewer of them (arXiv 2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._intervals import bars, ends, stacked, summary
from synthetic.intervals import nested
from synthetic.records import Record

EXPERIMENTS = ("trained_infogain",)
MEASURES: dict[str, dict[str, Any]] = {
    "surprise": {"color": "#CC79A7", "marker": "P", "markersize": 6, "label": r"cumulative entropy $\tilde H$"},
    "quality": {"color": "#0072B2", "marker": "o", "label": r"$-\ln p(x)$ of the output"},
    "entropy": {"color": "#009E73", "marker": "^", "markersize": 5, "label": "entropy of the output"},
}
FORMS: dict[str, dict[str, Any]] = {
    "mean": {"color": "#CC79A7", "marker": "P", "label": "mean form (the paper)"},
    "sum": {"color": "#0072B2", "marker": "o", "label": "sum form"},
    "look-ahead": {"color": "#E69F00", "marker": "^", "label": "look-ahead only"},
}
CHANCES: dict[str, dict[str, Any]] = {
    "factors": {"color": "#0072B2", "hatch": "", "label": "both factors first"},
    "product": {"color": "#E69F00", "hatch": "//", "label": "product first"},
}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.4}
KEYS = ("task", "rule", "form", "candidates", "size")


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw what each sampler does to three numbers, both falls against each other, and Case 1."""
    table = records["trained_infogain"].table
    mine = table[table["denoiser"] == "trained"]
    drawn = summary(mine[mine["part"] == "drawn"], KEYS, MEASURES)
    chances = summary(mine[mine["part"] == "case"], KEYS, CHANCES)
    fallen = falls(mine[mine["part"] == "drawn"])
    figure, (levels, losses, case) = pyplot.subplots(1, 3, figsize=(7.0, 3.3), width_ratios=(1.35, 1, 1))
    longest = "chain" if "chain" in set(drawn["task"]) else drawn["task"].iloc[0]
    _levels(levels, drawn[drawn["task"] == longest], longest)
    _losses(losses, fallen)
    _case(case, chances)
    plotted = [rows.assign(part=part) for part, rows in (("drawn", drawn), ("falls", fallen), ("case", chances))]
    return figure, concat(plotted, ignore_index=True).round(6)


def findings(table: DataFrame) -> str:
    """Say how often diversity falls more than the objective, and what comes first in a x b = c."""
    fallen = table[table["part"] == "falls"]
    more = int((fallen["entropy"] > fallen["surprise"]).sum())
    text = f"Output entropy falls by more than the cumulative entropy for {more} of {len(fallen)} tasks and forms."
    case = table[(table["part"] == "case") & (table["form"] == "mean") & (table["candidates"] > 0)]
    if case.empty:
        return text
    row = case.iloc[0].copy()
    row["factors_low"] = max(0.0, row["factors_low"])  # an interval of exact zeros may end at minus zero
    return (
        f"{text} Of a x b = c the mean form with {row['candidates']:g} candidates decodes the product before any "
        f"factor with probability {row['product']:.2f} [{row['product_low']:.2f}, {row['product_high']:.2f}], both "
        f"factors first with {row['factors']:.2f} [{row['factors_low']:.2f}, {row['factors_high']:.2f}]."
    )


def falls(rows: DataFrame) -> DataFrame:
    """Return what N candidates take from the cumulative and from the output entropy of one candidate, by task."""
    found = []
    info = rows[(rows["rule"] == "Info-Gain") & (rows["size"] == 1)]
    for task, mine in info.groupby("task", sort=False):
        one = mine[mine["candidates"] == 1]
        for form, many in mine[mine["candidates"] > 1].groupby("form", sort=False):
            row: dict[str, Any] = {"task": task, "form": form}
            for measure in ("surprise", "entropy"):
                row |= ends(measure, nested(stacked(one, measure) - stacked(many, measure)))
            found.append(row)
    return DataFrame(found)


def _levels(axes: Axes, rows: DataFrame, task: str) -> None:
    order = [
        rows[(rows["rule"] == "entropy-greedy")],
        rows[rows["rule"] == "Best-of-N"],
        *(rows[(rows["form"] == form) & (rows["candidates"] > 1) & (rows["size"] == 1)] for form in FORMS),
        rows[(rows["rule"] == "Info-Gain") & (rows["size"] > 1)],
    ]
    shown = [mine.iloc[0] for mine in order if len(mine)]
    for k, (measure, look) in enumerate(MEASURES.items()):
        frame = DataFrame([row for row in shown if measure in row and np.isfinite(row[measure])])
        places = [p + 0.16 * (k - 1) for p, row in enumerate(shown) if np.isfinite(row[measure])]
        axes.errorbar(frame[measure], places, xerr=bars(frame, measure), linestyle="none", capsize=2, elinewidth=1,
                      **EDGE, **look)  # fmt: skip
    axes.set_yticks(range(len(shown)), [_name(row) for row in shown])
    axes.invert_yaxis()
    axes.set(xlabel="nats", title=f"{task}, temperature 1", xlim=(0, None))
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), fontsize=7.5, labelspacing=0.25)
    axes.grid(True, axis="x")


def _name(row: Any) -> str:
    if row["rule"] == "Best-of-N":
        return f"Best-of-{row['candidates']:g}"
    if row["rule"] != "Info-Gain":
        return "entropy-\ngreedy"
    if row["size"] > 1:
        return f"Info-Gain,\n$N=k={row['size']:g}$"
    return f"{row['form']},\n$N={row['candidates']:g}$"


def _losses(axes: Axes, rows: DataFrame) -> None:
    for form, look in FORMS.items():
        mine = rows[rows["form"] == form]
        axes.errorbar(mine["surprise"], mine["entropy"], yerr=bars(mine, "entropy"), xerr=bars(mine, "surprise"),
                      linestyle="none", markersize=5, capsize=2, elinewidth=1, **EDGE, **look)  # fmt: skip
    means = rows[["surprise", "entropy"]].to_numpy()
    low, top = 0.5 * max(means.min(), 1e-3), 2 * means.max()
    axes.plot([low, top], [low, top], color="black", linewidth=1, linestyle="-")
    axes.annotate("equal", (top / 6, top / 6), xytext=(4, -2), textcoords="offset points", fontsize=7.5, va="top")
    axes.set(xscale="log", yscale="log", xlabel=r"fall of $\tilde H$ (nats)", ylabel="fall of output entropy (nats)")
    axes.set(xlim=(low, top), ylim=(low, top))
    axes.set_title("each task, $N$ against one")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=7.5, labelspacing=0.25)
    axes.grid(True)


def _case(axes: Axes, rows: DataFrame) -> None:
    labels = [_choice(form, count) for form, count in zip(rows["form"], rows["candidates"], strict=True)]
    for k, (chance, look) in enumerate(CHANCES.items()):
        places = np.arange(len(rows)) + 0.36 * (k - 0.5)
        axes.barh(places, rows[chance], 0.34, xerr=bars(rows, chance), color=look["color"], hatch=look["hatch"],
                  edgecolor="black", linewidth=0.5, label=look["label"], error_kw={"elinewidth": 0.8})  # fmt: skip
    axes.axvline(0.5, color="0.4", linestyle="-.", linewidth=1)
    axes.set_yticks(range(len(rows)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xticks([0, 0.5, 1])
    axes.set(xlim=(0, 1.02), xlabel="probability", title=r"Case 1, $a \times b = c$")
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), fontsize=7.5, labelspacing=0.25)


def _choice(form: str, count: int) -> str:
    if not form:
        return "a draw of\nthe proposal" if count else "entropy-\ngreedy"
    return f"{form},\n$N={count}$" if count else f"{form},\nall positions"
