"""Information curves of long worlds: against enumeration where they are short, against a second route where long."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from theory import worlds
from theory.errors import InvalidInput
from theory.worlds import TreeWorld, World, curves, information
from theory.worlds.long import long_pairs, long_parity, long_repetition
from theory.worlds.tree import sticky_chain

MATRICES = torch.tensor(
    [[[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]], [[0.2, 0.5, 0.3], [0.6, 0.2, 0.2], [0, 1, 0]]]
)
START = torch.tensor([0.5, 0.3, 0.2]).double()


def changing_chain(n: int) -> TreeWorld:
    """Return a chain whose transitions alternate and whose start is not stationary."""
    factors = [START, *(MATRICES[k % 2].double() for k in range(n - 1))]
    return TreeWorld(range(-1, n - 1), [f / f.sum(-1, keepdim=True) for f in factors], name="changing chain")


def enumerated(world: World) -> torch.Tensor:
    return information.information_curve(information.mean_entropies(World.set_entropies(world)))


@pytest.mark.parametrize(
    "world",
    [
        sticky_chain(8), changing_chain(6), long_pairs(4), long_repetition(2, 4), worlds.product([[0.3, 0.7]] * 5),
        worlds.markov_chain(torch.eye(2), 1),
    ],
    ids=lambda world: world.name,
)  # fmt: skip
def test_chains_agree_with_enumeration(world: TreeWorld) -> None:
    assert curves.is_path(world)
    assert world.information_curve().tolist() == pytest.approx(enumerated(world).tolist(), abs=1e-13)


def test_a_branching_tree_and_a_hidden_chain_are_no_paths() -> None:
    half, edge = torch.full((2,), 0.5).double(), torch.tensor([[0.75, 0.25], [0.125, 0.875]]).double()
    assert not curves.is_path(TreeWorld([-1, 0, 0], [half, edge, edge]))
    assert not curves.is_path(TreeWorld([-1, 0], [half, edge], [1]))


@pytest.mark.parametrize("world", [sticky_chain(100, 0.95), changing_chain(100)], ids=lambda world: world.name)
def test_a_long_chain_by_nearest_neighbours(world: TreeWorld) -> None:
    """For few revealed tokens E H(X_i | X_S) is summed over the nearest revealed neighbours themselves."""
    z = world.information_curve()
    single = _singles(world)
    pair = [_mutual(world, single, a, b) for a, b in itertools.permutations(range(world.n), 2)]
    assert float(z[1]) == pytest.approx(sum(pair) / len(pair), rel=1e-10)
    leave_one_out = [_given_neighbours(world, single, i) for i in range(world.n)]
    assert float(z[-1]) == pytest.approx(sum(leave_one_out) / world.n, rel=1e-10)
    total = sum(float(_entropy(s)) for s in single) - world.entropy()
    assert float(z.sum()) == pytest.approx(total, rel=1e-12)


def test_a_chain_of_a_thousand_is_a_curve_and_copies_are_known_in_closed_form() -> None:
    z = sticky_chain(1000, 0.9).information_curve()
    assert float(z[0]) == 0.0 and bool((z.diff() >= -1e-14).all())
    pairs = long_pairs(500).information_curve()
    assert pairs.tolist() == pytest.approx([k / 999 * math.log(2) for k in range(1000)], abs=1e-13)


@pytest.mark.parametrize("world", [worlds.even_parity(5), long_parity(6), changing_chain(5)], ids=lambda w: w.name)
def test_sampled_curves_cover_the_exact_one(world: World) -> None:
    """Each of n means lies within 5 standard errors: a normal misses one of 30 with probability 2e-5."""
    found = world.sampled_information_curve(400, torch.Generator().manual_seed(1))
    exact = enumerated(world)
    assert bool(((found.mean - exact).abs() <= 5 * found.standard_error + 1e-12).all())
    assert float(found.mean[0]) == pytest.approx(0.0, abs=1e-12)


def test_a_hidden_model_too_long_names_the_sampled_route() -> None:
    model = worlds.hidden_markov_model([[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]], 60)
    with pytest.raises(InvalidInput, match="sampled_information_curve"):
        model.information_curve()
    found = model.sampled_information_curve(8)
    assert found.mean.shape == (60,) and "samples = 8" in repr(found)
    with pytest.raises(InvalidInput, match="at least 2"):
        model.sampled_information_curve(1)


@pytest.mark.parametrize(
    "world", [worlds.even_parity(4), worlds.beta_toy_right(), sticky_chain(4), long_parity(4), worlds.dirichlet(3, 2)],
    ids=lambda world: world.name,
)  # fmt: skip
def test_an_empty_batch_of_states_is_no_error(world: World) -> None:
    empty = torch.zeros(0, world.n, dtype=torch.long)
    assert world.conditionals(empty).shape == (0, world.n, world.d)
    assert world.log_marginal(empty).shape == (0,)


def _entropy(p: torch.Tensor) -> torch.Tensor:
    return -torch.xlogy(p, p).sum()


def _singles(world: TreeWorld) -> list[torch.Tensor]:
    found = [world.factors[0]]
    for factor in world.factors[1:]:
        found.append(found[-1] @ factor)
    return found


def _across(world: TreeWorld, a: int, b: int) -> torch.Tensor:
    found = torch.eye(world.d).double()
    for factor in world.factors[a + 1 : b + 1]:
        found = found @ factor
    return found


def _mutual(world: TreeWorld, single: list[torch.Tensor], a: int, b: int) -> float:
    a, b = min(a, b), max(a, b)
    joint = single[a][:, None] * _across(world, a, b)
    return float(_entropy(single[a]) + _entropy(single[b]) - _entropy(joint))


def _given_neighbours(world: TreeWorld, single: list[torch.Tensor], i: int) -> float:
    """Return I(X_i; all others), through the joint law of X_i and its one or two neighbours."""
    if i == 0:
        joint = single[0][:, None] * world.factors[1]
        others = joint.sum(0)
        return float(_entropy(single[0]) + _entropy(others) - _entropy(joint))
    joint = single[i - 1][:, None] * world.factors[i]
    if i == world.n - 1:
        return float(_entropy(single[i]) + _entropy(single[i - 1]) - _entropy(joint))
    triple = joint[..., None] * world.factors[i + 1]
    return float(_entropy(single[i]) + _entropy(triple.sum(1)) - _entropy(triple))
