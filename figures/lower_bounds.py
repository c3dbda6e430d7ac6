"""Why ln n more steps are needed, and why queries cannot find the right schedule (arXiv 2511.04647)."""

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

EXPERIMENTS = ("lower_bounds",)
COLORS = ("#000000", "#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7")
STYLES = ((0, (5, 1, 1, 1)), "-", "--", "-.", ":", (0, (8, 2)))


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw K E / TC of the harmonic curve, the same over ln n, and the codes that queries do not notice."""
    table = records["lower_bounds"].table
    curves, codes = (table[table["part"] == part] for part in ("harmonic", "codes"))
    looks = {n: {"color": COLORS[k % 6], "linestyle": STYLES[k % 6]} for k, n in enumerate(sorted(set(table["n"])))}
    figure, (plain, scaled, counted) = pyplot.subplots(1, 3, figsize=(7.0, 3.1))
    _harmonic(plain, curves.assign(value=curves["value"] * np.log(curves["n"])), looks)
    _harmonic(scaled, curves, looks)
    plain.legend(loc="lower center", fontsize=7.5, handlelength=2.2, labelspacing=0.25)
    plain.set(ylabel=r"$K\,E^*_K\,/\,\mathrm{TC}$", title="the cost grows with n ...")
    scaled.set(ylabel=r"$K\,E^*_K\,/\,(\mathrm{TC}\,\ln n)$", title="... and it grows like ln n")
    _codes(counted, codes, looks)
    return figure, shortened(table, "value", "limit")


def _harmonic(axes: Axes, rows: DataFrame, looks: Mapping[int, dict[str, Any]]) -> None:
    most = int(rows["steps"].max())
    for n, mine in rows.groupby("n"):
        axes.plot(mine["steps"], mine["value"], label=f"n = {n}", **looks[n])
    axes.set(xscale="log", xlabel="steps $K$", xlim=(1, most), ylim=(0, 1.08 * rows["value"].max()))
    plain_ticks(axes.xaxis, [1, 2, 4, 8, 16, 32, 64, 128])
    axes.grid(True, axis="y")


def _codes(axes: Axes, rows: DataFrame, looks: Mapping[int, dict[str, Any]]) -> None:
    for n, mine in rows.groupby("n"):
        axes.plot(mine["steps"], mine["value"], **looks[n])
        axes.plot(mine["steps"], mine["limit"], color=looks[n]["color"], linestyle="-", linewidth=0.8, alpha=0.6)
        half = mine.iloc[(mine["value"] - 0.5).abs().argmin()]
        axes.annotate(f"{n}", (half["steps"], half["value"]), xytext=(2, 2), textcoords="offset points", fontsize=8,
                      color=looks[n]["color"], bbox={"facecolor": "white", "edgecolor": "none",
                      "pad": 0.5})  # fmt: skip
    axes.set(xscale="log", ylim=(0, 1.02), xlabel="queries $T$ of an algorithm", ylabel="share of codes not noticed",
             title="codes escape, by length n")  # fmt: skip
    plain_ticks(axes.xaxis, [1, 4, 16, 64, 256, 1024])
    axes.grid(True, axis="y")


def findings(table: DataFrame) -> str:
    """Say between which numbers the scaled cost stays, and how many queries half of the longest codes take."""
    curves, codes = (table[table["part"] == part] for part in ("harmonic", "codes"))
    largest = curves.groupby("n")["value"].max()
    n = int(codes["n"].max())
    half = codes[(codes["n"] == n) & (codes["value"] >= 0.5)]["steps"].max()
    return (
        f"The largest scaled cost over K lies between {largest.min():.3f} and {largest.max():.3f} at all lengths. "
        f"Of the codes of length {n}, {half} queries still leave half unnoticed."
    )
