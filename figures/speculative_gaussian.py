"""Rounds and calls of speculative sampling against N, acceptance against churn and dimension (arXiv 2501.05370)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame, Series

from figures.looks import logarithmic, plain_ticks, shortened
from synthetic.records import Record
from theory.speculation.bounds import independent_draft_floor

EXPERIMENTS = ("speculative_gaussian",)
DRAFTS: dict[str, dict[str, Any]] = {
    "frozen": {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    "independent": {"color": "#D55E00", "marker": "s", "linestyle": "--"},
}
NAMES = {"frozen": "frozen drift", "independent": "independent draft"}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.4}
BARS = {"linestyle": "none", "elinewidth": 1.0, "capsize": 2, "ecolor": "black", "markersize": 4, **EDGE}
SIZES = (5, 20, 100, 400, 1600, 6400)
TICKS = (0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
GUIDE = {"color": "0.6", "linewidth": 5, "alpha": 0.45, "zorder": 1}
QUADRATURE = {"color": "black", "marker": "D", "markerfacecolor": "none", "markersize": 8, "linestyle": "none"}
DIGITS = ("rounds", "calls", "evaluations", "acceptance", "expected", "exact_rounds", "exact_acceptance",
          "rounds_error", "calls_error", "evaluations_error", "acceptance_error")  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw rounds, and calls and evaluations, over N above; acceptance over churn and over dimension below."""
    record = records["speculative_gaussian"]
    table = record.table
    figure, ((rounds, calls), (churn, dimension)) = pyplot.subplots(2, 2, figsize=(7.0, 5.8))
    sizes, rest = (table[table["part"] == part] for part in ("size", "acceptance"))
    _rounds(rounds, sizes, record)
    _calls(calls, sizes, record)
    _acceptances(churn, rest, record, "churn", "dimension", r"$d$ = {:g}")
    _acceptances(dimension, rest, record, "dimension", "churn", r"$\epsilon$ = {:g}")
    churn.set(xlabel=r"churn $\epsilon$", ylabel="share of drafts kept")
    dimension.set(xlabel="dimension $d$ (copies of the target)", ylabel="share of drafts kept")
    figure.legend(handles=_legend(), loc="outside upper center", ncol=4)
    return figure, shortened(table, *DIGITS)


def _legend() -> list[Any]:
    drafts = [Line2D([], [], label=NAMES[name], markersize=5, **{**look, **EDGE}) for name, look in DRAFTS.items()]
    quadrature = Line2D([], [], label="quadrature", **QUADRATURE)
    return [*drafts, quadrature, Line2D([], [], label=r"$N^{1/3}$, scaled", **GUIDE)]


def _rounds(axes: Axes, table: DataFrame, record: Record) -> None:
    for draft, look in DRAFTS.items():
        rows = table[table["draft"] == draft]
        exact = rows[rows["exact_rounds"] > 0]
        line = rows["rounds"] if draft == "frozen" else rows["exact_rounds"]
        axes.plot(rows["steps"], line, color=look["color"], linestyle=look["linestyle"], linewidth=1.2)
        axes.errorbar(rows["steps"], rows["rounds"], rows["rounds_error"], marker=look["marker"], color=look["color"],
                      label=f"{draft}: {_slope(record, draft, 'rounds')}", **BARS)  # fmt: skip
        if draft == "frozen":
            axes.plot(exact["steps"], exact["exact_rounds"], **QUADRATURE)
            _guide(axes, rows)
    logarithmic(axes, _up_to(table["rounds"], [1, 2, 5, 10, 20, 50]))
    plain_ticks(axes.xaxis, _up_to(table["steps"], SIZES))
    axes.set(xlabel="steps $N$, window $L = N$", ylabel="rounds", title="rounds of a chain")
    axes.legend(loc="upper left", title=f"slope from $N$ = {_fitted_from(record)}", handletextpad=0.2, title_fontsize=8)
    axes.grid(True)


def _guide(axes: Axes, rows: DataFrame) -> None:
    """Draw c N^(1/3) through the largest N, where the power should be seen."""
    sizes, last = rows["steps"].to_numpy(), rows.iloc[-1]
    axes.plot(sizes, last["rounds"] * (sizes / last["steps"]) ** (1 / 3), **GUIDE)


