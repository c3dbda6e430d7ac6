"""How near preference optimisation with estimated scores comes to the exact optimum, by the masks it draws."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, plain_ticks, shortened
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("trained_preferences",)
LOOKS = {
    "1 x 1, own": ("#999999", "v", "white"), "1 x 1, shared": ("#999999", "v", "#999999"),
    "4 x 1, own": ("#0072B2", "o", "white"), "1 x 4, shared": ("#E69F00", "s", "#E69F00"),
    "2 x 2, shared": ("#009E73", "D", "#009E73"), "4 x 1, shared": ("#0072B2", "o", "#0072B2"),
    "8 x 1, shared": ("#CC79A7", "P", "#CC79A7"),
}  # fmt: skip
"""Colour, marker and its filling: open where policy and reference look at masks of their own."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the loss above the optimum over training steps, and at the end over the variance of the score."""
    rows = summary(records["trained_preferences"].table)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.0), sharey=True)
    last = rows["step"].max()
    for way, (color, marker, face) in LOOKS.items():
        mine = rows[rows["way"] == way]
        look = {"color": color, "marker": marker, "markerfacecolor": face, "markersize": 5}
        left.plot(mine["step"], mine["mean"], label=way, linewidth=1.2, linestyle="-", **look)
        end = mine[mine["step"] == last]
        around = [end["mean"] - end["low"].clip(lower=1e-4), end["high"] - end["mean"]]
        right.errorbar(end["variance"], end["mean"], yerr=around, capsize=2, linestyle="none", **look)
    left.set(xlabel="training steps", ylabel="loss above the least one (nats)")
    logarithmic(right, [0.003, 0.01, 0.03, 0.1, 0.5, 1, 2, 5, 10, 20])
    right.set_xlabel("variance of a pair's score")
    left.set_xticks(sorted(rows["step"].unique()))
    for axes in (left, right):
        _grid(axes)
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", title="levels x masks,\nand whose")
    return figure, shortened(rows, "mean", "low", "high", "variance")


def summary(table: DataFrame) -> DataFrame:
    """Return the mean loss above the optimum with its 95 % interval, by way and step, beside the score's variance."""
    spread = table[table["part"] == "variance"].groupby("way")["value"].mean()
    found = []
    for (way, step), mine in table[table["part"] == "trained"].groupby(["way", "step"], sort=False):
        loss = of_seeds(mine["value"].to_numpy())
        ends = {"mean": float(loss.mean), "low": float(loss.low), "high": float(loss.high)}
        found.append({"way": way, "step": int(step), **ends, "variance": float(spread[str(way)])})
    return DataFrame(found)


def _grid(axes: Axes) -> None:
    axes.grid(True)
    plain_ticks(axes.yaxis, [0.003, 0.005, 0.01, 0.02, 0.05, 0.1])


def findings(table: DataFrame) -> str:
    """Say how the ways end."""
    last = table[table["step"] == table["step"].max()].set_index("way")["mean"]
    eight, four, own, one = (last[way] for way in ("8 x 1, shared", "4 x 1, shared", "4 x 1, own", "1 x 1, shared"))
    return (
        f"Eight shared masks end {eight:.2g} nats above the least loss, four {four:.2g}, four of their own {own:.2g}, "
        f"one {one:.2g}. Bars are 95 % intervals over seeds."
    )
