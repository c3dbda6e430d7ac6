"""The sources of variance with P-POTS and MIRROR, P-POTS's density and its fit, and why a cut-off is needed
(2511.18159)."""

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

EXPERIMENTS = ("variance_sources",)
SOURCES = {
    "mask": ("mask noise", "#0072B2", ""), "level": ("level noise", "#E69F00", "//"),
    "data": ("data noise", "#999999", ".."),
}  # fmt: skip
WORLDS: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"}, {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#009E73", "linestyle": "-.", "marker": "^"},
)  # fmt: skip
SHORT = {"standard": "standard", "standard, MIRROR": "MIRROR", "P-POTS": "P-POTS", "P-POTS, MIRROR": "both"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the sources as bars and the densities above, the correlation and the growth below."""
    record = records["variance_sources"]
    table = record.table
    figure, ((bars, density), (mirror, grow)) = pyplot.subplots(2, 2, figsize=(7.0, 5.6), width_ratios=(1.25, 1))
    worlds = list(dict.fromkeys(table["world"]))
    _bars(bars, table[table["part"] == "source"], worlds)
    _densities(density, table[(table["part"] == "density") & (table["world"] == worlds[0])], worlds[0])
    _mirrors(mirror, table[table["part"] == "mirror"], worlds)
    _growth(grow, table[table["part"] == "growth"], worlds, record)
    digits = [name for name in table.columns if name not in ("world", "part", "name", "least")]
    return figure, shortened(table, *digits)


def _bars(axes: Axes, rows: DataFrame, worlds: list[str]) -> None:
    places, labels = list[float](), list[str]()
    for k, world in enumerate(worlds):
        mine = rows[rows["world"] == world].set_index("name")
        whole = float(mine.loc["standard", list(SOURCES)].sum())
        x = 5 * k + np.arange(len(SHORT))
        base = np.zeros(len(SHORT))
        for source, (label, color, hatch) in SOURCES.items():
            share = mine.loc[list(SHORT), source].to_numpy() / whole
            axes.bar(x, share, 0.85, base, color=color, hatch=hatch, edgecolor="white", linewidth=0.4,
                     label=None if k else label)  # fmt: skip
            base = base + share
        places, labels = [*places, *x], [*labels, *SHORT.values()]
        axes.annotate(world, (x.mean(), 1.2), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(places, labels, rotation=90, fontsize=7)
    axes.set(ylabel="variance over that of\nthe standard loss", ylim=(0, 1.62))
    axes.legend(loc="upper center", ncol=3, fontsize=7.5, handlelength=1.4, columnspacing=1)
    axes.set_title("one estimate of two passes")


def _densities(axes: Axes, rows: DataFrame, world: str) -> None:
    for column, label, look in (
        ("best", r"best, $\propto \sqrt{m_2(t)}$", {"color": "#0072B2", "linestyle": "-"}),
        ("printed", "from the plug-in estimate", {"color": "#E69F00", "linestyle": "--"}),
        ("fitted", "printed family, fitted", {"color": "black", "linestyle": ":"}),
    ):
        axes.plot(rows["t"], rows[column], label=label, color=look["color"], linestyle=look["linestyle"])
    axes.set(xscale="log", xlabel="masking level t", ylabel="density of levels",
             ylim=(0, 1.5 * rows[["best", "printed", "fitted"]].to_numpy().max()))  # fmt: skip
    plain_ticks(axes.xaxis, [0.001, 0.01, 0.1, 1])
    axes.set_title(f"P-POTS, {world}")
    axes.legend(loc="upper right", fontsize=7.5)


def _mirrors(axes: Axes, rows: DataFrame, worlds: list[str]) -> None:
    t = np.linspace(0.001, 0.999, 200)
    axes.plot(t, -np.minimum(t, 1 - t) / np.maximum(t, 1 - t), color="0.6", linestyle="-", linewidth=3, alpha=0.6,
              label="losses that ignore other masks")  # fmt: skip
    for world, look in zip(worlds, WORLDS, strict=False):
        mine = rows[rows["world"] == world]
        axes.plot(mine["t"], mine["rho"], color=look["color"], linestyle=look["linestyle"], label=world)
        axes.fill_between(mine["t"], mine["least"], mine["most"], color=look["color"], alpha=0.12, linewidth=0)
    axes.axhline(0, color="black", linewidth=0.8, linestyle="-")
    axes.set(
        xlabel="masking level t",
        ylabel=r"correlation $\rho(t)$ of the pair",
        xlim=(0, 1),
        ylim=(-1.62, 0.62),
        yticks=(-1, -0.5, 0, 0.5),
    )
    axes.set_title("MIRROR: masks {u < t} and {u > 1 - t}")
    axes.legend(loc="lower left", fontsize=7.5, labelspacing=0.2, ncol=2, columnspacing=1)


def _growth(axes: Axes, rows: DataFrame, worlds: list[str], record: Record) -> None:
    for world, look in zip(worlds, WORLDS, strict=False):
        mine = rows[rows["world"] == world].sort_values("least")
        axes.plot(
            mine["least"], mine["mask"], color=look["color"], linestyle="none", marker=look["marker"], label=world
        )
        slope, first = float(record.scalars[f"{world}/slope"]), mine.iloc[0]
        line = first["mask"] - slope * np.log(mine["least"] / first["least"])
        axes.plot(mine["least"], line, color=look["color"], linestyle=look["linestyle"], linewidth=1)
    axes.set(xscale="log", xlabel="least masking level", ylabel="mask noise of one draw (nats²)",
             ylim=(0, 1.25 * rows["mask"].max()))  # fmt: skip
    axes.invert_xaxis()
    axes.set_title("uniform levels above a cut-off")
    axes.legend(loc="upper left", fontsize=7.5)
    axes.grid(True, axis="y")


def findings(table: DataFrame) -> str:
    """Say what MIRROR and P-POTS change at equal passes, and how far the correlation of single sequences goes."""
    rows = table[table["part"] == "source"]
    total = rows.assign(total=rows["mask"] + rows["level"] + rows["data"]).pivot(
        index="world", columns="name", values="total"
    )
    shares = total.div(total["standard"], axis=0)
    said = [
        f"{name} {shares[key].min():.0%} to {shares[key].max():.0%}"
        for key, name in (("standard, MIRROR", "MIRROR leaves"), ("P-POTS", "P-POTS"), ("P-POTS, MIRROR", "both"))
    ]
    top = table.loc[table["part"] == "mirror", "most"].max()
    return (
        f"Of the standard loss's variance at two passes {', '.join(said)}. For single sequences the correlation of a "
        f"mirrored pair reaches {top:.2f}."
    )
