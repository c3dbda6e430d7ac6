"""Pairs, blocks, parity by message passing and Dyck words by inside-outside, each against its list of sequences."""

from __future__ import annotations

import math

import pytest
import torch

from theory import worlds
from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE, hoeffding_margin
from theory.worlds import SupportWorld, World, states
from theory.worlds.dyck import DyckWorld
from theory.worlds.long import long_pairs, long_parity, long_repetition


def blocks(block: int, times: int, d: int) -> SupportWorld:
    return SupportWorld(states.all_sequences(block, d).repeat(1, times), d=d)


def dyck_words(n: int, kinds: int) -> SupportWorld:
    """Return the words that vanish when adjacent matching brackets are cancelled again and again."""
    brackets = "([{"[:kinds] + ")]}"[:kinds]
    found = []
    for x in states.all_sequences(n, 2 * kinds).tolist():
        word = "".join(brackets[v] for v in x)
        for _ in range(n // 2):
            for k in range(kinds):
                word = word.replace(brackets[k] + brackets[kinds + k], "")
        if not word:
            found.append(x)
    return SupportWorld(torch.tensor(found), d=2 * kinds)


CASES = [
    (long_pairs(2, 3), worlds.copied_pairs(2, 3)),
    (long_pairs(3), worlds.copied_pairs(3)),
    (long_repetition(2, 3), blocks(2, 3, 2)),
    (long_repetition(1, 4, 3), worlds.repetition(4, 3)),
    (long_repetition(3, 1), blocks(3, 1, 2)),
    (long_parity(1), worlds.even_parity(1)),
    (long_parity(5), worlds.even_parity(5)),
    (long_parity(4, 3), worlds.even_parity(4, 3)),
    (DyckWorld(2, 3), dyck_words(2, 3)),
    (DyckWorld(8), dyck_words(8, 1)),
    (DyckWorld(6, 2), dyck_words(6, 2)),
    (DyckWorld(4, 3), dyck_words(4, 3)),
]


@pytest.mark.parametrize(("fast", "listed"), CASES, ids=lambda w: f"{w.name} n={w.n} d={w.d}")
def test_fast_and_listed_are_one_world(fast: World, listed: World) -> None:
    z = states.all_states(fast.n, fast.d)
    slack = 64 * fast.n**2 * torch.finfo(torch.float64).eps
    assert (fast.n, fast.d) == (listed.n, listed.d)
    assert float((fast.conditionals(z) - listed.conditionals(z)).abs().max()) < slack
    assert float((fast.log_marginal(z).exp() - listed.log_marginal(z).exp()).abs().max()) < slack
    assert fast.entropy() == pytest.approx(listed.entropy(), abs=slack)
    shaped = z[: 2 * (len(z) // 2)].reshape(2, -1, fast.n)
    assert torch.equal(fast.conditionals(shaped).flatten(0, 1), fast.conditionals(shaped.flatten(0, 1)))


@pytest.mark.parametrize("world", [DyckWorld(6), DyckWorld(4, 2), long_parity(4), long_repetition(2, 2)])
def test_sampled_frequencies_are_the_law(world: World) -> None:
    count = 4000
    x = world.sample(count, torch.Generator().manual_seed(1))
    cells = (x * torch.tensor([world.d ** (world.n - 1 - i) for i in range(world.n)])).sum(-1)
    frequency = torch.bincount(cells, minlength=world.d**world.n) / count
    margin = hoeffding_margin(count, 1.0, FALSE_ALARM_SHARE / len(frequency))
    assert float((frequency - world.law()).abs().max()) < margin


def test_long_dyck_words_are_balanced_and_closed_by_force() -> None:
    world = DyckWorld(40, 2)
    x = world.sample(50, torch.Generator().manual_seed(0))
    assert world.log_prob(x).tolist() == pytest.approx([-world.entropy()] * 50, rel=1e-12)
    z = torch.full((1, 40), 4)
    z[0, :20] = torch.tensor([0, 1] * 10)  # twenty open brackets: the rest is certain
    assert world.conditionals(z)[0, 20:].argmax(-1).tolist() == [3, 2] * 10
    assert world.conditionals(z).max(-1).values.min().item() == pytest.approx(1.0)
    z[0, 20] = 2
    assert float(world.log_marginal(z)) == -math.inf


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DyckWorld(5), "n = 5, kinds = 1; expected an even n"),
        (lambda: DyckWorld(4, 0), "kinds = 0"),
        (lambda: DyckWorld(2000), "outnumber float64"),
        (lambda: DyckWorld(4).log_prob(torch.tensor([[0, 1, 0, 2]])), "for masked states"),
        (lambda: long_pairs(0), "size 0, d = 2"),
        (lambda: long_parity(3, 1), "d = 1"),
        (lambda: long_repetition(2, 0), "size 0"),
    ],
)
def test_bad_sizes_are_named(build: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        build()
