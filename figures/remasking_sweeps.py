"""ReMDM's eta against generative NLL, entropy and exact KL: cap, loop, rescale (arXiv 2503.00307)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures.looks import plain_ticks, rooted, shortened
from figures.samplers import MARK
from synthetic.records import Record

EXPERIMENTS = ("remasking_sweeps",)
STRATEGIES = ("cap", "loop", "rescale")
MEASURES = {
    "nll": "generative NLL\n$\\mathrm{E}[-\\ln q]$ (nats)",
    "entropy": "entropy of\noutput (nats)",
    "kl": "KL of data from\noutput (nats)",
}
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "#56B4E9", "marker": "v"},
    {"color": "#0072B2", "marker": "s"},
    {"color": "#CC79A7", "marker": "^"},
    {"color": "#D55E00", "marker": "o"},
    {"color": "#000000", "marker": "D"},
)
EXACT: dict[str, Any] = {"color": "0.45", "linestyle": (0, (1.5, 1.5)), "linewidth": 1.6}
DATA: dict[str, Any] = {"color": "black", "linestyle": "-", "linewidth": 0.8}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a column for each strategy and a row for each measure, over eta, a line for each number of steps."""
    record = records["remasking_sweeps"]
    table, n = record.table, int(record.scalars["n"])
    figure, panels = pyplot.subplots(3, len(STRATEGIES), figsize=(7.0, 6.4), sharex=True, sharey="row")
    looks = dict(zip(sorted(table["steps"].unique()), LOOKS, strict=False))
    for column, strategy in zip(panels.T, STRATEGIES, strict=True):
        rows = table[table["strategy"] == strategy]
        column[0].set_title(f"ReMDM-{strategy}")
        column[-1].set_xlabel(r"$\eta$")
        for axes, what in zip(column, MEASURES, strict=True):
            _lines(axes, rows, what, looks)
            if what != "kl":
                axes.axhline(record.scalars["entropy"], **DATA)
    for axes, label in zip(panels[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label)
    for axes in panels[-1]:
        axes.set(yscale="log")
        plain_ticks(axes.yaxis, (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3))
    handles = [Line2D([], [], label=f"$T$ = {steps} = {steps / n:g} $n$", linestyle="-", **look, **MARK)
               for steps, look in looks.items()]  # fmt: skip
    handles += [Line2D([], [], label=f"exact conditionals, $T$ = {max(looks)}", **EXACT)]
    handles += [Line2D([], [], label="data: NLL and entropy", **DATA)]
    figure.legend(handles=handles, loc="outside upper center", ncol=3)
    return figure, shortened(table, "nll", "entropy", "kl", "tv").assign(data_entropy=record.scalars["entropy"])


def findings(table: DataFrame) -> str:
    """Say what raising eta does in the longest runs, and which strategy comes closest at each number of steps."""
    steps, entropy = table["steps"].max(), table["data_entropy"].iloc[0]
    said = []
    for denoiser, strategy in (("nucleus", "cap"), ("nucleus", "loop"), ("exact", "loop")):
        rows = table[(table["denoiser"] == denoiser) & (table["strategy"] == strategy) & (table["steps"] == steps)]
        first, last = rows.iloc[0], rows.iloc[-1]
        words = {"nucleus": "the nucleus", "exact": "exact conditionals"}[denoiser]
        said.append(
            f"{strategy} with {words} moves NLL from {first['nll']:.2f} to {last['nll']:.2f}, entropy from "
            f"{first['entropy']:.2f} to {last['entropy']:.2f} and KL from {first['kl']:.3f} to {last['kl']:.3f}"
        )
    cut = table[table["denoiser"] == "nucleus"]
    best = [f"{rows.loc[rows['kl'].idxmin(), 'strategy']} at T = {count}" for count, rows in cut.groupby("steps")]
    return (
        f"From the least to the largest eta at T = {steps}, {'; '.join(said)}; the data have entropy {entropy:.2f}. "
        f"The least KL over strategies and eta is that of {', '.join(best)}."
    )


def _lines(axes: Axes, table: DataFrame, what: str, looks: Mapping[int, dict[str, Any]]) -> None:
    for (denoiser, steps), rows in table.groupby(["denoiser", "steps"], sort=False):
        if denoiser == "exact":
            axes.plot(rows["eta"], rows[what], **EXACT)
        else:
            axes.plot(rows["eta"], rows[what], linestyle="-", linewidth=1.3, **looks[steps], **MARK)
    rooted(axes.xaxis, 1.0, (0, 0.05, 0.2, 0.5, 1))
    axes.set_xlim(0, 1.03)
    axes.grid(True)
