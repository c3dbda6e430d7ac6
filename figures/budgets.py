"""EB over its budget: six atoms where E[NFE] rises and KL falls, and how often that happens (arXiv 2505.24857)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("budgets",)
RATES = {
    "nfe rises": "E[NFE] rises with\nthe budget somewhere",
    "kl falls": "KL falls with the\nbudget somewhere",
    "above hull": "EB above the\nTop-$k$ hull",
    "below hull": "EB below the\nTop-$k$ hull",
}
JUMP = (0.40, 0.45)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the sweep of the six atoms on the left, the rates of the random families on the right."""
    record = records["budgets"]
    table = record.table
    figure = pyplot.figure(figsize=(7.0, 3.7))
    grid = figure.add_gridspec(2, 2, width_ratios=[1.25, 1])
    calls = figure.add_subplot(grid[0, 0])
    errors = figure.add_subplot(grid[1, 0], sharex=calls)
    sweep = table[table["part"] == "sweep"]
    calls.step(sweep["budget"], sweep["nfe"], where="post", color="#0072B2", label="under the sampler")
    calls.step(sweep["budget"], sweep["nfe_data"], where="post", color="black", linestyle=":", label="under the data")
    errors.step(sweep["budget"], sweep["kl"], where="post", color="#0072B2")
    for axes, name, below in ((calls, "nfe", -11), (errors, "kl", 5)):
        _jump(axes, [float(record.scalars[f"{budget:.2f}/{name}"]) for budget in JUMP], below)
        axes.grid(True)
    calls.set(ylabel="E[NFE]", ylim=(0.8, 5), title="six atoms, $n = 5$, exact conditionals")
    calls.tick_params(labelbottom=False)
    calls.legend(loc="lower left")
    errors.set(xlabel="budget (nats)", ylabel="exact KL (nats)", xlim=(0, sweep["budget"].max()), ylim=(0, None))
    shares = figure.add_subplot(grid[:, 1])
    families = [str(family) for family in table["family"].unique() if family != "six atoms"]
    _rates(shares, record, families)
    shares.set_title(f"{int(record.scalars[f'{families[0]}/laws'])} random laws a family, $n = 5$")
    figure.legend(*shares.get_legend_handles_labels(), loc="outside upper right", ncol=3)
    return figure, shortened(table, "budget", "nfe", "nfe_data", "kl", "above", "below")


def _jump(axes: Axes, values: list[float], first: int) -> None:
    """Mark the values on both sides of the jump."""
    for budget, value, place in zip(JUMP, values, ((-4, first), (5, 5)), strict=True):
        axes.plot(budget, value, "o", color="black", markersize=3.5, zorder=4)
        axes.annotate(f"{value:.3f}", (budget, value), xytext=place, textcoords="offset points", fontsize=8,
                      ha="right" if budget == JUMP[0] else "left")  # fmt: skip


def _rates(axes: Axes, record: Record, families: list[str]) -> None:
    height = 0.8 / len(families)
    looks = (("#56B4E9", "///"), ("#E69F00", ""), ("white", "..."))
    for k, (family, (color, hatch)) in enumerate(zip(families, looks, strict=True)):
        shares = [float(record.scalars[f"{family}/{what}"]) for what in RATES]
        places = [row - 0.4 + height * (k + 0.5) for row in range(len(RATES))]
        bars = axes.barh(
            places, shares, height, color=color, hatch=hatch, edgecolor="black", linewidth=0.6, label=family
        )
        axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=3, fontsize=8)
    axes.set_yticks(range(len(RATES)), list(RATES.values()))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.0), xlabel="share of cases")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
