"""What a density of masking levels that was fitted once is worth on later models of the same run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.experiments.stale_levels import UNFITTED
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("stale_levels",)
COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2")
MARKERS = ("o", "s", "^", "D", "v")


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw, for each task, variance over that of the best density, by the steps of the model and of the fit."""
    rows = ratios(records["stale_levels"].table)
    tasks = list(dict.fromkeys(rows["task"]))
    figure, panels = pyplot.subplots(1, len(tasks), figsize=(7.0, 2.8), sharey=True, squeeze=False)
    steps = sorted(rows["used"].unique())
    for axes, task in zip(panels[0], tasks, strict=True):
        for k, fitted in enumerate([UNFITTED, *steps]):
            mine = rows[(rows["task"] == task) & (rows["fitted"] == fitted)].sort_values("used")
            around = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
            plain = fitted == UNFITTED
            look = (
                {"color": "black", "linestyle": "--"} if plain else {"color": COLOURS[k - 1], "marker": MARKERS[k - 1]}
            )
            label = "uniform levels" if plain else f"fitted after {fitted} steps"
            axes.errorbar(range(len(steps)), mine["mean"], yerr=around, capsize=2, markersize=4, label=label, **look)
        axes.set_title(task)
        axes.set_xticks(range(len(steps)), [str(step) for step in steps])
        axes.set_xlabel("training steps of the model")
        axes.set_yscale("log")
        plain_ticks(axes.yaxis, [1, 1.5, 2, 3, 5, 10])
        axes.grid(True)
    panels[0, 0].set_ylabel("variance over that of\nthe model's own density")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside right center")
    return figure, shortened(rows, "mean", "low", "high")


def ratios(table: DataFrame) -> DataFrame:
    """Return the variance under each density over that under the model's own, with 95 % intervals over seeds."""
    rows = []
    for (task, used), mine in table.groupby(["task", "used"], sort=False):
        wide = np.log(mine.pivot(index="seed", columns="fitted", values="variance"))
        for fitted in wide.columns:
            ratio = of_seeds((wide[fitted] - wide[used]).to_numpy())
            mean, low, high = (float(np.exp(end)) for end in (ratio.mean, ratio.low, ratio.high))
            rows.append({"task": task, "used": used, "fitted": fitted, "mean": mean, "low": low, "high": high})
    return DataFrame(rows)


def findings(table: DataFrame) -> str:
    """Say what the density of the untrained model costs at the end."""
    last = table[table["used"] == table["used"].max()]
    early, uniform = (last[last["fitted"] == fitted].set_index("task")["mean"] for fitted in (0, UNFITTED))
    said = [f"{early[task]:.2f} on the {task} ({uniform[task]:.2f} with uniform levels)" for task in early.index]
    return f"Fitted before training, the density gives the trained model a variance of {' and '.join(said)}."
