"""DUEL's likelihood, the ELBO and the sweep over orders: the notes' numbers, brute force, families, bad input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.denoisers import Raw
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.reference import nelbo as reference_nelbo
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import best_mixture, best_rule, expected_log_likelihood
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import TableWorld, information, states
from theory.worlds.tree import sticky_chain

RULES = [
    LeftToRight(1), LeftToRight(2), TopK(1, "confidence"), TopK(2, "confidence"), TopK(1, "margin"),
    TopK(2, "margin"), Threshold(-0.7, "confidence"), EntropyBounded(0.5),
]  # fmt: skip


def perturbed(n: int, d: int, noise: float, generator: torch.Generator) -> tuple[TableWorld, TableDenoiser]:
    """Return a Dirichlet(1) law and its exact log-conditionals plus Gaussian noise, renormalised row by row."""
    law = torch._standard_gamma(torch.ones(d**n, dtype=torch.float64), generator=generator)
    law = law / law.sum()
    exact = states.table_conditionals(states.marginal_table(law, n, d), states.all_states(n, d), d).log()
    shaken = exact + noise * torch.randn(exact.shape, generator=generator, dtype=torch.float64)
    return TableWorld(law, n, d), TableDenoiser(shaken.log_softmax(-1))


def family(n: int, d: int, noise: float, count: int) -> Iterator[tuple[TableWorld, TableDenoiser, Tensor]]:
    """Yield worlds, denoisers and the terms of all sequences."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        world, denoiser = perturbed(n, d, noise, generator)
        yield world, denoiser, likelihood.order_terms(denoiser, states.all_sequences(n, d))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize(("n", "d"), [(4, 3), (4, 2), (1, 3)])
def test_claims_1_2_and_5_on_random_tables(rule: TopK, n: int, d: int) -> None:
    for world, denoiser, _ in family(n, d, 1.0, 2):
        score = likelihood.log_likelihood(rule, denoiser, states.all_sequences(n, d))
        done, law = walks.walk(rule, world, denoiser), world.law()
        chances = score.log_likelihood.exp()
        assert abs(float(chances.sum()) - 1) < 1e-12
        assert float((chances - done.output.law()).abs().max()) < 1e-12
        assert float(chances @ score.calls.double()) == pytest.approx(done.calls, abs=1e-12)
        assert float(law @ score.calls.double()) == pytest.approx(done.calls_of_data, abs=1e-12)
        assert done.total(done.nodes.surprise, "sampler") == pytest.approx(done.output.entropy(), abs=1e-10)


def test_claim_8_control_546_364_054_036() -> None:
    """Sample-then-select on bits (.7, .3), (.6, .4); LOGLIK gives the product (.42, .28, .18, .12) instead."""
    rows = torch.tensor([[0.7, 0.3], [0.6, 0.4]], dtype=torch.float64)
    law = (rows[0][:, None] * rows[1]).flatten()
    assert walks.walk(SampledConfidence(), TableWorld(law, 2, 2)).output.law().tolist() == pytest.approx(
        [0.546, 0.364, 0.054, 0.036]
    )
    product = Raw(lambda z: rows.log().expand(len(z), 2, 2), 2)
    score = likelihood.log_likelihood(TopK(1), product, states.all_sequences(2, 2))
    assert score.log_likelihood.exp().tolist() == pytest.approx([0.42, 0.28, 0.18, 0.12])
    assert score.calls.tolist() == [2] * 4


def test_sweep_agrees_with_all_orders() -> None:
    for world, denoiser, terms in family(4, 3, 0.7, 2):
        law = world.law()
        every = torch.stack([likelihood.along(terms, torch.tensor(o)) for o in itertools.permutations(range(4))])
        assert float((likelihood.elbo(terms) - every.mean(0)).abs().max()) < 1e-13
        assert float((likelihood.elbo_by_count(terms) - every.mean(0)).abs().max()) < 1e-13
        uniform = every.logsumexp(0) - math.log(24)
        assert float((likelihood.log_uniform(terms) - uniform).abs().max()) < 1e-13
        for found, extreme in ((likelihood.best_order, every.amax(0)), (likelihood.worst_order, every.amin(0))):
            value, order = found(terms)
            assert float((value - extreme).abs().max()) < 1e-13
            along = [likelihood.along(terms[[k]], order[k])[0] for k in range(len(order))]
            assert float((torch.stack(along) - value).abs().max()) < 1e-13
        table = TableDenoiser(denoiser(states.all_states(4, 3)))
        average = -reference_nelbo.nelbo_by_count(table, TableWorld(law, 4, 3))
        assert float(law @ likelihood.elbo(terms)) == pytest.approx(average, rel=1e-13)


def test_uniform_likelihood_is_the_walk_of_random_one() -> None:
    for world, denoiser, terms in family(4, 2, 1.0, 3):
        output = walks.walk(RandomOne(), world, denoiser).output.law()
        assert float((likelihood.log_uniform(terms).exp() - output).abs().max()) < 1e-14


def test_two_forms_of_the_elbo_agree_to_1e_15() -> None:
    """An earlier computation's 1e-15, relative to the log-likelihoods."""
    for _, _, terms in family(4, 3, 0.5, 5):
        first, second = likelihood.elbo(terms), likelihood.elbo_by_count(terms)
        assert float(((first - second) / first).abs().max()) < 2e-15


