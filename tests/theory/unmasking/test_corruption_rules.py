"""Corrupt one engine function after the other: some claim on rules must notice, or it is no check of the engine.

Each row names where the function is looked up, what is done to it and the claim whose verdict then changes. The claims'
other route must not go through the corrupted function; where it did, the row would fail.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.planting import Corruption, after, given, instead, times
from theory.errors import InvalidInput
from theory.ledger import catalogue, checking

RULES = "theory.unmasking.rules"
CLAIMS = "theory.unmasking.claims"
HERE = "theory.unmasking"


def plus_one(n: int) -> int:
    return n + 1


def fewest(found: torch.Tensor) -> torch.Tensor:
    """Keep the first marked position of each row."""
    return found & (found.long().cumsum(-1) == 1)


def swapped_chain(f: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(self: Any, node: Any, chain: str = "data") -> Any:
        return f(self, node, "sampler" if chain == "data" else "data")

    return wrong


def one_call_less(f: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(self: Any, chain: int, world: Any, state: Any, share: Any, after: Any, spent: int) -> Any:
        return f(self, chain, world, state, share, after, spent - 1)

    return wrong


def no_gap(f: Callable[..., Any]) -> Callable[..., Any]:
    return after(lambda mixture: replace(mixture, gap=0.0))(f)


def least_significant_first(tests: Any, hidden: Any, rank: Any) -> Any:
    """PUNT's rounds in the other order of bits."""
    kept = hidden.clone()
    for bit in range((hidden.shape[-1] - 1).bit_length()):
        high = (rank >> bit) % 2 == 1
        anchors, tested = kept & ~high, kept & high
        rows = anchors.any(-1) & tested.any(-1)
        kept[rows] = anchors[rows] | (tested[rows] & tests.passed(rows, anchors))
    return kept


def _reversed_order(order: torch.Tensor) -> torch.Tensor:
    return order.flip(-1)


def _always_first(choices: Any) -> Any:
    """Give all weight to the first choice that has any."""
    weights, chosen = choices
    return fewest(weights > 0).to(weights.dtype), chosen


def _scored(score: Any, factor: float, more: int) -> Any:
    return replace(score, log_likelihood=factor * score.log_likelihood, calls=score.calls + more)


def _flat(weights: torch.Tensor) -> torch.Tensor:
    """Make every outcome equally probable."""
    return torch.ones_like(weights) / weights.shape[-1]


def _one_position(table: Any) -> Any:
    return replace(table, sets=fewest(table.sets))


def _wrong_way(outcomes: Any) -> Any:
    """Exchange the probabilities of the first and the last outcome."""
    weights, after, calls = outcomes
    return weights.flip(-1), after, calls


SETS = f"{RULES}.sets"
PUNT = f"{RULES}.punt"
ACTIONS = f"{RULES}.actions"
GAIN = f"{RULES}.info_gain"
BOUNDS = f"{HERE}.entropy_bounds"
WALKS = f"{HERE}.walks"
LIKELIHOOD = f"{HERE}.likelihood"
BEST = f"{HERE}.best_rules"

