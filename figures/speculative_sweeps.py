"""Sequential calls of sweeps with speculative correction against the number of sweeps (arXiv 2501.05370)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("speculative_sweeps",)
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#56B4E9", "linestyle": "--", "marker": "s"}, {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#009E73", "linestyle": "-.", "marker": "D"}, {"color": "#000000", "linestyle": ":", "marker": "^"},
)  # fmt: skip
LAST: dict[str, Any] = {"color": "#D55E00", "linestyle": ":", "marker": "x"}
TICKS = (2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a dimension, one line a window."""
    record = records["speculative_sweeps"]
    table, steps = record.table, float(record.scalars["steps"])
    dimensions = sorted(table["dimension"].unique())
    figure, panels = pyplot.subplots(1, len(dimensions), figsize=(7.0, 3.5), sharey=True, sharex=True, squeeze=False)
    for axes, dimension in zip(panels[0], dimensions, strict=True):
        _calls(axes, table[table["dimension"] == dimension], steps)
        axes.set_title(f"dimension {dimension}")
    panels[0, 0].set_ylabel("sequential calls a chain")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    digits = [name for name in table.columns if name not in ("dimension", "window", "noise_in", "sweeps")]
    return figure, shortened(table, *digits)


def _calls(axes: Axes, rows: DataFrame, steps: float) -> None:
    axes.axhline(
        steps, color="0.6", linewidth=3, alpha=0.6, linestyle="-", zorder=1, label=f"one by one: {steps:g} calls"
    )
    windows = sorted(rows["window"].unique())
    for (noise_in, window), mine in rows.groupby(["noise_in", "window"]):
        look = LAST if noise_in == "last" else LOOKS[windows.index(window) % len(LOOKS)]
        name = f"window {window}" + (", noise in the last sweep alone" if noise_in == "last" else "")
        axes.errorbar(mine["sweeps"], mine["calls"], mine["calls_error"], linewidth=1.2, markersize=4, capsize=2,
                      label=name, **look)  # fmt: skip
    axes.set(xlabel="sweeps before a verification", yscale="log")
    axes.set_xticks(sorted(rows["sweeps"].unique()))
    plain_ticks(axes.yaxis, TICKS)
    axes.grid(True, axis="y")


def findings(table: DataFrame) -> str:
    """Say for each dimension the number of sweeps with the fewest calls, and what one sweep takes."""
    said = []
    for dimension, rows in table[table["noise_in"] == "every"].groupby("dimension"):
        best = rows.loc[rows["calls"].idxmin()]
        one = rows.loc[rows["sweeps"] == 1, "calls"].min()
        number = "one sweep" if best["sweeps"] == 1 else f"{best['sweeps']:.0f} sweeps"
        kept = "" if best["sweeps"] == 1 else f" ({one:.0f} with one)"
        said.append(f"{best['calls']:.0f} in dimension {dimension}, by {number}{kept}")
    return f"The fewest calls are {'; '.join(said)}."
