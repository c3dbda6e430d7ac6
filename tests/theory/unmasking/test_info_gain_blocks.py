"""Info-Gain with several positions a step and the bypass: laws against listing, calls, ties, limits, bad input."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.denoisers import Raw
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin, strategies
from theory.reference import info_gain as reference_info_gain
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.claims import info_gain_blocks as claims
from theory.unmasking.rules import actions as act
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
from theory.unmasking.rules.proxies import token_entropy
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

FORMS = ("mean", "sum", "look-ahead")
LEVELS = (None, 0.5, 0.7, 1.5)
DENSE = TableWorld.from_weights([(7 * k * k + 3 * k) % 23 + 1 for k in range(27)], 3, 3)
WIDE = TableWorld.from_weights([(5 * k * k + 3 * k) % 29 + 1 for k in range(16)], 4, 2)


def possible_states(world: TableWorld) -> torch.Tensor:
    z = states.all_states(world.n, world.d)
    return z[(z == world.d).any(-1) & world.log_marginal(z).isfinite()]


def law_of(weights: torch.Tensor, after: torch.Tensor) -> dict:
    law: dict = {}
    for p, x in zip(weights.tolist(), map(tuple, after.tolist()), strict=True):
        law[x] = law.get(x, 0.0) + p
    return law


def differ(a: dict, b: dict) -> float:
    return max(abs(float(a.get(x, 0)) - float(b.get(x, 0))) for x in {*a, *b})


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    strategies.worlds(n=(2, 3), cells=27),
    st.sampled_from(FORMS),
    st.sampled_from(("argmax", "drawn")),
    st.integers(1, 4),
    st.sampled_from(LEVELS),
)
def test_steps_are_those_of_the_pseudocode(
    world: TableWorld, form: str, tokens: str, k: int, level: float | None
) -> None:
    z, d, denoiser = possible_states(world), world.d, reference.float_conditionals(world)
    weights, after, calls = InfoGain(form, tokens, k, level).outcomes(world, z)
    for row, state in enumerate(map(tuple, z.tolist())):
        listed = reference_info_gain.info_gain_step(denoiser, state, d, form, tokens, k, level)
        assert differ(law_of(weights[row], after[row]), listed) < 1e-12
    assert set(calls.flatten().tolist()) == {1}


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    strategies.worlds(n=(2, 3), cells=8),
    st.sampled_from(FORMS),
    st.sampled_from(((0.1, 1.0), (0.7, 0.6))),
    st.booleans(),
    st.integers(1, 3),
    st.integers(1, 4),
    st.sampled_from(LEVELS),
)
def test_sampled_steps_have_the_law_of_all_vectors_of_candidates(
    world: TableWorld, form: str, taus: tuple, greedy: bool, count: int, k: int, level: float | None
) -> None:
    z, d, denoiser = possible_states(world), world.d, reference.float_conditionals(world)
    rule = SampledInfoGain(count, form, *taus, greedy=greedy, k=k, bypass=level)
    weights, after, _ = rule.outcomes(world, z)
    for row, state in enumerate(map(tuple, z.tolist())):
        listed = reference_info_gain.sampled_step(denoiser, state, d, form, count, *taus, greedy, k, level)
        assert differ(law_of(weights[row], after[row]), listed) < 1e-10


@pytest.mark.parametrize(
    ("k", "greedy", "level"), [(2, False, None), (2, True, 0.45), (3, False, 0.55), (5, True, None)]
)
def test_steps_sample_the_law_of_the_outcomes(k: int, greedy: bool, level: float | None) -> None:
    world, count = DENSE, 20000
    rule = SampledInfoGain(3, "mean", 0.3, 0.8, greedy=greedy, k=k, bypass=level)
    for z in (torch.full((1, 3), 3), torch.tensor([[3, 1, 3]])):
        weights, after, _ = rule.outcomes(world, z)
        exact = torch.zeros(64, dtype=torch.float64).index_add(0, states.index_of(after[0], 3), weights[0])
        drawn, calls = rule.step(world, z.expand(count, -1), torch.Generator().manual_seed(5))
        found = torch.bincount(states.index_of(drawn, 3), minlength=64) / count
        assert float((found - exact).abs().max()) < hoeffding_margin(count, 1.0)
        assert set(calls.tolist()) == {1}


@pytest.mark.parametrize(("tokens", "k", "level"), [("drawn", 2, None), ("drawn", 2, 0.6), ("argmax", 3, 0.6)])
def test_walks_are_runs_of_the_pseudocode(tokens: str, k: int, level: float | None) -> None:
    n, d, denoiser = WIDE.n, WIDE.d, reference.float_conditionals(WIDE)
    law, steps = reference_info_gain.run(
        lambda z: reference_info_gain.info_gain_step(denoiser, z, d, "mean", tokens, k, level), n, d
    )
    found = walk(InfoGain("mean", tokens, k, level), WIDE)
    sequences = states.all_sequences(n, d)
    assert differ(law_of(found.output.law(), sequences), law) < 1e-12
    assert found.calls == pytest.approx(steps)


@pytest.mark.parametrize(("k", "level"), [(1, None), (2, None), (1, 0.6), (2, 0.6), (2, 0.0)])
def test_calls_are_those_of_code_that_reuses_the_winners_logits(k: int, level: float | None) -> None:
    n, d, denoiser = WIDE.n, WIDE.d, reference.float_conditionals(WIDE)
    z, calls = (d,) * n, 1
    while d in z:
        few = len(reference.masked(z, d)) <= k
        sure = reference_info_gain.bypassed(denoiser, z, d, k, level)
        (z,) = reference_info_gain.info_gain_step(denoiser, z, d, "mean", "argmax", k, level)
        # look-ahead, or a fresh call after a bypass; none where the sequence is complete
        calls += (d in z) if sure is not None else not few
    found = walk(InfoGain("mean", "argmax", k, level), WIDE)
    assert found.calls == calls


@pytest.mark.parametrize("rule", [InfoGain("mean", "drawn", 2, 0.4), SampledInfoGain(4, k=2, bypass=0.4, greedy=True)])
def test_neither_the_bypass_nor_the_last_step_looks_ahead(rule: InfoGain | SampledInfoGain) -> None:
    world, seen = DENSE, []

    def denoise(z: torch.Tensor) -> torch.Tensor:
        seen.append(len(z))
        return world(z)

    sure = torch.tensor([[3, 3, 3]])
    assert float(world(sure).exp().amax()) >= 0.4
    rule.step(Raw(denoise, 3), sure, torch.Generator().manual_seed(0))
    assert seen == [1]
    seen.clear()
    ahead = type(rule)(k=2)
    ahead.step(Raw(denoise, 3), torch.tensor([[3, 3, 0], [3, 0, 3]]), torch.Generator().manual_seed(0))
    assert seen == [2]
    ahead.step(Raw(denoise, 3), sure, torch.Generator().manual_seed(0))
    assert len(seen) == 3


def test_bypass_commits_the_most_confident_and_is_off_above_one() -> None:
    log_p = torch.tensor([[[0.8, 0.2], [0.9, 0.1], [0.1, 0.9], [0.5, 0.5]]], dtype=torch.float64).log()
    hidden = torch.ones(1, 4, dtype=torch.bool)
    for k, wanted in ((1, [1]), (2, [1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2])):
        assert act.confident(log_p, hidden, k, 0.8)[0].nonzero()[:, 0].tolist() == wanted
    assert not bool(act.confident(log_p, hidden, 4, 0.95).any())
    certain = torch.tensor([[[1.0, 0.0]]], dtype=torch.float64).log()
    for level, on in ((None, False), (1.0 + 1e-12, False), (1.0, True)):
        assert bool(act.confident(certain, hidden[:, :1], 1, level).any()) is on


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 30), min_size=2, max_size=5), st.integers(1, 4), st.sampled_from((1.0, 1e-3)))
def test_positions_are_drawn_without_replacement(errors: list[int], k: int, tau: float) -> None:
    n = len(errors)
    logits = torch.tensor([[-e / 10 / tau for e in errors]], dtype=torch.float64)
    block = act.blocks(n, k)
    found = act.successive(logits, block)[0]
    assert float(found.sum()) == pytest.approx(1.0)
    if tau == 1.0:
        listed = reference_info_gain.successive_draws({i: math.exp(-e / 10) for i, e in enumerate(errors)}, min(k, n))
        for b, p in zip(block, found.tolist(), strict=True):
            assert p == pytest.approx(listed[tuple(b.nonzero()[:, 0].tolist())], abs=1e-14)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_gumbel_top_k_draws_positions_by_that_law(k: int) -> None:
    count, n = 200000, 6
    p = torch.tensor([0.5, 0.6, 0.9, 0.95, 0.97, 0.99], dtype=torch.float64)
    log_p = torch.stack((p, 1 - p), -1).log()[None]
    rule, z = SampledInfoGain(count, "mean", 0.2, k=k), torch.full((1, n), 2)
    shown = rule._draw(z, log_p, torch.Generator().manual_seed(3))[0] != 2
    block = act.blocks(n, k)
    wanted = act.successive(rule._trust(log_p, z == 2), block)[0]
    found = (shown[:, None] == block).all(-1).double().mean(0)
    assert float((found - wanted).abs().max()) < hoeffding_margin(count, 1.0)


def test_all_positions_at_once_are_drawn_from_the_marginals() -> None:
    n, d = 3, 3
    z = states.all_sequences(n, d)
    p = DENSE(torch.full((1, n), d))[0].exp()
    wanted = p[torch.arange(n), z].prod(-1)
    for rule in (InfoGain("mean", "drawn", 3), InfoGain("sum", "drawn", 7), SampledInfoGain(5, k=3)):
        found = walk(rule, DENSE)
        assert found.output.law().tolist() == pytest.approx(wanted.tolist(), abs=1e-14)
        assert found.calls == pytest.approx(1)


def test_dropping_duplicate_candidates_changes_no_winner() -> None:
    values = [0.0, 1.0, 1.0, -1.0]
    for vector in itertools.product(range(4), repeat=4):
        winners = [max(v, key=lambda a: values[a]) for v in (vector, list(dict.fromkeys(vector)))]
        assert winners[0] == winners[1]


def test_ties_between_sets_go_to_the_first_in_lexicographic_order() -> None:
    uniform = TableWorld.from_weights([1] * 16, 4, 2)
    z = torch.tensor([[2, 2, 2, 2], [0, 2, 2, 2], [0, 2, 1, 2]])
    for form in FORMS:
        after = InfoGain(form, k=2).outcomes(uniform, z)[1][:, 0]
        assert after.tolist() == [[0, 0, 2, 2], [0, 0, 0, 2], [0, 0, 1, 0]]


@pytest.mark.parametrize("form", FORMS)
def test_beams_of_two_positions_a_step(form: str) -> None:
    world, n, d, denoiser = WIDE, WIDE.n, WIDE.d, reference.float_conditionals(WIDE)
    z, cost = torch.full((1, n), d), 0.0
    while bool((z == d).any()):
        after, _ = InfoGain(form, k=2).step(world, z)
        cost += float(token_entropy(world(z))[after != z].sum())
        z = after
    single = beam(world, torch.full((n,), d), 1, form, 2)
    assert single.cost == pytest.approx(cost, abs=1e-12)
    assert torch.equal(single.sequence, z[0])
    costs = []
    for block in itertools.combinations(range(n), 2):
        start = (d,) * n
        top = [reference_lookahead.likely(reference_lookahead.row(denoiser, start, i, d)) for i in block]
        after_ = reference_info_gain.with_block(start, block, top)
        rest = reference.masked(after_, d)
        costs.append(
            reference_info_gain.block_cost(denoiser, start, block, d)
            + reference_info_gain.block_cost(denoiser, after_, rest, d)
        )
    assert beam(world, torch.full((n,), d), None, form, 2).cost == pytest.approx(min(costs), abs=1e-12)


@pytest.mark.parametrize("k", [1, 2])
def test_claim_4a_cumulative_entropy_of_the_rule_is_that_of_the_literal_one(k: int) -> None:
    n, d, denoiser = WIDE.n, WIDE.d, reference.float_conditionals(WIDE)
    spent, law = reference_lookahead.expected_entropy(
        denoiser, n, d, lambda z: reference_info_gain.best_block(denoiser, z, d, k, "mean", "drawn")
    )
    log_p = WIDE(states.all_states(n, d))
    found = claims._cumulative(InfoGain("mean", "drawn", k), WIDE, TableDenoiser(log_p))
    assert found == pytest.approx((spent, reference.entropy(law.values())), abs=1e-12)
    extra = spent - WIDE.entropy()
    assert (abs(extra) < 1e-12) if k == 1 else extra > 1e-3


def test_names_tell_the_options() -> None:
    assert InfoGain().name == "Info-Gain mean, argmax"
    assert InfoGain("sum", "drawn", 2, 0.8).name == "Info-Gain sum, drawn, K = 2, bypass 0.8"
    assert SampledInfoGain(4, k=2, bypass=1.1).name == "Info-Gain mean, N = 4, K = 2"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: InfoGain(k=0), "k = 0 positions a step; expected k >= 1"),
        (lambda: SampledInfoGain(k=-1), "k = -1 positions a step"),
        (lambda: InfoGain(bypass=math.nan), "bypass is NaN; expected a probability, or None"),
        (lambda: beam(DENSE, torch.full((3,), 3), k=0), "k = 0 positions a step"),
        (
            lambda: InfoGain("mean", "drawn", 8).outcomes(
                Raw(lambda z: torch.full((*z.shape, 10), -math.log(10), dtype=torch.float64), 10),
                torch.full((1, 16), 10),
            ),
            "actions of Info-Gain with k = 8 needs",
        ),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
