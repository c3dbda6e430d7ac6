"""BlockRefinementScheduler and AmusedScheduler of diffusers, run unchanged, beside the rules by confidence.

See test_diffusers.py for how they are compared.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from diffusers import AmusedScheduler, BlockRefinementScheduler

from tests.black_boxes import WORLDS, Tempered, surprising_cells, total_variation
from theory.denoisers import tabulated
from theory.tolerance import slack
from theory.unmasking.rules.base import Rule
from theory.unmasking.rules.in_blocks import InBlocks
from theory.unmasking.rules.low_confidence import LowConfidence
from theory.unmasking.rules.sets import Threshold
from theory.unmasking.walks import walk
from theory.worlds import TableWorld

FEWER = 20_000
"""Rows: the scheduler loops over them in Python."""


def drawn_by_confidence(
    world: TableWorld, rows: int, seed: int, quotas: int, threshold: float, temperature: float, block: int
) -> tuple[torch.Tensor, int]:
    """Run BlockRefinement as its pipeline does, block after block until no mask is left; also return its calls."""
    scheduler = BlockRefinementScheduler(threshold=threshold)
    scheduler.set_timesteps(quotas, block_length=block)
    z, generator, calls = torch.full((rows, world.n), world.d), torch.Generator().manual_seed(seed), 0
    for first in range(0, world.n, block):
        window, step = slice(first, first + block), 0
        while bool((z[:, window] == world.d).any()):
            logits = world(z)[:, window]
            out = scheduler.step(
                logits, step, z[:, window], mask_token_id=world.d, temperature=temperature, generator=generator
            )
            z[:, window] = out.prev_sample
            step, calls = step + 1, calls + 1
    return z, calls


def law_by_confidence(
    world: TableWorld, threshold: float, quota: Callable[[int], int], temperature: float, block: int
) -> list[float]:
    """Write the sampler out: draw a candidate everywhere in the block, keep the sure ones or the quota's surest."""
    n, d, table = world.n, world.d, tabulated(Tempered(world, temperature)).log_p.exp().tolist()
    now: dict[tuple[int, ...], float] = {(d,) * n: 1.0}
    for first in range(0, n, block):
        for step in range(block):
            after: dict[tuple[int, ...], float] = {}
            for z, mass in now.items():
                row = table[sum(v * (d + 1) ** (n - 1 - i) for i, v in enumerate(z))]
                hidden = [i for i in range(first, first + block) if z[i] == d]
                for tokens in itertools.product(range(d), repeat=len(hidden)):
                    sure = {i: row[i][v] for i, v in zip(hidden, tokens, strict=True)}
                    above = [i for i in hidden if sure[i] > threshold]
                    few = sorted(hidden, key=lambda i: -sure[i])[: quota(step)]
                    kept = above if len(above) >= quota(step) else few
                    x = list(z)
                    for i, v in zip(hidden, tokens, strict=True):
                        x[i] = v if i in kept else d
                    after[tuple(x)] = after.get(tuple(x), 0.0) + mass * math.prod(sure.values())
            now = after
    return [now.get(x, 0.0) for x in itertools.product(range(d), repeat=n)]


