"""Random tiles: magnitudes of normal or Laplace weights, each tile divided by its largest (for arXiv 2511.04798).

The divisor is the largest of the tile's own weights, so that the density of active cells depends on the size of a tile.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.crossbar.slicing import normalised
from theory.errors import InvalidInput, unknown

LAWS = ("normal", "laplace")


def magnitudes(law: str, tiles: int, rows: int, weights: int, seed: int) -> Float[ndarray, "tiles rows weights"]:
    """Return the magnitudes in [0, 1) of independent weights.

    Raises InvalidInput for an unknown law and for fewer than one tile, row or weight.
    """
    if law not in LAWS:
        raise unknown("law of weights", law, LAWS)
    if min(tiles, rows, weights) < 1:
        raise InvalidInput(f"{tiles} tiles of {rows} rows and {weights} weights; expected at least one of each")
    generator, shape = np.random.default_rng(seed), (tiles, rows, weights)
    drawn = generator.normal(size=shape) if law == "normal" else generator.laplace(size=shape)
    return np.stack([normalised(tile)[0] for tile in drawn])
