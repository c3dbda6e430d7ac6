"""MDM's marginal rate against the optimal rates on three graphs of states, as bars (energy notes, 3.2)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("rates",)
LOOKS = {
    "MDM": ("#FFFFFF", "", "MDM's own rate"),
    "one-token unmasking": ("#56B4E9", "////", "best, one-token unmasking"),
    "any one-token change": ("#E69F00", "....", "best, any one-token change"),
    "all pairs": ("#0072B2", "", "best, any pair of states"),
}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw mean energies relative to MDM's, with the range over the drawn laws and the mean itself above."""
    table = records["rates"].table
    summary = table.groupby(["n", "d", "rate"], sort=False)["energy"].agg(["mean", "min", "max"]).reset_index()
    sizes = list(summary.groupby(["n", "d"], sort=False))
    figure, axes = pyplot.subplots(figsize=(7.0, 3.3))
    width = 0.2
    for k, (rate, (face, hatch, label)) in enumerate(LOOKS.items()):
        rows = summary[summary["rate"] == rate].reset_index(drop=True)
        unit = summary.loc[summary["rate"] == "MDM", "mean"].to_numpy()
        place = np.arange(len(sizes)) + (k - 1.5) * width
        height = rows["mean"] / unit
        spread = np.abs(np.stack((rows["min"], rows["max"])) / unit - height.to_numpy())
        axes.bar(place, height, width, color=face, edgecolor="black", hatch=hatch, label=label,
                 yerr=spread if rate != "MDM" else None, error_kw={"linewidth": 0.8, "capsize": 1.5})  # fmt: skip
        for x, y, up, value in zip(place, height, spread[1], rows["mean"], strict=True):
            axes.text(x, y + up + 0.02, _short(value), rotation=90, ha="center", va="bottom", fontsize=7)
    axes.set_xticks(range(len(sizes)), [f"$n = {n}$, $d = {d}$" for (n, d), _ in sizes])
    axes.set(ylabel="energy rate relative to MDM", ylim=(0, 1.22), yticks=np.linspace(0, 1, 6))
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, len(sizes) - 0.4)
    draws = table["draw"].nunique()
    unit = r"$\dot\alpha^2/(\alpha(1-\alpha))$"
    title = f"above each bar: mean over {draws} random laws (whiskers: range), in units of {unit}"
    figure.legend(loc="outside lower center", ncol=4, handlelength=1.6, columnspacing=1.2, title=title)
    return figure, summary


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value - round(value)) < 1e-9 else f"{value:.2f}"
