"""Orders that respect blocks, against every such order written out, and what is no law among them."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from synthetic.experiments import duel_oracle
from synthetic.experiments.duel_elbo import perturbed
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.unmasking import likelihood
from theory.unmasking.block_orders import block_orders, block_terms
from theory.unmasking.rules.in_blocks import InBlocks
from theory.unmasking.rules.sets import RandomOne
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, dirichlet, states


def case(n: int, d: int, seed: int = 0) -> tuple[TableWorld, TableDenoiser]:
    generator = torch.Generator().manual_seed(seed)
    world = dirichlet(n, d, 1.0, generator)
    return world, perturbed(world, 0.5, generator)


def orders_in_blocks(n: int, size: int) -> list[tuple[int, ...]]:
    blocks = [range(start, min(start + size, n)) for start in range(0, n, size)]
    return [tuple(itertools.chain(*parts)) for parts in itertools.product(*(itertools.permutations(b) for b in blocks))]


def along(denoiser: TableDenoiser, x: tuple[int, ...], order: tuple[int, ...]) -> float:
    """Return ln p of x along one order, one state after the other."""
    z, total = [denoiser.d] * len(x), 0.0
    for i in order:
        total += float(denoiser(torch.tensor([z]))[0, i, x[i]])
        z[i] = x[i]
    return total


@pytest.mark.parametrize(("n", "d", "size"), [(4, 2, 2), (4, 2, 4), (3, 3, 2), (4, 2, 1), (3, 2, 5)])
def test_values_by_writing_out_every_order(n: int, d: int, size: int) -> None:
    _, denoiser = case(n, d)
    x = states.all_sequences(n, d)
    found = block_orders(denoiser, x, size)
    for row in (0, 3, len(x) - 1):
        listed = [along(denoiser, tuple(x[row].tolist()), order) for order in orders_in_blocks(n, size)]
        assert float(found.elbo[row]) == pytest.approx(math.fsum(listed) / len(listed), abs=1e-12)
        assert float(found.oracle[row]) == pytest.approx(max(listed), abs=1e-12)
        mean = math.fsum(math.exp(value) for value in listed) / len(listed)
        assert float(found.log_uniform[row]) == pytest.approx(math.log(mean), abs=1e-12)
        assert abs(0.99 * float(found.elbo[row]) - math.fsum(listed) / len(listed)) > 1e-3  # one percent is noticed


def test_one_block_gives_the_sweep_over_all_orders_and_blocks_of_one_a_single_order() -> None:
    _, denoiser = case(4, 2)
    x = states.all_sequences(4, 2)
    terms = likelihood.order_terms(denoiser, x)
    assert torch.equal(block_terms(denoiser, x, 0, 4), terms)
    whole, single = block_orders(denoiser, x, 4), block_orders(denoiser, x, 1)
    assert torch.allclose(whole.oracle, likelihood.best_order(terms)[0], atol=1e-12)
    assert torch.allclose(single.oracle, single.elbo, atol=1e-12)
    assert torch.allclose(single.oracle, likelihood.along(terms, torch.arange(4)), atol=1e-12)


def test_the_random_order_is_the_output_law_of_the_sampler_in_blocks_and_the_oracle_is_no_law() -> None:
    world, denoiser = case(4, 2)
    found = block_orders(denoiser, states.all_sequences(4, 2), 2)
    output = walk(InBlocks(RandomOne(), 2), world, denoiser).output.law()
    assert torch.allclose(found.log_uniform.exp(), output, atol=1e-12)
    assert float(found.oracle.exp().sum()) > 1.01
    assert bool((found.elbo <= found.log_uniform + 1e-12).all())
    assert bool((found.log_uniform <= found.oracle + 1e-12).all())


def test_wrong_arguments_are_named() -> None:
    _, denoiser = case(3, 2)
    with pytest.raises(InvalidInput, match="blocks of 0 positions"):
        block_orders(denoiser, torch.tensor([[0, 1, 0]]), 0)
    with pytest.raises(InvalidInput, match="hold the mask 2"):
        block_orders(denoiser, torch.tensor([[0, 1, 2]]), 2)


def test_the_experiment_s_scores_by_loops() -> None:
    """The excess of every score on one world, from the orders written out and the most confident order followed."""
    config = duel_oracle.Config(n=3, d=2)
    world = duel_oracle.world_of("noisy sums", config, torch.Generator())
    assert world.law().tolist()[:2] == pytest.approx([0.25 * 0.9, 0.25 * 0.1], abs=1e-15)
    denoiser = perturbed(world, 0.3, torch.Generator().manual_seed(1))
    found = duel_oracle.scores(world, denoiser, 2, 0.9)
    law = {tuple(x): q for x, q in zip(states.all_sequences(3, 2).tolist(), world.law().tolist(), strict=True)}
    listed = {x: [along(denoiser, x, order) for order in ((0, 1, 2), (1, 0, 2))] for x in law}
    total = math.log(math.fsum(math.exp(max(values)) for values in listed.values()))
    start = denoiser(torch.full((1, 3), 2))[0].exp()
    first = 0 if float(start[0].max()) >= float(start[1].max()) else 1
    expected = {
        "ELBO": -math.fsum(q * sum(listed[x]) / 2 for x, q in law.items()),
        "oracle": -math.fsum(q * max(listed[x]) for x, q in law.items()),
        "oracle, normalised": total - math.fsum(q * max(listed[x]) for x, q in law.items()),
        "left to right": -math.fsum(q * listed[x][0] for x, q in law.items()),
        "confidence": -math.fsum(q * listed[x][first] for x, q in law.items()),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-12)
    assert found["oracle"] < found["oracle, normalised"]
