"""A schedule beside the optimum: small worlds exactly, long chains by their curve, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from theory import worlds
from theory.errors import InvalidInput
from theory.unmasking import curves, laws
from theory.unmasking.comparison import compare
from theory.worlds.tree import sticky_chain


def test_a_small_world_is_compared_exactly() -> None:
    world = worlds.copied_pairs(3)
    found = compare("squared sine", world, steps=4)
    exact = laws.sampler_law("squared sine", world, steps=4)
    assert found.error == pytest.approx(exact.path_divergence, abs=1e-12)
    assert found.divergence == pytest.approx(exact.divergence, abs=1e-12)
    assert found.optimal_grid.tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1], abs=1e-9)
    assert found.ratio == pytest.approx(8 * math.sin(math.pi / 8) ** 2, abs=1e-9)
    assert found.excess == pytest.approx(found.error - found.optimum)
    assert found.optimal_divergence <= found.optimum
    assert found.optimal_sizes.error < found.optimum
    assert "ratio = 1.172" in repr(found) and "best sizes = 1, twice 2, 1" in repr(found)


def test_the_optimum_itself_has_ratio_one() -> None:
    world = sticky_chain(6)
    best = compare("linear", world, steps=5).optimal_grid
    again = compare(best, world, steps=5)
    assert (again.ratio, again.excess) == (pytest.approx(1), pytest.approx(0, abs=1e-12))


def test_a_long_chain_is_compared_by_its_curve() -> None:
    world = worlds.markov_chain(n=100, transition=torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64))
    found = compare(lambda t: t**1.5, world, steps=10)
    assert 0 < found.optimum < found.error < float(world.information_curve().sum())
    assert found.ratio == pytest.approx(found.error / found.optimum)
    assert math.isnan(found.divergence) and "KL" not in repr(found)
    assert sum(found.optimal_sizes.sizes) == 100
    grid = found.optimal_grid
    assert curves.per_token_error(world.information_curve(), grid) == pytest.approx(found.optimum, abs=1e-9)


def test_a_product_needs_no_schedule() -> None:
    world = worlds.product(torch.full((5, 2), 0.5, dtype=torch.float64))
    found = compare("linear", world, steps=2)
    assert (found.error, found.optimum, found.ratio, found.excess) == (0, 0, 1, 0)


def test_more_steps_than_tokens() -> None:
    found = compare("linear", worlds.even_parity(4), steps=9)
    assert len(found.optimal_sizes.sizes) == 4
    assert found.optimal_sizes.error == pytest.approx(0, abs=1e-12)


def test_a_curve_of_ones_own() -> None:
    world = worlds.copied_pairs(3)
    given = compare("linear", world, 3, curve=[0, 0, 0, 1, 1, 1])
    assert given.error == pytest.approx(float(curves.per_token_error([0, 0, 0, 1, 1, 1], np.arange(4) / 3)))


def test_a_sampled_curve_is_made_nondecreasing() -> None:
    """A hidden Markov model at n = 6: the sampled comparison is near the exact one."""
    stay = torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
    world = worlds.hidden_markov_model(transition=stay, emission=stay, n=6)
    drawn = world.sampled_information_curve(3000, torch.Generator().manual_seed(0))
    found, exact = compare("linear", world, 3, curve=drawn), compare("linear", world, 3)
    slack = 6 * float(drawn.standard_error.max()) * world.n
    assert found.error == pytest.approx(exact.error, abs=slack)
    assert found.optimum == pytest.approx(exact.optimum, abs=slack)
    assert slack < exact.error


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare("linaer", worlds.even_parity(4), 2), "unknown schedule"),
        (lambda: compare("linear", worlds.even_parity(4), 0), "K = 0 steps"),
        (lambda: compare("linear", worlds.TableWorld(torch.full((2, 4), 0.25), 2, 2), 2), r"world\[k\]"),
        (lambda: compare("linear", worlds.even_parity(4), 2, curve=[0, 1]), "information curve of shape"),
        (lambda: compare("linear", worlds.even_parity(4), 2, curve=[0, 1, 0, 1]), "falls by 1"),
    ],
)
def test_what_cannot_be_compared_is_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_the_output_law_is_found_up_to_a_million_pairs_of_states() -> None:
    """Three symbols have 7^7 = 823,543 pairs at n = 7, and seven times as many at n = 8."""
    found = [compare("linear", worlds.repetition(n, 3), 2).divergence for n in (7, 8)]
    assert math.isfinite(found[0])
    assert math.isnan(found[1])