def _calls(axes: Axes, table: DataFrame, record: Record) -> None:
    for draft, look in DRAFTS.items():
        rows = table[table["draft"] == draft]
        shared = {"color": look["color"], "linestyle": look["linestyle"], "marker": look["marker"], "markersize": 4.5}
        for name, face in (("evaluations", "white"), ("calls", look["color"])):
            axes.plot(rows["steps"], rows[name], markerfacecolor=face, markeredgecolor="black", markeredgewidth=0.6,
                      linewidth=1.2, **shared)  # fmt: skip
    sizes = np.unique(table["steps"])
    axes.plot(sizes, sizes, color="black", linestyle="-.", linewidth=1, label="one by one: $N$ of each")
    axes.plot([], [], "o", markerfacecolor="white", **EDGE, label="evaluations of the target")
    axes.plot([], [], "o", color="black", label="sequential calls")
    logarithmic(axes, _up_to(table["evaluations"], [1, 10, 100, 1000, 10_000, 100_000]))
    axes.yaxis.set_major_formatter("{x:,.0f}")
    plain_ticks(axes.xaxis, _up_to(table["steps"], SIZES))
    axes.set(xlabel="steps $N$, window $L = N$", ylabel="number a chain", title="what the rounds cost")
    axes.legend(loc="upper left", labelspacing=0.25)
    axes.grid(True)


def _acceptances(axes: Axes, table: DataFrame, record: Record, along: str, other: str, label: str) -> None:
    """Draw one curve a draft and level of the other parameter: closed form, or the mean of 2 Phi(-delta / 2)."""
    levels = record.config["churn_dimensions" if other == "dimension" else "dimension_churns"]
    for draft, look in DRAFTS.items():
        for level in levels:
            rows = table[(table["draft"] == draft) & (table[other] == level)].sort_values(along)
            rows = rows[rows[along].isin(record.config[f"{along}s"])]
            x, line = (rows[along], rows["expected"]) if draft == "frozen" else _closed_form(record, along, level)
            axes.plot(x, line, color=look["color"], linestyle=look["linestyle"], linewidth=1.2)
            axes.errorbar(rows[along], rows["acceptance"], rows["acceptance_error"], marker=look["marker"],
                          color=look["color"], markerfacecolor=_face(look, level), **BARS)  # fmt: skip
    for level in levels:
        axes.plot([], [], "o", markerfacecolor=_face({"color": "black"}, level), **EDGE, label=label.format(level))
    if along == "dimension":
        axes.plot(
            [], [], color="black", linewidth=1.2, linestyle="-", label=r"both panels: $\mathrm{E}\,2\Phi(-\delta/2)$"
        )
    axes.set_yscale("function", functions=(lambda a: -np.log(np.clip(1 - a, 1e-6, 1)), lambda u: 1 - np.exp(-u)))
    axes.set(xscale="log", ylim=(0, 0.9965))
    plain_ticks(axes.yaxis, TICKS)
    plain_ticks(axes.xaxis, [0.01, 0.03, 0.1, 0.3, 1, 3] if along == "churn" else record.config["dimensions"])
    axes.set_title(rf"acceptance, $N = {record.config['steps']}$, $L = {record.config['window']}$")
    axes.legend(loc="upper left" if along == "churn" else "lower left", handletextpad=0.6)
    axes.grid(True)


def _face(look: Mapping[str, Any], level: float) -> str:
    return look["color"] if level == 1 else "white"


def _closed_form(record: Record, along: str, level: float) -> tuple[np.ndarray, list[float]]:
    """Return 2 Phi(-delta / 2) of a draft whose score is off by the same in every coordinate."""
    config = record.config
    x = np.geomspace(min(config[f"{along}s"]), max(config[f"{along}s"]), 200)
    gamma = config["horizon"] / config["steps"]
    pairs = [(value, level) if along == "churn" else (level, value) for value in x]
    error = config["score_error"]
    return x, [independent_draft_floor(gamma, churn, error * float(copies) ** 0.5) for churn, copies in pairs]


def _up_to(values: Series, ticks: Sequence[float]) -> list[float]:
    return [tick for tick in ticks if tick <= values.max()]


def _slope(record: Record, draft: str, count: str) -> str:
    key = f"{draft}/{count}/slope"
    return rf"{record.scalars[key]:.3f} $\pm$ {record.scalars[f'{key} error']:.3f}"


def _fitted_from(record: Record) -> int:
    return record.config["fit_from"]


def findings(table: DataFrame) -> str:
    """Say how rounds grow with the number of steps, and where acceptance is best."""
    frozen = table[(table["part"] == "size") & (table["draft"] == "frozen")].sort_values("steps")
    upper = frozen[frozen["steps"] >= frozen["steps"].max() / 16]
    slope = np.polyfit(np.log(upper["steps"]), np.log(upper["rounds"]), 1)[0]
    churns = table[(table["part"] == "acceptance") & (table["draft"] == "frozen") & (table["dimension"] == 1)]
    best = churns.loc[churns["acceptance"].idxmax(), "churn"]
    return (
        f"With the frozen drift rounds grow like N to the power {slope:.2f} at the largest N; in one dimension most "
        f"drafts are kept at a churn of {best:g}."
    )
