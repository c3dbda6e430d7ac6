"""Every world against its own table: conditionals, marginals, entropy, sampling; long worlds; bad worlds."""

from __future__ import annotations

import math

import pytest
import torch

from theory import worlds
from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE, hoeffding_margin
from theory.worlds import SupportWorld, TableWorld, TreeWorld, World, states
from theory.worlds.base import Conditioned
from theory.worlds.support import support_of
from theory.worlds.tree import sticky_chain


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def matrix(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


HMM = worlds.hidden_markov_model(matrix([0.9, 0.1], [0.2, 0.8]), matrix([0.7, 0.3, 0.0], [0.0, 0.1, 0.9]), 4)
ROOT, EDGE = torch.tensor([0.3, 0.7], dtype=torch.float64), matrix([0.9, 0.1], [0.0, 1.0])
TREE = TreeWorld([-1, 0, 0, 1, 1], [ROOT, EDGE, EDGE, EDGE, EDGE])
SMALL = [
    worlds.beta_toy_left(), worlds.beta_toy_right(), worlds.copied_pairs(2), worlds.copied_pairs(2, 3),
    worlds.repetition(4, 3), worlds.even_parity(5), worlds.even_parity(3, 3), worlds.mds_code(4, 2, 5),
    worlds.dirichlet(4, 3, 1.0, generator()), worlds.dirichlet(4, 3, 0.3, generator(), 10), sticky_chain(6),
    worlds.product(matrix([0.2, 0.8], [0.5, 0.5], [1.0, 0.0])), HMM, TREE, worlds.multiplication(),
    worlds.digit_patches(2),
]  # fmt: skip


@pytest.mark.parametrize("world", SMALL, ids=lambda w: w.name)
def test_world_agrees_with_its_table(world: World) -> None:
    table = TableWorld(world.law(), world.n, world.d)
    z = states.all_states(world.n, world.d)
    slack = 64 * world.n * torch.finfo(torch.float64).eps
    assert float((world.conditionals(z) - table.conditionals(z)).abs().max()) < slack
    assert float((world.log_marginal(z).exp() - table.table).abs().max()) < slack
    assert float((world.set_entropies() - table.set_entropies()).abs().max()) < 100 * slack
    if world.entropy() is not None:
        assert world.entropy() == pytest.approx(table.entropy(), abs=100 * slack)
    assert float(world.law().sum()) == pytest.approx(1.0, abs=1e-12)
    assert float(world.conditionals(z).sum(-1).sub(1).abs().max()) < 1e-12


@pytest.mark.parametrize("world", SMALL, ids=lambda w: w.name)
def test_samples_follow_the_law(world: World) -> None:
    count = 4000
    x = world.sample(count, generator())
    assert torch.isfinite(world.log_prob(x)).all()
    frequency = torch.nn.functional.one_hot(x, world.d).double().mean(0)
    marginals = world.conditionals(torch.full((1, world.n), world.d))[0]
    margin = hoeffding_margin(count, 1.0, FALSE_ALARM_SHARE / frequency.numel())
    assert float((frequency - marginals).abs().max()) < margin


@pytest.mark.parametrize("world", [worlds.even_parity(5), worlds.mds_code(4, 2, 5), worlds.multiplication()])
def test_matching_and_table_give_one_world(world: SupportWorld) -> None:
    again = support_of(world)
    z = states.all_states(world.n, world.d)[::7]
    assert float((world.conditionals(z) - again.conditionals(z)).abs().max()) < 1e-13


def test_a_world_is_a_denoiser() -> None:
    world = worlds.repetition(3, 2)
    log_p = world(torch.tensor([[2, 2, 0], [0, 1, 2]]))
    assert log_p.shape == (2, 3, 2)
    assert log_p[0, 0].tolist() == [0.0, -math.inf]
    assert log_p[1, 2].tolist() == pytest.approx([-math.log(2)] * 2)  # impossible context: uniform


def test_zero_rule_can_raise() -> None:
    world = TableWorld([0.5, 0.0, 0.0, 0.5], 2, 2, zero_rule="raise")
    with pytest.raises(InvalidInput, match="probability zero"):
        world.conditionals(torch.tensor([[0, 1]]))


def test_sudoku_has_288_grids_and_known_conditionals() -> None:
    world = worlds.sudoku4()
    assert len(world.support) == 288
    assert world.entropy() == pytest.approx(math.log(288))
    z = torch.full((1, 16), 4)
    z[0, :3] = torch.tensor([0, 1, 2])
    assert world.conditionals(z)[0, 3].tolist() == pytest.approx([0.0, 0.0, 0.0, 1.0])


def test_long_chain_is_exact_against_matrix_powers() -> None:
    n, stay = 1000, 0.9
    world = sticky_chain(n, stay)
    z = torch.full((1, n), 2)
    z[0, 100], z[0, 900] = 1, 0
    found = world.conditionals(z)[0]
    gap = (1 + (2 * stay - 1) ** 10) / 2
    assert found[110].tolist() == pytest.approx([1 - gap, gap], abs=1e-12)
    assert world.entropy() == pytest.approx(math.log(2) + 999 * -(0.9 * math.log(0.9) + 0.1 * math.log(0.1)))
    x = world.sample(2, generator())
    moves = (x[:, 1:] != x[:, :-1]).sum(-1).double()
    expected = math.log(0.5) + moves * math.log(0.1) + (n - 1 - moves) * math.log(0.9)
    assert world.log_prob(x).tolist() == pytest.approx(expected.tolist(), rel=1e-12)


def test_real_data_worlds() -> None:
    letters = worlds.english_letters(2)
    assert (letters.n, letters.d) == (2, 27)
    z = torch.tensor([[17, 27]])  # after q comes u
    assert int(letters.conditionals(z)[0, 1].argmax()) == 21
    patches = worlds.digit_patches()
    assert (patches.n, patches.d) == (9, 2)
    assert 0 < patches.entropy() < 9 * math.log(2)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SupportWorld(torch.tensor([[0, 1], [0, 1]])), "lists a sequence twice"),
        (lambda: SupportWorld(torch.zeros(0, 3, dtype=torch.long)), "at least one row"),
        (lambda: TableWorld([[0.5, 0.5]], 1, 2).sample(3), "sample from one of them"),
        (lambda: worlds.mds_code(4, 2, 6), "6 is not prime"),
        (lambda: worlds.mds_code(8, 2, 7), "expected 1 <= dimension <= n <= field"),
        (lambda: worlds.markov_chain(matrix([0.5, 0.4], [0.5, 0.5]), 3), "sums to 0.9; expected 1"),
        (lambda: TreeWorld([1, -1], [torch.ones(1).double()] * 2), "list parents before children"),
        (lambda: worlds.dirichlet(2, 2, -1.0), "concentration -1"),
        (lambda: worlds.copied_pairs(0), "n = 0, d = 2; expected n >= 1"),
        (lambda: worlds.repetition(3, 1), "d = 1; expected"),
        (lambda: sticky_chain(3, 1.5), "stay = 1.5; expected"),
        (lambda: sticky_chain(60).law(), "law of Markov chain, stay 0.9"),
        (lambda: worlds.repetition(3).log_prob(torch.tensor([[0, 0, 2]])), "for masked states use log_marginal"),
    ],
)
def test_bad_worlds_are_named(build: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        build()


@pytest.mark.parametrize("world", [TREE, worlds.copied_pairs(2, 3), worlds.even_parity(5)], ids=lambda w: w.name)
def test_what_is_left_once_tokens_are_known_agrees_with_its_table(world: World) -> None:
    """The world of conditionals beside the table that is cut to the sequences which show the tokens."""
    state = torch.full((world.n,), world.d)
    state[1] = 1
    left, table = Conditioned(world, state), TableWorld(world.law(), world.n, world.d).given(state)
    z = states.all_states(world.n, world.d)
    assert float((left.log_marginal(z).exp() - table.table).abs().max()) < 1e-13
    assert float((left.conditionals(z) - table.conditionals(z)).abs().max()) < 1e-13
    count = 4000
    x = left.sample(count, generator())
    cells = (x * states.place_values(world.n, world.d - 1)).sum(-1)
    frequency = torch.bincount(cells, minlength=world.d**world.n) / count
    margin = hoeffding_margin(count, 1.0, FALSE_ALARM_SHARE / len(frequency))
    assert float((frequency - table.law()).abs().max()) < margin


def test_a_support_reads_its_vocabulary_and_refuses_foreign_tokens() -> None:
    rows = torch.tensor([[0, 1], [2, 0]])
    assert SupportWorld(rows).d == 3
    assert worlds.beta_toy_right().d == worlds.beta_toy_left().d == 2
    with pytest.raises(InvalidInput):
        SupportWorld(rows, d=2)


def test_a_table_reads_its_sizes() -> None:
    batch = TableWorld(states.normalised(matrix(*[[1.0, 1.0, 1.0, k] for k in (1.0, 2.0, 3.0, 5.0)])), 2, 2)
    assert len(batch) == 4
    assert batch[3].law().tolist() == [0.125, 0.125, 0.125, 0.625]
    assert (TableWorld([1.0], d=1).n, TableWorld([0.5, 0.5], d=2).n, TableWorld([0.25] * 4, d=2).n) == (1, 1, 2)
