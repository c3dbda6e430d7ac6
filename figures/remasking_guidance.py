"""What guided remasking gains and costs: a product law, the refinement window, hard constraints (arXiv 2510.08369)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from figures.samplers import LABELS, MARK, SAMPLERS, decades
from synthetic.records import Record

EXPERIMENTS = ("remasking_guidance",)
MARKERS = ("o", "s", "D", "^", "v")
LINES = ("-", "--", ":", "-.", (0, (8, 2)))
SMALL = {**MARK, "markersize": 3.5}
SHOWN = 6
"""The number of steps of the entropies."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw entropy and perplexity, then TV, over the temperature; the window's TV and the mass off the support."""
    record = records["remasking_guidance"]
    table = record.table
    figure, ((nats, far), (window, support)) = pyplot.subplots(2, 2, figsize=(7.0, 5.8))
    product = table[table["part"] == "temperature"]
    _entropies(nats, product[product["steps"] == SHOWN], record.scalars["data entropy"])
    _distances(far, product)
    _windows(window, table[table["part"] == "window"])
    _support(support, table[(table["part"] == "constraint") & (table["law"] == "two copied pairs")])
    return figure, shortened(table, "temperature", "window", "tv", "entropy", "surprise", "missing")


def _temperatures(axes: Axes, table: DataFrame) -> None:
    """Make a logarithmic axis with places for the limits 0, on the left, and infinity, on the right."""
    low, high = _ends(table)
    axes.set_xscale("log")
    axes.set_xlim(low / 1.6, high * 1.6)
    between = [t for t in (0.1, 1, 10) if 1.5 * low < t < high / 1.5]
    plain_ticks(axes.xaxis, [low, *between, high])
    axes.set_xticks([low, *between, high], ["0", *(f"{t:g}" for t in between), r"$\infty$"])
    axes.set_xlabel(r"temperature $\tau$ of the choice")
    axes.grid(True)


def _ends(table: DataFrame) -> tuple[float, float]:
    finite = table.loc[table["temperature"] > 0, "temperature"]
    return finite.min() / 2.5, finite.max() * 2.5


def _curve(table: DataFrame, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the guided values from temperature 0 to infinity, which is the random choice."""
    low, high = _ends(table)
    guided = table[table["sampler"] == "guided"].sort_values("temperature")
    end = table.loc[table["sampler"] == "fixed count", what].iloc[0]
    at = guided["temperature"].to_numpy()
    return np.append(np.where(at > 0, at, low), high), np.append(guided[what].to_numpy(), end)


def _entropies(axes: Axes, table: DataFrame, data: float) -> None:
    for what, label, look in (
        ("surprise", r"$\mathrm{E}[-\ln q]$ of the output", {"color": "#CC79A7", "linestyle": "--", "marker": "P"}),
        ("entropy", "entropy of the output", {"color": "#0072B2", "linestyle": "-", "marker": "v"}),
    ):
        at, values = _curve(table, what)
        axes.plot(at[1:-1], values[1:-1], label=label, **look, **MARK)
        axes.plot(at[[0, -1]], values[[0, -1]], **{**look, "linestyle": "none"}, **MARK)
    axes.axhline(data, color="black", linewidth=1, linestyle=(0, (1, 1)), label="both, for the data law $q$")
    _temperatures(axes, table)
    axes.set(ylabel="nats", ylim=(0.7, 1.95), title=f"product law, guided, $T$ = {table['steps'].iloc[0]}")
    axes.legend(loc="lower right")


def _distances(axes: Axes, table: DataFrame) -> None:
    for (steps, rows), marker, line in zip(table.groupby("steps"), MARKERS, LINES, strict=False):
        at, values = _curve(rows, "tv")
        look = {"color": SAMPLERS["guided"]["color"], "marker": marker}
        axes.plot(at[1:-1], values[1:-1], label=f"$T$ = {steps}", linestyle=line, **look, **MARK)
        axes.plot(at[[0, -1]], values[[0, -1]], linestyle="none", clip_on=False, zorder=3, **look, **MARK)
    _temperatures(axes, table)
    axes.set(ylabel="TV of output from data", ylim=(0, 0.5), title="product law, guided")
    axes.annotate("random choice:\nexact, as masked\ndiffusion", (_ends(table)[1], 0.004), (-24, 42), ha="center",
                  textcoords="offset points", fontsize=8, va="bottom",
                  arrowprops={"arrowstyle": "-", "linewidth": 0.7, "shrinkB": 3})  # fmt: skip
    axes.legend(loc="upper right")


def _windows(axes: Axes, table: DataFrame) -> None:
    for (steps, rows), marker, line in zip(table.groupby("steps"), MARKERS, LINES, strict=False):
        for sampler, mine in rows.groupby("sampler"):
            color = SAMPLERS[sampler]["color"]
            axes.plot(mine["window"], mine["tv"], color=color, linestyle=line, linewidth=1.2, marker=marker,
                      markevery=max(1, steps // 8), **SMALL)  # fmt: skip
    axes.set(yscale="log", xlim=(-0.02, 1.02), ylim=(0.0006, 0.5), ylabel="TV of output from data")
    axes.set(xlabel=r"window $t_\mathrm{on}$ at the end (0: masked diffusion)", title="Markov chain, $n$ = 4")
    plain_ticks(axes.yaxis, [0.001, 0.003, 0.01, 0.03, 0.1, 0.3])
    axes.grid(True)
    steps = [Line2D([], [], color="black", linestyle=line, marker=marker, label=f"$T$ = {t}", linewidth=1.2,
                    **SMALL)
             for t, marker, line in zip(table["steps"].unique(), MARKERS, LINES, strict=False)]  # fmt: skip
    kinds = [Line2D([], [], color=SAMPLERS[s]["color"], label=s.replace("fixed count", "random"), linewidth=3,
                    linestyle="-") for s in ("guided", "fixed count")]  # fmt: skip
    axes.legend(handles=[*kinds, *steps], loc="lower right", ncol=2, fontsize=7.5, columnspacing=1, labelspacing=0.25)


def _support(axes: Axes, table: DataFrame) -> None:
    for sampler, rows in table.groupby("sampler", sort=False):
        axes.plot(rows["steps"], rows["missing"], label=LABELS[sampler], **MARK, **SAMPLERS[sampler])
    axes.set(xscale="log", yscale="log", xlabel="steps $T$, whole run", ylabel="mass off the support",
             title="two copied pairs, $n$ = 4", ylim=(table["missing"].min() / 2, 1))  # fmt: skip
    plain_ticks(axes.xaxis, [t for t in (2, 4, 8, 16, 32, 64, 128, 256) if t in set(table["steps"])])
    decades(axes.yaxis)
    axes.grid(True)
    axes.legend(loc="lower left", fontsize=7.5)


def findings(table: DataFrame) -> str:
    """Say how far guidance is off on the product law, and what it leaves off the support, in the most steps."""
    product = table[(table["part"] == "temperature") & (table["sampler"] == "guided")]
    worst = product.loc[product["tv"].idxmax()]
    support = table[(table["part"] == "constraint") & (table["law"] == "two copied pairs")]
    last = support[support["steps"] == support["steps"].max()].set_index("sampler")["missing"]
    return (
        f"On the product law guided remasking misses the data by a total variation of up to {worst['tv']:.2f}; on "
        f"copied pairs it leaves {last['guided']:.1g} of the mass off the support, masked diffusion "
        f"{last['masked diffusion']:.1g}."
    )
