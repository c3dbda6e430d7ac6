"""Lists of values by seed and item, from the packed cells of a table to means with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from pandas import DataFrame

from synthetic.intervals import Estimate, nested
from synthetic.itemised import unpack

SUCCESS = {"digits": "share of likely digits", "text": "share of letters in known words"}
"""What a success of 1 means on the tasks without a law, for axes."""


def stacked(rows: DataFrame, measure: str) -> Float[ndarray, "seeds items"]:
    """Return a packed measure of rows with one row a seed."""
    return np.stack([unpack(text) for text in rows.sort_values("seed")[measure]])


def summary(rows: DataFrame, keys: Iterable[str], measures: Iterable[str]) -> DataFrame:
    """Return, for each value of the keys, every measure's mean and the ends of its interval, where it has values.

    Every seed has sequences of its own.
    """
    found = []
    for label, mine in rows.groupby(names := list(keys), sort=False):
        row = dict(zip(names, label, strict=True))
        for measure in measures:
            if (mine[measure] != "").all():
                row |= ends(measure, nested(stacked(mine, measure)))
        found.append(row)
    return DataFrame(found)


def ends(measure: str, estimate: Estimate) -> dict[str, float]:
    """Return the columns of one estimate."""
    low, high = span(estimate)
    return {measure: estimate.mean, f"{measure}_low": low, f"{measure}_high": high}


def span(estimate: Estimate) -> tuple[float, float]:
    """Return the ends of the interval to draw; both are the mean where one seed gives no interval."""
    return (estimate.low, estimate.high) if estimate.bounded else (estimate.mean, estimate.mean)


def columns(estimate: Estimate) -> dict[str, float]:
    """Return mean, low and high."""
    return dict(zip(("mean", "low", "high"), (estimate.mean, *span(estimate)), strict=True))


def bars(rows: DataFrame, measure: str) -> Float[ndarray, "2 rows"]:
    """Return the lengths of error bars below and above."""
    below, above = rows[measure] - rows[f"{measure}_low"], rows[f"{measure}_high"] - rows[measure]
    return np.stack((below, above)).clip(min=0)
