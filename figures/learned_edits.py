"""Any-process models of a few hundred weights: parity of long strings, learned from seven states of two symbols."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("learned_edits",)
LOOKS = {2: ("#0072B2", "o"), 3: ("#D55E00", "s"), 4: ("#009E73", "^")}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the share of right samples over training, of right strings over their length, and of erased words."""
    table = records["learned_edits"].table
    figure, panels = pyplot.subplots(1, 3, figsize=(7.0, 2.7))
    _samples(panels[0], table[table["part"] == "samples"])
    _lengths(panels[1], table[table["part"] == "parity"])
    _brackets(panels[2], table[table["part"].isin(("words", "others"))])
    return figure, table


def _samples(axes: Axes, rows: DataFrame) -> None:
    """Draw the first steps of each seed: training is the same however many symbols a model reads."""
    mine = rows[rows["window"] == rows["window"].min()]
    for _, one in mine.groupby("seed"):
        axes.plot(one["step"], one["share"], "o-", color="#0072B2", markersize=3, linewidth=0.8, alpha=0.6)
    axes.set_xlim(0, 4.5 * mine["step"].min())
    axes.set_xlabel("training step")
    axes.set_ylabel("share of the seven states right")
    axes.set_ylim(-0.03, 1.03)
    axes.grid(True)


def _lengths(axes: Axes, rows: DataFrame) -> None:
    for window, mine in rows.groupby("window"):
        color, marker = LOOKS[int(window)]
        mean = mine.groupby("n")["share"].mean()
        axes.plot(mean.index, mean, color=color, linewidth=1, linestyle="-")
        axes.plot(mine["n"], mine["share"], marker, color=color, markersize=3, alpha=0.6, label=f"reads {window:.0f}")
    axes.axhline(0.5, color="black", linewidth=1, linestyle="--")
    axes.set_xlabel("length of the string")
    axes.set_ylabel("share of strings right")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(fontsize=7, loc="lower right")
    axes.grid(True)


def _brackets(axes: Axes, rows: DataFrame) -> None:
    windows = sorted(rows["window"].unique())
    for part, color, marker, shift in (("words", "#0072B2", "o", -0.12), ("others", "#D55E00", "s", 0.12)):
        mine = rows[(rows["part"] == part) & (rows["n"] == rows["n"].max())]
        places = [windows.index(w) + shift for w in mine["window"]]
        label = "Dyck words" if part == "words" else "one bracket replaced"
        axes.plot(places, mine["share"], marker, color=color, markersize=4, alpha=0.6, label=label)
    axes.set_xticks(range(len(windows)), [f"{w:.0f}" for w in windows])
    axes.set_xlabel(f"symbols read, strings of {rows['n'].max():.0f}")
    axes.set_ylabel("share erased")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(fontsize=7, loc="center")
    axes.grid(True)


def findings(table: DataFrame) -> str:
    """Say how many strings are right, and when the samples are."""
    longest = table[(table["part"] == "parity") & (table["n"] == table["n"].max())].groupby("window")["share"].mean()
    each = ", ".join(f"{share:.0%} where it reads {window:.0f}" for window, share in longest.items())
    samples = table[(table["part"] == "samples") & (table["share"] == 1)]
    first = samples.groupby(["window", "seed"])["step"].min().max()
    erased = table[table["part"].isin(("words", "others"))].groupby("part")["share"].agg(["min", "max"])
    return (
        f"Right on strings of {table[table['part'] == 'parity']['n'].max():.0f} bits: {each}. All samples are right "
        f"after {first:.0f} steps at the latest. At least {erased['min']['words']:.0%} of the words, and at most "
        f"{erased['max']['others']:.0%} of the others, are erased."
    )
