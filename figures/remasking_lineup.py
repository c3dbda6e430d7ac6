"""Samplers that remask at equal evaluations: KL, TV and entropy as a table of dots (arXiv 2510.08369, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures.looks import rooted, shortened
from figures.samplers import MARK
from synthetic.records import Record

EXPERIMENTS = ("remasking_lineup",)
MEASURES = {
    "kl": "KL of data from output (nats)",
    "tv": "TV of output from data",
    "entropy": "entropy of output (nats)",
}
BUDGETS: tuple[dict[str, Any], ...] = (
    {"color": "#56B4E9", "marker": "v"},
    {"color": "#0072B2", "marker": "s"},
    {"color": "#000000", "marker": "o"},
    {"color": "#E69F00", "marker": "^"},
    {"color": "#D55E00", "marker": "D"},
)
TICKS = (0, 0.02, 0.1, 0.2, 0.3)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a row of panels for each measure and a column for each law; samplers are the lines of every panel."""
    record = records["remasking_lineup"]
    table = record.table
    laws, samplers = list(table["law"].unique()), list(table["sampler"].unique())
    looks = dict(zip(sorted(table["budget"].unique()), BUDGETS, strict=False))
    figure, panels = pyplot.subplots(len(MEASURES), len(laws), figsize=(7.0, 7.6), sharey=True, squeeze=False)
    for axes_row, (what, label) in zip(panels, MEASURES.items(), strict=True):
        for axes, law in zip(axes_row, laws, strict=True):
            _dots(axes, table[table["law"] == law], what, samplers, looks)
            if what == "entropy":
                axes.axvline(record.scalars[f"{law}/entropy"], color="0.4", linewidth=1, linestyle="--", zorder=0)
            else:
                rooted(axes.xaxis, 1.15 * float(table[what].max()), TICKS)
                axes.set_xlim(-2e-4, None)
        axes_row[len(laws) // 2].set_xlabel(label)
    for axes, law in zip(panels[0], laws, strict=True):
        axes.set_title(f"{law}, $n$ = 3" if law == "product law" else law.replace("chain of", "Markov chain, $n$ ="))
    handles = [Line2D([], [], linestyle="none", label=f"{budget} evaluations", **look, **MARK)
               for budget, look in looks.items()]  # fmt: skip
    handles.append(Line2D([], [], color="0.4", linewidth=1, linestyle="--", label="entropy of data"))
    figure.legend(handles=handles, loc="outside upper center", ncol=len(handles), handlelength=1.8)
    entropies = [record.scalars[f"{law}/entropy"] for law in table["law"]]
    return figure, shortened(table, "kl", "tv", "entropy").assign(data_entropy=entropies)


def findings(table: DataFrame) -> str:
    """Say which sampler comes closest on each law at each budget, where not several are exact."""
    said = []
    for law, rows in table.groupby("law", sort=False):
        best = []
        for budget, mine in rows.groupby("budget"):
            least = mine["kl"].min()
            if (mine["kl"] < 1e-12).sum() > 1:
                continue
            first, second = mine.sort_values("kl")["sampler"].iloc[:2]
            best.append(f"{first} at {budget} (KL {least:.2g}, then {second})")
        said.append(f"on {law}: {', '.join(best) or 'samplers that ignore the tokens are exact'}")
    return f"The least KL by evaluations is that of: {'; '.join(said)}."


def _dots(axes: Axes, table: DataFrame, what: str, samplers: list[str], looks: Mapping[int, dict[str, Any]]) -> None:
    places = {sampler: k for k, sampler in enumerate(samplers)}
    for budget, rows in table.groupby("budget"):
        height = rows["sampler"].map(places)
        axes.plot(rows[what], height, linestyle="none", clip_on=False, **looks[budget], **MARK)
    axes.set_yticks(range(len(samplers)), samplers, fontsize=8)
    axes.set_ylim(len(samplers) - 0.5, -0.5)
    axes.grid(True, axis="y", linewidth=0.4)
    axes.grid(True, axis="x")