CASES: list[tuple[str, str, str, Corruption, str]] = [
    # the walk: laws, errors, entropies, calls, chains
    (WALKS, "_mean", "E[NFE] one percent more", times(1.01, 0), "eb.1"),
    (WALKS, "_Sweep._move", "a call less", one_call_less, "eb.1"),
    (WALKS, "check_selection", "all but one position dropped", after(fewest), "eb.1"),
    (WALKS, "information.kullback_leibler", "one percent more", times(1.01, 0), "eb.2"),
    (WALKS, "Walk.total", "along the other chain", swapped_chain, "eb.3"),
    (WALKS, "token_entropy", "one percent more", times(1.01, 0), "eb.4"),
    (WALKS, "token_entropy", "one percent more", times(1.01, 0), "duel.5"),
    # what bounds a block
    (BOUNDS, "sum_minus_max", "the sum alone", instead(lambda h: h.sum(-1)), "eb.9b"),
    (BOUNDS, "sum_minus_max", "one percent more", times(1.01, 0), "eb.9a"),
    (BOUNDS, "oracle_guarantee", "one percent less", times(0.99, 0), "eb.5"),
    (BOUNDS, "continuity", "ln d for ln(d - 1)", given(1, plus_one), "eb.9a"),
    (BOUNDS, "model_side_bound", "one percent less", times(0.99, 0), "eb.9a"),
    (BOUNDS, "greedy_error", "one percent less", times(0.99, 0), "eb.9b"),
    # the set rules
    (SETS, "prefix_bounds", "the last entropy subtracted", instead(lambda h: h.cumsum(-1) - h), "eb.7b"),
    (f"{CLAIMS}.eb_steps", "prefix_bounds", "one percent more", times(1.01, 0), "eb.7a"),
    (SETS, "meets", "99 % of the limit", given(1, lambda limit: 0.99 * limit), "eb.7b"),
    (SETS, "trusted_first", "the other way round", after(_reversed_order), "eb.10"),
    (SETS, "token_entropy", "one percent more", times(1.01, 0), "eb.7b"),
    (SETS, "_first", "one position more", given(2, plus_one), "eb.10"),
    (SETS, "LeftToRight.select", "the first alone", after(fewest), "eb.10"),
    (SETS, "TopK.select", "the first alone", after(fewest), "eb.10"),
    (SETS, "EntropyBounded.select", "the first alone", after(fewest), "eb.7b"),
    (SETS, "Threshold.select", "the first alone", after(fewest), "eb.10"),
    (SETS, "Dilated.select", "the first alone", after(fewest), "eb.10"),
    (SETS, "RandomOne.choices", "always the first position", after(_always_first), "duel.3b"),
    (f"{RULES}.sampled", "SampledConfidence.outcomes", "probabilities exchanged", after(_wrong_way), "duel.8"),
    # hull, samples
    (f"{CLAIMS}.eb_hull", "height", "one percent more", times(1.01, 0), "eb.hull.families"),
    (f"{CLAIMS}.eb_hull", "lower_hull", "all points", instead(sorted), "eb.hull.families"),
    (f"{HERE}.sampling", "drawn_tokens", "the most probable", given(1, torch.zeros_like), "eb.11"),
    (f"{HERE}.sampling", "choose", "the first position alone", after(lambda c: (c[0], fewest(c[1]))), "eb.11"),
    # likelihoods and orders
    (LIKELIHOOD, "log_likelihood", "one percent more", after(lambda s: _scored(s, 1.01, 0)), "duel.1b"),
    (LIKELIHOOD, "log_likelihood", "a call more", after(lambda s: _scored(s, 1.0, 1)), "duel.2"),
    (LIKELIHOOD, "only_choice", "the first position alone", after(fewest), "duel.1b"),
    (LIKELIHOOD, "order_terms", "one percent more", times(1.01, 0), "duel.3a"),
    (LIKELIHOOD, "elbo", "one percent more", times(1.01, 0), "duel.3a"),
    (LIKELIHOOD, "elbo_by_count", "one percent more", times(1.01, 0), "duel.3a"),
    (LIKELIHOOD, "log_uniform", "a logarithm's constant", after(lambda v: v + 0.01), "duel.3b"),
    (LIKELIHOOD, "best_order", "one percent more", times(1.01, 0), "duel.3b"),
    (LIKELIHOOD, "worst_order", "one percent more", times(1.01, 0), "duel.3b"),
    (LIKELIHOOD, "_over_orders", "one percent more", times(1.01, 0), "duel.3e"),
    (LIKELIHOOD, "oracle_sum", "one percent more", times(1.01, 0), "duel.6a"),
    (f"{HERE}.losses", "cross_entropies", "one percent more", times(1.01, 0), "duel.3a"),
    (f"{HERE}.losses", "block_costs", "one percent more", times(1.01, 0), "duel.3a"),
    # the best rules
    (BEST, "_least", "the worst", given(0, torch.neg), "duel.6b"),
    (BEST, "_least", "the worst", given(0, torch.neg), "duel.6d"),
    (BEST, "_candidates", "one position at most", given(1, lambda largest: 1), "duel.6d"),
    (BEST, "best_fixed_order", "one percent more", times(1.01, 0), "duel.3d"),
    (BEST, "best_mixture", "no gap", no_gap, "duel.6e"),
    (BEST, "best_mixture", "stopped at once", given(2, lambda gap: 10.0), "duel.6e"),
    (BEST, "along", "one percent more", times(1.01, 0), "duel.6e"),
    (BEST, "frontier", "two ends alone", after(lambda hull: [hull[0], hull[-1]]), "duel.6d"),
    (BEST, "expected_log_likelihood", "one percent more", times(1.01, 0), "duel.6b"),
    (f"{CLAIMS}.duel_inputs", "tabulate", "the first position alone", after(_one_position), "duel.1b"),
    # PUNT
    (PUNT, "influence", "one percent more", times(1.01, 0), "punt.5"),
    (PUNT, "meets", "99 % of the threshold", given(1, lambda limit: 0.99 * limit), "punt.5"),
    (PUNT, "ranks", "the other way round", after(lambda r: r.shape[-1] - 1 - r), "punt.2b"),
    (PUNT, "_binary", "least significant bit first", instead(least_significant_first), "punt.6"),
    (PUNT, "_in_order", "all kept", instead(lambda tests, hidden, rank: hidden.clone()), "punt.5"),
    (PUNT, "candidates", "all equally often", after(lambda c: (_flat(c[0]), *c[1:])), "punt.3"),
    (f"{CLAIMS}.punt", "token_errors", "one percent more", times(1.01, 0), "punt.1"),
    (PUNT, "token_errors", "one percent more", times(1.01, 0), "punt.5"),
    (PUNT, "Punt.step_error", "one percent more", times(1.01, 0), "punt.5"),
    (f"{CLAIMS}.punt_tables", "influence", "ten times as much", times(10.0, 0), "punt.10"),
    # Info-Gain
    (ACTIONS, "potential", "one percent more", times(1.01, 0), "infogain.1"),
    (ACTIONS, "potential", "the mean for the sum", given(2, lambda form: "mean"), "infogain.5"),
    (ACTIONS, "token_entropy", "one percent more", times(1.01, 0), "infogain.1"),
    (f"{CLAIMS}.info_gain_blocks", "objective", "one percent more", times(1.01, 0), "infogain.1"),
    (GAIN, "objective", "without cost", given(3, lambda form: "look-ahead"), "infogain.2"),
    (GAIN, "objective", "one percent more", times(1.01, 0), "infogain.5"),
    (GAIN, "objective", "its negative", times(-1.0), "infogain.6"),
    (GAIN, "bypassing", "never", given(3, lambda level: None), "infogain.bypass"),
    (ACTIONS, "confident", "1 % more of the level", given(3, lambda x: x and 1.01 * x), "infogain.bypass"),
    (ACTIONS, "leading", "one position more", given(2, plus_one), "infogain.bypass"),
    (ACTIONS, "permitted", "every block", after(torch.ones_like), "infogain.bypass"),
    (ACTIONS, "successive", "every block equally often", after(_flat), "infogain.bypass"),
    (ACTIONS, "chance", "one percent more", times(1.01, 0), "infogain.7a"),
    (ACTIONS, "winning", "one candidate fewer", given(2, lambda count: count - 1), "infogain.7c"),
    (ACTIONS, "likely", "the least probable", given(0, torch.neg), "infogain.bypass"),
    (GAIN, "likely", "the least probable", given(0, torch.neg), "infogain.P7"),
    (f"{CLAIMS}.info_gain_laws", "immediate_cost", "one percent more", times(1.01, 0), "infogain.3"),
    (f"{CLAIMS}.info_gain_blocks", "immediate_cost", "one percent more", times(1.01, 0), "infogain.4a"),
    (f"{RULES}.beam", "token_entropy", "one percent more", times(1.01, 0), "infogain.9a"),
    (f"{CLAIMS}.info_gain_laws", "token_entropy", "one percent more", times(1.01, 0), "infogain.10"),
]  # fmt: skip


