"""Scale-invariant networks on digits at constant learning rates: loss, entropy, temperature, signal (2505.23489)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("small_networks",)
NAMES = {"under": "too narrow", "over": "wide enough"}
LOOKS = (("#000000", "-"), ("#0072B2", "--"), ("#009E73", "-."), ("#D55E00", (0, (5, 1, 1, 1, 1, 1))))
SHOWN = (0.003, 0.01, 0.03, 0.1)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw U, S, T between neighbouring learning rates and the course of the signal, a row for each kind of network."""
    table = records["small_networks"].table
    rows = list(_summaries(table))
    shown = DataFrame(rows)
    figure, panels = pyplot.subplots(2, 4, figsize=(10.0, 4.8))
    for row, kind in zip(panels, NAMES, strict=True):
        for axes, quantity, label in zip(
            row, ("loss", "entropy", "temperature"),
            (f"{NAMES[kind]}\nloss $U$ (nats)", "entropy $S$ (nats)", "temperature $\\Delta U/\\Delta S$"),
            strict=False,
        ):  # fmt: skip
            mine = shown[(shown["kind"] == kind) & (shown["quantity"] == quantity)]
            error = (mine["mean"] - mine["low"], mine["high"] - mine["mean"])
            axes.errorbar(mine["rate"], mine["mean"], error, fmt="o", color="#0072B2", capsize=2, linewidth=1)
            axes.set(xscale="log", xlim=(0.002, 0.5), xlabel="learning rate", ylabel=label)
            axes.grid(True)
        row[2].set_yscale("symlog", linthresh=1e-5)
        row[2].axhline(0, color="black", linewidth=0.8)
        row[2].set_ylim(top=0.03)
        if kind == "over":
            row[0].set_yscale("log")
        _signal(row[3], shown[(shown["kind"] == kind) & (shown["quantity"] == "signal")])
    handles, labels = panels[0][3].get_legend_handles_labels()
    figure.legend(handles, labels, title="learning rate (right column)", loc="outside lower right", ncol=4)
    return figure, shown


def _signal(axes: Axes, rows: DataFrame) -> None:
    for rate, (color, line) in zip(SHOWN, LOOKS, strict=True):
        mine = rows[np.isclose(rows["rate"], rate)]
        axes.plot(mine["step"], mine["mean"], color=color, linestyle=line, linewidth=1.2, label=f"{rate:g}")
        axes.fill_between(
            mine["step"], mine["low"].clip(lower=0.03), mine["high"], color=color, alpha=0.15, linewidth=0
        )
    axes.set(xscale="log", yscale="log", xlabel="step", ylabel="signal to noise", ylim=(0.04, 3))
    axes.grid(True)


def _summaries(table: DataFrame) -> Iterator[dict[str, object]]:
    for kind, mine in table.groupby("kind", sort=False):
        ends = mine[mine["part"] == "end"]
        loss, entropy = (ends.pivot(index="rate", columns="chain", values=name) for name in ("loss", "entropy"))
        risen = entropy - entropy.iloc[0]
        slopes = loss.diff() / entropy.diff()
        between = np.sqrt(loss.index.to_numpy()[1:] * loss.index.to_numpy()[:-1])
        for rate, values in loss.iterrows():
            yield {"kind": kind, "quantity": "loss", "rate": rate, **columns(of_seeds(values.to_numpy()))}
        for rate, values in risen.iloc[1:].iterrows():
            yield {"kind": kind, "quantity": "entropy", "rate": rate, **columns(of_seeds(values.to_numpy()))}
        for rate, (_, values), (_, steps) in zip(
            between, slopes.iloc[1:].iterrows(), entropy.diff().iloc[1:].iterrows(), strict=True
        ):
            if (steps > 0).all():
                yield {"kind": kind, "quantity": "temperature", "rate": rate, **columns(of_seeds(values.to_numpy()))}
        course = mine[(mine["part"] == "course")]
        for (rate, step), group in course.groupby(["rate", "step"]):
            if np.isclose(rate, SHOWN).any():
                yield {
                    "kind": kind,
                    "quantity": "signal",
                    "rate": rate,
                    "step": step,
                    **columns(of_seeds(group["snr"].to_numpy())),
                }


def findings(table: DataFrame) -> str:
    """Say where the loss of the wide networks jumps."""
    loss = table[(table["kind"] == "over") & (table["quantity"] == "loss")].sort_values("rate").reset_index()
    jump = int(np.log(loss["mean"]).diff().idxmax())
    return (
        f"The loss of the wide networks rises from {loss['mean'][jump - 1]:.1g} to {loss['mean'][jump]:.1g} nats "
        f"between the learning rates {loss['rate'][jump - 1]:g} and {loss['rate'][jump]:g}."
    )
