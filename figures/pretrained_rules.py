"""Which rule to use at how many calls of a pretrained model: the likelihood of given sequences under each rule."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._measured import COLORS, MARKERS, by_source
from synthetic.measuring.estimates import equal_calls, rules
from synthetic.records import Record

EXPERIMENTS = ("pretrained",)
SHARE = 0.25
"""Calls a token at which the caption compares the families."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw minus the log-likelihood over the calls for every family of rules, a panel for each source."""
    table, compared = by_source(records, rules), by_source(records, equal_calls)
    sources = list(dict.fromkeys(table["source"]))
    lines = (len(sources) + 1) // 2
    figure, panels = pyplot.subplots(lines, 2, figsize=(7.0, 2.5 * lines + 0.6), squeeze=False)
    for axes, source in zip(panels.flat, sources, strict=False):
        _panel(axes, table[table["source"] == source])
        axes.set(title=source, xlabel="calls of the model a sequence", ylabel="−ln p of a sequence (nats)")
    for axes in panels.flat[len(sources) :]:
        axes.set_visible(False)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncol=5)
    return figure, concat([table.assign(panel="rules"), compared.assign(panel="equal calls")], ignore_index=True)


def _panel(axes: Axes, table: DataFrame) -> None:
    for family, rows in table.groupby("family", sort=False):
        name, ordered = str(family), rows.sort_values("calls")
        axes.plot(ordered["calls"], -ordered["mean"], "-", color=COLORS[name], marker=MARKERS[name], linewidth=1.0,
                  label=name)  # fmt: skip
    axes.set_xscale("log", base=2)
    axes.set_xticks([4, 16, 64], ["4", "16", "64"])
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say, for each source, which family is ahead at a quarter of a call for each token, and by how much."""
    rows = table[(table["panel"] == "equal calls") & (table["share"] == SHARE)]
    said = []
    for source, mine in rows.groupby("source", sort=False):
        best = mine.loc[mine["log_likelihood"].idxmax()]
        if best["above_low"] != best["above_low"]:
            continue
        sure = "" if best["above_low"] > 0 else ", which may be chance"
        said.append(
            f"{source}: {best['family']} is ahead of {best['rival']} by {best['above']:.3g} nats "
            f"({best['above_low']:.3g} to {best['above_high']:.3g}){sure}"
        )
    return f"At {SHARE:g} calls a token, {'; '.join(said)}." if said else ""
