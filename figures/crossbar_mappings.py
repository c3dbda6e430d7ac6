"""What each move does to the losses of a crossbar and to the error of its outputs, for every layout (2511.04798)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("crossbar_mappings",)
LOOKS = {
    "reversal": ("#E69F00", "////", "columns reversed"), "sort": ("#56B4E9", "....", "rows sorted"),
    "both": ("#0072B2", "", "both"),
}  # fmt: skip
LAYOUTS = {
    "grouped": "64x64, grouped\nby significance", "interleaved": "64x64, the bits\nof a weight together",
    "one weight a row": "128x8, one\nweight a row",
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw mean changes with 95 % intervals over draws, above the losses of current and below the errors of outputs."""
    table = records["crossbar_mappings"].table
    keys = ["layout", "law", "move"]
    shown = DataFrame([
        {**dict(zip(keys, labels, strict=True)), "quantity": quantity,
         **columns(of_seeds(100 * (mine[quantity].to_numpy() - 1)))}
        for labels, mine in table.groupby(keys, sort=False) for quantity in ("nf", "weighted")
    ])  # fmt: skip
    figure, panels = pyplot.subplots(2, 1, figsize=(7.0, 4.8), sharex=True)
    cases = list(dict.fromkeys(zip(shown["layout"], shown["law"], strict=True)))
    for axes, quantity, label in zip(panels, ("nf", "weighted"), ("loss of current", "error of outputs"), strict=True):
        for k, (move, (color, hatch, name)) in enumerate(LOOKS.items()):
            rows = shown[(shown["move"] == move) & (shown["quantity"] == quantity)]
            place = np.arange(len(cases)) + 0.26 * (k - 1)
            error = (rows["mean"] - rows["low"], rows["high"] - rows["mean"])
            axes.bar(place, rows["mean"], 0.26, color=color, hatch=hatch, edgecolor="black", label=name,
                     yerr=error, error_kw={"linewidth": 0.8, "capsize": 1.5})  # fmt: skip
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(ylabel=f"{label},\nchange (%)")
        axes.grid(True, axis="y")
        axes.tick_params(axis="x", length=0)
    panels[1].set_xticks(range(len(cases)), [f"{LAYOUTS[layout]}\n{law.capitalize()}" for layout, law in cases])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncol=3)
    return figure, shown


def findings(table: DataFrame) -> str:
    """Say where the outputs get worse although less current is lost."""
    wide = table[table["move"] == "both"].pivot(index=["layout", "law"], columns="quantity", values="low")
    worse = [f"{layout} ({law.capitalize()})" for (layout, law), row in wide.iterrows() if row["weighted"] > 0]
    return f"Both moves together lose less current everywhere, with larger errors of outputs for: {', '.join(worse)}."
