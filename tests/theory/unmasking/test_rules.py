"""The set rules against their literal forms, ties, padding, filtered logits, and what a bad rule is told."""

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
from theory.reference import paths as reference_paths
from theory.unmasking import walks
from theory.unmasking.rules import base, compiled, proxies, sets
from theory.unmasking.rules.info_gain import InfoGain
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import TableWorld, states

Rows = list[list[int]]


def log_rows(rows: Rows) -> torch.Tensor:
    p = torch.tensor(rows, dtype=torch.float64)[None]
    return (p / p.sum(-1, keepdim=True)).log()


def positions(rule: base.SetRule, rows: Rows, masked: list[bool] | None = None) -> list[int]:
    hidden = torch.tensor([masked or [True] * len(rows)])
    return rule.select(log_rows(rows), hidden)[0].nonzero()[:, 0].tolist()


ROWS = st.lists(st.lists(st.integers(1, 40), min_size=3, max_size=3), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(ROWS, st.sampled_from(sorted(proxies.PROXIES)), st.integers(0, 40), st.data())
def test_eb_and_top_k_are_their_literal_forms(rows: Rows, by: str, twentieths: int, data: st.DataObject) -> None:
    masked = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    if not any(masked):
        return
    budget = twentieths / 20 + 1e-3  # off the lattice on which sums of equal entropies tie with the budget
    seen = {i: [w / sum(r) for w in r] for i, r in enumerate(rows) if masked[i]}
    assert positions(EntropyBounded(budget, by), rows, masked) == list(
        reference_paths.entropy_bounded(budget, by)(seen)[0][1]
    )
    assert positions(TopK(2, by), rows, masked) == list(reference_paths.top_k(2, by)(seen)[0][1])


def test_ties_go_to_the_smaller_index() -> None:
    rows = [[1, 1, 1]] * 4
    for by in proxies.PROXIES:
        assert positions(TopK(2, by), rows) == [0, 1]
        assert positions(TopK(1, by), rows, [False, False, True, True]) == [2]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_budget_or_threshold_of_exactly_ln_d_is_met_by_uniform_tokens_for_every_d(dtype: torch.dtype) -> None:
    """The entropy of a uniform token is ln d up to rounding, which errs either way as d and the type change."""
    counts: dict[str, set[int]] = {"EB": set(), "EB by confidence": set(), "threshold": set(), "confidence": set()}
    for d in range(2, 1001):
        masked = torch.ones(1, 5, dtype=torch.bool)
        log_p = torch.zeros(1, 5, d, dtype=dtype).log_softmax(-1)
        counts["EB"].add(int(EntropyBounded(math.log(d)).select(log_p, masked).sum()))
        counts["EB by confidence"].add(int(EntropyBounded(math.log(d), "confidence").select(log_p, masked).sum()))
        counts["threshold"].add(int(Threshold(math.log(d)).select(log_p, masked).sum()))
        counts["confidence"].add(int(Threshold(-1 / d, "confidence").select(log_p, masked).sum()))
    assert counts == {"EB": {2}, "EB by confidence": {2}, "threshold": {5}, "confidence": {5}}


def test_other_rules() -> None:
    rows = [[8, 1, 1], [1, 1, 1], [1, 8, 1], [9, 1, 0], [3, 3, 4]]
    assert positions(LeftToRight(2), rows, [False, True, False, True, True]) == [1, 3]
    assert positions(Threshold(-0.75, "confidence"), rows) == [0, 2, 3]
    assert positions(Threshold(-0.99, "confidence"), rows) == [3]
    assert positions(Dilated(4), rows) == [0, 4]
    assert positions(Dilated(4), rows, [False, True, True, True, False]) == [2]
    assert positions(Dilated(4), rows, [False, True, False, True, False]) == [1, 3]


def test_random_one_lists_its_choices_and_draws_among_them() -> None:
    masked = torch.tensor([[True, False, True]])
    weights, chosen = RandomOne().choices(torch.zeros(1, 3, 2), masked)
    assert weights.tolist() == [[0.5, 0.0, 0.5]]
    assert chosen[0].nonzero().tolist() == [[0, 0], [2, 2]]
    drawn = RandomOne().select(torch.zeros(1, 3, 2), masked, torch.Generator().manual_seed(0))
    assert drawn.sum() == 1 and not drawn[0, 1]


def test_filtered_logits_give_no_nan() -> None:
    """Control: p * log p computed carelessly is NaN at p = 0 and turns EB into Top-1; ours is not."""
    log_p = torch.tensor([[[0.0, -torch.inf], [math.log(0.5)] * 2, [0.0, -torch.inf]]])
    masked = torch.ones(1, 3, dtype=torch.bool)
    careless = -(log_p.exp() * log_p).sum(-1)
    assert torch.isnan(careless[0, 0])
    assert EntropyBounded(0.0).select(log_p, masked).tolist() == [[True, True, True]]


def test_entropy_must_be_taken_before_hardening() -> None:
    logits = torch.tensor([2.0, 1.0, 0.0, 0.0])
    warm, cold = (proxies.token_entropy((logits / t).log_softmax(-1)) for t in (1.0, 0.1))
    assert float(warm) == pytest.approx(1.05, abs=5e-3)
    assert float(cold) == pytest.approx(5e-4, abs=5e-5)


def test_running_maximum_along_the_wrong_axis_is_caught() -> None:
    """Control: cummax over the batch makes the bound depend on neighbours."""
    h = torch.tensor([[0.1, 0.6, 0.7], [0.9, 0.9, 0.9]], dtype=torch.float64)
    wrong = h.cumsum(-1) - h.cummax(0).values
    assert not torch.allclose(sets.prefix_bounds(h)[1], wrong[0])
    assert torch.allclose(sets.prefix_bounds(h)[0], torch.tensor([0.0, 0.1, 0.7], dtype=torch.float64))


def test_recursion_keeps_prefixes_in_single_precision() -> None:
    """Five entropies of 1e-9, then .7: cumsum minus cummax returns to 0 in float32; the recursion does not."""
    h = torch.tensor([1e-9] * 5 + [0.7], dtype=torch.float32)
    careless = h.cumsum(-1) - h.cummax(-1).values
    assert float(careless[-1]) == 0.0 < float(careless[-2])
    assert (sets.prefix_bounds(h).diff() >= 0).all()


def test_compiled_and_chunked_forms_select_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(37, 12, 8, generator=torch.Generator().manual_seed(0))
    masked = torch.rand(37, 12, generator=torch.Generator().manual_seed(1)) < 0.6
    rule = EntropyBounded(0.8)
    expected = rule.select(logits.log_softmax(-1), masked)
    assert torch.equal(compiled.from_logits(rule)(logits, masked), expected)

    def fails(*_: object, **__: object) -> object:
        def call(*_: object) -> object:
            raise RuntimeError("no compiler")

        return call

    monkeypatch.setattr(torch, "compile", fails)
    monkeypatch.setattr(compiled, "CHUNK", 500)
    assert torch.equal(compiled.from_logits(rule)(logits, masked), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EntropyBounded(-0.1), "EB budget -0.1; expected a number >= 0"),
        (lambda: EntropyBounded(float("nan")), "EB budget nan"),
        (lambda: EntropyBounded(1.0, "entrpy"), "unknown proxy 'entrpy'; did you mean entropy"),
        (lambda: TopK(0), "k = 0; expected k >= 1"),
        (lambda: Dilated(3), "stride 3; expected a power of two"),
        (lambda: Threshold(float("nan")), "threshold is NaN"),
        (lambda: Threshold(0.9, "confidence"), "meets; the scale is minus the probability: give -0.9"),
    ],
)
def test_bad_rules_are_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()


