"""DUEL's exact likelihood against the ELBO, log p^unif, the best rules and the oracle (arXiv 2603.01367)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("duel_elbo",)
ROWS = {
    "worst order": ("worst order of each sequence", "o", "white"),
    "left to right": ("DUEL, left to right", "s", "#0072B2"),
    "entropy": ("DUEL, entropy", "s", "#0072B2"),
    "confidence": ("DUEL, confidence", "s", "#0072B2"),
    "margin": ("DUEL, margin", "s", "#0072B2"),
    "log uniform": (r"$\log\,p^{\mathrm{unif}}$, random order", "D", "#E69F00"),
    "best order": ("best fixed order", "^", "#009E73"),
    "best rule": ("best rule, $V(z)$", "^", "#009E73"),
    "best mixture": ("best mixture of orders", "^", "#009E73"),
    "data": ("data law, $-H(q)$", "*", "black"),
    "oracle": ("oracle order: no likelihood", "o", "white"),
}
LADDER = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 2.0)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a noise: every table a dot, at its average over the data minus the ELBO's."""
    record = records["duel_elbo"]
    table = record.table
    noises = list(table.groupby("noise", sort=True))
    figure, panels = pyplot.subplots(1, len(noises), figsize=(7.0, 3.9), sharey=True, squeeze=False)
    for axes, (noise, mine) in zip(panels[0], noises, strict=True):
        _noise(axes, mine.pivot(index="table", columns="quantity", values="value"))
        sums = (float(record.scalars[f"{noise:g}/{end} oracle sum"]) for end in ("least", "largest"))
        axes.set_title(f"noise {noise:g} nats\noracle sums to {next(sums):.2f}–{next(sums):.2f}")
    panels[0, len(noises) // 2].set_xlabel("average over the data, minus the ELBO's (nats)")
    return figure, shortened(table, "value")


def _noise(axes: Axes, wide: DataFrame) -> None:
    above = wide.sub(wide["elbo"], axis=0)
    for row, (name, (_, marker, face)) in enumerate(ROWS.items()):
        offset = 0.26 * np.sin(2.4 * np.arange(len(above)))
        axes.plot(above[name], row + offset, linestyle="none", marker=marker, markersize=6 if marker == "*" else 3.2,
                  markerfacecolor=face, markeredgecolor="black", markeredgewidth=0.4, alpha=0.8)  # fmt: skip
        axes.plot([above[name].median()] * 2, [row - 0.42, row + 0.42], color="black", linestyle="-", linewidth=1.6)
    axes.axvline(0, color="black", linestyle="--", linewidth=1, zorder=1)
    axes.axhline(9.5, color="0.5", linewidth=0.6, linestyle=":")
    span = 1.1 * above[list(ROWS)].abs().to_numpy().max()
    axes.set_xscale("function", functions=(lambda x: np.sign(x) * np.abs(x) ** 0.5, lambda x: np.sign(x) * x**2))
    axes.set_xlim(-span, span)
    shown: list[float] = []
    for tick in LADDER:
        if tick < span and (tick / span) ** 0.5 - (shown[-1] / span if shown else 0) ** 0.5 > 0.3:
            shown.append(tick)
    plain_ticks(axes.xaxis, [*(-tick for tick in shown), 0, *shown])
    axes.set_yticks(range(len(ROWS)), [label for label, *_ in ROWS.values()])
    axes.grid(True, axis="x")
