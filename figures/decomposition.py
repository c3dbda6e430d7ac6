"""Model error and joint dependence error of trained models, their bounds, and the Monte-Carlo check (arXiv 2505.24857).

The errors are those of eq. (7), summed along paths of the data; the bound is eq. (8).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import span
from figures.looks import EDGE, plain_ticks, shortened
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("decomposition",)
TASKS = ("small/Markov chain", "small/copied pairs", "small/digit patches")
BY = "entropy"
ROUNDING = 1e-12
"""Nats; sums of a few hundred terms of order one cancel to less than this in double precision."""
NAMES = ["nfe", "model_error", "joint_dependence", "bound", "model_bound", "total"]


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one panel a task with EB's stacked errors over E[NFE], and one with the estimates' deviations."""
    record = records["decomposition"]
    table = record.table.assign(total=record.table["model_error"] + record.table["joint_dependence"])
    figure, panels = pyplot.subplots(2, 2, figsize=(7.0, 5.2))
    shown = [task for task in TASKS if task in set(table["task"])]
    for axes, task in zip(panels.flat, shown, strict=False):
        _errors(axes, table[(table["task"] == task) & (table["by"] == BY)])
        axes.set_title(f"{task.removeprefix('small/')}, {table['seed'].nunique()} models, order by {BY}")
    for axes in panels.flat[len(shown) : 3]:
        axes.set_axis_off()
    _deviations(panels[1, 1], table)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=3)
    return figure, shortened(record.table, *NAMES[:-1], "kl", "slack", "mc_path", "mc_error")


def findings(table: DataFrame) -> str:
    """Say how much of the entropy bound the joint dependence error of EB is, and the least room anywhere."""
    mine = table[(table["family"] == "EB") & (table["bound"] > 1e-6)]
    room = table["slack"].min()
    least = "no" if abs(room) < ROUNDING else f"{room:.2g} nats of"
    if mine.empty:
        return (
            f"EB's entropy bound is zero everywhere; the closest bound, at any step of any rule, leaves {least} room."
        )
    share = mine["joint_dependence"].sum() / mine["bound"].sum()
    return (
        f"Over all tasks, models and budgets EB's joint dependence error is {share:.0%} of its entropy bound; where "
        f"the bound is closest, at any step of any rule, it leaves {least} room."
    )


def _errors(axes: Axes, table: DataFrame) -> None:
    eb, top = (_means(table[table["family"] == family]) for family in ("EB", "Top-k"))
    top = top.sort_index().drop_duplicates("nfe")  # Top-4 needs two steps like Top-3, with more error
    error, total = eb["model_error"], eb["total"]
    axes.fill_between(eb["nfe"], error, color="#E69F00", alpha=0.75, linewidth=0, label="model error")
    axes.fill_between(eb["nfe"], error, total, facecolor="#56B4E9", hatch="///", edgecolor="#0072B2", linewidth=0,
                      label="joint dependence error")  # fmt: skip
    for name, line, label in (("bound", "--", "entropy bound"), ("model_bound", ":", "the model's own bound")):
        axes.plot(eb["nfe"], error + eb[name], color="black", linestyle=line, label=f"model error + {label}")
    bars = {"fmt": "none", "ecolor": "black", "elinewidth": 0.8, "capsize": 2}
    for mine, look in (
        (eb, {"marker": "D", "markerfacecolor": "#0072B2", "markersize": 4, "label": "EB, both errors"}),
        (top, {"marker": "o", "markerfacecolor": "#D55E00", "markersize": 5, "label": "Top-$k$, both errors"}),
    ):
        axes.errorbar(mine["nfe"], mine["total"], (mine["total"] - mine["low"], mine["high"] - mine["total"]), **bars)
        axes.plot(mine["nfe"], mine["total"], clip_on=False, **{**EDGE, **look})
    most = round(top["nfe"].max())
    plain_ticks(axes.xaxis, list(range(1, most + 1, 1 + most // 8)))
    axes.set(xlabel="E[NFE]", xlim=(0.7, most + 0.3), ylabel="errors along data paths (nats)")
    axes.set_ylim(0, 1.08 * max(top["high"].max(), (error + eb["bound"]).max(), (error + eb["model_bound"]).max()))
    axes.grid(True)


def _means(table: DataFrame) -> DataFrame:
    """Return the rules' means over seeds by ascending E[NFE], with the interval of the total."""
    found = table.groupby("parameter")[NAMES].mean()
    spans = [span(of_seeds(rows["total"].to_numpy())) for _, rows in table.groupby("parameter")]
    found = found.assign(low=[low for low, _ in spans], high=[high for _, high in spans])
    return found.sort_values("nfe")


def _deviations(axes: Axes, table: DataFrame) -> None:
    drawn = table[table["mc_error"] > 1e-9]
    z = (drawn["mc_path"] - drawn["total"]) / drawn["mc_error"]
    inside = float((z.abs() <= 1.96).mean())
    edges = np.linspace(-4, 4, 17)
    axes.hist(z.clip(-3.99, 3.99), edges, density=True, color="#56B4E9", edgecolor="black", linewidth=0.6, hatch="///")
    grid = np.linspace(-4, 4, 200)
    axes.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color="black", linestyle="--")
    axes.set(xlabel="(estimate - exact value) / standard error", ylabel="density", xlim=(-4, 4))
    axes.set_title(f"Monte Carlo: {inside:.0%} of {len(z):,} within 1.96")
