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
PREDICTED = ("#CC79A7", "x")
RATIOS = {"noise": "noise\ntr $C$", "whole range": "temperature,\nwhole range"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw excess loss and temperature over the learning rate, and the methods' ratios of noise and temperature."""
    table = records["noise_temperature"].table
    shown = DataFrame(list(_summaries(table)))
    rates = sorted(table["rate"].unique())
    figure, panels = pyplot.subplots(2, 3, figsize=(8.0, 4.8), width_ratios=(1.2, 1.2, 0.8))
    for row, space in zip(panels, SPACES, strict=True):
        mine = shown[shown["space"] == space]
        for axes, quantity in zip(row, ("excess", "temperature"), strict=False):
            part = mine[mine["quantity"] == quantity]
            for k, (method, (color, marker)) in enumerate(METHODS.items()):
                _bars(axes, part[part["method"] == method], color, marker, method, 0.95 + 0.05 * k)
            axes.set(xscale="log", xlabel="learning rate", xlim=(rates[0] / 1.3, rates[-1] * 1.3))
            axes.axhline(0, color="black", linewidth=0.6)
            plain_ticks(axes.xaxis, rates)
            axes.grid(True)
        predicted = mine[(mine["quantity"] == "excess") & (mine["method"] == "predicted")]
        _bars(row[0], predicted, *PREDICTED, "1/t, predicted from counts by tr $C$", 1.05)
        row[0].set(ylabel=f"{SPACES[space]}\nexcess loss (nats)")
        row[1].set(ylabel="temperature $\\Delta U/\\Delta S$")
        row[1].ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
        _ratios(row[2], mine[mine["method"] == "ratio"])
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower left", ncol=3)
    return figure, shown


def _ratios(axes: Axes, rows: DataFrame) -> None:
    for k, quantity in enumerate(RATIOS):
        mine = rows[rows["quantity"] == quantity]
        _bars(axes, mine.assign(rate=float(k)), "black", "D", quantity, 1.0)
    axes.axhline(1, color="black", linewidth=0.6, linestyle=":")
    axes.set(ylabel="ratio, 1/t over counts", ylim=(0, None), xlim=(-0.6, 1.6))
    axes.set_xticks(range(len(RATIOS)), list(RATIOS.values()))
    axes.grid(True, axis="y")


def _bars(axes: Axes, rows: DataFrame, color: str, marker: str, label: str, aside: float) -> None:
    error = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
    axes.errorbar(
        aside * rows["rate"], rows["mean"], error, fmt=marker, color=color, capsize=2, linewidth=1, label=label
    )


def _summaries(table: DataFrame) -> Iterator[dict[str, object]]:
    """Yield means over seeds of excess losses and temperatures, and ratios of means, with intervals."""
    for space, mine in table.groupby("space", sort=False):
        excess = mine.pivot(index="seed", columns=["method", "rate"], values="excess")
        for method in METHODS:
            for rate, values in excess[method].items():
                yield _row(space, "excess", method, rate, columns(of_seeds(values.to_numpy())))
            rows = mine[mine["method"] == method]
            loss, entropy = (rows.pivot(index="seed", columns="rate", values=name) for name in ("loss", "entropy"))
            level = (loss.diff(axis=1) / entropy.diff(axis=1).mean()).iloc[:, 1:]  # a seed's own dS may vanish
            for before, (rate, values) in zip(list(loss.columns), level.items(), strict=False):
                yield _row(space, "temperature", method, np.sqrt(before * rate), columns(of_seeds(values.to_numpy())))
        noise = mine.groupby(["seed", "method"])["noise"].first().unstack()
        ratio = noise["1/t"] / noise["by count, strata"]
        yield _row(space, "noise", "ratio", np.nan, _exponentials(np.log(ratio).to_numpy()))
        for rate, values in excess["by count, strata"].items():
            yield _row(space, "excess", "predicted", rate, columns(of_seeds((ratio * values).to_numpy())))
        levels = mine.groupby("method").apply(_secants, include_groups=False)
        cooling = np.log(levels.loc["1/t"] / levels.loc["by count, strata"]).to_numpy()
        yield _row(space, "whole range", "ratio", np.nan, _exponentials(cooling))


def _secants(rows: DataFrame) -> Series:
    """Return T = dU/dS from the least to the largest learning rate, by seed."""
    loss, entropy = (rows.pivot(index="seed", columns="rate", values=name) for name in ("loss", "entropy"))
    return (loss.iloc[:, -1] - loss.iloc[:, 0]) / (entropy.iloc[:, -1] - entropy.iloc[:, 0])


def _row(space: object, quantity: str, method: str, rate: object, numbers: dict[str, float]) -> dict[str, object]:
    return {"space": space, "quantity": quantity, "method": method, "rate": rate, **numbers}


def _exponentials(logs: np.ndarray) -> dict[str, float]:
    return {name: float(np.exp(value)) for name, value in columns(of_seeds(logs)).items()}


def findings(table: DataFrame) -> str:
    """Say by how much noise and temperature fall, and the excess at the largest learning rate."""
    said = []
    for space, words in SPACES.items():
        mine = table[table["space"] == space].set_index(["quantity", "method"])["mean"]
        noise, heat = (float(mine[quantity, "ratio"].mean()) for quantity in RATIOS)
        last = mine["excess", "1/t"].iloc[-1] / mine["excess", "by count, strata"].iloc[-1]
        said.append(f"{words}: noise {noise:.1f}, temperature {heat:.1f}, excess loss {last:.1f} at the largest rate")
    return f"1/t over counts, {'; '.join(said)}."
