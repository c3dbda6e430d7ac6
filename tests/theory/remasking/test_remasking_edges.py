"""Rules for what cannot happen: fillings of impossible contexts, stationary laws of states that are never reached."""

from __future__ import annotations

import pytest
import torch

from theory.remasking import drafts, schedules, stationary
from theory.worlds import TableWorld


def test_impossible_contexts_are_filled_uniformly() -> None:
    """Every context has fillings that sum to one; where the law rules the context out, all are equal."""
    world = TableWorld.from_weights([1, 0, 0, 0, 0, 0, 0, 1], 3, 2)
    table, chance = drafts.draft_layout(3, 2), drafts.joint(world).chance
    for flagged in range(8):
        rows = (table.flags.long() * torch.tensor([1, 2, 4])).sum(-1) == flagged
        states = table.state[rows].unique()
        for state in states.tolist():
            one = chance[rows & (table.state == state)]
            assert float(one.sum()) == 1.0 or abs(float(one.sum()) - 1) < 1e-15
            if float(world.table[state]) == 0:
                assert torch.equal(one, torch.full_like(one, 1 / len(one)))


def test_a_stationary_law_has_no_negative_probability() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        matrix = torch.rand(4, 4, generator=generator, dtype=torch.float64)
        matrix[:, -1] = 0.0  # the last sequence is never entered
        matrix = matrix / matrix.sum(-1, keepdim=True)
        sized = TableWorld.from_weights([1, 1, 1, 1], 2, 2)
        found = stationary.stationary_world(lambda w, m=matrix: TableWorld(w.law() @ m, 2, 2), sized).law()
        assert bool((found >= 0).all())
        torch.testing.assert_close(found @ matrix, found, rtol=0, atol=1e-14)


def test_the_loop_climbs_in_straight_lines() -> None:
    grid = schedules.loop_grid(10, (0.2, 0.6), 0.5)
    assert grid.tolist() == pytest.approx([0, 0.25, 0.5, 0.5, 0.5, 0.5, 0.5, 0.625, 0.75, 0.875, 1])
