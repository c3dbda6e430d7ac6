"""An answer revealed before or after its reasoning, by rule, with a denoiser that partly ignores it (2602.18176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("infogain_answer",)
ALIKE = 0.005
"""Rules whose accuracies differ by less are drawn as one."""
WHOLE = ("accuracy", "cumulative", "entropy", "tv")
LOOKS: dict[str, dict[str, Any]] = {
    "left to right": {"color": "#000000", "linestyle": "-", "marker": ">"},
    "random": {"color": "#000000", "linestyle": ":", "marker": "x"},
    "entropy": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    "confidence": {"color": "#D55E00", "linestyle": "-.", "marker": "v"},
    "margin": {"color": "#D55E00", "linestyle": ":", "marker": "<"},
    "Info-Gain, look-ahead": {"color": "#E69F00", "linestyle": ":", "marker": "^"},
    "Info-Gain, sum": {"color": "#0072B2", "linestyle": "--", "marker": "o"},
    "Info-Gain, mean": {"color": "#CC79A7", "linestyle": "-", "marker": "P"},
}
PLACES = {"first": ("#D55E00", ""), "in between": ("0.85", "//"), "last": ("#0072B2", "")}
ENTROPIES: dict[str, dict[str, Any]] = {
    "cumulative": {"color": "#CC79A7", "marker": "P", "markersize": 6.5, "label": r"cumulative, E$[\tilde H]$"},
    "entropy": {"color": "#009E73", "marker": "o", "markersize": 4, "label": "of the output"},
}
EDGE: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.4}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw when the answer is revealed and what that does to entropies at one share, and accuracy over the share."""
    record = records["infogain_answer"]
    table, rules = record.table, together(record.table)
    shares = sorted(table["blind"].unique())
    chosen = min(shares, key=lambda share: abs(share - 0.5))
    rows = table[table["blind"] == chosen]
    figure, (places, entropies, accuracy) = pyplot.subplots(1, 3, figsize=(7.0, 3.5), width_ratios=(1, 1.1, 1.3))
    _places(places, rows, rules)
    _entropies(entropies, rows, rules, float(record.scalars["entropy"]))
    _accuracy(accuracy, table, rules)
    for axes in (places, entropies):
        axes.set_title(f"ignored share {chosen:g}", fontsize=8.5)
    return figure, shortened(table.assign(data=float(record.scalars["entropy"])), "share", *WHOLE)


def together(table: DataFrame) -> dict[str, str]:
    """Return the names of the rules to draw, those with entropy's accuracy at every share as one with it."""
    accuracy = table[table["place"] == 0].pivot(index="blind", columns="rule", values="accuracy")
    alike = [name for name in ("confidence", "margin") if (accuracy[name] - accuracy["entropy"]).abs().max() < ALIKE]
    names = {name: name for name in LOOKS if name in accuracy and name not in alike}
    names["entropy"] = ", ".join(["entropy", *alike])
    return names


def findings(table: DataFrame) -> str:
    """Say accuracies and entropies at the drawn share."""
    shares = sorted(table["blind"].unique())
    rows = table[table["blind"] == min(shares, key=lambda share: abs(share - 0.5))].groupby("rule").first()
    exact = table[table["blind"] == 0]
    ordered = exact[exact["family"] == "order"]
    greedy, best = rows.loc["entropy"], rows.loc["Info-Gain, mean"]
    return (
        f"The data have {rows['data'].iloc[0]:.2f} nats. At the drawn share the answer is right with probability "
        f"{greedy['accuracy']:.2f} by entropy, {rows.loc['left to right', 'accuracy']:.2f} from left to right, and "
        f"{best['accuracy']:.2f} by the mean form of Info-Gain, whose output has {best['entropy']:.2f} nats left. With "
        f"an exact denoiser every order is right with probability {ordered['accuracy'].min():.2f} and has the data's "
        f"law (total variation at most {max(0.0, ordered['tv'].max()):.2f})."
    )


def _places(axes: Axes, rows: DataFrame, rules: Mapping[str, str]) -> None:
    last = rows["place"].max()
    kinds = {
        "first": rows["place"] == 0,
        "in between": rows["place"].between(1, last - 1),
        "last": rows["place"] == last,
    }
    left = np.zeros(len(rules))
    for name, mine in kinds.items():
        share = rows[mine].groupby("rule")["share"].sum().loc[list(rules)].to_numpy()
        color, hatch = PLACES[name]
        axes.barh(range(len(rules)), share, 0.7, left=left, color=color, hatch=hatch, edgecolor="black", linewidth=0.5,
                  label=name)  # fmt: skip
        left += share
    labels = [name.replace(", ", ",\n") for name in rules.values()]
    axes.set_yticks(range(len(rules)), labels, fontsize=7.5)
    axes.set_ylim(len(rules) - 0.5, -0.5)
    axes.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    axes.set_xlabel("share of runs", fontsize=8)
    axes.legend(title="the answer comes", fontsize=7.5, title_fontsize=7.5, loc="upper center", ncol=1,
                bbox_to_anchor=(0.4, -0.2), labelspacing=0.25)  # fmt: skip


def _entropies(axes: Axes, rows: DataFrame, rules: Mapping[str, str], data: float) -> None:
    whole = rows.groupby("rule").first().loc[list(rules)]
    for column, look in ENTROPIES.items():
        axes.plot(whole[column], range(len(rules)), linestyle="none", clip_on=False, **look, **EDGE)
    axes.axvline(data, color="black", linewidth=1, linestyle=(0, (1, 1)), label="of the data")
    axes.set_yticks(range(len(rules)), [])
    axes.set_ylim(len(rules) - 0.5, -0.5)
    axes.set_xlim(0, 1.1 * max(data, whole[["cumulative", "entropy"]].to_numpy().max()))
    axes.set_xlabel("entropy (nats)", fontsize=8)
    axes.grid(True)
    axes.legend(fontsize=7.5, loc="upper center", bbox_to_anchor=(0.5, -0.2), labelspacing=0.25)


def _accuracy(axes: Axes, table: DataFrame, rules: Mapping[str, str]) -> None:
    for name, label in rules.items():
        mine = table[(table["rule"] == name) & (table["place"] == 0)].sort_values("blind")
        edge: dict[str, Any] = {} if name == "random" else EDGE
        axes.plot(mine["blind"], mine["accuracy"], label=label, linewidth=1.2, markersize=4.5, clip_on=False,
                  **LOOKS[name], **edge)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(max(0.0, table["accuracy"].min() - 0.1), 1.0))
    axes.set_xlabel("share of a reasoning token's\nconditional that ignores the answer", fontsize=8)
    axes.set_ylabel("chance that the answer is right", fontsize=8)
    axes.legend(fontsize=7, loc="lower left", labelspacing=0.25)
    axes.grid(True)
