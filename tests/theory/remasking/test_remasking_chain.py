"""The exact chain against everything written out, batches of worlds, stationary laws, the predictor, bounds, speed."""

from __future__ import annotations

import itertools
import math
import time
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, sparse
from torch import Generator

from theory import worlds
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.reference.nelbo import nelbo_by_count
from theory.remasking import bounds, chain, drafts, predictor, schedules
from theory.remasking.claims.inputs import F1, F2, Case, denoisers, inconsistent, small_worlds, triples, uniform
from theory.remasking.posterior import posterior
from theory.remasking.selection import Selection
from theory.remasking.stationary import stationary_states, transition_matrix
from theory.schedules import LINEAR, SQUARED_SINE, from_callable
from theory.worlds import TableWorld, states


def rng(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def random_law(size: int, seed: int) -> torch.Tensor:
    weights = torch.rand(size, dtype=torch.float64, generator=rng(seed))
    return weights / weights.sum()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(denoisers(), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_a_posterior_step_from_any_law_is_the_one_written_out(world: dict, a: int, b: int, share: int) -> None:
    w = Case(**world)
    now, after = sorted((a / 13, b / 13))
    sigma = share / 12 * min(1.0, (1 - after) / now if now else 1.0)
    start = random_law((w.d + 1) ** w.n, a)
    exact = reference_remasking.posterior_step(
        dict(zip(reference.states(w.n, w.d), start.tolist(), strict=True)),
        reference_remasking.independent(w.conditional, w.d), now, after, sigma, w.d,
    )  # fmt: skip
    found = chain.posterior_step(start, w.factorised, posterior(now, after, sigma))
    assert float((found - torch.tensor(w.listed(exact, masks=True), dtype=torch.float64)).abs().max()) < 1e-14


@settings(max_examples=15, deadline=None, derandomize=True)
@given(denoisers(), st.sampled_from(("ceil", "floor", "bernoulli")), st.sampled_from((1.0, 0.5, 2.0, None)))
def test_a_counted_step_is_the_one_written_out(world: dict, rule: str, temperature: float | None) -> None:
    w, after = Case(**world), 0.4
    selection, scores = Selection(temperature, rule), torch.randn(w.d**w.n, w.n, generator=rng()).double().round()
    start = random_law((w.d + 1) ** w.n, 3)
    counts = {k: float(p) for k, p in enumerate(selection.counts(after, w.n)) if p > 0}
    of = dict(zip(reference.sequences(w.n, w.d), scores.tolist(), strict=True))
    law = dict(zip(reference.states(w.n, w.d), start.tolist(), strict=True))
    fill = reference_remasking.independent(w.conditional, w.d)
    if temperature is None:
        exact: dict = {}
        for y, mass in reference_remasking.draft_law(law, fill).items():
            for count, share in counts.items():
                for subset, p in reference_remasking.greatest_law(of[y], count).items():
                    z = tuple(w.d if i in subset else v for i, v in enumerate(y))
                    exact[z] = exact.get(z, 0) + mass * share * p
    else:
        exact = reference_remasking.counted_step(
            law, fill, lambda y: [math.exp(g / temperature) for g in of[y]], counts, w.d
        )
    refine = drafts.refinement(selection, scores)
    found = chain.counted_step(start, w.factorised, refine.chance(after))
    assert float((found - torch.tensor(w.listed(exact, masks=True), dtype=torch.float64)).abs().max()) < 1e-14


@settings(max_examples=15, deadline=None, derandomize=True)
@given(small_worlds())
def test_joint_fill_is_the_one_written_out(world: dict) -> None:
    w = Case(**world)
    start = chain.noised_states(w.world, 0.3)
    found = chain.draft_law(start, w.joint).law()
    assert torch.allclose(found, w.law, atol=1e-15)
    exact = reference_remasking.draft_law(
        {z: p for z, p in zip(reference.states(w.n, w.d), start.tolist(), strict=True) if p},
        reference_remasking.together(w.rational, w.d),
    )
    assert found.tolist() == pytest.approx(w.listed(exact), abs=1e-15)


def test_laws_of_many_worlds_at_once() -> None:
    batch = TableWorld(torch.stack([worlds.dirichlet(3, 2, 1.0, rng(k)).law() for k in range(4)]), 3, 2)
    fill = drafts.factorised(batch)
    scores = torch.randn(4, 8, 3, generator=rng()).double()
    for steps in (schedules.star(7), schedules.standard(3), schedules.counted(5, (0.4, 1.0))):
        together = chain.output_law(fill, steps, drafts.refinement(Selection(), scores))
        for k in range(4):
            refine = drafts.refinement(Selection(), scores[k])
            alone = chain.output_law(drafts.factorised(batch[k]), steps, refine)
            assert torch.allclose(together[k].law(), alone.law(), atol=1e-15)
    law = TableWorld(random_law(8, 0), 3, 2)
    variation, divergence = chain.distances(law, chain.output_law(fill, schedules.star(7)))
    assert variation.shape == divergence.shape == (4,) and bool((divergence > 2 * variation**2).all()), "Pinsker"


def test_a_loop_settles_where_power_iteration_does() -> None:
    w = Case(F2)
    step = schedules.loop(20, schedules.cap(0.3), plateau=0.75)[10]
    assert step.alpha_now == step.alpha_next == 0.75

    def move(law: torch.Tensor) -> torch.Tensor:
        return chain.advance(law, w.factorised, step)

    settled = stationary_states(move, w)
    law = chain.masked_states(w.factorised)
    for _ in range(400):
        law = move(law)
    assert torch.allclose(settled, law, atol=1e-13)
    matrix = transition_matrix(move, 27)
    assert torch.allclose(matrix.sum(-1), torch.ones(27).double()) and torch.allclose(
        settled @ matrix, settled, atol=1e-14
    )


def test_several_stationary_laws_are_refused() -> None:
    w = Case(F2)
    with pytest.raises(InvalidInput, match=r"several stationary laws; expected one: remask"):
        stationary_states(lambda law: chain.posterior_step(law, w.factorised, posterior(0.5, 0.5, 0.0)), w)


def test_guided_law_at_temperature_one_in_fractions() -> None:
    """The odds of g* are rational, so is the whole law: three tokens, T = 4, every label and order written out."""
    w, steps = Case(F2), 4
    fill = reference_remasking.independent(w.conditional, 2)
    chances = [Fraction(1, 4 * math.comb(3, m)) for m in range(4)]
    table = reference_remasking.error_table(w.rational, fill, chances, 3, 2)
    law: dict = {(2, 2, 2): Fraction(1)}
    for k in range(steps):
        count = math.ceil(Fraction(3 * (steps - k - 1), steps))
        law = reference_remasking.counted_step(law, fill, lambda y: [e / (1 - e) for e in table[y]], {count: 1}, 2)
    found = chain.output_law(w.factorised, schedules.counted(steps), w.guided()).law()
    assert sum(law.values()) == 1
    assert found.tolist() == pytest.approx(w.listed(law), abs=1e-14)


def test_weights_of_training_times() -> None:
    for n, m in itertools.product(range(1, 7), range(7)):
        if m <= n:
            assert float(predictor.mask_weights(n)[m]) == pytest.approx(1 / ((n + 1) * math.comb(n, m)))
    linear = predictor.mask_weights(6, from_callable(lambda t: t, np.ones_like))
    assert torch.allclose(linear, predictor.mask_weights(6, LINEAR), rtol=1e-13)
    for m in range(5):
        exact = integrate.quad(
            lambda t, m=m: math.cos(math.pi * t / 2) ** (2 * m) * math.sin(math.pi * t / 2) ** (8 - 2 * m), 0, 1
        )
        assert float(predictor.mask_weights(4, SQUARED_SINE)[m]) == pytest.approx(exact[0], rel=1e-10)


def test_predictor_of_other_times_against_labels() -> None:
    w, weights = Case(F2), [Fraction(1, 2), Fraction(0), Fraction(1, 12), Fraction(1, 4)]
    table = reference_remasking.error_table(
        w.rational, reference_remasking.independent(w.conditional, 2), weights, 3, 2
    )
    found = predictor.error_probabilities(
        w.world, w.factorised, torch.tensor([float(x) for x in weights], dtype=torch.float64)
    )
    exact = [[float(e) for e in table[y]] for y in reference.sequences(3, 2)]
    assert torch.allclose(found, torch.tensor(exact, dtype=torch.float64), atol=1e-15)
    looked = predictor.tabulated(predictor.error_logits(w.world, w.factorised))(states.all_sequences(3, 2))
    assert torch.allclose(torch.sigmoid(looked), predictor.error_probabilities(w.world, w.factorised), atol=1e-12)


def test_sequences_never_drafted_score_one_half() -> None:
    w = Case(TableWorld.from_weights([1, 1, 0, 0, 0, 0, 0, 0], 3, 2))
    found = predictor.error_probabilities(w.world, w.factorised)
    assert torch.equal(found[2:], torch.full((6, 3), 0.5).double())
    assert found[0].tolist() == pytest.approx([0, 0, 0.25]) and bool(torch.isfinite(w.logits).all())


def test_standard_bound_tends_to_the_nelbo() -> None:
    """With one step a token the bound is that of the finite grid; as T grows it tends to the integral's."""
    model = inconsistent(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])
    exact = nelbo_by_count(model, uniform(2, 2))
    found = [float(bounds.negative_bound(model, schedules.standard(t)).mean()) for t in (500, 1000)]
    assert 2 * found[1] - found[0] == pytest.approx(exact, abs=1e-5)


def test_impossible_tokens_cost_infinity_and_no_nan() -> None:
    found = bounds.negative_bound(TableWorld.from_weights([1, 0, 0, 1], 2, 2), schedules.star(4))
    assert bool(torch.isinf(found[1:3]).all()) and bool(torch.isfinite(found[[0, 3]]).all())


def test_all_routes_to_the_output_law_of_a_star_meet() -> None:
    w, process = Case(F1), schedules.star(5)
    fill = reference_remasking.independent(reference.conditionals_of(reference.floats(w.world), 2), 2)
    exact = reference_remasking.output_law(fill, triples(process), 4, 2)
    assert chain.output_law(w.factorised, process).law().tolist() == pytest.approx(w.listed(exact), abs=1e-14)


def test_one_step_costs_less_than_ten_matrix_vector_products() -> None:
    """n = 8, d = 2: a sparse product over as many stored pairs of states, (3d + 1)^n = 5764801, in the same run."""
    world = worlds.dirichlet(8, 2, 1.0, rng())
    proposal, law = drafts.factorised(world), chain.noised_states(world, 0.3)
    refine = drafts.refinement(Selection(), torch.randn(256, 8, generator=rng()).double())
    places, rows = np.random.default_rng(0).integers(6561, size=7**8), np.linspace(0, 7**8, 6562).astype(int)
    matrix, vector = sparse.csr_array((np.ones(7**8), places, rows), shape=(6561, 6561)), np.ones(6561)

    def seconds(call: object) -> float:
        found = []
        for _ in range(5):
            start = time.perf_counter()
            call()
            found.append(time.perf_counter() - start)
        return min(found)

    product = seconds(lambda: matrix @ vector)
    assert seconds(lambda: chain.posterior_step(law, proposal, posterior(0.3, 0.5, 0.5))) < 10 * product
    assert seconds(lambda: chain.counted_step(law, proposal, refine.chance(0.5))) < 10 * product


def test_four_thousand_steps_of_three_tokens_take_seconds() -> None:
    start = time.perf_counter()
    chain.output_law(Case(F2).factorised, schedules.star(4096))
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: drafts.refinement(Selection(), torch.zeros(7, 3).double()),
            r"scores of shape \(7, 3\); expected a row of n for each of the d\^n sequences",
        ),
        (lambda: drafts.refinement(Selection(), torch.full((8, 3), math.nan).double()), r"scores hold NaN"),
        (
            lambda: chain.posterior_step(torch.ones(8).double() / 8, Case(F2).factorised, posterior(0.1, 0.2, 0.0)),
            r"state law of shape \(8,\); expected \(d \+ 1\)\^n = 27 states .* sequences_as_states converts",
        ),
        (
            lambda: chain.draft_law(torch.full((27,), -1 / 27).double(), Case(F2).factorised),
            r"law holds a negative probability",
        ),
        (
            lambda: chain.output_law(Case(F2).factorised, schedules.counted(4), Case(F1).guided()),
            r"refinement of n = 4, d = 2 beside a proposal of n = 3, d = 2",
        ),
        (
            lambda: chain.output_law(Case(F2).factorised, schedules.star(4)[:-1]),
            r"a share 0\.\d+ of the paths ends with masks; expected steps that end at alpha = 1",
        ),
        (
            lambda: chain.output_law(Case(F2).factorised, schedules.plan([0, 0.5, 1], schedules.cap(0.2), "confident")),
            r"a confident step depends on when tokens were revealed.*sample it",
        ),
        (lambda: bounds.negative_bound(F2, schedules.counted(4)), r"a counted step has no bound"),
        (lambda: bounds.loss_profile(TableWorld(torch.full((2, 4), 0.25), 2, 2)), r"a batch of \(2,\) denoisers"),
        (lambda: predictor.tabulated(torch.zeros(7, 3).double()), r"logits of shape \(7, 3\); expected a row of n"),
        (
            lambda: predictor.error_probabilities(F2, Case(F2).factorised, torch.ones(3).double()),
            r"weights of shape \(3,\); expected n \+ 1 = 4",
        ),
        (
            lambda: predictor.error_probabilities(F2, drafts.factorised(TableWorld(torch.full((2, 8), 0.125), 3, 2))),
            r"proposal of batch \(2,\).* expected that of one denoiser",
        ),
        (
            lambda: predictor.error_probabilities(F1, Case(F2).factorised),
            r"world of n = 4, d = 2 beside a proposal of n = 3, d = 2",
        ),
        (
            lambda: predictor.tabulated(Case(F2).logits)(torch.tensor([[0, 1, 2]])),
            r"an error predictor reads complete sequences",
        ),
    ],
)
def test_bad_input_says_what_was_given_and_expected(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
