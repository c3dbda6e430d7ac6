"""Voltages that a crossbar's cells lack because its wires have resistance, before and after mapping (2511.04798).

One tile of 64x64 cells with 8 Laplace weights of 8 bits a row, grouped by significance, all rows driven by one volt.
Table: move, j (row, from the sense amplifiers), k (column, from the drivers), active, lost (volts that the cell lacks).
Scalars: the nonideality factor, the error of the recombined outputs and the mean distance of active cells, by move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """Seed, rows and weights a row of the tile, ohms of a wire segment, moves."""

    seed: int = 0
    rows: int = 64
    weights: int = 8
    resistance: float = 2.5
    moves: tuple[str, ...] = ("none", "both")


PRESETS = {"smoke": Config(rows=8, weights=1), "laptop": Config(), "gpu": Config(rows=256, weights=32)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Solve the tile as it is and after each move."""
    import numpy as np
    import pandas as pd

    from theory.crossbar import draws, first_order, mapping, mesh, tiles
    from theory.crossbar.slicing import EIGHT_BITS

    magnitudes = draws.magnitudes("laplace", 1, config.rows, config.weights, config.seed)[0]
    pattern, wires = EIGHT_BITS.pattern(magnitudes), mesh.equal_wires(config.resistance)
    scalars, tables = {}, []
    for move in progress.track(config.moves, "wire drops"):
        placed = mapping.choose(move, pattern).apply(pattern)
        solution = mesh.solve(mesh.cells(placed), np.ones((1, config.rows)), wires)
        lost = (solution.row_drops + solution.column_drops)[0]
        j, k = np.indices(placed.shape)
        columns = {"j": j.ravel(), "k": k.ravel(), "active": placed.ravel(), "lost": lost.ravel().round(7)}
        tables.append(pd.DataFrame({"move": move, **columns}))
        errors = tiles.tile_errors(magnitudes, EIGHT_BITS, move, tiles.Device(wires=wires))
        scalars[f"nonideality factor, {move}"] = float(errors.nf)
        scalars[f"error of outputs, {move}"] = float(errors.weighted)
        scalars[f"mean distance, {move}"] = float(first_order.summed_distance(placed) / placed.sum())
    return pd.concat(tables, ignore_index=True), scalars
