"""Losses of crossbars with random cells, against their distances from the rails and against first order (2511.04798).

Table: active (number of active cells), draw, distance (their mean distance from the rails, in segments), nf
(nonideality factor at one volt on all rows) and first (its first order in the wire resistance, by tail counts).
Scalars: rows of the square tile, ohms of a segment over those of an active cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """Seed, rows and columns, numbers of active cells, patterns of each, ohms of a wire segment."""

    seed: int = 0
    rows: int = 64
    active: tuple[int, ...] = (1, 8, 64, 410, 820)
    patterns: int = 60
    resistance: float = 2.5


PRESETS = {"smoke": Config(rows=8, active=(1, 8), patterns=4), "laptop": Config(), "gpu": Config(patterns=1000)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw patterns of each number of cells, uniform among all, and solve them."""
    import numpy as np
    import pandas as pd

    from theory.crossbar import first_order, mesh

    generator, wires = np.random.default_rng(config.seed), mesh.equal_wires(config.resistance)
    size, on, tables = config.rows**2, 1e5, []
    for active in progress.track(config.active, "Manhattan distances"):
        ranks = generator.random((config.patterns, size)).argsort(-1).argsort(-1)
        pattern = (ranks < active).astype(np.int64).reshape(-1, config.rows, config.rows)
        solution = mesh.solve(mesh.cells(pattern, on), np.ones((1, config.rows)), wires)
        tables.append(
            pd.DataFrame({
                "active": active, "draw": range(config.patterns),
                "distance": first_order.summed_distance(pattern) / active, "nf": solution.nf[:, 0],
                "first": first_order.nf(pattern, wires, on),
            })
        )  # fmt: skip
    return pd.concat(tables, ignore_index=True), {"rows": float(config.rows), "ratio": config.resistance / on}
