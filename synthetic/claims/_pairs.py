"""Paired values of two conditions out of a long table, as (seeds, items) arrays for paired intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


def values(table: pd.DataFrame, column: str) -> Float[ndarray, "seeds items"]:
    """Return a column by seed and item. Raises InvalidInput where a pair of them occurs twice or is missing."""
    wide = table.set_index(["seed", "item"])[column]
    if wide.index.has_duplicates:
        raise InvalidInput(f"column {column!r} has several values for one seed and item; select one condition first")
    found = wide.unstack("item").to_numpy(dtype=float)
    if not found.size or np.isnan(found).any():
        raise InvalidInput(f"column {column!r} misses some seeds and items; every seed must score the same items")
    return found


def halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of the even items, to choose on, and of the odd ones, to judge on.

    Where there is a single item, an average over the whole law, the seeds are divided so.
    """
    even = table["item" if table["item"].nunique() > 1 else "seed"] % 2 == 0
    return table[even], table[~even]
