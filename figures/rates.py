"""MDM's marginal rate against the optimal rates on three graphs of states, as a table (arXiv 2509.13866, App. D.6)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("rates",)
RATES = {
    "MDM": "MDM's own rate",
    "one-token unmasking": "best, unmasking\none token at a time",
    "any one-token change": "best, changing\none token at a time",
    "all pairs": "best, between\nany two states",
}
LEFT, WIDTH = 0.17, 0.215
"""Where the first column of numbers is centred less half of its width, and the width of a column."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Write mean energies and their ranges over the drawn laws, a row a size and a column a set of rates."""
    table = records["rates"].table
    summary = table.groupby(["n", "d", "rate"], sort=False)["energy"].agg(["mean", "min", "max"]).reset_index()
    sizes = list(summary.groupby(["n", "d"], sort=False))
    figure, axes = pyplot.subplots(figsize=(7.0, 0.28 * len(sizes) + 0.8))
    axes.set(xlim=(0, LEFT + WIDTH * len(RATES)), ylim=(len(sizes) - 0.4, -2.1))
    axes.set_axis_off()
    axes.text(0.02, -1.2, "size", va="center", fontsize=9)
    for k, title in enumerate(RATES.values()):
        axes.text(LEFT + (k + 0.5) * WIDTH, -1.2, title, ha="center", va="center", fontsize=9)
    for height in (-1.95, -0.45, len(sizes) - 0.45):
        axes.axhline(height, color="black", linewidth=0.8)
    for row, ((n, d), rows) in enumerate(sizes):
        axes.text(0.02, row, f"$n = {n}$, $d = {d}$", va="center", fontsize=9)
        for k, rate in enumerate(RATES):
            one = rows[rows["rate"] == rate].iloc[0]
            axes.text(LEFT + (k + 0.5) * WIDTH, row, _cell(one), ha="center", va="center", fontsize=9)
    return figure, summary


def _cell(row: DataFrame) -> str:
    """Return a mean, with its range where the laws differ."""
    spread = row["max"] - row["min"] > 1e-6 * row["mean"]
    return f"{_short(row['mean'])} ({row['min']:.3g} to {row['max']:.3g})" if spread else _short(row["mean"])


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 1e-6 * value else f"{value:.3g}"


def findings(table: DataFrame) -> str:
    """Say how far below MDM's the least energies lie at the largest size."""
    n, d = table.iloc[-1][["n", "d"]]
    mine = table[(table["n"] == n) & (table["d"] == d)].set_index("rate")["mean"]
    one, any_pair = (1 - mine[rate] / mine["MDM"] for rate in ("one-token unmasking", "all pairs"))
    return (
        f"At n = {n}, d = {d} the best rates that unmask one token at a time need {one:.0%} less energy than MDM's, "
        f"and those between any two states {any_pair:.0%} less."
    )
