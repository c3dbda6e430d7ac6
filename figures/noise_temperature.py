"""Masked diffusion models at constant learning rates: excess loss and temperature with two estimates of the loss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

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
    figure, panels = pyplot.subplots(2, 3, figsize=(8.0, 4.8))
    for row, space in zip(panels, SPACES, strict=True):
        mine = shown[shown["space"] == space]
        for axes, quantity, label in zip(
            row, ("excess", "temperature"), ("excess loss (nats)", "temperature"), strict=False
        ):
            for method, (color, marker) in METHODS.items():
                _bars(axes, mine[(mine["quantity"] == quantity) & (mine["method"] == method)], color, marker, method)
            axes.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=label)
            plain_ticks(axes.xaxis, sorted(table["rate"].unique()))
            axes.grid(True)
        row[0].set_ylabel(f"{SPACES[space]}\nexcess loss (nats)")
        for quantity, color, marker in (("excess", "black", "D"), ("temperature", "#009E73", "^")):
            name = {"excess": "of the excess loss", "temperature": "of the temperature"}[quantity]
            _bars(row[2], mine[(mine["quantity"] == quantity) & (mine["method"] == "ratio")], color, marker, name)
        noise = mine[mine["quantity"] == "noise"].iloc[0]
        row[2].axhspan(noise["low"], noise["high"], color="#CC79A7", alpha=0.3, linewidth=0)
        row[2].axhline(noise["mean"], color="#CC79A7", label="of the noise tr $C$: predicted")
        row[2].axhline(1, color="black", linewidth=0.6, linestyle=":")
        row[2].set(xscale="log", xlabel="learning rate", ylabel="ratio, 1/t over counts", ylim=(0, None))
        plain_ticks(row[2].xaxis, sorted(table["rate"].unique()))
        row[2].grid(True)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower left", ncol=2)
    figure.legend(*panels[0][2].get_legend_handles_labels(), loc="outside lower right", ncol=3)
    return figure, shown


def _bars(axes: Axes, rows: DataFrame, color: str, marker: str, label: str) -> None:
    error = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
    axes.errorbar(rows["rate"], rows["mean"], error, fmt=marker, color=color, capsize=2, linewidth=1, label=label)


def _summaries(table: DataFrame) -> Iterator[dict[str, object]]:
    """Yield geometric means over seeds with intervals; a ratio is that of one seed's methods."""
    table = table.assign(
        temperature=np.sqrt(table["low"].where(table["low"] > 0) * table["high"].where(table["high"] < np.inf))
    )
    for space, mine in table.groupby("space", sort=False):
        for quantity in ("excess", "temperature"):
            logs = {method: _logs(rows, quantity) for method, rows in mine.groupby("method")}
            for method, values in (*logs.items(), ("ratio", logs["1/t"] - logs["by count, strata"])):
                for rate, by_seed in values.items():
                    kept = by_seed.dropna().to_numpy()
                    if len(kept) > 1:
                        yield {
                            "space": space,
                            "quantity": quantity,
                            "method": method,
                            "rate": rate,
                            **_exponentials(kept),
                        }
        noise = mine.groupby(["seed", "method"])["noise"].first().unstack()
        logs = np.log(noise["1/t"] / noise["by count, strata"]).to_numpy()
        yield {"space": space, "quantity": "noise", "method": "ratio", "rate": np.nan, **_exponentials(logs)}


def _logs(rows: DataFrame, quantity: str) -> DataFrame:
    """Return the logarithms by seed and rate; numbers that are not positive have none."""
    wide = rows.pivot(index="seed", columns="rate", values=quantity)
    return np.log(wide.where(wide > 0))


def _exponentials(logs: np.ndarray) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in columns(of_seeds(logs)).items()}


def findings(table: DataFrame) -> str:
    """Say by how much noise, excess and temperature fall."""
    said = []
    for space, words in SPACES.items():
        mine = table[(table["space"] == space) & (table["method"] == "ratio")]
        part = {quantity: rows["mean"] for quantity, rows in mine.groupby("quantity")}
        span = [f"{part[name].min():.1f} to {part[name].max():.1f}" for name in ("excess", "temperature")]
        said.append(f"{words}: noise {part['noise'].iloc[0]:.1f}, excess loss {span[0]}, temperature {span[1]}")
    return f"1/t over counts, {'; '.join(said)}."
