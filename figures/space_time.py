"""Space-time diagrams: one row a step, one column a position, and how each symbol came there."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("space_time",)
FACES = {"start": "#BDBDBD", "kept": "#BDBDBD", "written": "#1A1A1A", "remasked": "#E69F00"}
MASK = "white"
TITLES = {
    "two lanes": "Rule 110 in two lanes:\nthe context stays", "log": "the same written once:\nit grows with the steps",
    "tree": "a product on a\nbalanced tree", "Dyck words": "a two-sided Dyck word\nthat grows inside",
    "brackets": "brackets that go,\npair by pair", "search": "Sudoku search that\ngoes back",
}  # fmt: skip


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw six programs, time downwards."""
    table = records["space_time"].table
    figure, panels = pyplot.subplots(2, 3, figsize=(7.0, 6.0))
    for axes, (program, title) in zip(panels.flat, TITLES.items(), strict=True):
        _diagram(axes, table[table["program"] == program])
        axes.set_title(title, fontsize=8)
    for axes in panels[:, 0]:
        axes.set_ylabel("step")
    for axes in panels[1]:
        axes.set_xlabel("position")
    plain = {"token": FACES["kept"], "written": FACES["written"], "mask": MASK}
    looks = [
        *(_patch(label, face) for label, face in plain.items()),
        _patch("remasked", FACES["remasked"], hatch="////"),
    ]
    signs = [_point("inserted", "+"), _point("deleted next", "x")]
    figure.legend(handles=[*looks, *signs], loc="outside lower center", ncol=6, handlelength=1.2, columnspacing=1.2)
    return figure, table


def _patch(label: str, face: str, **look: str) -> Patch:
    return Patch(facecolor=face, label=label, edgecolor="#888888", linewidth=0.5, **look)


def _point(label: str, marker: str) -> Line2D:
    return Line2D([], [], linestyle="none", marker=marker, color="black", label=label)


def _diagram(axes: Axes, rows: DataFrame) -> None:
    """Draw a rectangle for each symbol, a cross or plus on masks that go or are new."""
    steps, width = int(rows["step"].max()), int(rows["place"].max())
    here = rows[rows["mark"] != "deleted"]
    line = 0.3 if steps * width < 1500 else 0.1
    for step, place, token, mark in here[["step", "place", "token", "mark"]].itertuples(index=False):
        face = FACES.get(mark, MASK) if token or mark == "remasked" else MASK
        look = {"hatch": "//////"} if mark == "remasked" else {}
        axes.add_patch(
            Rectangle((place - 0.5, step - 0.5), 1, 1, facecolor=face, edgecolor="#888888", linewidth=line, **look)
        )
    size = min(5.0, 90 / max(width + 1, steps + 1))
    for mark, marker in (("inserted", "+"), ("deleted", "x")):
        mine = rows[rows["mark"] == mark]
        axes.plot(mine["place"], mine["step"], marker, color="black", markersize=size, markeredgewidth=0.8)
    axes.set_xlim(-0.5, width + 0.5)
    axes.set_ylim(steps + 0.5, -0.5)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, integer=True))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def findings(table: DataFrame) -> str:
    """Say how long the strings become."""
    longest = table[table["mark"] != "deleted"].groupby(["program", "step"]).size().groupby("program").max()
    steps = table.groupby("program")["step"].max()
    return (
        f"Two lanes hold {longest['two lanes']} symbols for {steps['two lanes']} steps; a log of half as many cells "
        f"takes {longest['log']} for {steps['log']}. The search fills 12 blanks in {steps['search']} steps."
    )