@pytest.mark.parametrize(
    ("name", "quotas", "threshold", "temperature", "block"),
    [
        ("four bits", 4, 2.0, 1.0, 4),
        ("four bits", 2, 0.8, 1.0, 4),
        ("four bits", 3, 0.75, 0.5, 4),
        ("four bits", 2, 0.7, 1.0, 2),
        ("three of three", 3, 0.6, 1.0, 3),
        ("five cells", 2, 0.9, 1.0, 2),
    ],
)
def test_its_law_is_the_one_written_out(
    name: str, quotas: int, threshold: float, temperature: float, block: int
) -> None:
    """Confidence is the tempered probability of the drawn token; a step keeps all above the threshold or the quota."""
    world = WORLDS[name]
    shares = [block // quotas + (k < block % quotas) for k in range(quotas)]
    law = law_by_confidence(world, threshold, lambda step: shares[min(step, quotas - 1)], temperature, block)
    found, _ = drawn_by_confidence(world, FEWER, 7, quotas, threshold, temperature, block)
    assert not surprising_cells(found, law, world.d)
    wrong = law_by_confidence(world, threshold, lambda step: block, temperature, block)
    assert surprising_cells(found, wrong, world.d)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
@pytest.mark.parametrize(
    ("name", "quotas", "block", "rule"),
    [
        ("four bits", 4, 4, LowConfidence(1)),
        ("four bits", 3, 4, LowConfidence(sizes=(2, 1, 1))),
        ("four bits", 2, 2, InBlocks(LowConfidence(1), 2)),
        ("three of three", 3, 3, LowConfidence(1)),
        ("three of three", 2, 3, LowConfidence(2)),
        ("three of three", 1, 1, InBlocks(LowConfidence(1), 1)),
    ],
)
def test_by_quotas_its_law_is_low_confidence_with_a_tempered_denoiser(
    name: str, quotas: int, block: int, rule: Rule, temperature: float
) -> None:
    world = WORLDS[name]
    law = walk(rule, world, Tempered(world, temperature)).output
    found, calls = drawn_by_confidence(world, FEWER, 8, quotas, 2.0, temperature, block)
    assert calls == quotas * world.n // block
    assert not surprising_cells(found, law.law().tolist(), world.d)


def test_low_confidence_with_tempered_draws_alone_is_another_law() -> None:
    """LLaDA's sampler takes the confidence before the temperature, theirs after it: .098 between the laws at 1/2."""
    world = WORLDS["three of three"]
    before, after = LowConfidence(1, temperature=0.5), walk(LowConfidence(1), world, Tempered(world, 0.5)).output
    assert total_variation(walk(before, world).output, after) == pytest.approx(0.0979, abs=1e-4)
    found, _ = drawn_by_confidence(world, FEWER, 8, 3, 2.0, 0.5, 3)
    assert surprising_cells(found, walk(before, world).output.law().tolist(), world.d)


def refinement(threshold: float, quotas: int, block: int) -> BlockRefinementScheduler:
    scheduler = BlockRefinementScheduler(threshold=threshold)
    scheduler.set_timesteps(quotas, block_length=block)
    return scheduler


@pytest.mark.parametrize("threshold", [0.3, 0.6, 0.9])
def test_at_temperature_zero_its_sets_are_those_of_our_threshold(threshold: float) -> None:
    """On 1,024 random states in float32 without a confidence at the threshold; one percent more is another set."""
    logits = 3 * torch.randn(1024, 16, 64, generator=torch.Generator().manual_seed(1))
    masked, hidden = torch.full((1024, 16), 64), torch.ones(1024, 16, dtype=torch.bool)
    theirs = refinement(threshold, 16, 16).step(logits, 0, masked, mask_token_id=64).transfer_index
    log_p = logits.log_softmax(-1)
    clear = ((log_p.amax(-1).exp() - threshold).abs() > 2 * slack(log_p.dtype)).all(-1)
    assert int((~clear).sum()) <= 20
    assert bool((theirs == Threshold(-threshold, "confidence").select(log_p, hidden))[clear].all())
    assert bool((theirs != Threshold(-1.01 * threshold, "confidence").select(log_p, hidden))[clear].any())


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
def test_a_confidence_equal_to_its_threshold_does_not_pass(kind: torch.dtype) -> None:
    """Three bits of probability exactly the threshold, .51 to .99: it reveals the quota of one in 40 cases of 49."""
    missed = 0
    for percent in range(51, 100):
        p = percent / 100
        logits = torch.tensor([p, 1 - p], dtype=kind).log().expand(1, 3, 2)
        hidden = torch.ones(1, 3, dtype=torch.bool)
        assert bool(Threshold(-p, "confidence").select(logits.log_softmax(-1), hidden).all())
        out = refinement(p, 3, 3).step(logits, 0, torch.full((1, 3), 2), mask_token_id=2)
        missed += int(out.transfer_index.sum()) != 3
    assert 30 <= missed <= 49


def test_its_confidence_is_tempered_above_temperature_zero_only() -> None:
    """Three bits of probability .8 at threshold .9: three steps at temperature 0, one at temperature .01."""
    logits, z = torch.tensor([0.8, 0.2]).log().expand(1, 3, 2), torch.full((1, 3), 2)
    revealed = {
        heat: int(refinement(0.9, 3, 3).step(logits, 0, z, mask_token_id=2, temperature=heat).transfer_index.sum())
        for heat in (0.0, 0.01)
    }
    assert revealed == {0.0: 1, 0.01: 3}


def test_its_quotas_follow_the_number_of_the_step_with_a_mask_and_what_is_owed_without() -> None:
    """Six positions in three steps, four sure ones first: two more in the second step with a mask, none without."""
    sure, unsure = torch.tensor([0.99, 0.01]).log(), torch.tensor([0.6, 0.4]).log()
    logits = torch.stack([sure] * 4 + [unsure] * 2)[None]
    second = {}
    for mask in (2, None):
        scheduler, z = refinement(0.9, 3, 6), torch.full((1, 6), 2 if mask else 0)
        for step in range(2):
            out = scheduler.step(logits, step, z, mask_token_id=mask)
            z = out.prev_sample
        second[mask] = int(out.transfer_index.sum())
    assert second == {2: 2, None: 0}


def test_what_it_takes_and_ignores() -> None:
    """`minimal_topk` commits no more than the quota, and without `set_timesteps` nothing is ever committed."""
    logits, z = torch.randn(1, 8, 4, generator=torch.Generator().manual_seed(0)), torch.full((1, 8), 4)
    at_least_three = refinement(2.0, 8, 8).step(logits, 0, z, mask_token_id=4, minimal_topk=3)
    assert int(at_least_three.transfer_index.sum()) == 1
    assert not BlockRefinementScheduler(threshold=0.0).step(logits, 0, z, mask_token_id=4).transfer_index.any()


def test_it_edits_while_masks_are_left() -> None:
    """Said to edit "after all mask tokens are resolved", it replaces a shown token beside three masks."""
    logits = torch.tensor([[[0.1, 0.9], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4]]]).log()
    z = torch.tensor([[0, 2, 2, 2]])
    out = refinement(0.95, 4, 4).step(logits, 0, z, mask_token_id=2, editing_threshold=0.5)
    assert out.editing_transfer_index.tolist() == [[True, False, False, False]] and int(out.prev_sample[0, 0]) == 1
    assert int((out.prev_sample == 2).sum()) == 2


