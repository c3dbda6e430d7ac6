"""Cumulative entropy against the likelihood and against the error of what is drawn, rule by rule (arXiv 2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame, concat

from synthetic.itemised import unpack
from synthetic.records import Record

EXPERIMENTS = ("trained_infogain",)
MEASURES = {"log_likelihood": r"mean $\ln p(x)$ of the" "\noutput (nats)", "kl": "KL of output from\ndata law (nats)"}
RULES: dict[str, dict[str, Any]] = {
    "entropy-greedy": {"color": "#000000", "marker": "x"},
    "Top-k": {"color": "#56B4E9", "marker": "s"},
    "Info-Gain, N = k": {"color": "#F0E442", "marker": "v"},
    "Info-Gain, N = 1": {"color": "white", "marker": "o"},
    "Best-of-N": {"color": "#009E73", "marker": "D"},
    "look-ahead": {"color": "#E69F00", "marker": "^"},
    "sum form": {"color": "#0072B2", "marker": "o"},
    "mean form": {"color": "#CC79A7", "marker": "P"},
}

LABELS = {
    "Top-k": "Top-$k$",
    "Info-Gain, N = k": "Info-Gain, $N$ = $k$",
    "Info-Gain, N = 1": "Info-Gain, $N$ = 1",
    "Best-of-N": "Best-of-$N$",
    "look-ahead": "Info-Gain, look-ahead",
    "sum form": "Info-Gain, sum",
    "mean form": "Info-Gain, mean (paper)",
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw one column a task: every rule and seed a mark, over the mean cumulative entropy of what it draws."""
    points = measured(records["trained_infogain"].table)
    together = correlations(points)
    tasks = list(dict.fromkeys(points["task"]))
    figure, panels = pyplot.subplots(2, len(tasks), figsize=(7.0, 4.5), sharex="col", squeeze=False)
    for column, task in zip(panels.T, tasks, strict=True):
        mine, known = points[points["task"] == task], together[together["task"] == task]
        for axes, measure in zip(column, MEASURES, strict=True):
            _panel(axes, mine, measure, known.set_index("measure").loc[measure, "mean"])
        column[0].set_title(task.removeprefix("small/"), fontsize=8.5)
    for axes, label in zip(panels[:, 0], MEASURES.values(), strict=True):
        axes.set_ylabel(label, fontsize=8)
    figure.supxlabel(r"mean cumulative entropy $\tilde H$ of what a rule draws (nats)", fontsize=8.5)
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper center", ncol=4, fontsize=7.5)
    table = concat((points.assign(part="rule"), together.assign(part="correlation")), ignore_index=True)
    return figure, table.round(6)


def findings(table: DataFrame) -> str:
    """Say the correlations over rules, averaged over the seeds."""
    rows = table[table["part"] == "correlation"]
    said = []
    for task, mine in rows.groupby("task", sort=False):
        r = mine.set_index("measure")
        said.append(
            f"{r.loc['log_likelihood', 'mean']:.2f} with the likelihood and {r.loc['kl', 'mean']:.2f} with the KL on "
            f"{str(task).removeprefix('small/')}"
        )
    one = rows.iloc[0]
    return (
        f"Pearson's correlation of the cumulative entropy over the {one['rules']:g} rules, averaged over seeds, is "
        f"{'; '.join(said)}."
    )


def measured(table: DataFrame) -> DataFrame:
    """Return by task, rule and seed the means over items of what trained models draw at temperature 1.

    A task on which some rule draws impossible sequences has no likelihood and is left out.
    """
    rows = table[(table["part"] == "drawn") & (table["denoiser"] == "trained")]
    possible = rows.groupby("task")["quality"].transform(lambda texts: bool((texts != "").all()))
    rows = rows[possible.astype(bool)]
    means = {name: [float(unpack(text).mean()) for text in rows[name]] for name in ("surprise", "quality", "kl")}
    names = [_name(row) for _, row in rows.iterrows()]
    measures = DataFrame({"task": rows["task"], "seed": rows["seed"], "rule": names, "cumulative": means["surprise"],
                          "log_likelihood": [-value for value in means["quality"]], "kl": means["kl"]})  # fmt: skip
    return measures.reset_index(drop=True)


def correlations(points: DataFrame) -> DataFrame:
    """Return Pearson's correlation of the cumulative entropy with each measure over the rules of one seed, averaged."""
    correlated = []
    for task, mine in points.groupby("task", sort=False):
        for measure in MEASURES:
            each = [float(np.corrcoef(own["cumulative"], own[measure])[0, 1]) for _, own in mine.groupby("seed")]
            correlated.append({"task": task, "measure": measure, "rules": mine["rule"].nunique(),
                          "mean": float(np.mean(each)), "least": min(each), "largest": max(each)})  # fmt: skip
    return DataFrame(correlated)


def _name(row: Any) -> str:
    if row["rule"] != "Info-Gain":
        return str(row["rule"])
    if row["size"] > 1:
        return "Info-Gain, N = k"
    if row["candidates"] == 1:
        return "Info-Gain, N = 1"
    return "look-ahead" if row["form"] == "look-ahead" else f"{row['form']} form"


def _panel(axes: Axes, rows: DataFrame, measure: str, correlation: float) -> None:
    for name, look in RULES.items():
        mine = rows[rows["rule"] == name]
        edge: dict[str, Any] = {} if look["marker"] == "x" else {"markeredgecolor": "black", "markeredgewidth": 0.4}
        axes.plot(mine["cumulative"], mine[measure], linestyle="none", markersize=4.5, alpha=0.85,
                  label=LABELS.get(name, name), **edge, **look)  # fmt: skip
    if measure == "kl":
        axes.set_ylim(0, 1.12 * rows[measure].max())
    axes.annotate(f"r = {correlation:.2f}", (0.96, 0.95), xycoords="axes fraction", ha="right", va="top", fontsize=8)
    axes.tick_params(labelsize=7.5)
    axes.grid(True)
