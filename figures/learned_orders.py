"""What a learned decoding order buys, and how its likeliest order compares with fixed ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.claims.orders import shares
from synthetic.experiments.learned_orders import FLEXIBLE
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("learned_orders",)
EQUAL, LEARNED, GREY = "#0072B2", "#D55E00", "#999999"


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw paired differences of the NELBO by task, and fixed orders beside the learned ones' modes."""
    table = records["learned_orders"].table
    rows = differences(table)
    fixed = table[table["part"] == "order"]
    tasks = [task for task in dict.fromkeys(table["task"]) if task != FLEXIBLE]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 2.9), width_ratios=(1.25, 1), sharey=True)
    _differences(left, rows)
    _ranks(right, table, tasks)
    kept = fixed.assign(part="fixed order")[["part", "task", "seed", "weights", "order", "value"]]
    return figure, shortened(
        DataFrame([*rows.to_dict("records"), *kept.to_dict("records")]), "mean", "low", "high", "value"
    )


def differences(table: DataFrame) -> DataFrame:
    """Return mean and 95 % interval over seeds of each NELBO less that of equal weights throughout, by task."""
    found = []
    for task, mine in table[table["part"] == "nelbo"].groupby("task", sort=False):
        wide = mine.pivot(index="seed", columns=["trained", "weights"], values="value")
        base = wide["equal", "equal"]
        for trained, weights in (("learned", "learned"), ("equal", "learned"), ("learned", "equal")):
            gap = of_seeds((wide[trained, weights] - base).to_numpy())
            ends = {"mean": float(gap.mean), "low": float(gap.low), "high": float(gap.high)}
            found.append({"part": "difference", "task": task, "trained": trained, "weights": weights, **ends})
    return DataFrame(found)


def _differences(axes: Axes, rows: DataFrame) -> None:
    """Draw a row a task: learned throughout filled; the two mixed cases open."""
    tasks = list(dict.fromkeys(rows["task"]))
    looks = {
        ("learned", "learned"): ("o", LEARNED, LEARNED, "trained and decoded with learned weights", -0.2),
        ("equal", "learned"): ("s", EQUAL, "white", "trained with equal, decoded with learned", 0.0),
        ("learned", "equal"): ("D", LEARNED, "white", "trained with learned, decoded with equal", 0.2),
    }
    for (trained, weights), (marker, color, face, label, shift) in looks.items():
        mine = rows[(rows["trained"] == trained) & (rows["weights"] == weights)]
        around = [mine["mean"] - mine["low"], mine["high"] - mine["mean"]]
        axes.errorbar(
            mine["mean"], np.arange(len(mine)) + shift, xerr=around, marker=marker, color=color, markersize=4,
            markerfacecolor=face, capsize=2, linestyle="none", label=label,
        )  # fmt: skip
    axes.set_yticks(range(len(tasks)), [f"{task}\n(flexible)" if task == FLEXIBLE else task for task in tasks])
    axes.invert_yaxis()
    axes.axvline(0, color="black", linewidth=1, linestyle="--", zorder=1)
    axes.grid(True, axis="x")
    axes.set_xlabel("NELBO less that of equal weights (nats)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), fontsize=7)


def _ranks(axes: Axes, table: DataFrame, tasks: list[str]) -> None:
    """Draw, for each task, the share of random fixed orders better than each seed's mode."""
    for k, task in enumerate(tasks):
        ranks = np.sort(shares(table[table["task"] == task]))
        spread = np.linspace(-0.25, 0.25, len(ranks))
        label = "likeliest order of one seed" if k == 0 else None
        axes.plot(ranks, k + spread, "o", color=LEARNED, markersize=4, label=label)
    axes.axvspan(-0.03, 0.1, color=GREY, alpha=0.35, label="the best tenth of fixed orders")
    axes.set_xlim(-0.03, 1.03)
    axes.grid(True, axis="x")
    axes.set_xlabel("share of fixed orders that are better")
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), fontsize=7)


def findings(table: DataFrame) -> str:
    """Say where learned weights lower the NELBO."""
    rows = table[(table["part"] == "difference") & (table["trained"] == "learned") & (table["weights"] == "learned")]
    lower = [f"{task} ({-mean:.2g})" for task, mean in rows[rows["high"] < 0][["task", "mean"]].itertuples(index=False)]
    if not lower:
        return "On no task do learned weights lower the NELBO beyond their interval."
    return f"Learned weights lower the NELBO on {', '.join(lower)}, in nats. Bars are 95 % intervals over seeds."
