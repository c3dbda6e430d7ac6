"""Variance of score, loss and gradient by how masks are drawn, exactly and as the paper prints them (VRPO)."""

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

EXPERIMENTS = ("preference_variances",)
BASE = (4, 1, 1.0)
"""Levels, masks a level and sharing of the row that the others are divided by: the paper's own default."""
PRINTED = {
    (1, 1, 1.0): (44.0, 8.7e-2, 13.0), (1, 4, 1.0): (7.3, 3.2e-2, 4.7), (2, 2, 1.0): (4.7, 7.3e-3, 2.5),
    (4, 1, 1.0): (2.2, 3.1e-3, 2.5), (8, 1, 1.0): (1.0, 2.6e-3, 1.6), (4, 1, 0.0): (2183.7, 62.0, 10.6),
}  # fmt: skip
"""Variances of score, loss and gradient in the ablation of arXiv 2505.19223, by levels, masks a level and sharing."""
MEASURES = {"score": "score", "loss": "loss", "gradient": "gradient"}
PAIRS: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3, "color": "#56B4E9", "alpha": 0.8}
MEAN: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 13, "markeredgewidth": 2, "color": "#0072B2"}
PAPER: dict[str, Any] = {"linestyle": "none", "marker": "D", "markersize": 5, "color": "#D55E00"}
WIDE, NARROW = (0.1, 1, 10, 100, 1000, 10_000), (0.2, 0.5, 1, 2, 5, 10, 20)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a quantity, one row a way to draw masks, as multiples of the row `BASE`."""
    table = relative(records["preference_variances"].table)
    ways = list(dict.fromkeys(zip(table["levels"], table["masks"], table["shared"], strict=True)))
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 3.0), sharey=True)
    for axes, (measure, title) in zip(panels, MEASURES.items(), strict=True):
        _panel(axes, table, ways, measure)
        axes.set_title(f"variance of the {title}")
    names = [f"{levels} x {masks}, {'shared' if shared else 'own masks'}" for levels, masks, shared in ways]
    panels[0].set_yticks(range(len(ways)), names)
    panels[0].set(ylim=(len(ways) - 0.5, -0.5), ylabel="levels x masks a level")
    figure.supxlabel("over that of 4 x 1 with shared masks", fontsize=9)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, table


def relative(table: DataFrame) -> DataFrame:
    """Return the table with every variance over that of the same pair in the row BASE, and the printed ratios."""
    keys = ["levels", "masks", "shared"]
    base = table.set_index(keys).sort_index().loc[BASE].set_index("pair")
    ratios = table.copy()
    for k, measure in enumerate(MEASURES):
        ratios[f"{measure}_ratio"] = (ratios[measure] / ratios["pair"].map(base[measure])).map(
            lambda v: float(f"{v:.6g}")
        )
        printed = [
            PRINTED.get(way, (np.nan,) * 3)[k] / PRINTED[BASE][k]
            for way in ratios[keys].itertuples(index=False, name=None)
        ]
        ratios[f"{measure}_printed"] = [float(f"{v:.4g}") for v in printed]
    return shortened(ratios, "score", "score_drawn", "loss", "gradient")


def _panel(axes: Axes, table: DataFrame, ways: list[tuple[int, int, float]], measure: str) -> None:
    axes.axvline(1, color="0.7", linewidth=0.8, linestyle="-")
    for row, (levels, masks, shared) in enumerate(ways):
        mine = table[(table["levels"] == levels) & (table["masks"] == masks) & (table["shared"] == shared)]
        ratios = mine[f"{measure}_ratio"]
        names = ("a pair of responses", "their geometric mean", "printed in the paper") if row == 0 else (None,) * 3
        axes.plot(ratios, np.full(len(mine), row - 0.12), label=names[0], **PAIRS)
        axes.plot(np.exp(np.log(ratios).mean()), row - 0.12, label=names[1], **MEAN)
        axes.plot(mine[f"{measure}_printed"].iloc[0], row + 0.2, label=names[2], **PAPER)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.3, high * 1.3)
    plain_ticks(axes.xaxis, NARROW if high < 100 * low else WIDE)
    axes.grid(True, axis="x")


def findings(table: DataFrame) -> str:
    """Say what four masks at four levels gain over a single one, and what masks of one's own cost."""
    keys = ["levels", "masks", "shared"]
    means = np.exp(np.log(table[["score_ratio", "gradient_ratio"]]).groupby([table[key] for key in keys]).mean())
    printed = table.groupby(keys)[["score_printed", "gradient_printed"]].first()
    single, own = (1, 1, 1.0), (4, 1, 0.0)
    return (
        f"One mask instead of four has {means.loc[single, 'score_ratio']:.2g} times the variance of the score "
        f"(printed: {printed.loc[single, 'score_printed']:.2g}). Masks of their own for policy and reference multiply "
        f"that of the score by {means.loc[own, 'score_ratio']:.2g} and that of the gradient by "
        f"{means.loc[own, 'gradient_ratio']:.2g} "
        f"(printed: {printed.loc[own, 'score_printed']:.3g} and {printed.loc[own, 'gradient_printed']:.2g})."
    )
