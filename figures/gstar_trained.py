"""Trained error predictors: AUC, error at equal evaluations, the window, entropy of outputs (arXiv 2510.08369)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures._intervals import columns, span
from figures.looks import plain_ticks
from synthetic.claims.gstar import errors, matched, values
from synthetic.intervals import Estimate, nested
from synthetic.records import Record

EXPERIMENTS = ("gstar",)
LOOKS = (
    {"color": "#0072B2", "marker": "o"},
    {"color": "#D55E00", "marker": "s"},
    {"color": "#009E73", "marker": "^"},
    {"color": "#CC79A7", "marker": "D"},
)
PREDICTORS = {"head": "head", "block": "block", "full": "full", "g*": "$g^*$"}
VARIANTS: dict[str, dict[str, Any]] = {
    "Star+": {"linestyle": (0, (3, 1.5)), "markerfacecolor": "white"},
    "G-Star+": {"linestyle": "-"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw AUC and entropies on the left, errors over budgets and windows on the right; bars are 95 % intervals."""
    record = records["gstar"]
    tables = dict(list(record.table.groupby("task", sort=False)))
    looks = {task: LOOKS[k % len(LOOKS)] for k, task in enumerate(tables)}
    figure, ((auc, budgets), (entropy, windows)) = pyplot.subplots(2, 2, figsize=(7.0, 5.8))
    plotted = [
        *_auc(auc, tables, looks),
        *_budgets(budgets, tables, looks),
        *_entropies(entropy, tables, looks, record),
        *_windows(windows, tables, looks),
    ]
    handles = [Line2D([], [], linestyle="none", label=_short(task), **look) for task, look in looks.items()]
    handles += [Line2D([], [], color="black", label=name, **look) for name, look in VARIANTS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncol=len(handles), handlelength=2.4, columnspacing=1.2)
    columns = ["panel", "task", "condition", "x", "mean", "low", "high"]
    return figure, DataFrame(plotted, columns=columns)


def findings(table: DataFrame) -> str:
    """Say at which budgets trained guidance is better or worse than masked diffusion beyond its interval."""
    rows = table[(table["panel"] == "budget") & (table["condition"] == "G-Star+")]
    said = []
    for task, mine in rows.groupby("task", sort=False):
        better = [f"{x:g}" for x in mine.loc[mine["high"] < 1, "x"]]
        worse = [f"{x:g}" for x in mine.loc[mine["low"] > 1, "x"]]
        said.append(f"{_short(task)} better at {', '.join(better) or 'none'}, worse at {', '.join(worse) or 'none'}")
    return f"Guided refinement against masked diffusion, by evaluations a sequence: {'; '.join(said)}."


