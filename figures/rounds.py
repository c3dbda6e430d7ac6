"""Steps and symbols against the length of the input: counted on runs, and by formula."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic
from synthetic.records import Record

EXPERIMENTS = ("rounds",)
PROBLEMS = ("word problem of S5", "all prefixes in S5", "parity", "rank of a linked list")
LOOKS = {
    "chain of thought": ("#000000", "o"), "planner, tree": ("#0072B2", "s"), "resampling, one lane": ("#56B4E9", "D"),
    "parallel chain of thought": ("#CC79A7", "X"), "written once, doubling": ("#009E73", "^"),
    "written once, log": ("#009E73", "v"),
    "any-process, two lanes": ("#D55E00", "P"), "any-process, seven rules": ("#E69F00", "<"),
    "any-process, two steps": ("#D55E00", "*"),
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw steps above and symbols below, a column a problem."""
    table = records["rounds"].table
    figure, panels = pyplot.subplots(2, len(PROBLEMS), figsize=(7.0, 4.4), sharex=True, sharey="row")
    for column, problem in enumerate(PROBLEMS):
        for row, measure in enumerate(("steps", "symbols")):
            _models(panels[row, column], table[table["problem"] == problem], measure)
        panels[0, column].set_title(problem, fontsize=8)
        panels[1, column].set_xlabel("length n")
    panels[0, 0].set_ylabel("steps")
    panels[1, 0].set_ylabel("symbols")
    handles = {
        label: handle for axes in panels.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncol=3)
    return figure, table


def _models(axes: Axes, rows: DataFrame, measure: str) -> None:
    for model, (color, marker) in LOOKS.items():
        mine = rows[(rows["model"] == model) & (rows[measure] > 0)].sort_values("n")
        if len(mine):
            axes.plot(mine["n"], mine[f"{measure}_formula"], color=color, linewidth=1, linestyle="-")
            axes.plot(mine["n"], mine[measure], marker, color=color, markersize=4, label=model)
    logarithmic(axes, [1, 3, 10, 30, 100, 300, 1000, 3000])
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say whether all counts are those of the formulas, and what the longest input takes."""
    wrong = int(((table["steps"] != table["steps_formula"]) | (table["symbols"] != table["symbols_formula"])).sum())
    longest = table[table["n"] == table["n"].max()].set_index(["problem", "model"])["steps"]
    tree, chain = (longest["word problem of S5", model] for model in ("planner, tree", "chain of thought"))
    agreement = "Every count is that of its formula." if not wrong else f"{wrong} counts differ from their formulas."
    return f"{agreement} At n = {table['n'].max()} the word problem of S5 takes {tree} steps by tree, {chain} by chain."
