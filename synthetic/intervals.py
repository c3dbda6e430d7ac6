"""How sure a mean over trained models and test items is: intervals by how the numbers arose, at their stated level.

Three structures. *One value a seed*: independent numbers, Student's t. *Items of each seed*: every model was scored on
items of its own, so the means of the seeds are independent numbers; where these are all equal, as counts of few items
may be, the spread of the items is taken in their place. *Items shared by all seeds*: every model was scored
on the same items, y_si = mean + a_s + b_i + e_si, and both the seeds and the items are samples. With A, B and E the
mean squares of seeds, items and rest over the number of values, the variance of the mean is A + B - E in expectation
(Cameron, Gelbach, Miller, Journal of Business & Economic Statistics 29, 2011). Two approximations of its distribution
are used and the wider interval is taken, since each is too narrow where the other is not: Satterthwaite's degrees of
freedom for A + B - E, and Cochran's mean of the squared t quantiles of A - E and B.

Skewed numbers, ten or more, shift the interval by Hall's cubic transformation (Annals of Statistics 20, 1992), which
removes the error of order 1 / sqrt(numbers). Nothing helps fewer than ten skewed values a seed: their intervals hold
their level for symmetric noise only. `tests/synthetic/test_coverage.py` simulates the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput

LEVEL = 0.95
MOST_SKEW = 1.0
"""The largest skewness of a mean that is corrected for: beyond it the third moment itself is not known."""
ENOUGH = 10
"""Numbers from which their skewness is estimated."""
LEAST = 1e-12
"""The smallest p-value that is told apart from 0."""
ROUNDING = 1e-12
"""Share of the items' variance below which the seeds' means are equal."""
MOST = 100_000
"""Seeds or items beyond which nobody will go."""

Structure = Literal["exact", "one value a seed", "items of each seed", "items shared by all seeds"]


@dataclass(frozen=True)
class Estimate:
    """A mean with what its interval follows from; arrays where many tables were given at once.

    The independent numbers are those of `seeds` trained models, or of what `unit` says instead. `between`, `across`
    and `noise` are A, B and E for shared items; otherwise `between` is the variance of the mean by the seeds' means,
    and `noise` by the spread of each seed's items.
    """

    mean: Any
    structure: Structure
    seeds: int
    items: int
    between: Any = 0.0
    across: Any = 0.0
    noise: Any = 0.0
    skewness: Any = 0.0
    unit: str = "seeds"

    @property
    def size(self) -> int:
        """Return how many numbers the mean is taken over."""
        return self.seeds * self.items

    @property
    def low(self) -> Any:
        """Return the lower end of the 95 % interval; -inf where there is none."""
        return self.interval()[0]

    @property
    def high(self) -> Any:
        """Return the upper end of the 95 % interval; inf where there is none."""
        return self.interval()[1]

    @property
    def bounded(self) -> bool:
        """Return whether there is an interval: a sample needs at least two seeds."""
        return self.structure == "exact" or self.seeds > 1

    def interval(self, level: float = LEVEL) -> tuple[Any, Any]:
        """Return the two-sided interval at a level."""
        if not self.bounded:
            return self.mean - np.inf, self.mean + np.inf
        if self.structure == "exact":
            return self.mean, self.mean
        error, width = self._error_and_quantile(level)
        return self.mean - error * self._shifted(error, width), self.mean - error * self._shifted(error, -width)

    def chance(self, threshold: float, side: Literal["above", "below"]) -> float:
        """Return the p-value against the hypothesis that the true mean lies on that side of the threshold.

        It is half of 1 - level for the largest level whose interval lies wholly on the other side, 1 where none does
        and LEAST where all do.
        """
        level_out, level_in = 0.0, 1 - 2 * LEAST
        if not self._beyond(threshold, side, 0.0):
            return 1.0
        if self._beyond(threshold, side, level_in):
            return LEAST
        for _ in range(60):
            middle = (level_out + level_in) / 2
            level_out, level_in = (middle, level_in) if self._beyond(threshold, side, middle) else (level_out, middle)
        return (1 - level_out) / 2

    def needed(self, threshold: float) -> str:
        """Say how many seeds or items would move the interval off the threshold at the spread that was seen."""
        gap = abs(float(self.mean) - threshold)
        if not self.bounded:
            return f"two {self.unit} at least for an interval"
        for seeds, items, words in self._larger():
            if self._half_width(seeds, items) < gap:
                return words
        return f"more than {MOST:,} {self.unit}{' or items' if self.structure == 'items shared by all seeds' else ''}"

    def _larger(self) -> Iterator[tuple[int, int, str]]:
        """Yield sizes to try: more items where they are shared, more seeds, more of both."""
        steps = [2 ** (k / 8) for k in range(1, 8 * 24)]
        if self.structure == "items shared by all seeds":
            for items in (math.ceil(self.items * step) for step in steps if self.items * step <= MOST):
                yield self.seeds, items, f"about {items:,} items"
        for seeds in (math.ceil(self.seeds * step) for step in steps if self.seeds * step <= MOST):
            yield seeds, self.items, f"about {seeds:,} {self.unit}"
        if self.structure == "items shared by all seeds":
            for step in steps:
                seeds, items = math.ceil(self.seeds * step), math.ceil(self.items * step)
                if max(seeds, items) <= MOST:
                    yield seeds, items, f"about {seeds:,} seeds and {items:,} items"

    def _half_width(self, seeds: int, items: int) -> float:
        """Return about half the width of the 95 % interval at other sizes, the components of variance as seen."""
        from scipy.stats import t

        tail = (1 + LEVEL) / 2
        if self.structure != "items shared by all seeds":
            return float(t.ppf(tail, seeds - 1) * math.sqrt(max(self.between, self.noise) * self.seeds / seeds))
        own = max(self.between - self.noise, 0.0) * self.seeds / seeds
        item = max(self.across - self.noise, 0.0) * self.items / items
        rest = self.noise * self.seeds * self.items / (seeds * items)
        return math.sqrt(t.ppf(tail, seeds - 1) ** 2 * own + t.ppf(tail, items - 1) ** 2 * (item + rest))

    def _beyond(self, threshold: float, side: Literal["above", "below"], level: float) -> bool:
        low, high = self.interval(level)
        return bool(high < threshold if side == "above" else low > threshold)

    def _error_and_quantile(self, level: float) -> tuple[Any, Any]:
        """Return a standard error and how many of it reach to either end before the correction for skewness."""
        from scipy.stats import t

        tail = (1 + level) / 2
        if self.structure != "items shared by all seeds":
            agree = np.asarray(self.between) <= ROUNDING * self.noise
            freedom = np.where(agree, max(1, self.seeds * (self.items - 1)), self.seeds - 1)
            return np.sqrt(np.where(agree, self.noise, self.between)), t.ppf(tail, freedom)
        whole = np.maximum(self.between + self.across - self.noise, np.maximum(self.between, self.across))
        rest = (self.seeds - 1) * (self.items - 1)
        spread = self.between**2 / (self.seeds - 1) + self.across**2 / (self.items - 1) + self.noise**2 / rest
        freedom = whole**2 / np.where(spread > 0, spread, 1.0)
        satterthwaite = t.ppf(tail, np.maximum(freedom, min(self.seeds, self.items) - 1)) ** 2 * whole
        seeds, items = np.maximum(self.between - self.noise, 0.0), np.maximum(self.across, self.noise)
        cochran = t.ppf(tail, self.seeds - 1) ** 2 * seeds + t.ppf(tail, self.items - 1) ** 2 * items
        error = np.sqrt(whole)
        return error, np.sqrt(np.maximum(satterthwaite, cochran)) / np.where(error > 0, error, 1.0)

    def _shifted(self, error: Any, quantile: Any) -> Any:
        """Return the inverse of Hall's transformation T + g T^2 / 3 + g^2 T^3 / 27 + g / 6, g the skewness."""
        g = np.clip(np.asarray(self.skewness) / np.where(error > 0, error, 1.0) ** 3, -MOST_SKEW, MOST_SKEW)
        straight = quantile - g / 6
        bent = np.where(np.abs(g) > 1e-6, g, 1.0)
        return np.where(np.abs(g) > 1e-6, 3 * (np.cbrt(1 + bent * straight) - 1) / bent, straight)


