"""Info-Gain's candidates, position temperature and bypass: entropies, accuracy and evaluations (arXiv 2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("infogain_costs",)
PARAMETERS = {"N": "candidates $N$", "tau": r"temperature $\tau$ of positions", "gamma": r"bypass level $\gamma$"}
LINES: dict[str, dict[str, dict[str, Any]]] = {
    "entropy (nats)": {
        "cumulative": {"color": "#CC79A7", "linestyle": "-", "marker": "P", "label": r"cumulative, E$[\tilde H]$"},
        "entropy": {"color": "#009E73", "linestyle": "--", "marker": "o", "label": "of the output"},
    },
    "probability": {
        "accuracy": {"color": "#0072B2", "linestyle": "-", "marker": "s", "label": "answer right"},
        "tv": {"color": "#D55E00", "linestyle": "--", "marker": "^", "label": "TV from the data"},
    },
    "sequences evaluated": {"evaluated": {"color": "#000000", "linestyle": "-", "marker": "D", "label": "expected"}},
}  # fmt: skip
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.3, "markersize": 4.2, "linewidth": 1.2}
DOTTED = {"linewidth": 1, "linestyle": (0, (1, 1)), "zorder": 1}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a parameter: entropies, accuracy with the distance from the data law, and what it costs."""
    record = records["infogain_costs"]
    table = record.table
    figure, panels = pyplot.subplots(3, len(PARAMETERS), figsize=(7.0, 5.4), sharex="col", sharey="row")
    for column, (name, label) in zip(panels.T, PARAMETERS.items(), strict=True):
        mine = table[table["parameter"] == name].sort_values("value")
        for axes, lines in zip(column, LINES.values(), strict=True):
            for measure, look in lines.items():
                axes.plot(mine["value"], mine[measure], clip_on=False, **EDGE, **look)
            for default in mine.loc[mine["default"], "value"]:
                axes.axvline(default, color="0.8", linewidth=4, linestyle="-", zorder=0)
            axes.tick_params(labelsize=7.5)
            axes.grid(True)
        _places(column[-1], mine, name)
        column[-1].set_xlabel(label, fontsize=8.5)
        column[0].axhline(float(record.scalars["entropy"]), color="black", label="of the data", **DOTTED)
        column[1].axhline(float(record.scalars["plain/accuracy"]), color="#0072B2", label="right, by entropy", **DOTTED)
        column[0].set_ylim(bottom=0)
        column[1].set_ylim(0, 1.02)
        column[2].set_ylim(bottom=0)
    for axes, label in zip(panels[:, 0], LINES, strict=True):
        axes.set_ylabel(label, fontsize=8.5)
        axes.yaxis.set_label_coords(-0.2, 0.5)
    handles = [handle for axes in panels[:2, 0] for handle in axes.get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper center", ncol=3, fontsize=8)
    shown = table.assign(data=float(record.scalars["entropy"]), plain=float(record.scalars["plain/accuracy"]))
    return figure, shortened(shown, "accuracy", "cumulative", "entropy", "tv", "evaluated", "bypassed", "data", "plain")


def findings(table: DataFrame) -> str:
    """Say what one candidate, the default and the most candidates do, and what the lowest bypass level saves."""
    many = table[table["parameter"] == "N"].sort_values("value")
    least, most = many.iloc[0], many.iloc[-1]
    levels = table[table["parameter"] == "gamma"].sort_values("value")
    low, off = levels.iloc[0], levels.iloc[-1]
    middle = many.loc[many["entropy"].idxmax()]
    return (
        f"With {least['value']:g} candidate, the greedy one, a single sequence is drawn ({abs(least['entropy']):.2f} "
        f"nats). With {middle['value']:g} the output has {middle['entropy']:.2f} nats and the answer is right with "
        f"probability {middle['accuracy']:.2f}, with {most['value']:g} it is {most['entropy']:.2f} nats and "
        f"{most['accuracy']:.2f}; the data have {least['data']:.2f}. A bypass at {low['value']:g} takes the "
        f"evaluations from {off['evaluated']:.0f} to {low['evaluated']:.0f} and the output from {off['entropy']:.2f} "
        f"to {low['entropy']:.2f} nats."
    )


def _places(axes: Axes, rows: DataFrame, name: str) -> None:
    values = list(rows["value"])
    if name == "gamma":
        ticks = [value for value in values if round(10 * value, 6) % 2 == 0 and value <= 1] or values[:-1]
        axes.set_xticks([*ticks, values[-1]], [*(f"{tick:g}" for tick in ticks), "off"])
        axes.set_xlim(values[0] - 0.03, values[-1] + 0.03)
        return
    axes.set_xscale("log")
    ladder = (1, 2, 4, 8, 16, 32, 64) if name == "N" else (0.025, 0.1, 0.4, 1.6)
    plain_ticks(axes.xaxis, [tick for tick in ladder if values[0] <= tick <= values[-1]])
    axes.set_xlim(values[0] / 1.12, values[-1] * 1.12)
