"""The samplers of diffusers, run unchanged on exact conditionals: where their laws are ours, and where they are not.

Its schedulers are black boxes here. They get logarithms of exact conditionals, in which a revealed token has
probability one, and return candidates, accepted positions and the next tokens. Each law is compared with the exact law
of the rule of the same meaning by one exact binomial test a cell, at the suite's false-alarm share for all cells of a
law together. Every difference between the two samplers has a test of its own that measures it.
"""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusers import EntropyBoundScheduler

from tests.black_boxes import WORLDS, Tempered, surprising_cells, total_variation
from theory.denoisers import Denoiser
from theory.tolerance import slack
from theory.unmasking import sampling
from theory.unmasking.rules.proxies import token_entropy
from theory.unmasking.rules.sets import EntropyBounded, TopK, prefix_bounds
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, repetition

ROWS = 100_000


def entropy_bounded(budget: float, temperature: float = 1.0) -> EntropyBoundScheduler:
    """Return their scheduler at one temperature throughout."""
    return EntropyBoundScheduler(entropy_bound=budget, t_max=temperature, t_min=temperature)


def drawn_with_masks(scheduler: EntropyBoundScheduler, denoiser: Denoiser, rows: int, seed: int) -> torch.Tensor:
    """Run their steps, masking again what they do not accept: their noise replaced by a mask, nothing else changed."""
    assert denoiser.n is not None
    z, generator = torch.full((rows, denoiser.n), denoiser.d), torch.Generator().manual_seed(seed)
    for step in range(denoiser.n):
        out = scheduler.step(denoiser(z), step, z, generator=generator)
        z = torch.where(out.accepted_index, out.sampled_tokens, denoiser.d)
    return z


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("budget", [0.0, 0.3, 0.6, 0.9])
def test_with_masks_for_noise_its_law_is_that_of_our_rule(name: str, budget: float) -> None:
    world = WORLDS[name]
    law = walk(EntropyBounded(budget), world).output.law().tolist()
    found = drawn_with_masks(entropy_bounded(budget), world, ROWS, seed=int(10 * budget))
    assert not surprising_cells(found, law, world.d)


def test_a_wrong_law_is_noticed() -> None:
    """A budget of 0 for one of .3 nats moves the law by nine thousandths, and the counts say so."""
    world = WORLDS["four bits"]
    found = drawn_with_masks(entropy_bounded(0.3), world, ROWS, seed=3)
    wrong = walk(EntropyBounded(0.0), world).output
    assert total_variation(wrong, walk(EntropyBounded(0.3), world).output) == pytest.approx(0.0091, abs=1e-4)
    assert surprising_cells(found, wrong.law().tolist(), 2)


@pytest.mark.parametrize("budget", [0.1, 0.5, 1.0, 2.0])
def test_it_accepts_our_sets(budget: float) -> None:
    """On 1,024 random states in float32; only where a sum of entropies is within the slack of the budget it may not."""
    logits = 3 * torch.randn(1024, 64, 64, generator=torch.Generator().manual_seed(0))
    masked = torch.ones(1024, 64, dtype=torch.bool)
    log_p = logits.log_softmax(-1)
    theirs = entropy_bounded(budget).step(logits, 0, masked.long()).accepted_index
    same = (theirs == EntropyBounded(budget).select(log_p, masked)).all(-1)
    bounds = prefix_bounds(token_entropy(log_p).sort(-1).values)
    close = ((bounds - budget).abs() <= 2 * slack(log_p.dtype) * max(1, budget)).any(-1)
    assert bool(same[~close].all()) and int((~same).sum()) <= 3
    assert int((theirs != EntropyBounded(1.01 * budget).select(log_p, masked)).any(-1).sum()) > int((~same).sum())


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_its_budget_is_compared_without_a_tolerance(kind: torch.dtype) -> None:
    """Uniform tokens at the budget (k - 1) ln d, which k of them meet: it accepts another number in 1 case of 10."""
    missed = 0
    for d, k in itertools.product((2, 3, 4, 5, 7, 8, 10, 16, 27, 50, 100, 128), range(1, 17)):
        logits, masked = torch.full((1, 20, d), -math.log(d), dtype=kind), torch.ones(1, 20, dtype=torch.bool)
        budget = (k - 1) * math.log(d)
        assert int(EntropyBounded(budget).select(logits.log_softmax(-1), masked).sum()) == k
        missed += int(entropy_bounded(budget).step(logits, 0, masked.long()).accepted_index.sum()) != k
    assert 10 <= missed <= 60


def test_its_entropies_are_those_of_the_tempered_law() -> None:
    """At temperature 1/2 its law is ours with a tempered denoiser, not ours with tempered tokens, which is .111 away.

    Two copies of a bit of probability .8, budget .3 nats: .50 nats each as they are, .22 nats when tempered.
    """
    world = TableWorld(torch.tensor([0.8, 0.0, 0.0, 0.2], dtype=torch.float64), 2, 2)
    rule, half = EntropyBounded(0.3), Tempered(world, 0.5)
    theirs = walk(rule, world, half).output
    assert not surprising_cells(drawn_with_masks(entropy_bounded(0.3, 0.5), world, ROWS, 5), theirs.law().tolist(), 2)
    ours = sampling.sample(rule, world, ROWS, seed=6, temperature=0.5)
    tokens_alone = walk(TopK(1), world, half).output
    assert ours.calls == 2 and not surprising_cells(ours.tokens, tokens_alone.law().tolist(), 2)
    low = 1 / 17
    assert total_variation(theirs, tokens_alone) == pytest.approx(2 * low * (1 - low), abs=1e-12)


def test_its_temperature_does_not_reach_the_lower_end() -> None:
    """32 steps from .8 "down to .4 on the last" end at .4 + .4 / 32."""
    scheduler, logits = EntropyBoundScheduler(), torch.ones(1, 1, 2)
    used = [1 / float(scheduler.step(logits, k, torch.zeros(1, 1).long()).pred_logits[0, 0, 0]) for k in (0, 31)]
    assert used == pytest.approx([0.8, 0.4125], rel=1e-6)


def test_noise_in_place_of_masks_stays_where_the_denoiser_knows_masks_alone() -> None:
    """Two copies of a bit, budget 0: one is accepted, the other becomes a fair coin and is taken for a token."""
    world = repetition(2, 2)
    scheduler, generator = entropy_bounded(0.0), torch.Generator().manual_seed(0)
    z = torch.full((ROWS, 2), 2)
    for step in range(3):
        out = scheduler.step(world(z), step, z, generator=generator)
        assert int(out.accepted_index.sum(-1).min()) == (1 if step == 0 else 2)
        z = out.prev_sample
    assert not surprising_cells(z, [0.25] * 4, 2)
    assert not surprising_cells(drawn_with_masks(scheduler, world, ROWS, 1), [0.5, 0, 0, 0.5], 2)


def test_it_remembers_no_accepted_token() -> None:
    """A denoiser that predicts shown tokens too, from the others: both copies are drawn anew in the second step."""
    world, generator = repetition(2, 2), torch.Generator().manual_seed(0)

    def without_itself(z: torch.Tensor) -> torch.Tensor:
        return torch.stack([world(torch.where(torch.arange(2) == i, 2, z))[:, i] for i in range(2)], 1)

    z = torch.full((ROWS, 2), 2)
    for step in range(2):
        out = entropy_bounded(0.0).step(without_itself(z), step, z, generator=generator)
        z = torch.where(out.accepted_index, out.sampled_tokens, 2)
    assert not surprising_cells(z, [0.25] * 4, 2)
