"""Every unmasking rule by exact KL and E[NFE], above the optimal frontier (arXiv 2505.24857 and its neighbours)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures.looks import EDGE, shortened
from synthetic.records import Record

EXPERIMENTS = ("frontiers",)
COLUMNS = 3
FRONTIER = {"color": "black", "linewidth": 1.3, "zorder": 2, "label": "least KL of any rule"}
FAMILIES: dict[str, dict[str, Any]] = {
    "random one": {"marker": "x", "color": "black", "label": "one, at random"},
    "left to right": {"marker": ">", "color": "#9A8700", "label": "$k$, left to right"},
    "dilated": {"marker": "s", "color": "#555555", "label": "dilated groups"},
    "threshold": {"marker": "^", "color": "#56B4E9", "label": "threshold"},
    "Top-k": {"marker": "o", "color": "#D55E00", "label": "Top-$k$"},
    "EB": {"marker": "D", "color": "#0072B2", "label": "EB"},
    "Info-Gain": {"marker": "P", "color": "#CC79A7", "label": "Info-Gain"},
    "PUNT": {"marker": "*", "color": "#009E73", "label": "PUNT"},
    "own": {"marker": "h", "color": "#7B3294", "label": "your own"},
}
PROXIES = {"entropy": (8.5, "none"), "confidence": (5.5, "none"), "margin": (2.6, "full")}
"""Marks of one rule by three proxies lie inside each other where the proxies agree: size and filling."""
PLAIN = (5.5, "full")
BEYOND = 0.6
"""Calls beyond one a token that a panel shows."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a world: every rule a mark, the optimal hull a line with nothing attainable below it."""
    table = records["frontiers"].table
    worlds = list(table.groupby("world", sort=False))
    columns = min(COLUMNS, len(worlds))
    rows, few = math.ceil(len(worlds) / columns), columns < COLUMNS
    size = (2.4 * columns + 1.6, 2.6 * rows + 1.4) if few else (7.0, 2.25 * rows + 0.9)
    figure, panels = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    for axes, (world, mine) in zip(panels.flat, worlds, strict=False):
        _rules(axes, mine)
        axes.set_title(f"{world} ($n = {mine['n'].iloc[0]}$)")
    for axes in panels.flat[len(worlds) :]:
        axes.set_axis_off()
    figure.supxlabel("expected denoiser calls under the sampler, E[NFE]", fontsize=9)
    figure.supylabel("exact KL of data from output law (nats)", fontsize=9)
    handles = [Line2D([], [], **FRONTIER), *_key(table)]
    figure.legend(handles=handles, loc="outside upper center", ncol=2 if few else 4,
                  columnspacing=1.0, handletextpad=0.3)  # fmt: skip
    return figure, shortened(table, "nfe", "nfe_data", "kl", "parameter")


def _key(table: DataFrame) -> Iterator[Line2D]:
    for name in (name for name in FAMILIES if (table["family"] == name).any()):
        names = ", ".join(dict.fromkeys(table.loc[table["family"] == name, "rule"]))
        label = f"your own: {names}" if name == "own" else FAMILIES[name]["label"]
        yield Line2D([], [], **_mark(name, *PLAIN), label=label)
    for proxy, (size, filling) in PROXIES.items():
        yield Line2D([], [], **{**_mark("EB", size, filling), "color": "0.3"}, label=f"by {proxy}")


def _mark(family: str, size: float, filling: str) -> dict[str, Any]:
    look = FAMILIES[family]
    bold = {"markeredgewidth": 0.9, "markeredgecolor": look["color"]} if filling == "none" else {"markeredgewidth": 0.4}
    if look["marker"] == "x":
        return {**EDGE, "marker": "x", "color": "black", "markersize": 7, "markeredgewidth": 1.2}
    return {**EDGE, "marker": look["marker"], "color": look["color"], "markersize": size, "fillstyle": filling, **bold}


def _rules(axes: Axes, table: DataFrame) -> None:
    hull, n = table[table["family"] == "optimal"].sort_values("nfe"), int(table["n"].iloc[0])
    right, top = n + BEYOND, 1.2 * hull["kl"].max()
    calls, height = [*hull["nfe"], right], [*hull["kl"], 0.0]
    axes.plot(calls, height, **FRONTIER)
    axes.fill_between(calls, height, color="0.88", linewidth=0, zorder=1)
    rules = table[table["family"] != "optimal"]
    for (family, proxy), mine in rules.groupby(["family", "by"], sort=False, dropna=False):
        seen = mine[(mine["nfe"] <= right) & (mine["kl"] <= top)].drop_duplicates(["nfe", "kl"])
        if seen.empty:
            continue
        several = family in ("EB", "Top-k", "threshold")
        look = _mark(str(family), *(PROXIES[str(proxy)] if several else PLAIN))
        axes.plot(seen["nfe"], seen["kl"], clip_on=False, zorder=3 + list(FAMILIES).index(str(family)) / 20, **look)
    _outside(axes, rules, right, top)
    step = 1 if n <= 8 else 2
    axes.set(xlim=(0.8, right), ylim=(0, top), xticks=np.arange(1, n + 1, step))
    axes.grid(True)


def _outside(axes: Axes, rules: DataFrame, right: float, top: float) -> None:
    """Write how far the marks reach that a panel leaves out, in the colour of their rule."""
    later, higher = rules[rules["nfe"] > right], rules[rules["kl"] > top]
    notes = [f"{family}: to {mine['nfe'].max():.3g} calls" for family, mine in later.groupby("family")]
    notes += [f"{family}: to {mine['kl'].max():.2g} nats" for family, mine in higher.groupby("family")]
    for k, note in enumerate(notes):
        axes.annotate(note, (0.98, 0.97 - 0.09 * k), xycoords="axes fraction", ha="right", va="top", fontsize=7,
                      color=FAMILIES[note.partition(":")[0]]["color"]).set_in_layout(False)  # fmt: skip


def findings(table: DataFrame) -> str:
    """Say on how many worlds EB by entropy touches the frontier with fewer calls than tokens, and the largest gap."""
    touching, worst, where = 0, 0.0, ""
    for world, rows in table.groupby("world", sort=False):
        hull, n = rows[rows["family"] == "optimal"].sort_values("nfe"), int(rows["n"].iloc[0])
        eb = rows[(rows["family"] == "EB") & (rows["by"] == "entropy") & (rows["nfe"] < n - 1e-6) & (rows["nfe"] > 1)]
        gap = eb["kl"] - np.interp(eb["nfe"], hull["nfe"], hull["kl"])
        touching += bool((gap < 1e-6).any())
        if len(gap) and gap.max() > worst:
            worst, where = float(gap.max()), str(world)
    worlds = table["world"].nunique()
    return (
        f"Between one call and one a token, EB by entropy reaches the frontier on {touching} of {worlds} worlds; "
        f"at worst it lies {worst:.2g} nats above ({where})."
    )
