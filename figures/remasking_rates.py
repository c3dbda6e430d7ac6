"""TV and KL of samplers that remask against the number of steps, exactly (arXiv 2510.08369, 2503.00307)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from figures.samplers import LABELS, LIGHT, MARK, SAMPLERS, decades
from synthetic.records import Record

EXPERIMENTS = ("remasking_rates",)
FLOORS = {"tv": 2e-5, "kl": 2e-9}
TOPS = {"tv": 0.6, "kl": 1.5}
ROUNDING = 1e-13
"""Below it a value is not drawn: it is rounding."""

SIDES = {"masked diffusion": (-5, -3, "right"), "star": (3, 6, "left")}
"""Where the slope of a line is written, from its fitted middle: points right and up, and alignment."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a law: TV above, KL below, with the slopes fitted to the last steps."""
    record = records["remasking_rates"]
    laws = list(record.table.groupby("law", sort=False))
    figure, panels = pyplot.subplots(2, len(laws), figsize=(7.0, 5.6), sharex=True, sharey="row", squeeze=False)
    for column, (law, table) in zip(panels.T, laws, strict=True):
        for axes, what in zip(column, FLOORS, strict=True):
            _lines(axes, table, what)
            _slopes(axes, table, record, what)
        limit = record.scalars[f"{law}/guided/limit"]
        column[0].axhline(
            limit, color="0.35", linewidth=0.9, linestyle=":", label="guided, one position at a time: its limit"
        )
        column[0].set_title(f"{law.replace('chain of', 'Markov chain, $n$ =')}")
        column[1].set_xlabel("steps $T$")
    panels[0, 0].set_ylabel("TV of output from data")
    panels[1, 0].set_ylabel("KL(data ‖ output), nats")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(record.table, "tv", "kl")


def _lines(axes: Axes, table: DataFrame, what: str) -> None:
    for (sampler, window), rows in table.groupby(["sampler", "window"], sort=False):
        look, label = dict(SAMPLERS[sampler]), LABELS[sampler]
        if window < 1:
            look |= {"color": LIGHT[sampler], "linestyle": (0, (2, 1)), "marker": "d"}
            label += rf", $t \leq {window:g}$"
        seen = rows[rows[what] > ROUNDING]
        axes.plot(seen["steps"], seen[what], label=label, linewidth=1.3, **MARK, **look)
    steps = table["steps"]
    axes.set(xscale="log", yscale="log", ylim=(FLOORS[what], TOPS[what]), xlim=(steps.min() / 1.25, 1.25 * steps.max()))
    plain_ticks(axes.xaxis, [t for t in (4, 16, 64, 256, 1024, 4096, 16384) if t <= steps.max()])
    decades(axes.yaxis)
    axes.grid(True)


def _slopes(axes: Axes, table: DataFrame, record: Record, what: str) -> None:
    first, law = record.scalars["fit"], table["law"].iloc[0]
    for sampler, (right, up, align) in SIDES.items():
        rows = table[(table["sampler"] == sampler) & (table["steps"] >= first)]
        middle = rows.iloc[max(0, len(rows) // 2 - (up > 0))]
        value = f"{record.scalars[f'{law}/{sampler}/{what} slope']:.2f}".replace("-", "−")
        axes.annotate(f"slope {value}", (middle["steps"], middle[what]), (right, up), textcoords="offset points",
                      ha=align, va="bottom" if up > 0 else "top", fontsize=8, color=SAMPLERS[sampler]["color"],
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8})  # fmt: skip
    span = np.array([first, table["steps"].max()])
    axes.plot(span, np.full(2, 1.35 * FLOORS[what]), color="0.55", linewidth=3, linestyle="-", solid_capstyle="butt")
    axes.annotate("fitted", (np.sqrt(span.prod()), 1.35 * FLOORS[what]), (0, 3), textcoords="offset points",
                  ha="center", fontsize=7.5, color="0.35")  # fmt: skip


def findings(table: DataFrame) -> str:
    """Say which sampler is best in the most steps that all of them take, and where guidance stops."""
    whole = table[table["window"] == 1]
    last = whole[whole["steps"] == whole.loc[whole["sampler"] == "guided", "steps"].max()]
    wide = last.pivot(index="law", columns="sampler", values="tv")
    least = [
        f"{row.idxmin()} ({'rounding' if row.min() < ROUNDING else f'{row.min():.1g}'})" for _, row in wide.iterrows()
    ]
    guided = " and ".join(f"{value:.2f}" for value in wide["guided"])
    return (
        f"In {last['steps'].iloc[0]} steps the total variation is least with {' and '.join(dict.fromkeys(least))}; "
        f"that of guided remasking stays at {guided}."
    )
