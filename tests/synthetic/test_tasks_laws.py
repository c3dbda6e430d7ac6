"""Exact laws of the tasks: against literal enumeration at small length, against the chain rule at full length."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from synthetic import tasks
from synthetic.tasks import chain, dyck, hmm, unconditional
from theory.worlds import TableWorld, states
from theory.worlds.dyck import DyckWorld

EPS = torch.finfo(torch.float64).eps


def literal_chain(n: int) -> list[float]:
    """Return q(x) of all x, a product of transition probabilities each."""
    law = []
    for x in itertools.product(range(4), repeat=n):
        law.append(math.prod(chain.TRANSITION[a][b] for a, b in itertools.pairwise(x)) / 4)
    return law


def literal_hmm(n: int) -> list[float]:
    """Return q(x) of all x, a sum over hidden paths each."""
    law = []
    for x in itertools.product(range(4), repeat=n):
        total = 0.0
        for h in itertools.product(range(4), repeat=n):
            moves = math.prod(hmm.TRANSITION[a][b] for a, b in itertools.pairwise(h)) / 4
            total += moves * math.prod(hmm.EMISSION[a][b] for a, b in zip(h, x, strict=True))
        law.append(total)
    return law


@pytest.mark.parametrize(("module", "literal", "n"), [(chain, literal_chain, 4), (hmm, literal_hmm, 3)])
def test_message_passing_is_enumeration(module: object, literal: object, n: int) -> None:
    table, world = TableWorld(literal(n), n, 4), module.law(n)
    z = states.all_states(n, 4)
    slack = 64 * n * EPS
    assert float((world.conditionals(z) - table.conditionals(z)).abs().max()) < slack
    assert float((world.log_marginal(z).exp() - table.table).abs().max()) < slack
    assert float((module.law(n - 1).law() - table.law()[: 4 ** (n - 1)]).abs().max()) > 1e-3  # the check can fail


def order_log_prob(world: object, x: torch.Tensor) -> torch.Tensor:
    """Return ln q(x) by the chain rule in a random order, from the world's conditionals alone."""
    order = torch.randperm(x.shape[1], generator=torch.Generator().manual_seed(0))
    z = torch.full_like(x, world.d)
    total = torch.zeros(len(x), dtype=torch.float64)
    for i in order.tolist():
        total += world.conditionals(z)[:, i].gather(1, x[:, i : i + 1])[:, 0].log()
        z[:, i] = x[:, i]
    return total


@pytest.mark.parametrize(
    "name", ["chain", "hmm", "pairs", "repetition", "parity", "sudoku4 free", "product free", "dyck"]
)
def test_conditionals_multiply_to_the_law_at_full_length(name: str) -> None:
    task = tasks.task(name)
    x = task.test.tokens[:5]
    expected = task.world.log_prob(x)
    assert order_log_prob(task.world, x).tolist() == pytest.approx(expected.tolist(), rel=1e-10)
    if name not in {"chain", "hmm"}:  # uniform laws
        assert expected.tolist() == pytest.approx([-task.world.entropy()] * 5, rel=1e-12)


@pytest.mark.parametrize("name", ["pairs", "repetition", "parity", "sudoku4 free", "product free", "dyck"])
def test_rule_and_law_agree(name: str) -> None:
    """A sequence succeeds exactly when the law gives it mass: true rows with one position changed, and unchanged."""
    task = tasks.task(name)
    x = task.test.tokens[:400].clone()
    place = torch.arange(400) % task.n
    x[torch.arange(400), place] = (x[torch.arange(400), place] + torch.arange(400) % 2) % task.d
    success = task.success(x, unconditional(x)) == 1
    assert torch.equal(success, torch.isfinite(task.world.log_prob(x)))
    assert 0 < int(success.sum()) < 400


@pytest.mark.parametrize(("n", "kinds"), [(2, 2), (6, 1), (8, 1), (6, 2), (4, 3)])
def test_balanced_words_are_the_words_of_the_law(n: int, kinds: int) -> None:
    x = states.all_sequences(n, 2 * kinds)
    words = dyck.balanced(kinds)(x, unconditional(x)) == 1
    assert torch.equal(words, torch.isfinite(DyckWorld(n, kinds).log_prob(x)))
