"""Masked chains: exact laws in fractions, the sweep and the sampler against them, the notes' numbers, bad input."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from torch import Generator

from theory.denoisers import TableDenoiser, denoiser
from theory.errors import InvalidInput
from theory.reference import speculation as reference_speculation
from theory.speculation import masked
from theory.speculation.claims.masked_inputs import BITS, cases, setup
from theory.worlds import TableWorld, dirichlet, product, states


def rng(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def model_of(n: int, d: int, seed: int, perturbed: float = 0.0) -> TableDenoiser:
    """Return true conditionals of a Dirichlet law, or those mixed with noise: a model that fits no law."""
    p = dirichlet(n, d, 1.0, rng(seed)).conditionals(states.all_states(n, d))
    noise = torch.rand(p.shape, dtype=torch.float64, generator=rng(seed + 1))
    return TableDenoiser(((1 - perturbed) * p + perturbed * noise / noise.sum(-1, keepdim=True)).log())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(cases())
def test_law_in_fractions_is_that_of_sequential_decoding(case: dict) -> None:
    s = setup(**case)
    found, target = s.literally(), reference_speculation.sequential_law(s.conditional, s.order, s.n, s.d)
    assert found.law == {x: p for x, p in target.items() if p}
    assert sum(found.joint.values()) == 1
    assert found.variation == found.coins + found.mismatches


def test_five_bits_have_the_law_of_sequential_decoding_to_rounding() -> None:
    """As noted: law error <= 1.1e-16, consistent and perturbed, fixed and confidence orders, L in {1, 2, 3, 5}."""
    for perturbed in (0.0, 0.3):
        model = model_of(5, 2, 7, perturbed)
        for priority in (masked.left_to_right, masked.fixed([3, 0, 4, 1, 2]), masked.confidence):
            target = masked.sequential_law(model, priority).law()
            assert float(target.sum()) == pytest.approx(1, abs=1e-12)
            for window in (1, 2, 3, 5):
                found = masked.sweep(model, window, priority)
                assert float((found.output.law() - target).abs().max()) < 1e-15
                planted = masked.sweep(model, window, priority, correct="target")
                assert window == 1 or found.coins == 0 or float((planted.output.law() - target).abs().max()) > 1e-4


def test_rounds_of_five_bits_by_order() -> None:
    """As noted: 1.24 in a fixed order, 2.25 by confidence, on tables not given; these are Dirichlet(1)."""
    fixed, sure = [], []
    for seed in range(40):
        model = model_of(5, 2, seed)
        fixed.append(masked.sweep(model, 5).rounds)
        sure.append(masked.sweep(model, 5, masked.confidence).rounds)
    assert min(fixed) < 1.24 < max(fixed) and min(sure) < 2.25 < max(sure)
    assert sum(fixed) / 40 == pytest.approx(1.33, abs=0.05)
    assert sum(sure) / 40 == pytest.approx(2.2, abs=0.1)


def test_the_first_step_of_a_window_is_always_accepted() -> None:
    found = masked.sweep(model_of(4, 3, 1), 1, masked.confidence)
    assert found.rejections == pytest.approx(0, abs=1e-12) and found.rounds == pytest.approx(4)


def test_calls_are_rounds_and_first_calls_after_rejections() -> None:
    run = masked.speculate(model_of(6, 2, 3), 3, 400, masked.confidence, rng())
    assert bool((run.sequential_calls >= run.rounds).all())
    assert bool((run.evaluations >= run.sequential_calls).all())
    assert bool((run.mismatches <= run.rejections).all())
    assert bool((run.rounds <= 2 + run.rejections).all())


def test_a_long_product_world_is_decoded_in_the_fewest_rounds() -> None:
    world = product(torch.tensor([[0.2, 0.8], [0.5, 0.5]], dtype=torch.float64).repeat(50, 1))
    run = masked.speculate(world, 20, 50, masked.confidence, rng())
    assert int(run.rejections.sum()) == 0 and run.rounds.unique().tolist() == [5]
    assert run.sequential_calls.unique().tolist() == [6], "one first call, then a batch a round"
    assert bool((run.sequences < 2).all())


def test_temperature_sharpens() -> None:
    model = model_of(3, 2, 5)
    sharp = masked.tempered(model, 0.5)
    p = model.log_p[-1].exp() ** 2
    assert torch.allclose(sharp(torch.full((1, 3), 2))[0].exp(), p / p.sum(-1, keepdim=True))
    assert (sharp.n, sharp.d) == (3, 2)


def test_planted_residual_breaks_the_law_in_fractions() -> None:
    s = setup(BITS, order=[0, 1, 2], window=3)
    target = reference_speculation.sequential_law(s.conditional, s.order, 3, 2)
    gap = max(abs(p - target[x]) for x, p in s.literally("target").law.items())
    assert gap > Fraction(1, 1000)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masked.tempered(dirichlet(2, 2), 0.0), r"temperature 0; expected > 0"),
        (lambda: masked.fixed([0, 2]), r"order \[0, 2\]; expected a permutation of 0\.\.1"),
        (lambda: masked.sweep(model_of(2, 2, 0), 0), r"window L = 0; expected at least 1"),
        (lambda: masked.sweep(TableWorld(torch.full((2, 4), 0.25), 2, 2), 2), r"a batch of \(2,\) denoisers"),
        (lambda: masked.sweep(model_of(2, 2, 0), 2, masked.fixed([0, 1, 2])), r"order of 3 positions for n = 2"),
        (lambda: masked.speculate(dirichlet(2, 2), 0, 5), r"window L = 0; expected at least 1"),
        (lambda: masked.speculate(dirichlet(2, 2), 1, 0), r"paths = 0; expected at least 1"),
        (
            lambda: masked.speculate(denoiser(lambda z: torch.zeros(len(z), 3, 2), n=2, d=2), 1, 5),
            r"returned \(5, 3, 2\); expected \(batch, n, d\) = \(5, 2, 2\)",
        ),
        (
            lambda: masked.speculate(denoiser(lambda z: torch.zeros(*z.shape, 2), d=2), 1, 5),
            r"denoiser of sequences of any length; give a start",
        ),
    ],
)
def test_bad_input_says_what_was_given_and_expected(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


def test_tempered_conditionals_are_powers_of_the_denoiser_s() -> None:
    """`Tempered` at temperature T: proportional to p^(1 / T), whatever it is, at every state."""
    world = dirichlet(2, 3, 1.0, Generator().manual_seed(0))
    z = states.all_states(2, 3)
    z = z[(z == 3).any(-1)]
    for temperature in (0.5, 2.0):
        power = world.conditionals(z) ** (1 / temperature)
        found = masked.Tempered(world, temperature)(z).exp()
        torch.testing.assert_close(found, power / power.sum(-1, keepdim=True), rtol=1e-12, atol=1e-15)
