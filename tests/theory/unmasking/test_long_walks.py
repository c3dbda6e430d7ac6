"""Rao-Blackwellised sampling against the exact walk on short worlds, and a chain far too long to enumerate."""

from __future__ import annotations

import math

import pytest
import torch

from theory import worlds
from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE
from theory.unmasking import walks
from theory.unmasking.long_walks import sample_walk
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK
from theory.worlds.tree import sticky_chain

STAY = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
SEE = torch.tensor([[0.75, 0.25], [0.125, 0.875]], dtype=torch.float64)
HMM = worlds.hidden_markov_model(STAY, SEE, 5)


@pytest.mark.parametrize("rule", [EntropyBounded(0.6), TopK(2, "margin"), RandomOne()], ids=lambda r: r.name)
@pytest.mark.parametrize("world", [sticky_chain(6), HMM], ids=lambda w: w.name)
def test_estimates_cover_the_exact_walk(rule: object, world: worlds.World) -> None:
    """Six central-limit intervals at the suite's false-alarm share each; 3000 sequences make them narrow."""
    exact = walks.walk(rule, world)
    found = sample_walk(rule, world, 3000, torch.Generator().manual_seed(5))
    pairs = [
        (found.joint_dependence, exact.joint_dependence),
        (found.model_error, exact.model_error),
        (found.bound, exact.bound), (found.path_divergence, exact.path_divergence),
        (found.calls, exact.calls), (found.calls_of_data, exact.calls_of_data),
    ]  # fmt: skip
    for estimate, value in pairs:
        low, high = estimate.interval(FALSE_ALARM_SHARE)
        assert low - 1e-12 <= float(value) <= high + 1e-12
        assert estimate.standard_error < 0.05


def test_a_wrong_denoiser_shows_as_model_error() -> None:
    world, other = sticky_chain(6), sticky_chain(6, 0.7)
    exact = walks.walk(EntropyBounded(0.5), world, other)
    found = sample_walk(EntropyBounded(0.5), world, 2000, torch.Generator().manual_seed(1), other)
    low, high = found.model_error.interval(FALSE_ALARM_SHARE)
    assert low <= float(exact.model_error) <= high
    assert low > 0


def test_rao_blackwell_beats_the_plain_estimate() -> None:
    """The plain per-sequence value ln q(x) / p_phi(x) has the same mean and a larger spread."""
    world = sticky_chain(6)
    walk = walks.walk(TopK(3), world)
    law = walk.world.law()
    ratio = (law / walk.output.law()).log()
    plain = float((law * (ratio - (law * ratio).sum()) ** 2).sum().sqrt())
    found = sample_walk(TopK(3), world, 2000, torch.Generator().manual_seed(2)).path_divergence
    assert found.standard_error * math.sqrt(2000) < plain


def test_a_long_chain() -> None:
    """Independent gaps of a sticky chain: Top-1 left to right is exact, two at a time pays one bond each."""
    world = sticky_chain(60)
    from theory.unmasking.rules.sets import LeftToRight

    exact_rule = sample_walk(LeftToRight(1), world, 8, torch.Generator().manual_seed(3))
    assert exact_rule.path_divergence.mean == pytest.approx(0, abs=1e-10)
    assert exact_rule.calls_of_data.mean == 60
    pairs = sample_walk(LeftToRight(2), world, 8, torch.Generator().manual_seed(3))
    h = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)
    two_steps = 0.82
    gap = -two_steps * math.log(two_steps) - (1 - two_steps) * math.log(1 - two_steps)
    assert pairs.path_divergence.mean == pytest.approx(math.log(2) - h + 29 * (gap - h), abs=1e-9)


def test_too_few_samples() -> None:
    with pytest.raises(InvalidInput, match="1 samples; expected at least 2"):
        sample_walk(TopK(1), sticky_chain(4), 1)