def exactly(value: float, seeds: int = 1) -> Estimate:
    """Return what was not sampled: its interval has no width."""
    return Estimate(float(value), "exact", seeds, 1)


def of_seeds(values: Float[ndarray, "*many seeds"]) -> Estimate:
    """Estimate the mean of one exact number a seed. Raises InvalidInput for NaN or without numbers."""
    table = _checked(np.asarray(values, dtype=np.float64)[..., None])[..., 0]
    seeds = table.shape[-1]
    variance = table.var(-1, ddof=1) / seeds if seeds > 1 else np.inf
    return Estimate(_plain(table.mean(-1)), "one value a seed", seeds, 1, variance, skewness=_third(table) / seeds**2)


def nested(values: Float[ndarray, "*many seeds items"]) -> Estimate:
    """Estimate the mean over models that were each scored on items of their own; a single item is a value a seed.

    Raises InvalidInput for NaN or without numbers.
    """
    table = _checked(values)
    seeds, items = table.shape[-2:]
    if items == 1:
        return of_seeds(table[..., 0])
    between = table.mean(-1).var(-1, ddof=1) / seeds if seeds > 1 else np.inf
    within = table.var(-1, ddof=1).mean(-1) / (seeds * items)
    return Estimate(_plain(table.mean((-2, -1))), "items of each seed", seeds, items, between, noise=within)


def crossed(values: Float[ndarray, "*many seeds items"]) -> Estimate:
    """Estimate the mean over models that were all scored on the same items; a single item is a value a seed.

    Give differences item by item for a paired comparison. Raises InvalidInput for NaN or without numbers.
    """
    table = _checked(values)
    seeds, items = table.shape[-2:]
    if items == 1:
        return of_seeds(table[..., 0])
    mean, rows, columns = table.mean((-2, -1)), table.mean(-1), table.mean(-2)
    if seeds < 2:
        return Estimate(_plain(mean), "items shared by all seeds", seeds, items, np.inf)
    rest = table - rows[..., None] - columns[..., None, :] + mean[..., None, None]
    noise = (rest**2).sum((-2, -1)) / ((seeds - 1) * (items - 1) * seeds * items)
    between, across = rows.var(-1, ddof=1) / seeds, columns.var(-1, ddof=1) / items
    skewness = _third(columns) / items**2
    return Estimate(_plain(mean), "items shared by all seeds", seeds, items, between, across, noise, skewness)


def _third(values: Float[ndarray, "*many count"]) -> Any:
    """Return the unbiased third central moment along the last axis; 0 of too few numbers."""
    count = values.shape[-1]
    if count < ENOUGH:
        return np.zeros(values.shape[:-1])
    centred = values - values.mean(-1, keepdims=True)
    return (centred**3).sum(-1) * count / ((count - 1) * (count - 2))


def _checked(values: Any) -> Float[ndarray, "*many seeds items"]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim < 2 or not table.size or np.isnan(table).any():
        raise InvalidInput(f"values of shape {table.shape}; expected (seeds, items) without NaN, at least one of each")
    return table


def _plain(value: Any) -> Any:
    return float(value) if np.ndim(value) == 0 else value
