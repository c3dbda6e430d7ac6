"""In which order a pretrained model should reveal tokens, one a step, and how far orders disagree."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from figures._measured import COLORS, by_source, error_lengths
from synthetic.measuring.estimates import cross_entropies, orders
from synthetic.records import Record

EXPERIMENTS = ("pretrained",)
LINES = ("-", "--", "-.", ":")


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the cross-entropy by the share of revealed tokens, and each order's gain over a random one."""
    curves, gains = by_source(records, cross_entropies), by_source(records, orders)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.4))
    sources = list(dict.fromkeys(curves["source"]))
    for number, source in enumerate(sources):
        mine = curves[curves["source"] == source].sort_values("revealed")
        error = error_lengths(mine["mean"], mine["low"], mine["high"])
        left.errorbar(mine["revealed"], mine["mean"], error, fmt="o", linestyle=LINES[number % 4], color=f"C{number}",
                      linewidth=1.0, capsize=1.5, markersize=3, label=source)  # fmt: skip
    left.set(xlabel="share of tokens revealed", ylabel="nats a masked token")
    left.set_ylim(bottom=0)
    left.legend(fontsize=7)
    names = [name for name in dict.fromkeys(gains["order"]) if name != "random"]
    for place, source in enumerate(sources):
        for number, name in enumerate(names):
            row = gains[(gains["source"] == source) & (gains["order"] == name)]
            y = place + 0.16 * (number - (len(names) - 1) / 2)
            error = error_lengths(row["gain"], row["gain_low"], row["gain_high"])
            right.errorbar(row["gain"], [y] * len(row), xerr=error, fmt="osD^"[number], color=COLORS[name], capsize=2,
                           label=name if place == 0 else None)  # fmt: skip
    right.axvline(0, color="#808080", linewidth=0.8)
    right.set_yticks(range(len(sources)), [source.replace(", ", ",\n") for source in sources], fontsize=7)
    right.set_ylim(len(sources) - 0.5, -0.5)
    right.set(xlabel="nats a sequence above a random order")
    right.legend(fontsize=7)
    plotted = concat([curves.assign(panel="cross-entropy"), gains.assign(panel="order")], ignore_index=True)
    return figure, plotted


def findings(table: DataFrame) -> str:
    """Say what revealing by confidence gains or costs for each source."""
    rows = table[(table["panel"] == "order") & (table["order"] == "confidence")]
    said = [
        f"{row.gain:+.3g} nats ({row.gain_low:.3g} to {row.gain_high:.3g}) on {row.source}" for row in rows.itertuples()
    ]
    return f"Confidence order against a random one: {'; '.join(said)}."
