"""Losses of crossbars and errors of their recombined outputs, for layouts, laws of weights and moves (2511.04798).

Table: layout, law (of the weights, each tile divided by its largest), seed, move, nf (nonideality factor of all
columns) and weighted (error of the recombined outputs over their sum), both over those of the same tile without a
move. Scalars: ohms of a wire segment and of an active cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

LAYOUTS = {
    "grouped": (64, 8, "grouped"),
    "interleaved": (64, 8, "interleaved"),
    "one weight a row": (128, 1, "grouped"),
}
"""Rows, weights a row and the order of columns; eight bits a weight."""
COLUMNS = ("layout", "law", "seed", "move", "nf", "weighted")


@dataclass(frozen=True)
class Config:
    """Seeds, a tile each, layouts with the law of their weights, and ohms of a wire segment."""

    seeds: tuple[int, ...] = tuple(range(96))
    cases: tuple[tuple[str, str], ...] = (
        ("grouped", "normal"), ("grouped", "laplace"), ("interleaved", "normal"),
        ("one weight a row", "normal"), ("one weight a row", "laplace"),
    )  # fmt: skip
    resistance: float = 2.5


PRESETS = {
    "smoke": Config(seeds=(0, 1), cases=(("one weight a row", "normal"),)), "laptop": Config(),
    "gpu": Config(seeds=tuple(range(400))),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw the tiles of every case, and solve them after each move."""
    import numpy as np
    import pandas as pd

    from theory.crossbar import draws, mapping, mesh, tiles
    from theory.crossbar.slicing import Layout

    device, tables = tiles.Device(wires=mesh.equal_wires(config.resistance)), []
    for layout, law in progress.track(config.cases, "crossbar mappings"):
        rows, weights, order = LAYOUTS[layout]
        magnitudes = np.concatenate([draws.magnitudes(law, 1, rows, weights, seed) for seed in config.seeds])
        errors = {move: tiles.tile_errors(magnitudes, Layout(8, order), move, device) for move in mapping.MOVES}
        base = errors["none"]
        for move in mapping.MOVES[1:]:
            ratios = {"nf": errors[move].nf / base.nf, "weighted": errors[move].weighted / base.weighted}
            tables.append(pd.DataFrame({"layout": layout, "law": law, "seed": config.seeds, "move": move, **ratios}))
    table = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    return table, {"ohms of a segment": config.resistance, "ohms of an active cell": device.on}