class Nothing(sets.TopK):
    def select(self, log_p: torch.Tensor, masked: torch.Tensor, generator: object = None) -> torch.Tensor:
        return torch.zeros_like(masked)


class Everything(sets.TopK):
    def select(self, log_p: torch.Tensor, masked: torch.Tensor, generator: object = None) -> torch.Tensor:
        return torch.ones_like(masked)


class Numbers(sets.TopK):
    def select(self, log_p: torch.Tensor, masked: torch.Tensor, generator: object = None) -> torch.Tensor:
        return masked.long()


UNIFORM = TableWorld.from_weights([1] * 8, 3, 2)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            Nothing(),
            r"rule 'Top-1, confidence' at state \[2, 2, 2\] reveals nothing where positions \[0, 1, 2\] are masked",
        ),
        (Numbers(), "returned torch.int64 .*expected bool"),
    ],
)
def test_a_walk_names_rule_and_state_of_a_bad_selection(rule: base.SetRule, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        walks.walk(rule, UNIFORM)


def test_revealing_a_revealed_position_is_named() -> None:
    masked = torch.tensor([[True, False, True]])
    with pytest.raises(InvalidInput, match="reveals position 1, which is not masked or not permitted"):
        base.check_selection("mine", Everything().select(torch.zeros(1, 3, 2), masked), masked)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([math.nan, 0.0], "probabilities sum to 1 .nan"),
        ([0.0, 0.0], r"probabilities sum to 1 \+1"),
        ([math.log(0.5), math.log(0.25), math.log(0.25)], "drop the mask's column and renormalise"),
    ],
)
def test_a_walk_names_state_and_value_of_a_bad_denoiser(row: list[float], message: str) -> None:
    def denoiser(z: torch.Tensor) -> torch.Tensor:
        return torch.tensor(row, dtype=torch.float64).expand(*z.shape, len(row))

    with pytest.raises(InvalidInput, match=message):
        walks.walk(TopK(1), UNIFORM, Raw(denoiser, 2, 3))


