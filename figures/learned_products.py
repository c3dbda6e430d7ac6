"""A learned product, composed on a tree: accuracy against that of the product, and against rounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import shortened
from synthetic.records import Record

EXPERIMENTS = ("learned_products",)
LOOKS = (("#56B4E9", "o"), ("#0072B2", "s"), ("#009E73", "^"), ("#E69F00", "D"), ("#D55E00", "v"))


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw words' accuracy over the product's error beside its powers, and the jump at the last round."""
    record = records["learned_products"]
    table, chance = record.table, float(record.scalars["chance"])
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.0, 3.0), width_ratios=(1.5, 1))
    _powers(left, table)
    _rounds(right, table[table["part"] == "budget"], chance)
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper left", ncol=5)
    return figure, shortened(table, "accuracy", "expected")


def _powers(axes: Axes, table: DataFrame) -> None:
    product = table[table["part"] == "product"].set_index(["seed", "step"])["accuracy"]
    errors = np.geomspace(1e-4, 0.8, 200)
    words = table[table["part"] == "word"]
    for (n, mine), (color, marker) in zip(words.groupby("n"), LOOKS, strict=False):
        wrong = np.array([1 - product[key] for key in zip(mine["seed"], mine["step"], strict=True)])
        axes.plot(errors, (1 - errors) ** (n - 1), color=color, linewidth=1.2)
        axes.plot(
            wrong.clip(min=1e-4), mine["accuracy"], marker, color=color, markersize=3, alpha=0.7, label=f"n = {n:.0f}"
        )
    axes.set_xscale("log")
    axes.set_xlabel("share of wrong products, 1 - p\n(at least 1/10,000)")
    axes.set_ylabel("share of right words")
    axes.grid(True)


def _rounds(axes: Axes, rows: DataFrame, chance: float) -> None:
    for _, mine in rows.groupby("seed"):
        axes.plot(mine["rounds"], mine["accuracy"], "o-", color="#0072B2", markersize=3, linewidth=0.8, alpha=0.5)
    axes.axhline(chance, color="black", linewidth=1, linestyle="--")
    axes.annotate("chance", (0, chance), xytext=(0, 4), textcoords="offset points", fontsize=7)
    axes.set_xlabel(f"rounds, words of {rows['n'].max():.0f}")
    axes.set_xticks(sorted(rows["rounds"].unique()))
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say how far accuracies are from the powers."""
    words = table[table["part"] == "word"]
    gap = (words["accuracy"] - words["expected"]).abs().max()
    return f"No accuracy is further than {gap:.3f} from p^(n - 1)."
