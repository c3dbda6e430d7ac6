"""Which rule to use at how many calls of a pretrained model: the likelihood of given sequences under each rule."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._measured import COLORS, MARKERS, by_source, in_lines
from synthetic.measuring.estimates import equal_calls, rules
from synthetic.records import Record

EXPERIMENTS = ("pretrained",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw minus the log-likelihood over the calls for every family of rules, a panel for each source."""
    table, compared = by_source(records, rules), by_source(records, equal_calls)
    sources = list(dict.fromkeys(table["source"]))
    figure, panels = pyplot.subplots(1, len(sources), figsize=(2.0 * len(sources) + 1.0, 3.1), squeeze=False)
    for axes, source in zip(panels[0], sources, strict=True):
        _panel(axes, table[table["source"] == source])
        axes.set_title(in_lines(source))
    panels[0][0].set_ylabel("−ln p of a sequence (nats)")
    figure.supxlabel("calls of the model a sequence", fontsize=9)
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
    """Say, for each source, which family is ahead at the middle number of calls, and by how much."""
    rows = table[table["panel"] == "equal calls"]
    said = []
    for source, mine in rows.groupby("source", sort=False):
        calls = sorted(mine["calls"].unique())
        at = mine[mine["calls"] == calls[len(calls) // 2]]
        best = at.loc[at["log_likelihood"].idxmax()]
        sure = "" if best["low"] > 0 else ", which may be chance"
        said.append(
            f"{source}, {best['calls']:.3g} calls: {best['family']} is ahead of {best['rival']} by "
            f"{best['above']:.3g} nats ({best['low']:.3g} to {best['high']:.3g}){sure}"
        )
    return f"{'; '.join(said)}."
