"""Speed of the exact laws of samplers that remask, as ratios within one run."""

from __future__ import annotations

import torch

from benchmarks.harness import Timing, benchmark, ratio
from theory.remasking import chain, drafts
from theory.remasking.posterior import posterior, star_sigma
from theory.remasking.selection import Selection
from theory.worlds import TableWorld

N, D, NOW, NEXT = 8, 2, 0.5, 0.6


def against_product(guided: bool) -> Timing:
    """Time one step of all 3^8 states, and a product with as many entries as state pairs that a step can connect."""
    generator = torch.Generator().manual_seed(0)
    world = TableWorld.from_weights(torch.rand(D**N, dtype=torch.float64, generator=generator).tolist(), N, D)
    fill, start = drafts.factorised(world), chain.noised_states(world, NOW)
    scores = torch.randn(D**N, N, dtype=torch.float64, generator=generator)
    refine, step = drafts.refinement(Selection(), scores), posterior(NOW, NEXT, star_sigma(NOW, NEXT))
    side = (3 * D + 1) ** (N // 2)
    matrix = torch.rand(side, side, dtype=torch.float64, generator=generator)
    vector = torch.rand(side, dtype=torch.float64, generator=generator)

    def one() -> torch.Tensor:
        if guided:
            return chain.counted_step(start, fill, refine.chance(NEXT))
        return chain.posterior_step(start, fill, step)

    return ratio(one, lambda: matrix @ vector, repeats=15)


@benchmark(at_most=10)
def star_step() -> Timing:
    """exact star step at n = 8, d = 2, over a matrix-vector product of 7^8 entries, the state pairs it can connect"""
    return against_product(guided=False)


@benchmark(at_most=10)
def guided_step() -> Timing:
    """exact guided step at n = 8, d = 2, over the same matrix-vector product"""
    return against_product(guided=True)
