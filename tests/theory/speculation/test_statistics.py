"""The margins of empirical laws and means are those of the inequalities that they come from, number by number."""

from __future__ import annotations

import math

import pytest
import torch

from theory.errors import InvalidInput
from theory.speculation import statistics


def test_margins_of_distribution_functions() -> None:
    """Massart: 2 exp(-2 n t^2); Wei and Dudley, both of size n: 2 exp(-n t^2)."""
    for samples in (458, 20_000):
        for rate in (1e-3, 1e-9):
            assert 2 * math.exp(-2 * samples * statistics.one_sample_margin(samples, rate) ** 2) == pytest.approx(rate)
            assert 2 * math.exp(-samples * statistics.two_sample_margin(samples, rate) ** 2) == pytest.approx(rate)
    with pytest.raises(InvalidInput, match="457 samples; expected at least 458"):
        statistics.two_sample_margin(457)


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.2])
def test_sizes_invert_the_two_sample_margin(margin: float) -> None:
    size = statistics.two_samples(margin)
    assert size == statistics.LEAST or statistics.two_sample_margin(size) <= margin < statistics.two_sample_margin(
        size - 1
    )


def test_the_margin_of_a_mean_is_maurers_and_pontils() -> None:
    """Theorem 4, both sides: sqrt(2 V ln(4 / rate) / n) + 7 b ln(4 / rate) / (3 (n - 1)), V the sample variance."""
    values, rate = torch.tensor([0.0, 1.0, 2.0, 5.0], dtype=torch.float64), 1e-4
    log, variance = math.log(40_000), (4 + 1 + 0 + 9) / 3
    claimed = math.sqrt(2 * variance * log / 4) + 7 * 5 * log / (3 * 3)
    assert statistics.mean_margin(values, 5.0, rate) == pytest.approx(claimed, rel=1e-12)
    assert statistics.mean_margin(values[:1], 5.0, rate) == math.inf


def test_the_distance_of_two_samples() -> None:
    left, right = torch.tensor([0.0, 1.0, 1.0, 3.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    assert statistics.distance_between(left, right) == 0.5
    assert statistics.distance_between(left, left) == 0.0
