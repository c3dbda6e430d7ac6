"""A tile of a memristive crossbar, and what its wires lose (arXiv 2511.04798), as a picture."""

from __future__ import annotations

import numpy as np
from matplotlib import pyplot
from matplotlib.figure import Figure

from unmasked import crossbars
from unmasked.explorers.base import explorer
from unmasked.explorers.controls import Option, Range

ROWS, WEIGHTS, BITS = 64, 8, 8


@explorer(
    ohms=Range(0.0, 10.0, 0.5, unit="ohm", label="r (ohm)"),
    layout=Option(("grouped", "interleaved")),
    move=Option(crossbars.MOVES),
    weights=Option(("normal", "laplace")),
)
def wires(ohms: float = 2.5, layout: str = "grouped", move: str = "none", weights: str = "normal") -> Figure:
    """Draw the active cells of a tile and the voltage that each cell lacks when every row is driven by one volt.

    The tile has 64 rows of 8 weights of 8 bits, a bit a cell, and wires of `ohms` between neighbouring cells. `layout`
    is how the bits of the weights of a row lie side by side, `move` how rows and columns are moved against the loss,
    and `weights` the law that the weights are drawn from. The titles say which share of the current is lost, and how
    far the recombined outputs are off.
    """
    magnitudes = crossbars.magnitudes(weights, 1, ROWS, WEIGHTS, seed=0)[0]
    places = crossbars.Layout(BITS, layout)
    device = crossbars.Device(wires=crossbars.equal_wires(ohms))
    pattern = places.pattern(magnitudes)
    placed = crossbars.choose(move, pattern).apply(pattern)
    solution = crossbars.solve(crossbars.cells(placed), np.ones((1, ROWS)), device.wires)
    errors = crossbars.tile_errors(magnitudes, places, move, device)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(7.5, 3.4))
    left.imshow(placed, cmap="Greys", vmax=1.4)
    lacking = 1e3 * (solution.row_drops + solution.column_drops)[0]
    image = right.imshow(lacking, cmap="cividis", vmin=0, vmax=max(1.0, float(lacking.max())))
    figure.colorbar(image, label="voltage lacking, of 1 V (mV)", shrink=0.85)
    left.set(xlabel="column", ylabel="row", title=f"active cells (dark): {placed.mean():.0%}")
    loss, error = float(errors.nf), float(errors.weighted)
    right.set(xlabel="column", ylabel="row", title=f"loss of current {loss:.2%}\nerror of outputs {error:.2%}")
    return figure