def rates(n: int, d: int, noise: float, count: int = 20) -> dict[str, int]:
    """Count on how many tables each statement of the notes holds, greedy confidence for DUEL."""
    found = dict.fromkeys(("below ELBO", "below uniform", "oracle above -H", "mixture wins", "uniform wins"), 0)
    for world, denoiser, terms in family(n, d, noise, count):
        law = world.law()
        score = likelihood.log_likelihood(TopK(1), denoiser, states.all_sequences(n, d))
        duel, uniform = float(law @ score.log_likelihood), float(law @ likelihood.log_uniform(terms))
        value = expected_log_likelihood(best_rule(world, denoiser=denoiser, largest=1), world)
        found["below ELBO"] += duel < float(law @ likelihood.elbo(terms))
        found["below uniform"] += duel < uniform
        found["oracle above -H"] += float(law @ likelihood.best_order(terms)[0]) > -float(information.entropy(law))
        found["mixture wins"] += best_mixture(terms, world, 1e-4, 500).value > value
        found["uniform wins"] += uniform > value
    return found


def test_rates_below_the_elbo_and_below_uniform_are_pinned_at_one_noise() -> None:
    """An earlier computation names no family. Measured here, V = 3, L = 4, noise .5: 18 and 20 of 20."""
    found = rates(4, 3, 0.5)
    assert (found["below ELBO"], found["below uniform"]) == (18, 20)


def test_oracle_and_mixture_rates_are_pinned_at_one_noise() -> None:
    """V = 2, L = 4, noise .7: both 12 of 12; log p^unif beats the optimum on most, the notes' 'often'."""
    found = rates(4, 2, 0.7, 12)
    assert (found["oracle above -H"], found["mixture wins"]) == (12, 12)
    assert 6 < found["uniform wins"] < 12


def test_oracle_sums_reach_the_noted_range_at_a_chosen_noise() -> None:
    """Noise .6 is chosen to lie in the notes' range, of no named family: no reproduction (.5 gives 2.58 to 3.03)."""
    sums = [likelihood.oracle_sum(terms) for _, _, terms in family(4, 3, 0.6, 10)]
    assert min(sums) > 2.8 and max(sums) < 4.3


def test_a_long_chain_is_scored_by_message_passing() -> None:
    world = sticky_chain(60)
    x = world.sample(3, torch.Generator().manual_seed(1))
    score = likelihood.log_likelihood(LeftToRight(1), world, x)
    assert score.calls.tolist() == [60] * 3
    assert float((score.log_likelihood - world.log_prob(x)).abs().max()) < 1e-10


def test_calls_differ_between_sequences_under_a_threshold() -> None:
    """The average NFE must be reported: thresholds make the number of parts depend on x."""
    x = states.all_sequences(4, 2)
    calls = [likelihood.log_likelihood(Threshold(-0.7, "confidence"), f, x).calls for _, f, _ in family(4, 2, 0.7, 5)]
    assert max(int(found.max() - found.min()) for found in calls) >= 1


def test_impossible_sequences_have_minus_infinity() -> None:
    rows = torch.tensor([[1.0, 0.0], [0.5, 0.5]], dtype=torch.float64).log()
    terms = likelihood.order_terms(Raw(lambda z: rows.expand(len(z), 2, 2), 2), states.all_sequences(2, 2))
    for values in (likelihood.elbo(terms), likelihood.elbo_by_count(terms), likelihood.log_uniform(terms)):
        assert values.exp().tolist() == pytest.approx([0.5, 0.5, 0, 0])
    assert likelihood.oracle_sum(terms) == pytest.approx(1.0)


UNIFORM = Raw(lambda z: torch.full((*z.shape, 2), math.log(0.5), dtype=torch.float64), 2)
X = torch.zeros(2, 3, dtype=torch.long)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: likelihood.log_likelihood(SampledConfidence(), UNIFORM, X), "looks at drawn values"),
        (lambda: likelihood.log_likelihood(RandomOne(), UNIFORM, X), r"at random at state \[2, 2, 2\]"),
        (lambda: likelihood.log_likelihood(TopK(1), UNIFORM, X + 2), "sequence 0 = .* holds the mask 2"),
        (lambda: likelihood.log_likelihood(TopK(1), UNIFORM, X + 3), "expected 0..1"),
        (lambda: likelihood.log_likelihood(TopK(1), UNIFORM, X[:, :0]), r"expected \(batch, n\)"),
        (lambda: likelihood.log_likelihood(TopK(1), Raw(lambda z: UNIFORM(z) * math.nan, 2), X), "without NaN"),
        (lambda: likelihood.log_likelihood(TopK(1), Raw(lambda z: UNIFORM(z) * 2, 2), X), "sum to 1 -0.5"),
        (lambda: likelihood.order_terms(UNIFORM, torch.zeros(1, 40, dtype=torch.long)), "GiB"),
        (lambda: likelihood.along(torch.zeros(1, 4, 2), torch.tensor([0, 0])), r"permutation of 0\.\.1"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
