"""Every world answers an empty batch of states, of sequences, and of any leading shape."""

from __future__ import annotations

import pytest
import torch

from theory import worlds
from theory.worlds import World
from theory.worlds.dyck import DyckWorld
from theory.worlds.long import long_parity
from theory.worlds.tree import sticky_chain

STAY = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
WORLDS = [
    worlds.dirichlet(4, 2, 1.0, torch.Generator().manual_seed(0)),
    worlds.TableWorld(torch.full((3, 16), 1 / 16, dtype=torch.float64), 4, 2),
    worlds.copied_pairs(2),
    sticky_chain(4),
    worlds.hidden_markov_model(transition=STAY, emission=STAY, n=4),
    DyckWorld(4),
    long_parity(4),
    worlds.copied_pairs(2).given([0, 2, 2, 2]),
    sticky_chain(4).given([0, 2, 2, 2]),
]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("batch", [(0,), (0, 3), (2, 0)])
def test_empty_batches(world: World, batch: tuple[int, ...]) -> None:
    z = torch.zeros(*batch, world.n, dtype=torch.long)
    assert world.log_marginal(z).shape == (*world.worlds, *batch)
    assert world.conditionals(z).shape == (*world.worlds, *batch, world.n, world.d)
    assert world(z).shape == (*world.worlds, *batch, world.n, world.d)
    if not world.worlds:
        assert world.sample(0).shape == (0, world.n)
