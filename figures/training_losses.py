"""Which public training losses are biased estimates of the NELBO, and how much one draw of each varies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("training_losses",)
LOOKS = (("o", "#0072B2"), ("s", "#E69F00"), ("^", "#009E73"), ("D", "#CC79A7"))
UNBIASED = 1e-9
"""Difference of the mean over the NELBO from one that counts as none: far above rounding, far below any bias."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw each loss as a row: its mean over the NELBO on the left, the deviation of an estimate on the right."""
    table = records["training_losses"].table
    losses = table[table["part"] == "loss"]
    names = list(dict.fromkeys(losses["name"]))
    figure, (share, spread) = pyplot.subplots(1, 2, figsize=(7.0, 3.9), sharey=True, width_ratios=(1.25, 1))
    for (world, mine), (marker, color) in zip(losses.groupby("world", sort=False), LOOKS, strict=False):
        rows = [names.index(name) for name in mine["name"]]
        look = {
            "marker": marker,
            "linestyle": "none",
            "color": color,
            "markeredgecolor": "black",
            "markeredgewidth": 0.5,
        }
        share.plot(mine["share"], rows, markersize=5.5, label=str(world), **look)
        total = mine["mask"] + mine["level"]
        finite = np.isfinite(total)
        spread.plot(total[finite] ** 0.5, np.array(rows)[finite], markersize=5.5, **look)
    _infinite(spread, losses, names)
    biased = losses.assign(off=(losses["share"] - 1).abs() > UNBIASED).groupby("name")["off"].any()
    share.set_yticks(range(len(names)), names)
    for label, name in zip(share.get_yticklabels(), names, strict=True):
        label.set_fontweight("normal" if biased[name] else "bold")
    share.invert_yaxis()
    share.axvline(1, color="black", linewidth=1, linestyle="--", zorder=1)
    share.set(xlabel="mean over the NELBO", xlim=(-0.05, 1.05 * max(1.0, losses["share"].max())))
    spread.set(xlabel="standard deviation (nats)", xscale="log")
    plain_ticks(spread.xaxis, [0.5, 1, 2, 5, 10])
    for axes in (share, spread):
        axes.grid(True, axis="both")
    figure.legend(*share.get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(losses, "share", "mask", "level", "data", "growth")


def _infinite(axes: Axes, losses: DataFrame, names: list[str]) -> None:
    """Mark the losses whose variance is infinite, at the right edge."""
    for name in losses.loc[np.isinf(losses["mask"]), "name"].unique():
        where = losses.loc[losses["name"] == name, "mask"]
        text = f"∞ on {np.isinf(where).sum()} of {len(where)}"
        place = {"xycoords": ("axes fraction", "data"), "xytext": (-2, 0), "textcoords": "offset points"}
        axes.annotate(text, (1.0, names.index(name)), fontsize=8, ha="right", va="center", **place)


def findings(table: DataFrame) -> str:
    """Say which losses are unbiased and how far the others are off."""
    off = table.assign(off=(table["share"] - 1).abs()).groupby("name", sort=False)
    right = [str(name) for name, rows in off if rows["off"].max() <= UNBIASED]
    lowest = table.loc[table["share"].idxmin()]
    return (
        f"{len(right)} of {table['name'].nunique()} losses have the NELBO as their mean (bold). Furthest off is "
        f'"{lowest["name"]}", with {lowest["share"]:.0%} of it on the world {lowest["world"]}.'
    )
