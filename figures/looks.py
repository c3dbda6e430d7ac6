"""How schedules look in every figure: one colour, line style and marker each, distinct in black and white too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from pandas import DataFrame

SCHEDULES: dict[str, dict[str, Any]] = {
    "linear": {"color": "#000000", "linestyle": "-", "marker": "o"},
    "sine": {"color": "#56B4E9", "linestyle": (0, (1, 1)), "marker": "v"},
    "squared sine": {"color": "#0072B2", "linestyle": "--", "marker": "s"},
    "one minus cosine": {"color": "#009E73", "linestyle": (0, (4, 1, 1, 1, 1, 1)), "marker": "^"},
    "best Beta": {"color": "#D55E00", "linestyle": "-.", "marker": "D"},
    "best grid": {"color": "#CC79A7", "linestyle": (0, (8, 2)), "marker": "P"},
    "best sizes": {"color": "#E69F00", "linestyle": "-", "marker": "*"},
}
EDGE = {"markeredgecolor": "black", "markeredgewidth": 0.8, "linestyle": "none"}
BEST = {"marker": "*", "markersize": 13, "color": "white", **EDGE}


def point(name: str, **changes: Any) -> dict[str, Any]:
    """Return the keywords of `plot` that draw a schedule as one marker with a dark edge."""
    look = SCHEDULES[name]
    face = "white" if name == "linear" else look["color"]
    return {"marker": look["marker"], "markerfacecolor": face, "color": "black", **EDGE, **changes}


def logarithmic(axes: Axes, ticks: Sequence[float]) -> None:
    """Make both axes logarithmic with the given ticks, written as plain numbers."""
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        plain_ticks(axis, ticks)


def plain_ticks(axis: Any, ticks: Sequence[float]) -> None:
    """Put ticks at those of the given values that the axis shows, written as plain numbers, and none between."""
    axis.set_major_locator(_Shown(ticks))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


class _Shown(FixedLocator):
    """The ticks that lie within the view, whatever it is when the figure is drawn."""

    def __call__(self) -> Any:
        low, high = sorted(self.axis.get_view_interval())
        return [tick for tick in self.locs if low <= tick <= high]


def shortened(table: DataFrame, *columns: str) -> DataFrame:
    """Return the table with the named columns cut to six digits, to keep a large plane's file small."""
    cut = {name: table[name].map(lambda value: float(f"{value:.6g}")) for name in columns}
    return table.assign(**cut)


def rooted(axis: Any, top: float, ticks: Sequence[float] = (0, 0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 3, 4)) -> None:
    """Give an axis a square-root scale from 0 to `top`: small values are told apart and 0 stays on it."""
    name, axes = axis.axis_name, axis.axes
    getattr(axes, f"set_{name}scale")("function", functions=(lambda v: v.clip(0) ** 0.5, lambda v: v**2))
    getattr(axes, f"set_{name}lim")(0, top)
    shown: list[float] = []
    for tick in ticks:
        if tick <= top and (not shown or (tick / top) ** 0.5 - (shown[-1] / top) ** 0.5 > 0.075):
            shown.append(tick)
    plain_ticks(axis, shown)
