"""Energy against sampling error across worlds: where energy-optimal is not error-optimal (arXiv 2509.13866)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from pandas import DataFrame, Series

from figures.looks import point, shortened
from synthetic.records import Record

EXPERIMENTS = ("energy_vs_error",)
LABELS = {
    "linear": "linear",
    "squared sine": "squared sine (energy-optimal)",
    "sine": "sine",
    "one minus cosine": "one minus cosine",
}
DEAREST, WORST = 1.0, 1.8
"""The largest excess of energy and of error that a panel of Beta shapes shows."""
CLOUDS = ("copied pairs", "repetition", "logit-like curve")


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw Beta schedules of three worlds above, the named schedules of every world below."""
    record = records["energy_vs_error"]
    table, steps = record.table, int(record.scalars["steps"])
    figure = pyplot.figure(figsize=(7.0, 7.0))
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.6])
    clouds = top.subplots(1, len(CLOUDS), sharex=True, sharey=True)
    for axes, world in zip(clouds, CLOUDS, strict=True):
        _cloud(axes, table[table["world"] == world])
        outside, shapes = _outside(table[(table["world"] == world) & (table["schedule"] == "Beta")])
        axes.set_title(f"{world}\n({outside} of {shapes} Beta shapes outside)", fontsize=8.5)
    clouds[0].set_ylabel("excess error over the best grid")
    clouds[1].set_xlabel(rf"excess energy of {steps} steps over the least, $\pi^2$")
    signs = Series({k.removesuffix("/sign"): v for k, v in record.scalars.items() if k.endswith("/sign")})
    _worlds(bottom.subplots(), table[table["schedule"] != "Beta"], signs, steps)
    figure.legend(*clouds[0].get_legend_handles_labels(), loc="outside upper center", ncol=5,
                  columnspacing=1.2, handletextpad=0.2, handlelength=1.8)  # fmt: skip
    return figure, shortened(table, "a", "b", "energy", "step_energy", "error")


def _cloud(axes: Axes, table: DataFrame) -> None:
    beta = table[table["schedule"] == "Beta"]
    axes.plot(beta["step_energy"], beta["error"], marker=".", markersize=2.5, color="0.55",
              linestyle="none", label="Beta$(a, b)$")  # fmt: skip
    for name, label in LABELS.items():
        row = table[table["schedule"] == name]
        axes.plot(row["step_energy"], row["error"], clip_on=False, zorder=3, **point(name, markersize=6, label=label))
    axes.set(xlim=(0, DEAREST), ylim=(0, WORST), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1, 1.5])
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _outside(beta: DataFrame) -> tuple[int, int]:
    """Return how many Beta shapes a panel leaves out, and how many there are."""
    return int(((beta["step_energy"] > DEAREST) | (beta["error"] > WORST)).sum()), len(beta)


def _worlds(axes: Axes, table: DataFrame, signs: Series, steps: int) -> None:
    """Draw one row a world, sorted by the sign, and the random laws together above them."""
    random = table[table["kind"] == "random"]
    order = signs.drop(random["world"].unique()).sort_values()
    for place, (world, sign) in enumerate(order.items()):
        rows = table[table["world"] == world].set_index("schedule")["error"]
        _world(axes, place, rows, float(sign))
    top = len(order) + 0.6
    _random_worlds(axes, top, random, signs[random["world"].unique()])
    label = f"random Dirichlet laws ({random['world'].nunique()})"
    axes.set_yticks([*range(len(order)), top], [*order.index, label])
    axes.set(xlabel=f"excess error of {steps} steps over the best grid", xlim=(0, 1.8), ylim=(-0.6, top + 1))
    axes.annotate("squared sine\nagainst linear", (1.01, 1), xycoords="axes fraction", fontsize=8, va="bottom")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(True)


def _world(axes: Axes, place: float, errors: Series, sign: float) -> None:
    """Draw the named schedules and a line from linear to squared sine, dashed where that is the better."""
    dashes = "-" if sign > 0 else (0, (2, 1.5))
    ends = errors[["linear", "squared sine"]]
    axes.plot(ends, [place] * 2, color="black", linewidth=1.2, linestyle=dashes, zorder=1)
    for name in LABELS:
        axes.plot(errors[name], place, clip_on=False, zorder=3, **point(name, markersize=5.5))
    _remark(axes, place, _percent(sign))


def _random_worlds(axes: Axes, place: float, table: DataFrame, signs: Series) -> None:
    """Draw all random laws in four lines about one place."""
    shifts = dict(zip(LABELS, np.linspace(0.6, -0.6, len(LABELS)), strict=True))
    for name, rows in table.groupby("schedule"):
        small = point(name, markersize=3.5, markeredgewidth=0.5)
        axes.plot(rows["error"], [place + shifts[name]] * len(rows), **small)
    _remark(axes, place, f"{_percent(signs.min())} to\n{_percent(signs.max())}")


def _remark(axes: Axes, place: float, text: str) -> None:
    axes.annotate(text, (1.02, place), xycoords=("axes fraction", "data"), fontsize=8, va="center")


def _percent(value: float) -> str:
    return f"{value:+.0%}".replace("-", "−")


def findings(table: DataFrame) -> str:
    """Say on how many worlds the schedule of least energy errs more than the linear one."""
    named = table[table["schedule"].isin(["linear", "squared sine"])]
    wide = named.pivot(index="world", columns="schedule", values="error")
    worse = int((wide["squared sine"] > wide["linear"]).sum())
    return f"Squared sine, whose energy is least, errs more than linear on {worse} of {len(wide)} worlds."
