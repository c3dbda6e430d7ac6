"""Simulated coverage of the intervals: 95 % of them hold the true mean, at the sizes that the suite uses.

Noise is normal, skewed (exponential, less its mean) or zero-inflated (four of five exactly zero, the rest exponential);
seeds differ by normal noise. Each share is of 10,000 tables (2,000 where a table holds 10,000 numbers), so its standard
error is .0022 (.0049): at least .94 is asked for less two of them, at most .98 where the structure is the declared one.
"""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.claims.training import jackknifed
from synthetic.intervals import Estimate, crossed, nested, of_seeds

KINDS = ("normal", "skewed", "zero-inflated")
BEFORE = [(3, 128), (5, 128), (3, 512), (20, 512), (4, 300), (6, 256), (6, 512), (12, 256)]
"""Seeds and items of earlier tables, and of some of today's."""


def noise(kind: str, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers of mean 0 and variance 1."""
    if kind == "normal":
        return rng.normal(size=shape)
    if kind == "skewed":
        return rng.exponential(size=shape) - 1
    return ((rng.random(shape) < 0.2) * rng.exponential(size=shape) - 0.2) / 0.6


def coverage(found: Estimate) -> float:
    return float(((found.low <= 0) & (found.high >= 0)).mean())


def tables(seeds: int, items: int) -> tuple[int, float]:
    """Return how many tables to draw and twice the standard error of a share of .95."""
    count = 10_000 if seeds * items < 8000 else 2_000
    return count, 2 * (0.95 * 0.05 / count) ** 0.5


@pytest.mark.parametrize(
    ("seeds", "kinds"),
    [(3, ("normal",)), (4, ("normal",)), (5, ("normal",)), (6, ("normal",)), (12, ("normal",)), (20, KINDS)],
)
def test_one_value_a_seed(seeds: int, kinds: tuple[str, ...]) -> None:
    """With twenty zero-inflated seeds all are zero once in 87 times, which costs a point: .93 is asked for there."""
    rng = np.random.default_rng(seeds)
    for kind in kinds:
        share = coverage(of_seeds(noise(kind, rng, (10_000, seeds))))
        assert (0.93 if kind == "zero-inflated" else 0.94) - 0.0044 < share < 0.98


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("seeds", "items"), [*BEFORE, (6, 32), (6, 96), (6, 192)])
def test_items_of_each_seed(seeds: int, items: int, spread: float, kind: str) -> None:
    rng = np.random.default_rng(seeds * items)
    count, slack = tables(seeds, items)
    values = spread * rng.normal(size=(count, seeds, 1)) + noise(kind, rng, (count, seeds, items))
    assert 0.94 - slack < coverage(nested(values)) < 0.98


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("of_seed", "of_item", "of_both"),
    [(1, 0, 0), (0, 1, 0), (0.05, 1, 1), (0.1, 1, 1), (0.3, 1, 1), (0.1, 0, 1), (0.05, 0, 1)],
)
@pytest.mark.parametrize(
    ("seeds", "items"),
    [*BEFORE, (20, 256), (5, 120), (6, 240), (8, 60), (8, 120), (8, 256), (8, 592), (4, 256), (4, 512)],
)
def test_items_shared_by_all_seeds(
    seeds: int, items: int, of_seed: float, of_item: float, of_both: float, kind: str
) -> None:
    rng = np.random.default_rng(seeds * items)
    count, slack = tables(seeds, items)
    values = of_seed * rng.normal(size=(count, seeds, 1)) + of_item * noise(kind, rng, (count, 1, items))
    if of_both:
        values = values + of_both * noise(kind, rng, (count, seeds, items))
    assert 0.94 - slack < coverage(crossed(values)) < 0.98


def test_noise_of_single_values_alone_makes_shared_items_cautious_and_no_more() -> None:
    """Items that differ in nothing but noise are items of each seed; declared as shared, intervals grow somewhat."""
    values = np.random.default_rng(1).normal(size=(10_000, 3, 128))
    assert 0.95 < coverage(crossed(values)) < 0.99
    assert 0.94 < coverage(nested(values)) < 0.96


def test_the_percentile_bootstrap_of_three_seeds_covers_three_of_four() -> None:
    """Control: resampling three numbers gives intervals that miss a quarter of the time; this test would see them."""
    values = np.random.default_rng(0).normal(size=(4000, 3))
    resampled = np.random.default_rng(1).multinomial(3, [1 / 3] * 3, size=400) / 3 @ values.T
    low, high = np.quantile(resampled, (0.025, 0.975), axis=0)
    assert float(((low <= 0) & (high >= 0)).mean()) < 0.80


@pytest.mark.parametrize(("items", "chance"), [(12, 0.5), (24, 0.5), (32, 0.2), (128, 0.05)])
def test_successes_of_few_items_of_each_seed(items: int, chance: float) -> None:
    """Three seeds whose counts are equal say nothing of the spread; with six items a seed the share is .983."""
    values = (np.random.default_rng(items).random((10_000, 3, items)) < chance).astype(float)
    assert 0.94 - 0.0044 < coverage(nested(values - chance)) < 0.98


@pytest.mark.parametrize(("items", "share"), [(4, 0.848), (12, 0.919), (16, 0.921), (24, 0.936)])
def test_few_items_of_each_seed_that_are_mostly_zero_miss_their_level(items: int, share: float) -> None:
    """A known limit, kept in sight: with 4 to 24 items of each of six seeds, as sampled rules have, they cover less."""
    values = noise("zero-inflated", np.random.default_rng(6 * items), (10_000, 6, items))
    assert coverage(nested(values)) == pytest.approx(share, abs=0.011)  # four standard errors of a share of .92


def test_where_else_the_level_is_not_held() -> None:
    """Known limits, kept in sight: few seeds that are mostly exactly zero, and few shared items that differ in noise
    alone, where intervals are too wide. The suite has 8 seeds on 60 and 64 shared items."""
    rng = np.random.default_rng(12)
    assert coverage(of_seeds(noise("zero-inflated", rng, (10_000, 12)))) < 0.90
    for seeds, items in ((5, 60), (6, 24)):
        small = 0.05 * rng.normal(size=(10_000, seeds, 1))
        assert 0.975 < coverage(crossed(small + noise("zero-inflated", rng, (10_000, seeds, items)))) < 0.99


def test_jackknifed_ratios_of_variances() -> None:
    """ln of the variance between twenty seeds of one method over that of another: normal seeds, both independent."""
    rng = np.random.default_rng(0)
    first, second = (np.stack([jackknifed(row) for row in rng.normal(size=(4000, 20))]) for _ in range(2))
    assert 0.94 - 2 * (0.95 * 0.05 / 4000) ** 0.5 < coverage(of_seeds(first - second)) < 0.98
