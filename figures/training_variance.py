"""Where the variance of the training loss comes from, level by level, and what lowers it at equal passes."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("training_losses",)
SOURCES = {
    "mask": ("mask noise", "#0072B2", ""),
    "level": ("level noise", "#E69F00", "//"),
    "data": ("data noise", "#999999", ".."),
}
METHODS = {
    "standard": ("#000000", "-", "o"), "standard, mirrored masks": ("#000000", "--", "s"),
    "P-POTS": ("#0072B2", "-", "o"), "P-POTS, mirrored masks": ("#0072B2", "--", "s"),
    "by count": ("#D55E00", "-", "o"), "by count, strata": ("#D55E00", "-.", "^"),
    "by count, strata, opposite": ("#D55E00", ":", "D"),
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a method with the sources stacked over the level, and below the variance over passes."""
    record = records["training_losses"]
    table = record.table
    worlds = list(dict.fromkeys(table["world"]))
    dense = table[(table["part"] == "density") & (table["world"] == worlds[0])]
    names = list(dict.fromkeys(dense["name"]))
    figure = pyplot.figure(figsize=(7.0, 5.4))
    above, below = figure.subfigures(2, 1, height_ratios=(1, 1.25))
    panels = above.subplots(1, len(names), sharey=True, squeeze=False)[0]
    top = max(float(dense[list(SOURCES)].sum(axis=1).max()) * 1.05, 1e-9)
    for axes, name in zip(panels, names, strict=True):
        _stack(axes, dense[dense["name"] == name], top)
        axes.set_title(name.replace(", ", ",\n"))
    panels[0].set_ylabel("variance for each\nunit of ln t (nats²)")
    above.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    methods = table[table["part"] == "method"]
    lower = below.subplots(1, len(worlds), squeeze=False)[0]
    for axes, world in zip(lower, worlds, strict=True):
        _passes(axes, methods[methods["world"] == world], float(record.scalars[f"{world}/least"]))
        axes.set_title(world)
    lower[0].set_ylabel("mask and level noise (nats²)")
    below.legend(*lower[0].get_legend_handles_labels(), loc="outside lower center", ncol=2)
    kept = table[table["part"] != "loss"]
    return figure, shortened(kept, "t", "share", "mask", "level", "data", "growth")


def _stack(axes: Axes, rows: DataFrame, top: float) -> None:
    base = 0 * rows["t"]
    for source, (label, color, hatch) in SOURCES.items():
        upper = base + rows[source]
        axes.fill_between(rows["t"], base, upper, color=color, hatch=hatch, edgecolor="white", lw=0, label=label)
        base = base + rows[source]
    axes.plot(rows["t"], base, color="black", linewidth=0.8, linestyle="-")
    axes.set(xscale="log", xlabel="masking level t", ylim=(0, top))
    plain_ticks(axes.xaxis, [0.001, 0.01, 0.1, 1])


def _passes(axes: Axes, rows: DataFrame, least: float) -> None:
    for name, (color, style, marker) in METHODS.items():
        mine = rows[rows["name"] == name].sort_values("passes")
        axes.plot(mine["passes"], mine["mask"] + mine["level"], color=color, linestyle=style, marker=marker, label=name,
                  markerfacecolor="white" if style != "-" else color)  # fmt: skip
    passes = sorted(rows["passes"].unique())
    axes.plot(passes, [least / n for n in passes], color="0.55", linewidth=4, alpha=0.5, linestyle="-", zorder=1,
              label="best density of levels, exactly")  # fmt: skip
    logarithmic(axes, [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100])
    plain_ticks(axes.xaxis, passes)
    axes.set_xlabel("passes of the denoiser")
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say what the methods leave of the standard loss's mask and level noise at the most passes."""
    methods = table[table["part"] == "method"]
    most = methods[methods["passes"] == methods["passes"].max()]
    noise = most.assign(noise=most["mask"] + most["level"]).pivot(index="world", columns="name", values="noise")
    shares = noise.div(noise["standard"], axis=0)
    said = [
        f"{name} leaves {shares[name].min():.0%} to {shares[name].max():.0%}"
        for name in ("P-POTS", "by count", "by count, strata, opposite")
        if name in shares
    ]
    return f"Of the standard loss's mask and level noise at {most['passes'].max():g} passes {', '.join(said)}."
