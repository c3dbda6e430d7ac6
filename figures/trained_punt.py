"""PUNT on a trained chain and on real data at equal calls, and how often its premise fails (arXiv 2510.21961)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._intervals import SUCCESS, bars, ends, stacked, summary
from figures.looks import plain_ticks, rooted
from synthetic.claims.punt import RARE, ratio
from synthetic.intervals import crossed
from synthetic.records import Record

EXPERIMENTS = ("trained_punt",)
FAMILIES: dict[str, dict[str, Any]] = {
    "PUNT": {"color": "#009E73", "linestyle": "-", "marker": "*", "markersize": 8},
    "PUNT in order": {"color": "#56B4E9", "linestyle": (0, (4, 1, 1, 1)), "marker": "s"},
    "Top-k": {"color": "#D55E00", "linestyle": "--", "marker": "o"},
    "EB": {"color": "#0072B2", "linestyle": ":", "marker": "D"},
}
LABELS = {
    "PUNT": r"PUNT, $\varepsilon$",
    "PUNT in order": "PUNT, in-order tests",
    "Top-k": "Top-$k$",
    "EB": "EB, budget",
}
SHARES: dict[tuple[str, str], dict[str, Any]] = {
    ("failed", "passed"): {"color": "#009E73", "linestyle": "-", "marker": "*", "label": "stability"},
    ("composed", "tested"): {"color": "#CC79A7", "linestyle": "--", "marker": "P", "label": "composition"},
    ("failed", "contested"): {"color": "#000000", "linestyle": ":", "marker": "o", "label": "stability, of moves"},
}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.4}
CALLS = (1, 2, 4, 8, 16, 32, 64)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw KL over calls with a trained and the exact denoiser above; real data and failing premises below."""
    table = records["trained_punt"].table
    points = table[(table["part"] == "frontier") & ~table["task"].str.startswith("small/")]
    drawn = summary(points, ("task", "denoiser", "family", "parameter"), ("nfe", "kept", "quality", "kl", "entropy"))
    shares = failures(table[(table["part"] == "stability") & (table["denoiser"] == "trained")])
    figure, panels = pyplot.subplots(2, 2, figsize=(7.0, 5.6))
    for axes, side in zip(panels[0], ("trained", "exact"), strict=True):
        mine = drawn[(drawn["task"] == "chain") & (drawn["denoiser"] == side)]
        _frontier(axes, mine, "kl")
        rooted(axes.yaxis, 1.1 * drawn["kl"].max(), (0, 0.1, 0.5, 1, 2, 4, 8, 12, 16))
        axes.set(ylabel="KL(output ‖ data), nats (bound)", title=f"chain, {side} conditionals")
    real = drawn[drawn["kl"].isna()]
    if len(real):
        task = real["task"].iloc[0]
        _frontier(panels[1, 0], real[real["task"] == task], "quality")
        panels[1, 0].set(ylabel=SUCCESS[task], title=task, ylim=(0, 1))  # a share, whatever the interval
    else:
        panels[1, 0].set_axis_off()
    _shares(panels[1, 1], shares[shares["task"] == "chain"])
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=4)
    return figure, concat([drawn, shares], ignore_index=True).round(6)


def findings(table: DataFrame) -> str:
    """Say how PUNT's KL on the chain compares with Top-k's at the same calls, interpolated between two of its sizes."""
    said = []
    for side in ("exact", "trained"):
        mine = table[(table["task"] == "chain") & (table["denoiser"] == side) & table["kl"].notna()]
        punt, top = (mine[mine["family"] == family].sort_values("nfe") for family in ("PUNT", "Top-k"))
        if len(punt) and len(top) > 1:
            there = np.interp(punt["nfe"], top["nfe"], top["kl"])
            ahead = int((punt["kl"].to_numpy() < there).sum())
            said.append(f"with {side} conditionals below Top-k's at {ahead} of {len(punt)} thresholds")
    return f"The KL of PUNT on the chain is, at equal calls and in the mean, {' and '.join(said)}." if said else ""


def failures(rows: DataFrame) -> DataFrame:
    """Return the shares of failures with their intervals."""
    found = []
    for (task, eps), mine in rows.groupby(["task", "parameter"], sort=False):
        for part, whole in SHARES:
            bad, all_ = stacked(mine, part), stacked(mine, whole)
            if all_.sum() > 0:
                share = ends("share", crossed(ratio(bad, all_)))
                found.append({"task": task, "parameter": eps, "failure": part, "among": whole, **share})
    return DataFrame(found)


def _frontier(axes: Axes, rows: DataFrame, measure: str) -> None:
    for family, look in FAMILIES.items():
        mine = rows[rows["family"] == family].sort_values(["nfe", "parameter"])
        if len(mine):
            axes.errorbar(mine["nfe"], mine[measure], bars(mine, measure), elinewidth=1, capsize=2,
                          label=LABELS[family], **EDGE, **look)  # fmt: skip
    axes.set(xscale="log", xlabel="denoiser calls a sequence")
    plain_ticks(axes.xaxis, [tick for tick in CALLS if tick <= 1.2 * rows["nfe"].max()])
    axes.grid(True)


def _shares(axes: Axes, rows: DataFrame) -> None:
    for (part, whole), look in SHARES.items():
        mine = rows[(rows["failure"] == part) & (rows["among"] == whole)].sort_values("parameter")
        places = [sorted(rows["parameter"].unique()).index(eps) for eps in mine["parameter"]]
        axes.errorbar(places, mine["share"], bars(mine, "share"), elinewidth=1, capsize=2, **EDGE, **look)
    axes.axhline(RARE, color="0.4", linewidth=1, linestyle="-.")
    axes.set_xticks(range(rows["parameter"].nunique()), [f"{eps:g}" for eps in sorted(rows["parameter"].unique())])
    rooted(axes.yaxis, max(0.3, 1.1 * rows["share_high"].max()), (0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8))
    axes.set(xlabel=r"threshold $\varepsilon$ (nats)", ylabel="share of failures", title="premises, chain, trained")
    axes.legend(loc="upper center", fontsize=7.5, labelspacing=0.25, bbox_to_anchor=(0.5, 0.82))
    axes.grid(True)
