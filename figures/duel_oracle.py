"""The oracle order in blocks falls below the entropy of the data; normalised it does not (arXiv 2603.01367)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("duel_oracle",)
SCORES: dict[str, dict[str, Any]] = {
    "threshold": {"color": "#56B4E9", "linestyle": ":", "marker": "^"},
    "confidence": {"color": "#D55E00", "linestyle": "--", "marker": "o"},
    "margin": {"color": "#E69F00", "linestyle": ":", "marker": "v"},
    "ELBO": {"color": "#0072B2", "linestyle": "-.", "marker": "D"},
    "left to right": {"color": "#000000", "linestyle": "-", "marker": ">"},
    "oracle, normalised": {"color": "#CC79A7", "linestyle": "-", "marker": "P"},
    "random order": {"color": "#009E73", "linestyle": "--", "marker": "s"},
    "oracle": {"color": "#CC79A7", "linestyle": ":", "marker": "P"},
}
LABELS = {"confidence": "most confident", "margin": "largest margin", "threshold": "threshold on confidence"}
ALIKE = 1e-9
"""Scores (nats) that differ by less everywhere are drawn once."""
PAPER = 4
"""The size of the paper's blocks."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw what each score costs above the entropy of the data over the size of the blocks, a panel a world."""
    record = records["duel_oracle"]
    table = summary(record.table)
    worlds = list(dict.fromkeys(table["world"]))
    figure, panels = pyplot.subplots(2, len(worlds), figsize=(7.0, 4.6), sharex=True, sharey="row", squeeze=False,
                                     height_ratios=(1.2, 1))  # fmt: skip
    shown = drawn(table)
    for column, world in zip(panels.T, worlds, strict=True):
        mine = table[table["world"] == world]
        _laws(column[0], mine, [name for name in shown if name != "oracle"])
        _oracle(column[1], mine)
        column[0].set_ylim(0, 1.04 * table.loc[table["score"].isin(shown), "largest"].max())
        column[1].set_ylim(1.25 * table["least"].min(), 0.2 - 0.1 * table["least"].min())
        column[0].set_title(f"{world}, $H$ = {float(record.scalars[f'{world}/entropy']):.2f} nats", fontsize=8.5)
    panels[0, 0].set_ylabel("excess NLL of what\nis a law or a bound", fontsize=8)
    panels[1, 0].set_ylabel("excess NLL\nof the oracle", fontsize=8)
    figure.supxlabel("positions in a block", fontsize=8.5)
    figure.supylabel("nats a sequence, above the entropy of the data", fontsize=8.5)
    handles = [*panels[0, 0].get_legend_handles_labels()[0], *panels[1, 0].get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper center", ncol=4, fontsize=7.5)
    return figure, shortened(table, "mean", "least", "largest")


def summary(table: DataFrame) -> DataFrame:
    """Return mean, least and largest excess over the perturbed denoisers, by world, block and score."""
    grouped = table.groupby(["world", "block", "score"], sort=False)["excess"]
    return grouped.agg(mean="mean", least="min", largest="max").reset_index()


def drawn(table: DataFrame) -> list[str]:
    """Return the scores to draw: margin only where it differs from confidence, as it does not with two symbols."""
    means = table.pivot(index=["world", "block"], columns="score", values="mean")
    alike = bool((means["margin"] - means["confidence"]).abs().max() < ALIKE)
    return [name for name in SCORES if not (alike and name == "margin")]


def findings(table: DataFrame) -> str:
    """Say the excess of each score in blocks of the paper's size."""
    block = PAPER if (table["block"] == PAPER).any() else int(table["block"].max())
    rows = table[table["block"] == block].pivot(index="score", columns="world", values="mean")
    spans = {name: f"{row.min():.2f} to {row.max():.2f}" for name, row in rows.iterrows()}
    return (
        f"In blocks of {block} the means over the worlds' denoisers are {spans['oracle']} nats for the oracle, "
        f"{spans['oracle, normalised']} once it is divided by its sum, {spans['confidence']} for the most confident "
        f"position first, {spans['left to right']} from left to right, and {spans['random order']} for a random "
        "position at each step."
    )


def _laws(axes: Axes, rows: DataFrame, names: list[str]) -> None:
    for k, name in enumerate(names):
        _line(axes, rows, name, 1.04 ** (k - (len(names) - 1) / 2))
    _places(axes, rows)


def _oracle(axes: Axes, rows: DataFrame) -> None:
    _line(axes, rows, "oracle", 1.0)
    axes.axhspan(10 * rows["least"].min(), 0, color="0.9", linewidth=0, zorder=0)
    axes.annotate("no law of sequences\nlies below 0", (0.04, 0.06), xycoords="axes fraction", fontsize=7.5)
    _places(axes, rows)


def _line(axes: Axes, rows: DataFrame, name: str, shift: float) -> None:
    mine = rows[rows["score"] == name].sort_values("block")
    errors = np.stack((mine["mean"] - mine["least"], mine["largest"] - mine["mean"])).clip(min=0)
    axes.errorbar(mine["block"] * shift, mine["mean"], errors, label=LABELS.get(name, name), linewidth=1.1,
                  elinewidth=0.6, markersize=4.5, markeredgecolor="black", markeredgewidth=0.3,
                  **SCORES[name])  # fmt: skip


def _places(axes: Axes, rows: DataFrame) -> None:
    sizes = sorted(rows["block"].unique())
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / 1.25, sizes[-1] * 1.25)
    plain_ticks(axes.xaxis, sizes)
    axes.tick_params(labelsize=7.5)
    axes.grid(True)
