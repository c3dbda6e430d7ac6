"""Bootstrap intervals cover what they should, pair what is paired, and decide what they say."""

from __future__ import annotations

import numpy as np
import pytest

from synthetic.intervals import Interval, bootstrap, verdict
from theory.errors import InvalidInput


def test_an_interval_has_the_width_of_the_central_limit_theorem() -> None:
    """One seed, 400 unit normals: half-width 1.96 / 20, within 12 % (4.6 sd of the 2.5 % points of 2000 draws)."""
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap(values)
    half = 1.96 * values.std() / 20
    assert found.low < found.mean < found.high
    assert abs((found.high - found.low) / 2 / half - 1) < 0.12
    assert (found.size, found.seeds) == (400, 1)


def test_items_shared_by_the_seeds_are_not_counted_three_times() -> None:
    item = np.random.default_rng(1).normal(size=300)
    alone, thrice = bootstrap(item), bootstrap(np.tile(item, (3, 1)))
    assert abs((thrice.high - thrice.low) / (alone.high - alone.low) - 1) < 0.12


def test_seeds_that_differ_widen_the_interval() -> None:
    noise = np.random.default_rng(2).normal(size=(3, 300)) / 100
    assert bootstrap(noise + np.array([[-1.0], [0.0], [1.0]])).high > 0.5
    assert bootstrap(noise).high < 0.01


def test_differences_item_by_item_are_sharper_than_differences_of_means() -> None:
    rng = np.random.default_rng(3)
    common = rng.normal(size=(3, 200))
    gain = 0.05 + rng.normal(size=(3, 200)) / 50
    assert verdict(bootstrap(gain)) == "supported"
    assert bootstrap(common).low < 0 < bootstrap(common + gain).high


@pytest.mark.parametrize(
    ("low", "high", "claimed", "expected"),
    [
        (0.1, 0.3, "above", "supported"),
        (-0.3, -0.1, "above", "refuted"),
        (-0.1, 0.1, "above", "undecided"),
        (-0.3, -0.1, "below", "supported"),
        (0.1, 0.3, "below", "refuted"),
        (-0.1, 0.1, "below", "undecided"),
    ],
)
def test_a_verdict_needs_the_whole_interval(low, high, claimed, expected) -> None:
    assert verdict(Interval((low + high) / 2, low, high, 10, 3), 0.0, claimed) == expected


def test_what_has_no_mean_is_refused() -> None:
    for values in (np.zeros((3, 0)), np.array([0.0, np.nan])):
        with pytest.raises(InvalidInput, match="without NaN"):
            bootstrap(values)
