"""The law over decoding orders of per-position schedules, and the NELBO on the way to the best fixed order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("decoding_orders",)
SHOWN = 12
"""Tables whose paths are drawn one by one: those that rise most, and as many others."""


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the probability of every order on the left, and the NELBO along weights c^-i on the right."""
    record = records["decoding_orders"]
    table = record.table
    figure, (orders, paths) = pyplot.subplots(1, 2, figsize=(7.0, 3.2))
    _orders(orders, table[table["part"] == "law"], float(record.scalars["draws"]))
    _paths(paths, table[table["part"] == "path"])
    return figure, shortened(table, "product", "integral", "share", "backward", "nelbo", "spread")


def _orders(axes: Axes, rows: DataFrame, draws: float) -> None:
    place = np.arange(len(rows))
    axes.bar(place, rows["product"], 0.62, color="#56B4E9", edgecolor="black", linewidth=0.6, label="product formula")
    axes.plot(place, rows["integral"], linestyle="none", marker="_", markersize=17, color="black", markeredgewidth=1.6,
              label="integral over masking times")  # fmt: skip
    error = 1.96 * np.sqrt(rows["share"] * (1 - rows["share"]) / draws)
    axes.errorbar(place, rows["share"], error, linestyle="none", marker="o", markersize=3.5, color="#D55E00", capsize=2,
                  label=f"{draws:,.0f} drawn orders")  # fmt: skip
    axes.plot(place, rows["backward"], linestyle="none", marker="D", markersize=5, markerfacecolor="white",
              markeredgecolor="black", label="the masking order's law")  # fmt: skip
    axes.set_xticks(place, rows["order"])
    axes.set(xlabel="decoding order of positions 1, 2, 3", ylabel="probability",
             ylim=(0, 1.55 * rows[["product", "backward"]].to_numpy().max()))  # fmt: skip
    axes.legend(loc="upper left", fontsize=7.5, labelspacing=0.3)


def _paths(axes: Axes, rows: DataFrame) -> None:
    wide = rows.pivot(index="table", columns="c", values="nelbo").div(rows.groupby("table")["spread"].first(), axis=0)
    rise = wide.diff(axis=1).iloc[:, 1:].max(axis=1).clip(lower=0)
    ranked = rise.sort_values(ascending=False).index
    for k, number in enumerate([*ranked[:SHOWN], *ranked[-SHOWN:]]):
        rises = rise[number] > 0
        axes.plot(wide.columns, wide.loc[number], linewidth=0.8, linestyle="-" if rises else ":", alpha=0.8,
                  color="#D55E00" if rises else "0.55",
                  label={0: "rises somewhere", 2 * SHOWN - 1: "only falls"}.get(k))  # fmt: skip
    axes.plot(
        wide.columns, wide.median(), color="black", linewidth=2, linestyle="-", label=f"median of {len(wide)} tables"
    )
    axes.set(xscale="log", xlabel="c, weights $c^{-i}$ along the best order", ylim=(0, None),
             ylabel="NELBO above the best fixed order's,\nover the spread of fixed orders")  # fmt: skip
    plain_ticks(axes.xaxis, [1, 4, 16, 64, 256, 1024, 4096])
    axes.legend(loc="upper right")


def findings(table: DataFrame) -> str:
    """Say on how many tables the NELBO rises somewhere on the way."""
    rows = table[table["part"] == "path"]
    wide = rows.pivot(index="table", columns="c", values="nelbo")
    rising = int((wide.diff(axis=1).iloc[:, 1:] > 1e-9).any(axis=1).sum())
    return f"The NELBO falls to the best fixed order's, but on {rising} of {len(wide)} random tables not all the way."
