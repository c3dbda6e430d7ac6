"""Where the cells of a crossbar lack voltage, before and after mapping (arXiv 2511.04798)."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from synthetic.records import Record

EXPERIMENTS = ("wire_drops",)
TITLES = {"none": "as stored", "both": "columns reversed, rows sorted"}


def draw(records: Mapping[str, Record]) -> tuple[Figure, DataFrame]:
    """Draw the active cells and the lost voltage of the tile, a column for each mapping."""
    record = records["wire_drops"]
    table = record.table
    figure, panels = pyplot.subplots(2, 2, figsize=(6.4, 6.2), sharex=True, sharey=True)
    largest = 1e3 * table["lost"].max()
    for k, (move, title) in enumerate(TITLES.items()):
        mine = table[table["move"] == move]
        cells, lost = (mine.pivot(index="j", columns="k", values=name).to_numpy() for name in ("active", "lost"))
        panels[0, k].imshow(cells, cmap="Greys", vmin=0, vmax=1.4, origin="upper")
        image = panels[1, k].imshow(1e3 * lost, cmap="cividis", vmin=0, vmax=largest, origin="upper")
        current, outputs = (record.scalars[f"{name}, {move}"] for name in ("nonideality factor", "error of outputs"))
        panels[0, k].set_title(f"{title}\nloss of current {current:.1%}\nerror of outputs {outputs:.1%}")
        panels[1, k].set_xlabel("column (drivers at 0)")
        for axes in panels[:, k]:
            _plain(axes, cells.shape)
    panels[0, 0].set_ylabel("active cells\nrow (sense amplifiers at 0)")
    panels[1, 0].set_ylabel("voltage lost\nrow (sense amplifiers at 0)")
    figure.colorbar(image, ax=panels[1, :], label="lost of 1 V (mV)", shrink=0.9)
    return figure, table


def _plain(axes: Axes, shape: tuple[int, int]) -> None:
    axes.set(xticks=(0, shape[1] - 1), yticks=(0, shape[0] - 1))
    axes.spines[:].set_visible(True)