# AmusedScheduler: MaskGIT, confidences with noise


def amused_law(world: TableWorld, steps: int, hottest: float) -> list[float]:
    """Write the sampler out: of a draft the masked positions of least ln p + temperature * Gumbel noise stay masked.

    Keeping the others is drawing them one after the other with weights p^(1 / temperature); at step k of T, counted
    from 1, floor((1 - k / T) n) positions stay masked, at least one and at most all masked ones but one.
    """
    n, d, table = world.n, world.d, tabulated(world).log_p.exp().tolist()
    law: dict[tuple[int, ...], float] = {(d,) * n: 1.0}
    for step in range(1, steps + 1):
        heat, after = hottest * (1 - (step - 1) / (steps - 1)), {}
        for z, mass in law.items():
            row = table[sum(v * (d + 1) ** (n - 1 - i) for i, v in enumerate(z))]
            hidden = [i for i in range(n) if z[i] == d]
            stay = 0 if step == steps else max(1, min(len(hidden) - 1, math.floor((1 - step / steps) * n)))
            for tokens in itertools.product(range(d), repeat=len(hidden)):
                p = {i: row[i][v] for i, v in zip(hidden, tokens, strict=True)}
                chance = mass * math.prod(p.values())
                for order in itertools.permutations(hidden, len(hidden) - stay) if chance else ():
                    left, share = dict(p), 1.0
                    for i in order if stay else ():
                        share *= left[i] ** (1 / heat) / sum(w ** (1 / heat) for w in left.values())
                        del left[i]
                    share /= 1 if stay else math.factorial(len(hidden))
                    shown = dict(zip(hidden, tokens, strict=True))
                    x = tuple(v if v != d else shown[i] if i in order else d for i, v in enumerate(z))
                    after[x] = after.get(x, 0.0) + chance * share
        law = after
    return [law.get(x, 0.0) for x in itertools.product(range(d), repeat=n)]


def drawn_by_amused(world: TableWorld, rows: int, steps: int, hottest: float) -> torch.Tensor:
    scheduler = AmusedScheduler(mask_token_id=world.d, masking_schedule="linear")
    scheduler.set_timesteps(steps, temperature=(hottest, 0))
    z, generator = torch.full((rows, world.n), world.d), torch.Generator().manual_seed(9)
    for timestep in scheduler.timesteps:
        z = scheduler.step(world(z), timestep, z, generator=generator).prev_sample
    return z


@pytest.mark.parametrize(("name", "steps"), [("four bits", 4), ("four bits", 2), ("three of three", 2)])
def test_its_noise_draws_what_is_kept_by_powers_of_the_probabilities(name: str, steps: int) -> None:
    world = WORLDS[name]
    found = drawn_by_amused(world, 5 * FEWER, steps, 2.0)
    assert not surprising_cells(found, amused_law(world, steps, 2.0), world.d)
    assert surprising_cells(found, amused_law(world, steps, 0.2), world.d)


def test_its_number_of_masks_is_a_floor_in_float32() -> None:
    """Step k of n linear ones over n masks leaves n (1 - k / n) = n - k of them, or one fewer: 113 times of 496."""
    counts = []
    for n in range(2, 33):
        scheduler = AmusedScheduler(mask_token_id=2, masking_schedule="linear")
        scheduler.set_timesteps(n)
        for k in range(1, n):
            z = scheduler.step(torch.zeros(1, n, 2), scheduler.timesteps[k - 1], torch.full((1, n), 2)).prev_sample
            counts.append(n - k - int((z == 2).sum()))
    assert set(counts) == {0, 1} and 10 <= sum(counts) <= 200