def test_a_batch_of_worlds_is_each_world_alone() -> None:
    laws = torch.rand(5, 27, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) ** 4
    laws = laws / laws.sum(-1, keepdim=True)
    worlds = TableWorld(laws, 3, 3)
    batch = walks.walk(EntropyBounded(0.5), worlds)
    for w in range(5):
        alone = walks.walk(EntropyBounded(0.5), worlds[w])
        assert batch.output[w] == alone.output
        assert float(batch.divergence[w]) == pytest.approx(alone.divergence, abs=1e-15)
        assert isinstance(alone.divergence, float) and isinstance(alone.calls, float)
    assert float(batch.call_law.sum(-1).sub(1).abs().max()) < 1e-12
    assert batch.output.worlds == batch.calls.shape == (5,)
    assert batch.nodes.bound.shape == batch.visits.shape == (5, 64)


def test_batches_of_any_shape_and_a_table_for_each_world() -> None:
    generator = torch.Generator().manual_seed(4)
    laws = torch.rand(2, 3, 8, dtype=torch.float64, generator=generator)
    worlds = TableWorld(laws / laws.sum(-1, keepdim=True), 3, 2)
    tables = TableDenoiser(torch.randn(2, 3, 27, 3, 2, dtype=torch.float64, generator=generator).log_softmax(-1))
    found = walks.walk(TopK(2), worlds, tables)
    for i, j in itertools.product(range(2), range(3)):
        alone = walks.walk(TopK(2), worlds[i][j], TableDenoiser(tables.log_p[i, j]))
        assert float(found.divergence[i, j]) == pytest.approx(alone.divergence, abs=1e-14)
    one = walks.walk(TopK(2), worlds, TableDenoiser(tables.log_p[0, 0]))
    assert float(one.divergence[0, 0]) == float(found.divergence[0, 0])
    with pytest.raises(InvalidInput, match="give one table, or one a world"):
        walks.walk(TopK(2), worlds[0], tables)


def test_a_world_walks_as_its_own_denoiser() -> None:
    from theory.worlds.tree import sticky_chain

    world = sticky_chain(5)
    as_model = walks.walk(EntropyBounded(0.3), world, lambda z: world(z))
    as_oracle = walks.walk(EntropyBounded(0.3), world)
    assert float((as_model.output.law() - as_oracle.output.law()).abs().max()) < 1e-12
    assert torch.equal(states.all_sequences(5, 2)[as_model.output.law().argmax()] % 2, torch.zeros(5, dtype=torch.long))


def test_finished_states_stay_in_a_batch_with_open_ones() -> None:
    z = torch.tensor([[0, 1, 1], [2, 2, 2], [1, 0, 1]])
    after, calls = InfoGain().step(UNIFORM, z, torch.Generator().manual_seed(0))
    assert torch.equal(after[[0, 2]], z[[0, 2]])
    assert (after[1] != 2).sum() == 1
    assert calls[0] == calls[2] == 0 < calls[1]


def test_revealing_nothing_beside_revealed_positions_is_named() -> None:
    masked = torch.tensor([[True, False, True]])
    with pytest.raises(InvalidInput, match=r"reveals nothing where positions \[0, 2\] are masked"):
        base.check_selection("mine", torch.zeros_like(masked), masked)