def _found(where: str, name: str) -> tuple[Any, str]:
    """Return the object that holds the attribute, by a dotted name inside a module."""
    holder: Any = importlib.import_module(where)
    *path, last = name.split(".")
    for part in path:
        holder = getattr(holder, part)
    return holder, last


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small tensors are slower on many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judged(claim: str) -> str:
    """Return the verdict on a claim's fixtures and a few drawn inputs, or that an engine refused what it was given."""
    found = catalogue.claim(claim)
    try:
        return checking.examine(found, 0.05, found.check).verdict
    except InvalidInput as error:
        return f"refused: {error}"


@pytest.mark.parametrize(("where", "name", "what", "corruption", "claim"), CASES)
def test_a_claim_notices(
    monkeypatch: pytest.MonkeyPatch, where: str, name: str, what: str, corruption: Corruption, claim: str
) -> None:
    holder, last = _found(where, name)
    monkeypatch.setattr(holder, last, corruption(getattr(holder, last)))
    assert judged(claim) != catalogue.claim(claim).expected, f"{where}.{name}, {what}: {claim} stands all the same"


@pytest.mark.parametrize("claim", sorted({claim for *_, claim in CASES}))
def test_it_stands_uncorrupted(claim: str) -> None:
    assert judged(claim) == catalogue.claim(claim).expected
