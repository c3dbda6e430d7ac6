"""Lists of values by seed and item, from the packed cells of a table to means with 95 % bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pandas import DataFrame

from synthetic.intervals import Interval, bootstrap
from synthetic.itemised import unpack

SUCCESS = {"digits": "share of likely digits", "text": "share of letters in known words"}
"""What a success of 1 means on the tasks without a law, for axes."""


def stacked(rows: DataFrame, measure: str) -> Float[ndarray, "seeds items"]:
    """Return a packed measure of rows with one row a seed."""
    return np.stack([unpack(text) for text in rows.sort_values("seed")[measure]])


def summary(rows: DataFrame, keys: Iterable[str], measures: Iterable[str]) -> DataFrame:
    """Return, for each value of the keys, every measure's mean and the ends of its interval, where it has values."""
    found = []
    for label, mine in rows.groupby(names := list(keys), sort=False):
        row = dict(zip(names, label, strict=True))
        for measure in measures:
            if (mine[measure] != "").all():
                row |= ends(measure, bootstrap(stacked(mine, measure)))
        found.append(row)
    return DataFrame(found)


def ends(measure: str, interval: Interval) -> dict[str, float]:
    """Return the columns of one interval."""
    return {measure: interval.mean, f"{measure}_low": interval.low, f"{measure}_high": interval.high}


def bars(rows: DataFrame, measure: str) -> Float[ndarray, "2 rows"]:
    """Return the lengths of error bars below and above."""
    below, above = rows[measure] - rows[f"{measure}_low"], rows[f"{measure}_high"] - rows[measure]
    return np.stack((below, above)).clip(min=0)
