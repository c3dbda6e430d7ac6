"""A trained denoiser on crossbars: does a lower loss of current make a better model and sampler? (arXiv 2511.04798)"""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from figures._intervals import columns
from synthetic.intervals import of_seeds
from synthetic.records import Record

EXPERIMENTS = ("denoiser_on_wires",)
MOVES = {"none": ("#000000", "o"), "reversal": ("#E69F00", "s"), "sort": ("#56B4E9", "^"), "both": ("#0072B2", "D")}
TILES = {"64x64": "-", "128x8": "--"}
NAMES = {"none": "as stored", "reversal": "columns reversed", "sort": "rows sorted", "both": "both"}
MEASURES = {"weighted": "error of outputs", "nelbo": "NELBO above that of\nthe ideal weights (nats)",
            "kl": "KL of EB's samples above\nthat of the ideal weights (nats)"}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw errors of outputs, the NELBO and EB's error over the loss of current, a row for each task."""
    table = records["denoiser_on_wires"].table
    shown = _summaries(table)
    tasks = list(dict.fromkeys(table["task"]))
    figure, panels = pyplot.subplots(len(tasks), 3, figsize=(9.0, 2.7 * len(tasks) + 0.3), squeeze=False)
    for row, task in zip(panels, tasks, strict=True):
        mine = shown[shown["task"] == task]
        for axes, (measure, label) in zip(row, MEASURES.items(), strict=True):
            _panel(axes, mine[mine["measure"] == measure])
            axes.set(xlabel="loss of current", ylabel=label)
            axes.grid(True)
        row[0].set_ylabel(f"{task.removeprefix('small/')}\n{MEASURES['weighted']}")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper left", ncol=4)
    return figure, shown


def _panel(axes: Axes, rows: DataFrame) -> None:
    for tile, line in TILES.items():
        for move, (color, marker) in MOVES.items():
            mine = rows[(rows["tile"] == tile) & (rows["move"] == move)].sort_values("ohms")
            error = (mine["mean"] - mine["low"], mine["high"] - mine["mean"])
            axes.errorbar(mine["nf"], mine["mean"], error, fmt=marker, linestyle=line, linewidth=0.8, color=color,
                          capsize=1.5, label=f"{tile}, {NAMES[move]}")  # fmt: skip


def _summaries(table: DataFrame) -> DataFrame:
    """Return means over seeds with intervals; NELBO and KL less those of the quantised weights of the same seed."""
    keys = ["task", "tile", "move", "ohms"]
    ideal = table[table["move"] == "ideal"].set_index(["task", "seed"])
    rows = []
    for labels, mine in table[table["move"] != "ideal"].groupby(keys, sort=False):
        base = ideal.loc[[(labels[0], seed) for seed in mine["seed"]]]
        for measure in MEASURES:
            values = mine[measure].to_numpy() - (0 if measure == "weighted" else base[measure].to_numpy())
            row = {**dict(zip(keys, labels, strict=True)), "nf": mine["nf"].mean(), "measure": measure}
            rows.append(row | columns(of_seeds(values)))
    return DataFrame(rows)


def findings(table: DataFrame) -> str:
    """Say what both moves do at the middle resistance on tiles of 64x64."""
    said = []
    ohms = sorted(table["ohms"].unique())[len(table["ohms"].unique()) // 2]
    rows = table[(table["tile"] == "64x64") & (table["ohms"] == ohms) & (table["measure"] == "nelbo")]
    for task, mine in rows.groupby("task", sort=False):
        by_move = mine.set_index("move")
        changes = [by_move.loc["both", name] / by_move.loc["none", name] - 1 for name in ("nf", "mean")]
        said.append(f"{task.removeprefix('small/')}, loss of current {changes[0]:+.0%}, excess NELBO {changes[1]:+.0%}")
    return f"Both moves on 64x64 at {ohms:g} ohm: {'; '.join(said)}."
