"""Sampling agrees with the exact engine, does not depend on its batch, and refuses what it cannot do."""

from __future__ import annotations

import math

import pytest
import torch

from tests.denoisers import Raw
from theory import worlds
from theory.errors import InvalidInput
from theory.unmasking import laws
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.info_gain import SampledInfoGain
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.unmasking.sampling import per_token_sizes, sample, sample_sizes
from theory.unmasking.walks import walk

N, D, ROWS = 4, 3, 20_000
RULES = (
    EntropyBounded(0.3), TopK(2), Threshold(0.6), LeftToRight(3), RandomOne(), Punt(0.05), SampledInfoGain(3),
    SampledConfidence(),
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> worlds.TableWorld:
    generator = torch.Generator().manual_seed(3)
    weights = torch.rand(D**N, dtype=torch.float64, generator=generator) ** 4
    return worlds.TableWorld(weights / weights.sum(), N, D)


def masked(rows: int, n: int = N, d: int = D) -> torch.Tensor:
    return torch.full((rows, n), d)


def fits(tokens: torch.Tensor, law: torch.Tensor) -> bool:
    """Say whether no cell's frequency is further from its probability than chance allows.

    Bernstein: a frequency misses by more than sqrt(2 p (1 - p) L / rows) + L / (3 rows) with probability at
    most 2 exp(-L); over 81 cells and ten tests L = 25 leaves 81 * 10 * 2 exp(-25) = 2e-8.
    """
    cells = (tokens * D ** torch.arange(N - 1, -1, -1)).sum(-1)
    share = torch.bincount(cells, minlength=D**N).double() / len(tokens)
    width = (2 * law * (1 - law) * 25 / len(tokens)).sqrt() + 25 / (3 * len(tokens))
    return bool(((share - law).abs() <= width).all())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_samples_have_the_exact_law_and_calls(world, rule) -> None:
    found = sample(rule, world, masked(ROWS), seed=1)
    exact = walk(rule, world)
    assert fits(found.tokens, exact.output.law())
    if rule.value_free:
        assert found.evaluated == int(found.nfe.sum())
    spread = found.nfe.max() - found.nfe.min()
    allowed = float(spread) * math.sqrt(25 / (2 * ROWS)) + 1e-12
    assert abs(float(found.nfe.double().mean()) - exact.calls) <= allowed


def test_a_wrong_law_is_noticed(world) -> None:
    """The planted error: the samples of Top-2 against the law of Top-1, which is the world's own."""
    assert not fits(sample(TopK(2), world, masked(ROWS), seed=1).tokens, world.law())


@pytest.mark.parametrize("rule", RULES[:4], ids=lambda rule: rule.name)
def test_a_sample_depends_on_its_seed_and_row_only(world, rule) -> None:
    whole = sample(rule, world, masked(64), seed=5)
    assert torch.equal(whole.tokens, sample(rule, world, masked(64), seed=5, batch=7).tokens)
    assert torch.equal(whole.tokens[:10], sample(rule, world, masked(10), seed=5).tokens)
    assert not torch.equal(whole.tokens, sample(rule, world, masked(64), seed=6).tokens)


@pytest.mark.parametrize("rule", [RandomOne(), Punt(0.05), SampledInfoGain(3)], ids=lambda rule: rule.name)
def test_rules_that_draw_repeat_with_their_seed(world, rule) -> None:
    first, second = (sample(rule, world, masked(64), seed=5) for _ in range(2))
    assert torch.equal(first.tokens, second.tokens)
    assert torch.equal(first.nfe, second.nfe)


def test_revealed_tokens_stay_and_finished_rows_leave(world) -> None:
    start = masked(6)
    start[0] = torch.tensor([0, 1, 2, 0])
    start[1, :3] = 1
    seen: list[int] = []

    def counted(z: torch.Tensor) -> torch.Tensor:
        seen.append(len(z))
        return world(z)

    found = sample(TopK(1), Raw(counted, D, N), start, seed=0)
    assert torch.equal(found.tokens[start != D], start[start != D])
    assert found.nfe.tolist() == [0, 1, 4, 4, 4, 4]
    assert seen == [5, 4, 4, 4]
    assert found.evaluated == 17


def test_the_trace_tells_what_was_revealed_and_what_it_cost(world) -> None:
    rule = EntropyBounded(1.2)
    found = sample(rule, world, masked(50), seed=2, keep_trace=True)
    trace = found.trace
    assert trace is not None
    assert torch.equal(torch.bincount(trace.row, minlength=50), found.nfe)
    times = torch.zeros(50, N, dtype=torch.long).index_add(0, trace.row, trace.revealed.long())
    assert bool((times == 1).all())
    assert bool((trace.bound <= 1.2 + 1e-12).all())
    assert bool((trace.bound[trace.revealed.sum(-1) > 1] > 0).any())


def test_temperature_zero_takes_the_most_probable_token(world) -> None:
    first, second = (sample(TopK(1), world, masked(8), seed=seed, temperature=0) for seed in (0, 1))
    assert torch.equal(first.tokens, second.tokens)
    assert len(first.tokens.unique(dim=0)) == 1


def test_fixed_sizes_have_the_law_of_the_schedule_theorems(world) -> None:
    sizes = torch.tensor([[1, 0, 3]]).expand(ROWS, -1)
    found = sample_sizes(world, sizes, masked(ROWS), seed=4)
    law = laws.sampler_law(laws.fixed_size([1, 3], N), world).output.law()
    assert fits(found.tokens, law.reshape(-1))
    assert found.nfe.unique().tolist() == [2]
    assert found.evaluated == 2 * ROWS


def test_per_token_sizes_are_multinomial() -> None:
    alpha = torch.tensor([0.0, 0.2, 0.7, 1.0])
    sizes = per_token_sizes(alpha, torch.full((ROWS,), 5), seed=0)
    assert bool((sizes.sum(-1) == 5).all())
    mean = sizes.double().mean(0)
    allowed = 5 * math.sqrt(25 / (2 * ROWS))
    assert bool(((mean - 5 * alpha.diff()).abs() <= allowed).all())
    assert per_token_sizes(alpha, torch.tensor([0, 3]), seed=0).sum(-1).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (TopK(1), {"temperature": -1.0}, "temperature -1.0"),
        (TopK(1), {"temperature": math.nan}, "temperature nan"),
        (Punt(0.1), {"temperature": 0.0}, "draws its own tokens"),
        (Punt(0.1), {"keep_trace": True}, "draws its own tokens"),
    ],
)
def test_impossible_orders_are_refused(world, rule, options, message) -> None:
    with pytest.raises(InvalidInput, match=message):
        sample(rule, world, masked(2), seed=0, **options)


def test_sizes_that_do_not_fit_are_refused(world) -> None:
    with pytest.raises(InvalidInput, match="sum to its masked positions"):
        sample_sizes(world, torch.tensor([[1, 2]]), masked(1), seed=0)


class LeastDrawn(SetRule):
    """A rule of one's own: the masked position with the least of its own random numbers comes first."""

    name = "least drawn"

    def select(self, log_p: torch.Tensor, masked: torch.Tensor, generator: object = None) -> torch.Tensor:
        noise = torch.rand(masked.shape, dtype=torch.float64, generator=generator)
        return masked & (noise == noise.masked_fill(~masked, 2.0).amin(-1, keepdim=True))


def test_the_order_that_is_drawn_says_nothing_about_the_tokens() -> None:
    """Of two equal tokens the first to be revealed is drawn: 0 or 1 alike, however the rule came to choose it.

    A frequency of 20,000 fair draws misses 1/2 by more than sqrt(25 / 40,000) = .025 with probability 4e-22.
    """
    found = sample(LeastDrawn(), worlds.copied_pairs(1), masked(ROWS, 2, 2), seed=4, batch=ROWS)
    assert abs(float(found.tokens.double().mean()) - 0.5) < 0.025
