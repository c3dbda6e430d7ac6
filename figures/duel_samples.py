"""The perplexity of a rule's samples under a judge, against their KL and their entropy, exactly (arXiv 2603.01367)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures.looks import plain_ticks, rooted, shortened
from synthetic.records import Record

EXPERIMENTS = ("duel_samples",)
COLUMNS = 4
FAMILIES: dict[str, dict[str, Any]] = {
    "left to right": {"color": "#000000", "linestyle": "-", "marker": ">", "markersize": 4},
    "margin": {"color": "#CC79A7", "linestyle": "-", "marker": "s", "markersize": 5.5},
    "confidence": {"color": "#D55E00", "linestyle": "--", "marker": "o", "markersize": 3.5},
    "threshold": {"color": "#56B4E9", "linestyle": ":", "marker": "^", "markersize": 4},
}
LABELS = {
    "left to right": "left to right",
    "margin": "largest margins",
    "confidence": "most confident",
    "threshold": "threshold on confidence",
}
MEASURES = {
    "nll": "generative\nNLL (nats)",
    "kl": "KL of data\nfrom output (nats)",
    "entropy": "output\nentropy (nats)",
}
KINDS: dict[str, dict[str, Any]] = {
    "perturbed": {"color": "#0072B2", "label": "perturbed"},
    "exact": {"color": "white", "label": "exact", "hatch": "////"},
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw NLL, KL and entropy over calls on the first worlds, then the share of pairs ranked oppositely on each."""
    record = records["duel_samples"]
    curves, counts = averaged(record), counted(record)
    worlds = list(dict.fromkeys(curves["world"]))
    shown = worlds[:COLUMNS]
    lower = 0.9 + 0.24 * len(worlds)
    figure = pyplot.figure(figsize=(7.0, 4.6 + lower))
    above, below = figure.subfigures(2, 1, height_ratios=[4.6, lower])
    panels = above.subplots(len(MEASURES), len(shown), sharex="col", squeeze=False)
    for column, world in zip(panels.T, shown, strict=True):
        mine = curves[curves["world"] == world]
        column[0].set_title(world, fontsize=8.5)
        for axes, measure in zip(column, MEASURES, strict=True):
            _curves(axes, mine, measure)
    for axes, label in zip(panels[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label, fontsize=8)
    above.supxlabel("expected denoiser calls a sequence", fontsize=8.5)
    above.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=5, fontsize=7.5,
                 handlelength=2.2, columnspacing=1.2)  # fmt: skip
    _counts(below.subplots(), counts, worlds)
    table = concat((curves.assign(part="curve"), counts.assign(part="pairs")), ignore_index=True)
    return figure, shortened(table, "calls", "nll", "kl", "entropy", "missing", "data_nll", "data_entropy")


def averaged(record: Record) -> DataFrame:
    """Return every rule's means over the perturbed denoisers, by world, family and parameter, beside the data's."""
    rows = record.table[record.table["denoiser"] == "perturbed"]
    keys = ["world", "n", "family", "parameter"]
    mean = rows.groupby(keys, sort=False)[["calls", "nll", "kl", "entropy", "missing"]].mean().reset_index()
    for column, scalar in (("data_nll", "data"), ("data_entropy", "entropy")):
        mean[column] = [float(record.scalars[f"{world}/{scalar}"]) for world in mean["world"]]
    return mean.sort_values(["family", "calls"], kind="stable").sort_values("world", key=_order(mean), kind="stable")


def _order(table: DataFrame) -> Any:
    places = {world: k for k, world in enumerate(dict.fromkeys(table["world"]))}
    return lambda column: column.map(places)


def counted(record: Record) -> DataFrame:
    """Return how many pairs of rules at about equal calls are compared and ranked oppositely, by world and denoiser."""
    worlds = list(dict.fromkeys(record.table["world"]))
    return DataFrame(
        [{"world": world, "denoiser": kind, "pairs": int(record.scalars[f"{world}/{kind}/pairs"]),
          "reversed": int(record.scalars[f"{world}/{kind}/reversed"])} for world in worlds for kind in KINDS]
    )  # fmt: skip


def findings(table: DataFrame) -> str:
    """Say how many pairs the generative NLL ranks against the KL, and when samples seem better than the data."""
    sums = table[table["part"] == "pairs"].groupby("denoiser")[["pairs", "reversed"]].sum()
    curves = table[table["part"] == "curve"]
    better = curves[curves["nll"] < curves["data_nll"]]
    said = [f"{sums.loc[kind, 'reversed']:g} of {sums.loc[kind, 'pairs']:g} pairs with {kind}" for kind in KINDS]
    return (
        f"The two disagree for {' and '.join(said)} conditionals. In {len(better)} of {len(curves)} cases (world, rule "
        f"and parameter) the samples score better than the data themselves, on {better['world'].nunique()} of "
        f"{curves['world'].nunique()} worlds."
    )


def _curves(axes: Axes, rows: DataFrame, measure: str) -> None:
    for family, look in FAMILIES.items():
        mine = rows[rows["family"] == family].sort_values("calls", kind="stable")
        axes.plot(mine["calls"], mine[measure], label=LABELS[family], linewidth=1.1, markeredgecolor="black",
                  markeredgewidth=0.3, **look)  # fmt: skip
    if measure != "kl":
        level = rows["data_nll" if measure == "nll" else "data_entropy"].iloc[0]
        axes.axhline(level, color="0.35", linewidth=1, linestyle=(0, (1, 1)), label="the data themselves", zorder=1)
    else:
        rooted(axes.yaxis, 1.06 * rows["kl"].max())
    most = rows["calls"].max()
    axes.set_xlim(0.8, most + 0.2)
    plain_ticks(axes.xaxis, list(range(1, int(np.ceil(most)) + 1)))
    axes.tick_params(labelsize=7.5)
    axes.grid(True)


def _counts(axes: Axes, counts: DataFrame, worlds: list[str]) -> None:
    for k, (kind, look) in enumerate(KINDS.items()):
        mine = counts[counts["denoiser"] == kind].set_index("world").loc[worlds]
        places = np.arange(len(worlds)) + 0.38 * (k - 0.5)
        share = mine["reversed"] / mine["pairs"].clip(lower=1)
        axes.barh(places, share, 0.36, edgecolor="black", linewidth=0.6, **look)
        for place, value, (_, row) in zip(places, share, mine.iterrows(), strict=True):
            said = f"{row['reversed']} of {row['pairs']}" if row["pairs"] else "no pair to compare"
            axes.annotate(said, (value, place), (4, 0), textcoords="offset points", va="center", fontsize=6)
    axes.set_yticks(range(len(worlds)), worlds, fontsize=7.5)
    axes.set_ylim(len(worlds) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel(
        "share of pairs of rules at about equal calls that generative NLL and KL rank oppositely", fontsize=8
    )
    axes.legend(title="conditionals", loc="lower right", fontsize=7.5, title_fontsize=7.5)
    axes.grid(True, axis="x")
