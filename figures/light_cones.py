"""The light cone of a decision: which inputs it can depend on after T steps, and when parity becomes decidable."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("light_cones",)
LOOKS = {2: ("#0072B2", "o"), 3: ("#D55E00", "s"), 4: ("#009E73", "^")}
SIZES = {2: 8, 3: 5.5, 4: 3.5}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the trees of the smallest and of the largest fan-in, and the share of words decided over steps."""
    record = records["light_cones"]
    table, n = record.table, int(record.scalars["n"])
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 2.6), width_ratios=(1.2, 1.2, 1))
    fan_ins = sorted(table["fan_in"].unique())
    for axes, fan_in in zip(panels, (fan_ins[0], fan_ins[-1]), strict=False):
        mine = table[(table["part"] == "read") & (table["fan_in"] == fan_in)]
        _tree(axes, mine, n, f"k = {fan_in}")
    _decided(panels[2], table[table["part"] == "parity"])
    return figure, table


def _tree(axes: Axes, reads: DataFrame, n: int, title: str) -> None:
    """Draw every read as a line; the widest place one step before the last, and what it depends on, in colour."""
    top = int(reads["step"].max())
    before = reads[reads["step"] == top - 1]
    inside = {(top - 1, before["x"].min())}
    for step in range(top - 1, 0, -1):
        rows = reads[reads["step"] == step]
        inside |= {
            (int(s), x)
            for at, s, x in zip(rows["x"], rows["reads_step"], rows["reads_x"], strict=True)
            if (step, at) in inside
        }
    for row in reads.itertuples():
        held = (row.step, row.x) in inside
        color, width = ("#D55E00", 1.6) if held else ("#999999", 0.8)
        axes.plot(
            (row.reads_x, row.x),
            (row.reads_step, row.step),
            color=color,
            linewidth=width,
            linestyle="-",
            zorder=2 if held else 1,
        )
    spots = {(0, float(i)) for i in range(n)} | {(row.step, row.x) for row in reads.itertuples()}
    for step, x in spots:
        held = (step, x) in inside
        axes.plot(x, step, "o" if held else "s", color="#D55E00" if held else "#999999", markersize=4, zorder=3)
    axes.set_title(title, fontsize=8)
    axes.set_xlabel("input")
    axes.set_ylabel("step")
    axes.set_yticks(range(top + 1))
    axes.set_xticks(np.arange(0, n, 5))


def _decided(axes: Axes, rows: DataFrame) -> None:
    for fan_in, mine in rows.groupby("fan_in"):
        color, marker = LOOKS[int(fan_in)]
        axes.plot(mine["step"], mine["best"], color=color, linewidth=1, linestyle="-")
        axes.plot(
            mine["step"], mine["share"], marker, color=color, markersize=SIZES[int(fan_in)], label=f"k = {fan_in}"
        )
    axes.set_xticks(sorted(rows["step"].unique()))
    axes.set_xlabel("steps")
    axes.set_ylabel("share of words right")
    axes.legend(fontsize=7, loc="upper left", frameon=False, handletextpad=0.1, borderpad=0)
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say when each fan-in decides."""
    rows = table[table["part"] == "parity"]
    first = rows[rows["share"] == 1].groupby("fan_in")["step"].min()
    half = set(rows[rows["inputs"] < rows["inputs"].max()]["share"]) == {0.5}
    when = ", ".join(f"{steps:.0f} for k = {k}" for k, steps in first.items())
    return f"Steps until every word is decided: {when}. Before, the share is {'exactly' if half else 'not'} one half."
