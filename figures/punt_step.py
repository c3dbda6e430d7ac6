"""One step of PUNT as a picture: candidates, ranks in binary, rounds of tests, and what is revealed (2510.21961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("punt_step",)
LETTERS = "abcdefghij"
LOOKS: dict[str, dict[str, Any]] = {
    "clue": {"facecolor": "0.8"},
    "anchor": {"facecolor": "#56B4E9"},
    "kept": {"facecolor": "#BFE5D6"},
    "dropped": {"facecolor": "#F6C9A8", "hatch": "////"},
    "out": {"facecolor": "white"},
}
SAID = {
    "clue": "given", "anchor": "anchor: its candidate is shown", "kept": "tested, stays", "dropped": "tested, dropped",
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a column for each position and, from the top, its token, its rank, every round and the outcome."""
    record = records["punt_step"]
    table = record.table
    state = table[table["part"] == "state"].sort_values("position")
    tests = table[table["part"] == "round"]
    numbers = sorted(tests["round"].unique())
    figure, axes = pyplot.subplots(figsize=(7.0, 3.5))
    width = max(1, (int(state["masked"].sum()) - 1).bit_length())
    for cell in state.itertuples():
        look = LOOKS["clue"] if not cell.masked else LOOKS["out"]
        _cell(axes, cell.position, 0, LETTERS[cell.token], look, bold=not cell.masked)
        if cell.masked:
            _cell(axes, cell.position, 1, f"{cell.rank}\n{cell.rank:0{width}b}", LOOKS["out"])
    for cell in tests.itertuples():
        text = {"anchor": LETTERS[cell.token], "out": ""}.get(cell.role, f"{cell.moved:.3f}")
        _cell(axes, cell.position, 1 + cell.round, text, LOOKS[cell.role])
    last = tests[tests["round"] == numbers[-1]].set_index("position")["role"]
    for cell in state.itertuples():
        shown = not cell.masked or last[cell.position] in ("anchor", "kept")
        _cell(axes, cell.position, 2 + len(numbers), LETTERS[cell.token] if shown else "mask",
              LOOKS["clue" if not cell.masked else "anchor" if shown else "out"], bold=shown)  # fmt: skip
    _labels(axes, len(state), numbers)
    axes.text(-0.15, -0.12, rf"threshold $\varepsilon$ = {record.scalars['eps']:g} nats", ha="right", va="bottom",
              fontsize=8, color="0.35")  # fmt: skip
    handles = [Patch(edgecolor="black", linewidth=0.6, label=SAID[name], **LOOKS[name]) for name in SAID]
    figure.legend(handles=handles, loc="outside lower center", ncol=4, handlelength=1.6)
    return figure, shortened(table, "confidence", "moved")


def _cell(axes: Axes, column: int, row: int, text: str, look: Mapping[str, Any], bold: bool = False) -> None:
    axes.add_patch(Rectangle((column + 0.04, row + 0.06), 0.92, 0.88, edgecolor="black", linewidth=0.5, **look))
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5 if len(text) > 1 else 9,
              weight="bold" if bold else "normal",
              bbox={"facecolor": look["facecolor"], "edgecolor": "none", "pad": 1.2})  # fmt: skip


def _labels(axes: Axes, columns: int, numbers: list[int]) -> None:
    """Name the rows on the left and the columns above."""
    digits = ("first", "second", "third", "fourth", "fifth", "sixth")
    rounds = [f"round {k}: {digits[k - 1]} digit" for k in numbers]
    names = ["clues and candidates", "rank, and in binary", *rounds, "after the step"]
    for row, name in enumerate(names):
        axes.text(-0.15, row + 0.5, name, ha="right", va="center", fontsize=8)
    for column in range(columns):
        axes.text(column + 0.5, -0.12, f"{column + 1}", ha="center", va="bottom", fontsize=8, color="0.35")
    axes.set(xlim=(-3.1, columns), ylim=(len(names), -0.45), xticks=[], yticks=[])
    axes.set_axis_off()


def findings(table: DataFrame) -> str:
    """Say how many tokens the step reveals with how many calls, and name those that were dropped."""
    tests = table[table["part"] == "round"]
    last = tests[tests["round"] == tests["round"].max()]
    kept = int(last["role"].isin(["anchor", "kept"]).sum())
    asked = int(tests[tests["moved"].notna()]["round"].nunique())
    dropped = tests[tests["role"] == "dropped"]
    named = ", ".join(
        f"position {row.position + 1} in round {row.round} ({row.moved:.3f})" for row in dropped.itertuples()
    )
    return f"The step reveals {kept} of {len(last)} tokens with {1 + asked} calls; dropped are {named}."
