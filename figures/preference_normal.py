"""What a normal score does to the preference loss: density, bias and variance against the bounds (VRPO, 2505.19223)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("preference_normal",)
TICKS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the density on the left, bias and variance of the loss over the variance of the score."""
    record = records["preference_normal"]
    table, draws = record.table, float(record.scalars["draws"])
    figure, (law, bias, spread) = pyplot.subplots(1, 3, figsize=(7.0, 3.2))
    _density(law, table[table["part"] == "density"], draws)
    rows = table[table["part"] == "variance"].sort_values("variance")
    v = np.linspace(rows["variance"].min(), rows["variance"].max(), 100)
    _line(bias, v, np.sqrt(v), "printed bound", "--")
    bias.plot(rows["variance"], rows["absolute"], color="#E69F00", linestyle="-", linewidth=1.4)
    _name(bias, v, np.interp(v, rows["variance"], rows["absolute"]), "mean |error|", "#E69F00")
    _line(bias, v, np.log(np.cosh(np.sqrt(v) / 2)), "sharp bound", ":", below=True)
    _exact(bias, rows, "bias", "drawn_bias")
    _line(spread, v, 4 * v, "printed bound", "--")
    _line(spread, v, v, "sharp bound", ":")
    _exact(spread, rows, "spread", "drawn_spread")
    bias.set(title="bias of the loss (nats)", ylim=(0.006, 1.9))
    spread.set(title="variance of the loss (nats²)", ylim=(0.012, 7))
    for axes in (bias, spread):
        axes.set(xlabel="variance V of the score", yscale="log", xlim=(0, 1.02 * v[-1]))
        plain_ticks(axes.yaxis, TICKS)
        axes.grid(True, axis="y")
    handles, labels = bias.get_legend_handles_labels()
    figure.legend([*law.get_legend_handles_labels()[0], *handles], [*law.get_legend_handles_labels()[1], *labels],
                  loc="outside upper center", ncol=4)  # fmt: skip
    return figure, shortened(table, "density", "bias", "absolute", "spread", "drawn_bias", "drawn_spread")


def _density(axes: Axes, rows: DataFrame, draws: float) -> None:
    width = float(rows["value"].diff().median())
    axes.bar(
        rows["value"], rows["share"], width, color="#BFDDF0", edgecolor="white", linewidth=0.4, label=f"{draws:g} draws"
    )
    axes.plot(rows["value"], rows["density"], color="#0072B2", linestyle="-", label="density")
    axes.set(
        xlabel=r"$\ln\,\sigma(X)$, X standard normal",
        title="density of the log-likelihood",
        xlim=(rows["value"].min(), 0),
    )


def _exact(axes: Axes, rows: DataFrame, exact: str, drawn: str) -> None:
    """Draw a moment by quadrature as a line and from draws as marks."""
    axes.plot(rows["variance"], rows[exact], color="#D55E00", linestyle="-", label="exactly")
    shown = rows[rows[drawn] > 0]
    axes.plot(shown["variance"], shown[drawn], linestyle="none", marker="o", markersize=4, markerfacecolor="white",
              color="black", label="estimate from the draws")  # fmt: skip


def _line(axes: Axes, x: np.ndarray, y: np.ndarray, name: str, style: str, below: bool = False) -> None:
    axes.plot(x, y, color="black", linestyle=style, linewidth=1.2)
    _name(axes, x, y, name, "black", below)


def _name(axes: Axes, x: np.ndarray, y: np.ndarray, name: str, color: str, below: bool = False) -> None:
    """Write a line's name above it, or below, near its right end."""
    place = int(0.97 * (len(x) - 1))
    axes.annotate(name, (x[place], y[place]), xytext=(0, -32 if below else 3), textcoords="offset points", ha="right",
                  fontsize=7.5, color=color)  # fmt: skip


def findings(table: DataFrame) -> str:
    """Say what share of the bounds a normal score uses where its variance is largest."""
    last = table[table["part"] == "variance"].sort_values("variance").iloc[-1]
    v = last["variance"]
    sharp = np.log(np.cosh(np.sqrt(v) / 2))
    return (
        f"At V = {v:g} the bias is {last['bias'] / np.sqrt(v):.0%} of the printed bound and {last['bias'] / sharp:.0%} "
        f"of the sharp one, the variance {last['spread'] / (4 * v):.0%} and {last['spread'] / v:.0%}."
    )
