"""Intervals pair what is paired, tell what they lack, and give p-values that agree with them."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import stats

from synthetic.intervals import Estimate, crossed, exactly, nested, of_seeds
from theory.errors import InvalidInput

RNG = np.random.default_rng(0)


def test_one_value_a_seed_is_students_t() -> None:
    values = np.array([1.0, 2.0, 4.0, 3.0])
    found, exact = of_seeds(values), stats.ttest_1samp(values, 0.5)
    interval = exact.confidence_interval()
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-12)
    assert found.chance(0.5, "below") == pytest.approx(exact.pvalue / 2, rel=1e-9)
    assert found.chance(0.5, "above") == 1.0


def test_items_of_each_seed_count_as_one_number_a_seed() -> None:
    values = RNG.normal(size=(5, 40))
    found, means = nested(values), of_seeds(values.mean(1))
    assert (found.low, found.high) == pytest.approx((means.low, means.high), rel=1e-12)
    assert (found.size, found.structure) == (200, "items of each seed")


def test_seeds_that_agree_by_chance_are_no_certainty() -> None:
    """Three seeds with 3 successes of 6 each: as sure as 9 of 18 are."""
    found = nested(np.tile([0.0, 1.0], (3, 3)))
    half = stats.t.ppf(0.975, 15) * math.sqrt(0.3 / 18)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-12)


def test_shared_items_alone_are_students_t_over_items() -> None:
    item = RNG.normal(size=300)
    found = crossed(np.tile(item, (3, 1)))
    half = stats.t.ppf(0.975, 299) * item.std(ddof=1) / math.sqrt(300)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.01)


def test_seeds_that_differ_widen_the_interval() -> None:
    values = RNG.normal(size=(3, 300)) / 100
    assert crossed(values + np.array([[-1.0], [0.0], [1.0]])).high > 2.4
    assert crossed(values).high < 0.01


def test_differences_item_by_item_are_sharper_than_differences_of_means() -> None:
    common, gain = RNG.normal(size=(3, 200)), 0.05 + RNG.normal(size=(3, 200)) / 50
    assert crossed(gain).low > 0
    assert crossed(common).low < 0 < crossed(common + gain).high


def test_skewed_items_reach_further_on_the_side_of_their_tail() -> None:
    found = crossed(np.tile(RNG.exponential(size=60), (3, 1)))
    assert found.high - found.mean > 1.1 * (found.mean - found.low)


@pytest.mark.parametrize("found", [of_seeds(RNG.normal(size=7)), crossed(RNG.exponential(size=(3, 60)))])
def test_the_p_value_is_the_level_whose_interval_ends_at_the_threshold(found: Estimate) -> None:
    for level in (0.5, 0.95, 0.999):
        low, high = found.interval(level)
        assert found.chance(low, "below") == pytest.approx((1 - level) / 2, rel=1e-6)
        assert found.chance(high, "above") == pytest.approx((1 - level) / 2, rel=1e-6)


def test_many_tables_at_once_are_each_table_alone() -> None:
    values = RNG.exponential(size=(4, 3, 50))
    together = crossed(values)
    for k in range(4):
        alone = crossed(values[k])
        assert (together.low[k], together.high[k]) == pytest.approx((alone.low, alone.high), rel=1e-12)


def test_a_single_item_is_a_value_a_seed() -> None:
    values = RNG.normal(size=(4, 1))
    assert crossed(values) == nested(values) == of_seeds(values[:, 0])


def test_one_seed_has_no_interval() -> None:
    for found in (crossed(RNG.normal(size=(1, 50))), nested(RNG.normal(size=(1, 50))), of_seeds(np.array([2.0]))):
        assert not found.bounded
        assert found.interval() == (-math.inf, math.inf)
        assert found.chance(1e9, "above") == 1.0
        assert found.needed(0.0) == "two seeds at least for an interval"
    assert exactly(2.0).interval() == (2.0, 2.0)


def test_what_is_said_to_decide_does_decide() -> None:
    """Seeds: of 8 numbers with mean .5 and unit spread about 18 are needed: t(17) / sqrt(18) = .497."""
    centred = (lambda v: (v - v.mean()) / v.std(ddof=1))(RNG.normal(size=8))
    found = of_seeds(0.5 + centred)
    assert found.low < 0
    count = int(found.needed(0.0).split()[1])
    assert stats.t.ppf(0.975, count - 1) / math.sqrt(count) < 0.5 < 1.15 * stats.t.ppf(0.975, 17) / math.sqrt(17)
    assert 17 <= count <= 20
    items = crossed(0.05 + RNG.normal(size=(1, 100)) + 0.1 * RNG.normal(size=(3, 100)))
    assert items.needed(items.mean - 0.05).endswith("items")
    assert items.needed(items.mean).startswith("more than")
    both = crossed(RNG.normal(size=(3, 1)) / 10 + RNG.normal(size=(1, 100)))
    assert re.fullmatch(r"about \d+ seeds and [\d,]+ items", both.needed(both.mean - 0.02))


def test_what_has_no_mean_is_refused() -> None:
    for values in (np.zeros((3, 0)), np.array([[0.0, np.nan]]), np.array(1.0)):
        with pytest.raises(InvalidInput, match="without NaN"):
            crossed(values)
