"""How EB chooses, on one state of 4x4 Sudoku: proxy order, sum minus max, budget, prefix (arXiv 2505.24857, sec. 4)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("eb_explained",)
CHOSEN = {"facecolor": "#56B4E9", "hatch": "//"}
LEFT = {"facecolor": "white", "hatch": ""}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the state with the order in which its cells are trusted, and the running bound against the budget."""
    record = records["eb_explained"]
    table, scalars = record.table, record.scalars
    figure, (board, chart) = pyplot.subplots(1, 2, figsize=(7.0, 3.4), width_ratios=[1, 1.75])
    _board(board, table)
    board.set_title("bold: clues; #: order, entropy")
    masked = table[table["rank"] >= 0].sort_values("rank")
    _chart(chart, masked, float(scalars["budget"]))
    chart.annotate(
        f"block: sum {scalars['sum']:.2f} − largest {scalars['largest']:.2f}\n= bound {scalars['bound']:.2f} ≤ budget"
        f" {scalars['budget']:g}\ntrue dependence of the block: {scalars['dependence']:.2f}",
        (0.99, 0.56), xycoords="axes fraction", fontsize=8, ha="right", va="top",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )  # fmt: skip
    chart.set_xlabel(f"masked cells in {scalars['by']} order, most trusted first")
    figure.legend(*chart.get_legend_handles_labels(), loc="outside upper center", ncol=4, columnspacing=1.2)
    return figure, table


def _board(axes: Axes, table: DataFrame) -> None:
    for cell in table.itertuples():
        row, column = divmod(cell.position, 4)
        look = CHOSEN if cell.chosen else LEFT
        axes.add_patch(Rectangle((column, row), 1, 1, edgecolor="black", linewidth=0.6, alpha=0.9, **look))
        if cell.rank < 0:
            axes.text(
                column + 0.5, row + 0.5, str(cell.token + 1), ha="center", va="center", fontsize=15, weight="bold"
            )
            continue
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6} if cell.chosen else None
        axes.text(column + 0.5, row + 0.34, f"#{cell.rank + 1}", ha="center", va="center", fontsize=8, bbox=paper)
        axes.text(column + 0.5, row + 0.7, f"{cell.entropy:.2f}", ha="center", va="center", fontsize=8, bbox=paper)
    for line in (0, 2, 4):
        axes.plot([0, 4], [line, line], color="black", linewidth=1.8, linestyle="-", clip_on=False)
        axes.plot([line, line], [0, 4], color="black", linewidth=1.8, linestyle="-", clip_on=False)
    axes.set(xlim=(0, 4), ylim=(4, 0), aspect="equal", xticks=[], yticks=[])
    axes.set_axis_off()


def _chart(axes: Axes, masked: DataFrame, budget: float) -> None:
    """Draw entropies as bars, the running bound as a line up to one past the prefix, the budget dashed."""
    ranks = masked["rank"] + 1
    largest = masked.loc[masked["chosen"] == 1, "entropy"].idxmax()
    for chosen, look, label in ((1, CHOSEN, "entropy, revealed"), (0, LEFT, "entropy, stays masked")):
        mine = masked["chosen"] == chosen
        axes.bar(ranks[mine], masked.loc[mine, "entropy"], 0.75, edgecolor="black", linewidth=0.6, label=label, **look)
    shown = masked.head(int(masked["chosen"].sum()) + 1)
    axes.plot(shown["rank"] + 1, shown["bound"], color="#D55E00", marker="o", label="running sum minus max")
    axes.axhline(budget, color="black", linestyle="--", linewidth=1.2, label=f"budget {budget:g}")
    axes.axvline(masked["chosen"].sum() + 0.5, color="0.4", linestyle=":", linewidth=1.2)
    top = (masked.loc[largest, "rank"] + 1, masked.loc[largest, "entropy"])
    axes.annotate("largest:\nnot counted", top, fontsize=8, xytext=(-14, 14), textcoords="offset points", ha="center",
                  arrowprops={"arrowstyle": "-", "linewidth": 0.6, "linestyle": "-"})  # fmt: skip
    axes.annotate("first violation: stop", (masked["chosen"].sum() + 1, shown["bound"].max()), fontsize=8, va="center",
                  xytext=(8, 0), textcoords="offset points")  # fmt: skip
    axes.set(ylabel="nats", xticks=list(ranks), xlim=(0.2, len(masked) + 0.6), ylim=(0, 1.12 * shown["bound"].max()))
    axes.grid(True, axis="y")