def _auc(axes: Axes, tables: Mapping[str, DataFrame], looks: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    for j, (task, table) in enumerate(tables.items()):
        for k, part in enumerate(PREDICTORS):
            rows = table[(table["part"] == "drafts") & (table["method"] == part)]
            for measure, face in (("one-step", {}), ("iterated", {"markerfacecolor": "white"})) if len(rows) else ():
                interval = nested(values(rows, measure=measure))
                x = k + 0.17 * (j - (len(tables) - 1) / 2)
                _bar(axes, [x], [interval], **{**looks[task], **face, "linestyle": "none"})
                found.append(("AUC", task, f"{part}, {measure}", x, *columns(interval).values()))
    axes.axhline(0.5, color="0.6", linewidth=0.8, linestyle=":")
    axes.set_xticks(range(len(PREDICTORS)), list(PREDICTORS.values()))
    axes.set(ylabel="AUC for the errors of a draft", xlabel="trained part of the predictor")
    axes.set_title("filled: one-step drafts; open: iterated ones")
    axes.grid(True, axis="y")
    return found


def _budgets(axes: Axes, tables: Mapping[str, DataFrame], looks: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found = _ratios(axes, "budget", tables, looks)
    ticks = {row[3] for row in found}
    axes.set(xscale="log", xlabel="evaluations a sequence, both networks", ylabel="error / error of MDLM")
    plain_ticks(axes.xaxis, sorted(tick for tick in ticks if tick & (tick - 1) == 0))
    axes.set_title(f"recommended window, $t_{{on}}$ = {_recommended(tables):g}")
    return found


def _windows(axes: Axes, tables: Mapping[str, DataFrame], looks: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found = _ratios(axes, "window", tables, looks)
    rows = next(iter(tables.values())).query("part == 'window'")
    axes.set_xticks([0.2, 0.4, 0.6, 0.8, 1])
    axes.set(xlabel="start of the window, $t_{on}$", ylabel="error / error of MDLM")
    axes.set_title(f"{rows['budget'].iloc[0]} evaluations")
    return found


def _ratios(axes: Axes, part: str, tables: Mapping[str, DataFrame], looks: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Draw the ratio of mean errors at equal evaluations; its bar is the paired difference's over MDLM's error."""
    found: list[tuple[Any, ...]] = []
    column = "budget" if part == "budget" else "t_on"
    for task, table in tables.items():
        for method, look in VARIANTS.items():
            rows = table[(table["part"] == part) & (table["method"] == method)]
            where = sorted(rows[column].unique())
            intervals = [_ratio(table, rows[rows[column] == x]) for x in where]
            _bar(axes, where, intervals, **looks[task], **look)
            found += [(part, task, method, x, *columns(i).values()) for x, i in zip(where, intervals, strict=True)]
    axes.axhline(1, color="black", linewidth=1)
    _ratio_axis(axes)
    return found


def _ratio(table: DataFrame, rows: DataFrame) -> Estimate:
    """Return 1 + the mean gap over masked diffusion's mean error, whose own noise is left out."""
    plain = matched(table, rows)
    return nested(1 + (errors(rows) - plain) / max(float(plain.mean()), 1e-12))


def _entropies(
    axes: Axes, tables: Mapping[str, DataFrame], looks: Mapping[str, Any], record: Record
) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    exact = {task: table for task, table in tables.items() if (table["measure"] == "entropy").any()}
    on = sorted(next(iter(exact.values())).query("part == 'steps'")["t_on"].unique())
    for j, (task, table) in enumerate(exact.items()):
        rows = table[(table["part"] == "steps") & (table["measure"] == "entropy")]
        data = float(record.scalars[f"{task}/{rows['seed'].iloc[0]}/entropy"])
        for k, each in enumerate(on):
            for side, (method, look) in enumerate(VARIANTS.items()):
                interval = nested(values(rows, method=method, t_on=each) - data)
                x = k + 0.24 * (j - (len(exact) - 1) / 2) + 0.05 * (2 * side - 1)
                _bar(axes, [x], [interval], **{**looks[task], **look, "linestyle": "none"})
                found.append(("entropy", task, method, each, *columns(interval).values()))
    axes.axhline(0, color="black", linewidth=1)
    axes.set_xticks(range(len(on)), [f"$t_{{on}}$ = {each:g}" for each in on])
    axes.set(ylabel="entropy of outputs - of data (nats)", xlim=(-0.6, len(on) - 0.4))
    axes.set_title(f"{rows['steps'].iloc[0]} steps; open: random, filled: guided")
    axes.grid(True, axis="y")
    return found


def _bar(axes: Axes, x: list[float], intervals: list[Estimate], **look: Any) -> None:
    means = np.array([interval.mean for interval in intervals])
    reach = [
        means - [span(interval)[0] for interval in intervals],
        np.array([span(interval)[1] for interval in intervals]) - means,
    ]
    axes.errorbar(x, means, np.maximum(reach, 0), markersize=4, linewidth=1.2, elinewidth=0.8, capsize=1.5, **look)


def _ratio_axis(axes: Axes) -> None:
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.8), max(high, 1.25))
    plain_ticks(axes.yaxis, [tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= tick <= max(high, 1.25)])
    axes.grid(True)


def _recommended(tables: Mapping[str, DataFrame]) -> float:
    table = next(iter(tables.values()))
    return float(table.loc[(table["part"] == "budget") & (table["method"] == "Star+"), "t_on"].iloc[0])


def _short(task: str) -> str:
    return task.removeprefix("small/").removesuffix(" free").replace("sudoku4", "4x4 Sudoku")
