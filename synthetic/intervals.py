"""Bootstrap intervals over trained seeds and test items, and the verdict that an interval supports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput

Verdict = Literal["supported", "refuted", "undecided"]
RESAMPLES = 2000
"""The 2.5 % point of 2000 resamples lies within one percentage point of its level in 99.6 % of runs."""


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval, over `size` values from `seeds` trained models."""

    mean: float
    low: float
    high: float
    size: int
    seeds: int


def bootstrap(values: Float[ndarray, "seeds items"], level: float = 0.95, seed: int = 0) -> Interval:
    """Return the percentile interval of the mean: seeds and items are resampled, each across the whole table.

    Items that all seeds share, and noise of each (seed, item) alone, are both accounted for (the pigeonhole
    bootstrap; Owen, Annals of Applied Statistics 1, 2007). Give differences item by item for a paired comparison.
    Raises InvalidInput for NaN or without items.
    """
    table = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if table.ndim != 2 or not table.size or np.isnan(table).any():
        raise InvalidInput(f"values of shape {table.shape}; expected (seeds, items) without NaN, at least one of each")
    rng = np.random.default_rng(seed)
    rows, columns = (_shares(rng, size) for size in table.shape)
    means = ((rows @ table) * columns).sum(-1)
    low, high = np.quantile(means, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(table.mean()), float(low), float(high), table.size, len(table))


def verdict(interval: Interval, threshold: float = 0.0, claimed: Literal["above", "below"] = "above") -> Verdict:
    """Return supported where the whole interval lies on the claimed side, refuted where on the other."""
    low, high = (interval.low, interval.high) if claimed == "above" else (-interval.high, -interval.low)
    limit = threshold if claimed == "above" else -threshold
    if low > limit:
        return "supported"
    return "refuted" if high < limit else "undecided"


def _shares(rng: np.random.Generator, size: int) -> Float[ndarray, "resamples size"]:
    """Return the share of each index in resamples with replacement, one a row."""
    return rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES) / size
