"""4x4 Sudoku by trained models: solve rate by model, order and puzzles, and what the exactness of steps says of it."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("trained_boards",)
ROWS = (
    ("any order", "margin", "any order: margin"), ("any order", "reading order", "any order: reading order"),
    ("any order", "random", "any order: random"), ("any order", "one step", "any order: one step"),
    ("left to right", "reading order", "left to right"), ("any process", "rewriting", "any process"),
    ("any process", "write once", "any process, writing once"),
)  # fmt: skip
LOOKS = (("#D55E00", "s"), ("#0072B2", "o"), ("#009E73", "^"), ("#E69F00", "D"))


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw solve rates, a row a model and order, and the rates of any-process models over their predictions."""
    table = records["trained_boards"].table
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=(1.5, 1))
    _rates(left, table)
    _rollouts(right, table[table["way"] == "rewriting"])
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncol=3)
    return figure, shortened(table, "solved", "exact", "bound", "predicted")


def _rates(axes: Axes, table: DataFrame) -> None:
    looks = dict(zip(sorted(table["puzzles"].unique()), LOOKS, strict=False))
    for puzzles, (color, marker) in looks.items():
        axes.plot([], [], marker, color=color, markersize=3.5, alpha=0.6, label=f"{puzzles:,} puzzles")
    for place, (model, way, _) in enumerate(ROWS):
        groups = table[(table["model"] == model) & (table["way"] == way)].groupby("puzzles")["solved"]
        for k, (puzzles, shares) in enumerate(groups):
            (color, marker), y = looks[puzzles], place + 0.15 * (2 * k - len(groups) + 1)
            axes.plot(shares, [y] * len(shares), marker, color=color, markersize=3.5, alpha=0.6)
            axes.plot(shares.mean(), y, "|", color="black", markersize=9, markeredgewidth=1.5)
    axes.set_yticks(range(len(ROWS)), [name for *_, name in ROWS])
    axes.invert_yaxis()
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("share of test boards solved")
    axes.grid(True)


def _rollouts(axes: Axes, rows: DataFrame) -> None:
    for (puzzles, mine), (color, marker) in zip(rows.groupby("puzzles"), LOOKS, strict=False):
        del puzzles
        axes.plot(mine["predicted"], mine["solved"], marker, color=color, markersize=4, alpha=0.7)
        axes.plot(mine["bound"].clip(lower=0), mine["solved"], marker, color=color, markersize=4, fillstyle="none")
    axes.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle="--")
    axes.set_xlabel("filled: independent steps\nopen: lower bound, cut at 0")
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.set_ylabel("share solved, any process")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say what each model reaches with the most puzzles, and how exact the steps are."""
    mine = table[table["puzzles"] == table["puzzles"].max()]
    rates = mine.groupby(["model", "way"])["solved"].mean()
    each = ", ".join(f"{name} {rates[model, way]:.0%}" for model, way, name in ROWS if (model, way) in rates)
    steps = mine[mine["way"] == "rewriting"]
    states = int(steps["states"].mean())
    return (
        f"Solved after {mine['puzzles'].max():,} puzzles: {each}. Any-process models saw {states:,} labelled states of "
        f"these puzzles' searches, the others their solutions; they take {steps['exact'].mean():.1%} of the searches' "
        f"steps on test boards, and {steps['straight'].mean():.0%} of these boards need no step back."
    )
