"""How masks are best spent on a preference score: one a level, in strata, shared with the reference (VRPO)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures.looks import logarithmic, plain_ticks, shortened
from synthetic.records import Record

EXPERIMENTS = ("preference_scores",)


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the score's variance over the budget of masks, and what sharing gains over the distance of the policies."""
    table = records["preference_scores"].table
    draws, distances = table[table["part"] == "draws"], table[table["part"] == "distance"]
    figure, (spent, shared) = pyplot.subplots(1, 2, figsize=(7.0, 3.3))
    _spent(spent, draws)
    _shared(shared, distances)
    kept = table[table["part"] != "law"].drop(columns=["mean", "bias", "spread"])
    return figure, shortened(kept, "variance")


def _spent(axes: Axes, rows: DataFrame) -> None:
    one = rows[(rows["budget"] == 1) & (rows["kind"] == "none")].set_index("pair")["variance"]
    scaled = rows.assign(share=rows["variance"] / rows["pair"].map(one))
    budgets = sorted(rows["budget"].unique())
    ways = {
        "one level, all masks there": (scaled["levels"] == 1) & (scaled["kind"] == "none"),
        "one mask a level": (scaled["levels"] == scaled["budget"]) & (scaled["kind"] == "none"),
        "one mask a level, in strata": (scaled["levels"] == scaled["budget"]) & (scaled["kind"] == "draws"),
    }
    for (label, which), (color, style, marker) in zip(
        ways.items(), (("#D55E00", "--", "s"), ("#0072B2", "-", "o"), ("#009E73", "-.", "^")), strict=True
    ):
        mine = scaled[which].groupby("budget")["share"]
        low, middle, high = (mine.quantile(q) for q in (0.1, 0.5, 0.9))
        axes.plot(budgets, middle, color=color, linestyle=style, marker=marker, label=label)
        axes.fill_between(budgets, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(
        budgets, [1 / n for n in budgets], color="black", linewidth=0.9, linestyle=":", label="one over the masks"
    )
    logarithmic(axes, [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1])
    plain_ticks(axes.xaxis, budgets)
    axes.set(xlabel="masks a response", ylabel="variance of the score,\nover that with one mask")
    axes.legend(loc="lower left", fontsize=7.5)
    axes.grid(True)


def _shared(axes: Axes, rows: DataFrame) -> None:
    wide = rows.pivot(index=["pair", "distance"], columns="shared", values="variance")
    ratio = (wide[1.0] / wide[0.0]).unstack("distance")
    for _, mine in ratio.iterrows():
        axes.plot(ratio.columns, mine, color="0.65", linewidth=0.7, linestyle="-")
    axes.plot(ratio.columns, ratio.median(), color="#0072B2", linewidth=2, linestyle="-", marker="o",
              label=f"median of {len(ratio)} pairs")  # fmt: skip
    axes.axhline(1, color="black", linewidth=1, linestyle="--")
    logarithmic(axes, [0.0001, 0.001, 0.01, 0.1, 1])
    plain_ticks(axes.xaxis, list(ratio.columns))
    axes.set(xlabel="distance of policy from reference (nats)",
             ylabel="variance with shared masks\nover that with masks of their own")  # fmt: skip
    axes.legend(loc="lower right")
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say from which distance on sharing masks with the reference no longer pays on every pair."""
    rows = table[table["part"] == "distance"]
    wide = rows.pivot(index=["pair", "distance"], columns="shared", values="variance")
    worse = (wide[1.0] > wide[0.0]).groupby("distance").mean()
    hurt = worse[worse > 0]
    if hurt.empty:
        return "Sharing masks with the reference lowers the variance on every pair."
    return (
        f"Sharing masks with the reference lowers the variance of every pair below a distance of {hurt.index[0]:g} "
        f"nats; at {worse.index[-1]:g} nats it raises it on {worse.iloc[-1]:.0%} of them."
    )
