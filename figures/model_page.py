"""One page about a measured model: what it costs to predict, to reveal together, and to draft, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame

from figures.stamps import STYLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = {
    "random": "#000000", "left to right": "#0072B2", "confidence": "#D55E00", "margin": "#CC79A7", "entropy": "#009E73",
    "EB": "#E69F00", "threshold": "#56B4E9", "linear": "#0072B2", "squared sine": "#D55E00", "best Beta": "#009E73",
}  # fmt: skip
MARKERS = {"left to right": "o", "confidence": "s", "entropy": "^", "EB": "D", "threshold": "v"}


def page(tables: Mapping[str, DataFrame], title: str) -> Figure:
    """Draw the tables of a report (`synthetic.measuring.report`) on one page; `title` stands above."""
    from matplotlib import pyplot

    with pyplot.style.context(STYLE):
        figure, axes = pyplot.subplots(3, 2, figsize=(7.0, 8.2))
        _cross_entropies(axes[0, 0], tables["cross_entropies"])
        _orders(axes[0, 1], tables["orders"])
        _rules(axes[1, 0], tables["rules"])
        _bounds(axes[1, 1], tables["entropy_bounds"])
        _schedules(axes[2, 0], tables["schedules"])
        _drafts(axes[2, 1], tables["acceptance"])
        figure.suptitle(title)
        figure.canvas.draw()  # within the style, so that texts are laid out in its sizes
    return figure


def error_lengths(mean: object, low: object, high: object) -> np.ndarray:
    """Return the lengths of error bars, those below and those above (2, rows), 0 where there is no interval."""
    lengths = (np.asarray(mean) - np.asarray(low), np.asarray(high) - np.asarray(mean))
    below, above = (np.where(np.isfinite(length), np.maximum(length, 0), 0.0) for length in lengths)
    return np.stack((below, above))


def _cross_entropies(axes: Axes, table: DataFrame) -> None:
    ordered = table.sort_values("revealed")  # every table may be empty: what was not asked is not drawn
    _line(axes, ordered["revealed"], ordered, "#000000", "o")
    axes.set(title="What predicting a masked token costs", xlabel="share of tokens revealed", ylabel="nats a token")
    axes.set_ylim(0, 1.08 * axes.get_ylim()[1])


def _orders(axes: Axes, table: DataFrame) -> None:
    shown = table[table["order"] != "random"].reset_index(drop=True)
    for place, row in shown.iterrows():
        lengths = error_lengths([row["gain"]], [row["gain_low"]], [row["gain_high"]])
        axes.errorbar(row["gain"], place, xerr=lengths, fmt="o", color=COLORS[row["order"]], capsize=2)
    axes.axvline(0, color="#808080", linewidth=0.8)
    axes.set_yticks(range(len(shown)), shown["order"])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set(title="One token a step: which order (right: better)", xlabel="nats above a random order")


def _rules(axes: Axes, table: DataFrame) -> None:
    for family, rows in table.groupby("family", sort=False):
        name = str(family)
        ordered = rows.sort_values("calls")
        axes.plot(ordered["calls"], -ordered["mean"], "-", color=COLORS[name], linewidth=1.0,
                  marker=MARKERS.get(name, "o"), label=name)  # fmt: skip
    if len(table):
        axes.set_xscale("log")
        calls = sorted({round(float(value)) for value in table["calls"]})
        axes.set_xticks(_thinned(calls), [str(value) for value in _thinned(calls)])
        axes.minorticks_off()
        axes.legend()
    low, high = axes.get_ylim()
    middle = (low + high) / 2
    span = max(high - low, 0.01 * abs(middle))  # rounding is not drawn as a difference
    axes.set_ylim(middle - span / 2, middle + span / 2)
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.set(title="Several tokens a step: which rule (low: better)", xlabel="calls of the model a sequence",
             ylabel="−ln p of a sequence (nats)")  # fmt: skip


def _bounds(axes: Axes, table: DataFrame) -> None:
    axes.set(title="EB: cost of revealing together", xlabel="budget (nats) and share of calls saved",
             ylabel="nats a sequence")  # fmt: skip
    if not len(table):
        return
    place = np.arange(len(table))
    _line(axes, place - 0.05, table, "#E69F00", "D", "bound", "entropy bound")
    _line(axes, place + 0.05, table, "#000000", "o", "cost", "measured cost")
    axes.set_xticks(place, [f"{row.budget:g}\n{row.saved:.0%}" for row in table.itertuples()])
    axes.legend()


def _schedules(axes: Axes, table: DataFrame) -> None:
    names = [name for name in dict.fromkeys(table["schedule"]) if name != "computed"]
    for number, name in enumerate(names):
        rows = table[table["schedule"] == name]
        place = np.arange(len(rows)) + 0.14 * (number - (len(names) - 1) / 2)
        _line(axes, place, rows, COLORS[name], "osD^"[number], "excess", name, "none")
    steps = list(dict.fromkeys(table["steps"]))
    axes.axhline(0, color="#808080", linewidth=0.8)
    axes.set_xticks(range(len(steps)), [str(step) for step in steps])
    axes.set(title="Mask schedules above the computed one", xlabel="steps", ylabel="nats a sequence")
    if names:
        axes.legend()


def _drafts(axes: Axes, table: DataFrame) -> None:
    _line(axes, table["place"], table, "#000000", "o")
    axes.set(title="Tokens drafted together, left to right", xlabel="place in the draft",
             ylabel="probability that it is kept", ylim=(0, 1.03))  # fmt: skip


def _line(
    axes: Axes, x: object, table: DataFrame, color: str, marker: str, name: str = "", label: str = "", line: str = "-"
) -> None:
    """Draw means with their intervals; none where there is a single sequence."""
    mean, prefix = table[name or "mean"].to_numpy(float), f"{name}_" if name else ""
    error = error_lengths(mean, table[f"{prefix}low"].to_numpy(float), table[f"{prefix}high"].to_numpy(float))
    axes.errorbar(np.asarray(x), mean, error, fmt=marker, linestyle=line, color=color, linewidth=1.0, capsize=2,
                  label=label or None)  # fmt: skip


def _thinned(values: list[int], ratio: float = 1.45) -> list[int]:
    """Return the values that are far enough apart to be written beside each other on a logarithmic axis."""
    kept: list[int] = []
    for value in values:
        if not kept or value >= ratio * kept[-1]:
            kept.append(value)
    return kept
