"""What revealing tokens together costs a pretrained model: EB beside its bound, schedules beside the best."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._measured import COLORS, by_source, error_lengths, in_lines
from synthetic.measuring.estimates import entropy_bounds
from synthetic.measuring.grids import schedules
from synthetic.records import Record

EXPERIMENTS = ("pretrained",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw EB's measured cost beside its entropy bound, and the schedules' excess over the computed one, by source."""
    bounds, grids = by_source(records, entropy_bounds), by_source(records, schedules)
    sources = list(dict.fromkeys(bounds["source"]))
    figure, panels = pyplot.subplots(2, len(sources), figsize=(2.0 * len(sources) + 1.0, 5.0), squeeze=False)
    for column, source in enumerate(sources):
        _bounds(panels[0][column], bounds[bounds["source"] == source])
        _schedules(panels[1][column], grids[grids["source"] == source])
        panels[0][column].set_title(in_lines(source))
    panels[0][0].set_ylabel("EB (nats a sequence)")
    panels[1][0].set_ylabel("above the computed\nschedule (nats a sequence)")
    panels[0][-1].legend(fontsize=7)
    panels[1][-1].legend(fontsize=7)
    return figure, concat([bounds.assign(panel="EB"), grids.assign(panel="schedules")], ignore_index=True)


def _bounds(axes: Axes, rows: DataFrame) -> None:
    place = np.arange(len(rows))
    for shift, name, color, marker, label in (
        (-0.06, "bound", "#E69F00", "D", "entropy bound"), (0.06, "cost", "#000000", "o", "measured cost"),
    ):  # fmt: skip
        error = error_lengths(rows[name], rows[f"{name}_low"], rows[f"{name}_high"])
        axes.errorbar(place + shift, rows[name], error, fmt=marker, linestyle="-", color=color, linewidth=1.0,
                      capsize=2, label=label)  # fmt: skip
    axes.set_xticks(
        place, [f"{row.budget:g}\n{f'−{row.saved:.0%}' if row.saved else '0%'}" for row in rows.itertuples()]
    )
    axes.set(xlabel="budget (nats),\nchange of calls")


def _schedules(axes: Axes, rows: DataFrame) -> None:
    names = [name for name in dict.fromkeys(rows["schedule"]) if name != "computed"]
    for number, name in enumerate(names):
        mine = rows[rows["schedule"] == name]
        place = np.arange(len(mine)) + 0.16 * (number - (len(names) - 1) / 2)
        error = error_lengths(mine["excess"], mine["excess_low"], mine["excess_high"])
        axes.errorbar(place, mine["excess"], error, fmt="osD"[number], color=COLORS[name], capsize=2, label=name)
    steps = list(dict.fromkeys(rows["steps"]))
    axes.axhline(0, color="#808080", linewidth=0.8)
    axes.set_xticks(range(len(steps)), [str(step) for step in steps])
    axes.set(xlabel="steps")


def findings(table: DataFrame) -> str:
    """Say where the bound is exceeded, and what the linear schedule costs above the computed one at eight steps."""
    said = []
    for source, mine in table[table["panel"] == "EB"].groupby("source", sort=False):
        over = [f"{row.budget:g}" for row in mine.itertuples() if row.slack_high < 0]
        if over:
            said.append(f"The cost exceeds the bound on {source} at budget {', '.join(over)}")
    grids = table[(table["panel"] == "schedules") & (table["schedule"] == "linear")]
    for source, mine in grids.groupby("source", sort=False):
        row = mine.iloc[min(1, len(mine) - 1)]
        said.append(
            f"In {row['steps']:.0f} steps linear costs {row['excess']:.3g} nats ({row['excess_low']:.3g} to "
            f"{row['excess_high']:.3g}) more than the computed schedule on {source}"
        )
    return f"{'. '.join(said)}."
