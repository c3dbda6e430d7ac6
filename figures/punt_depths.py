"""When the nodes of a tree are revealed, by generation: PUNT against confidence, on two trees (arXiv 2510.21961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("punt_depths",)
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#009E73", "linestyle": "-", "marker": "o"}, {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    {"color": "#E69F00", "linestyle": ":", "marker": "v"},
)  # fmt: skip
CONFIDENCE: dict[str, Any] = {"color": "#D55E00", "linestyle": "-.", "marker": "D"}
TITLES = {"leaning root": "the root prefers a symbol", "fair root": "all symbols are alike"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a tree: the place of a generation in the order of revealing."""
    record = records["punt_depths"]
    table = record.table.copy()
    keys = [f"{world}/{rule}" for world, rule in zip(table["world"], table["rule"], strict=True)]
    table = table.assign(
        **{name: [float(record.scalars[f"{key}/{name}"]) for key in keys] for name in ("steps", "calls")}
    )
    figure, panels = pyplot.subplots(1, 2, figsize=(7.0, 3.3), sharey=True, sharex=True)
    for axes, (world, title) in zip(panels, TITLES.items(), strict=True):
        _generations(axes, table[table["world"] == world])
        axes.set_title(title)
    panels[0].set_ylabel("share of tokens revealed before")
    return figure, shortened(table, "step", "place", "low", "high", "steps", "calls")


def _generations(axes: Axes, rows: DataFrame) -> None:
    deepest = int(rows["depth"].max())
    axes.axhline(0.5, color="0.6", linewidth=3, alpha=0.5, linestyle="-", zorder=1, label="random order, exactly")
    for k, (rule, mine) in enumerate(rows.groupby("rule", sort=False)):
        look = CONFIDENCE if rule == "confidence" else LOOKS[k % len(LOOKS)]
        name = "surest first" if rule == "confidence" else rf"PUNT, $\varepsilon$ = {mine['eps'].iloc[0]:g}"
        lengths = np.stack((mine["place"] - mine["low"], mine["high"] - mine["place"])).clip(min=0)
        axes.errorbar(mine["depth"] + 0.05 * (k - 1), mine["place"], lengths, capsize=2, markersize=4.5, linewidth=1.3,
                      label=f"{name}: {mine['calls'].iloc[0]:.0f} calls, {mine['steps'].iloc[0]:.0f} steps",
                      **look)  # fmt: skip
    axes.set(xlabel="generation, 0 is the root", ylim=(0, 1.22), xticks=range(deepest + 1),
             yticks=[0, 0.25, 0.5, 0.75, 1])  # fmt: skip
    axes.legend(loc="upper left", fontsize=7.5, labelspacing=0.25, handlelength=2.4)
    axes.grid(True, axis="y")


def findings(table: DataFrame) -> str:
    """Say whether PUNT with the smallest threshold reveals one generation a step, and what it does on fair roots."""
    smallest = table["eps"].min()
    strict = table[table["eps"] == smallest].set_index(["world", "depth"])
    leaning = strict.loc["leaning root"]
    generations = bool(np.allclose(leaning["step"], leaning.index + 1))
    fair = strict.loc["fair root", "place"]
    said = "exactly one generation a step" if generations else "generations that overlap"
    return (
        f"Where the root prefers a symbol, PUNT with a threshold of {smallest:g} nats reveals {said}. Where all "
        f"symbols are alike, its root comes after {fair.iloc[0]:.0%} of the tokens on average, its leaves after "
        f"{fair.iloc[-1]:.0%}."
    )
