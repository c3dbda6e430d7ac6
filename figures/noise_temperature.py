"""Masked diffusion models at constant learning rates: excess loss and temperature with two estimates of the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, Series

from figures._intervals import columns
from figures.looks import plain_ticks
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("noise_temperature",)
SPACES = {"free": "free weights", "sphere": "weights of one length"}
METHODS = {"1/t": ("#D55E00", "s"), "by count, strata": ("#0072B2", "o")}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw excess loss and temperature over the learning rate, and the methods' ratios beside that of their noise."""
    table = records["noise_temperature"].table
    shown = DataFrame(list(_summaries(table)))
    rates = sorted(table["rate"].unique())
    figure, panels = pyplot.subplots(2, 3, figsize=(8.0, 4.8))
    for row, space in zip(panels, SPACES, strict=True):
        mine = shown[shown["space"] == space]
        for axes, quantity in zip(row, ("excess", "temperature"), strict=False):
            for method, (color, marker) in METHODS.items():
                _bars(axes, mine[(mine["quantity"] == quantity) & (mine["method"] == method)], color, marker, method)
        row[0].set(yscale="log", ylabel=f"{SPACES[space]}\nexcess loss (nats)")
        row[1].set(ylabel="temperature $\\Delta U/\\Delta S$")
        row[1].axhline(0, color="black", linewidth=0.6)
        row[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        _bars(
            row[2],
            mine[(mine["quantity"] == "excess") & (mine["method"] == "ratio")],
            "black",
            "D",
            "of the excess loss",
        )
        _bars(row[2], mine[mine["quantity"] == "whole range"], "#009E73", "^", "of the temperature, whole range")
        noise = mine[mine["quantity"] == "noise"].iloc[0]
        row[2].axhspan(noise["low"], noise["high"], color="#CC79A7", alpha=0.3, linewidth=0)
        row[2].axhline(noise["mean"], color="#CC79A7", label="of the noise tr $C$: predicted")
        row[2].axhline(1, color="black", linewidth=0.6, linestyle=":")
        row[2].set(ylabel="ratio, 1/t over counts", ylim=(0, None))
        for axes in row:
            axes.set(xscale="log", xlabel="learning rate", xlim=(rates[0] / 1.3, rates[-1] * 1.3))
            plain_ticks(axes.xaxis, rates)
            axes.grid(True)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower left", ncol=2)
    figure.legend(*panels[0][2].get_legend_handles_labels(), loc="outside lower right", ncol=2)
    return figure, shown


def _bars(axes: Axes, rows: DataFrame, color: str, marker: str, label: str) -> None:
    error = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
    axes.errorbar(rows["rate"], rows["mean"], error, fmt=marker, color=color, capsize=2, linewidth=1, label=label)


def _summaries(table: DataFrame) -> Iterator[dict[str, object]]:
    """Yield geometric means over seeds of excess losses and ratios, and means of temperatures, with intervals."""
    for space, mine in table.groupby("space", sort=False):
        logs = np.log(mine.pivot(index="seed", columns=["method", "rate"], values="excess"))
        for method in METHODS:
            for rate, values in logs[method].items():
                yield _row(space, "excess", method, rate, _exponentials(values.to_numpy()))
            rows = mine[mine["method"] == method]
            loss, entropy = (rows.pivot(index="seed", columns="rate", values=name) for name in ("loss", "entropy"))
            level = (loss.diff(axis=1) / entropy.diff(axis=1)).iloc[:, 1:]
            for before, (rate, values) in zip(list(loss.columns), level.items(), strict=False):
                yield _row(space, "temperature", method, np.sqrt(before * rate), columns(of_seeds(values.to_numpy())))
        for rate, values in (logs["1/t"] - logs["by count, strata"]).items():
            yield _row(space, "excess", "ratio", rate, _exponentials(values.to_numpy()))
        noise = mine.groupby(["seed", "method"])["noise"].first().unstack()
        ratio = np.log(noise["1/t"] / noise["by count, strata"]).to_numpy()
        yield _row(space, "noise", "ratio", np.nan, _exponentials(ratio))
        levels = mine.groupby("method").apply(_secants, include_groups=False)
        cooling = np.log(levels.loc["1/t"] / levels.loc["by count, strata"]).to_numpy()
        middle = np.sqrt(mine["rate"].min() * mine["rate"].max())
        yield _row(space, "whole range", "ratio", middle, _exponentials(cooling))


def _secants(rows: DataFrame) -> Series:
    """Return T = dU/dS from the least to the largest learning rate, by seed."""
    loss, entropy = (rows.pivot(index="seed", columns="rate", values=name) for name in ("loss", "entropy"))
    return (loss.iloc[:, -1] - loss.iloc[:, 0]) / (entropy.iloc[:, -1] - entropy.iloc[:, 0])


def _row(space: object, quantity: str, method: str, rate: object, numbers: dict[str, float]) -> dict[str, object]:
    return {"space": space, "quantity": quantity, "method": method, "rate": rate, **numbers}


def _exponentials(logs: np.ndarray) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in columns(of_seeds(logs)).items()}


def findings(table: DataFrame) -> str:
    """Say by how much noise and excess fall."""
    said = []
    for space, words in SPACES.items():
        mine = table[(table["space"] == space) & (table["method"] == "ratio")]
        part = {quantity: rows["mean"] for quantity, rows in mine.groupby("quantity")}
        span = f"{part['excess'].min():.1f} to {part['excess'].max():.1f}"
        heat = part["whole range"].iloc[0]
        said.append(f"{words}: noise {part['noise'].iloc[0]:.1f}, excess loss {span}, temperature {heat:.1f}")
    return f"1/t over counts, {'; '.join(said)}."
