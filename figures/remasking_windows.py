"""Where the loop's plateau should begin, end and lie, with guidance and without (arXiv 2510.08369, App. C.2)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from figures.samplers import MARK, SAMPLERS, decades
from synthetic.records import Record

EXPERIMENTS = ("remasking_windows",)
PARTS = {
    "t_on": "$t_\\mathrm{on}$, the plateau's begin",
    "t_off": "$t_\\mathrm{off}$, the plateau's end",
    "alpha_on": "$\\alpha_\\mathrm{on}$, the plateau's level",
}
LABELS = {
    "star": "unguided, independent masks",
    "fixed count": "unguided, fixed count",
    "guided": "guided, fixed count",
}
FLOOR = 1e-7
"""The least KL that is drawn; smaller ones stand at it."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw a row for each number of steps and a column for each constant of the loop, a line for each sampler."""
    record = records["remasking_windows"]
    table = record.table
    steps = list(table["steps"].unique())
    figure, panels = pyplot.subplots(
        len(steps), len(PARTS), figsize=(7.0, 2.4 * len(steps) + 0.7), sharex="col", sharey="row", squeeze=False
    )
    for row, count in zip(panels, steps, strict=True):
        for axes, part in zip(row, PARTS, strict=True):
            _lines(axes, table[(table["part"] == part) & (table["steps"] == count)])
            axes.axhline(record.scalars[f"{count}/kl"], color="black", linewidth=1, linestyle=":",
                         label="masked diffusion")  # fmt: skip
            axes.axvline(record.scalars[part], color="0.85", linewidth=5, zorder=0, label="value of the papers")
        row[0].set_ylabel(f"$T$ = {count}\nKL of data from output (nats)")
        decades(row[0].yaxis)
    for axes, (part, label) in zip(panels[-1], PARTS.items(), strict=True):
        axes.set_xlabel(label)
        low, high = (table.loc[table["part"] == part, "value"].agg(end) for end in ("min", "max"))
        axes.set_xlim(low - 0.03, high + 0.03)
        if part != "alpha_on":
            axes.invert_xaxis()
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    diffusion = [record.scalars[f"{count}/kl"] for count in table["steps"]]
    return figure, shortened(table, "kl", "tv", "entropy").assign(masked_diffusion=diffusion)


def findings(table: DataFrame) -> str:
    """Say where each sampler's KL is least, by the number of steps, beside that of masked diffusion."""
    said = []
    for steps, rows in table.groupby("steps"):
        best = []
        for sampler, mine in rows.groupby("sampler", sort=False):
            least = mine.loc[mine["kl"].idxmin()]
            best.append(f"{least['kl']:.2g} ({LABELS[sampler]}, {least['part']} = {least['value']:.2g})")
        said.append(f"at T = {steps} {', '.join(best)} and {rows['masked_diffusion'].iloc[0]:.2g} for masked diffusion")
    return f"The least KL of each sampler, in nats and over all panels: {'; '.join(said)}."


def _lines(axes: Axes, table: DataFrame) -> None:
    for sampler, rows in table.groupby("sampler", sort=False):
        every = max(1, len(rows) // 10)
        axes.plot(rows["value"], rows["kl"].clip(lower=FLOOR), label=LABELS[sampler], linewidth=1.3, markevery=every,
                  **SAMPLERS[sampler], **MARK)  # fmt: skip
    axes.set_yscale("log")
    axes.grid(True)
