"""DUEL, claim 6: the oracle, the best attainable rule by dynamic programming, and what randomness can add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.reference import samplers as reference_samplers
from theory.unmasking import likelihood
from theory.unmasking.best_rules import best_fixed_order, best_mixture, best_rule, expected_log_likelihood, frontier
from theory.unmasking.claims.curve import COPIED_PAIRS, ROUNDING
from theory.unmasking.claims.duel_inputs import BITS, DUEL, EXACT, NOTES, RULES, SINGLE, learned, tables, true
from theory.worlds import TableWorld, information, states


def oracle_exceeds_one(n: int, d: int, rows: list[int], worst: bool = False) -> Iterator[Evidence]:
    """Add the best order's probability over all sequences, in fractions and by the sweep."""
    s = learned(n, d, rows)
    pick = min if worst else max
    exact = sum(pick(reference_orders.order_probabilities(s.exact, x, d).values()) for x in reference.sequences(n, d))
    yield at_least("rational", Fraction(exact), Fraction(1), Fraction(0), effective=abs(exact - 1) > 1e-9)
    yield equal("enumeration", likelihood.oracle_sum(s.terms()), float(exact), s.slack(), note="sweep")


def oracle_is_likelihood(n: int, d: int, rows: list[int], weights: list[int]) -> Iterator[Evidence]:
    """Compare the data average of the best order with -H(q), which no distribution exceeds."""
    s, q = learned(n, d, rows), states.normalised_law(weights, n, d)
    oracle = float(q @ likelihood.best_order(s.terms())[0])
    yield at_most("enumeration", oracle, -float(information.entropy(q)), s.slack())


def oracle_is_above(n: int, d: int, rows: list[int], weights: list[int]) -> Iterator[Evidence]:
    """Assert that the oracle exceeds -H(q), as it did on all tables of the notes."""
    s, q = learned(n, d, rows), states.normalised_law(weights, n, d)
    oracle = float(q @ likelihood.best_order(s.terms())[0])
    yield at_least("enumeration", oracle, -float(information.entropy(q)), s.slack())


def programme_is_best(n: int, d: int, rows: list[int], weights: list[int], uniform: bool = False) -> Iterator[Evidence]:
    """Compare V(all masked) with every named singleton rule, every fixed order and the recursion written out."""
    s, world = learned(n, d, rows), TableWorld.from_weights(weights, n, d)
    q = world.law()
    flat = TableWorld(torch.full_like(q, 1 / len(q)), n, d)
    planned = best_rule(flat if uniform else world, denoiser=s.denoiser, largest=1)
    value = float(q @ likelihood.log_likelihood(planned.rule, s.denoiser, s.sequences).log_likelihood)
    for rule in SINGLE.values():
        other = float(q @ likelihood.log_likelihood(rule, s.denoiser, s.sequences).log_likelihood)
        yield at_least("enumeration", value, other, s.slack(), effective=value - other > 1e-6, note=rule.name)
    terms = s.terms()
    orders = [float(q @ likelihood.along(terms, torch.tensor(o))) for o in itertools.permutations(range(n))]
    yield at_least(
        "enumeration", value, max(orders), s.slack(), effective=value - max(orders) > 1e-6, note="fixed orders"
    )
    written = -reference_orders.least_cost(reference.float_law(n, d, weights), s.exact, n, d, 0.0, 1)
    yield equal("enumeration", value, written, s.slack(), note="programme against recursion")
    if not uniform:
        yield equal(
            "enumeration", expected_log_likelihood(planned, world), value, s.slack(), note="programme against LOGLIK"
        )


def policy_chain(n: int, d: int, rows: list[int], weights: list[int], reverse: bool = False) -> Iterator[Evidence]:
    """Order the best fixed order, the DP optimum, -H(q) and the oracle."""
    s, q = learned(n, d, rows), states.normalised_law(weights, n, d)
    terms, world = s.terms(), TableWorld(q, n, d)
    fixed = best_fixed_order(terms, world)[0]
    value = expected_log_likelihood(best_rule(world, denoiser=s.denoiser, largest=1), world)
    oracle, ceiling = float(q @ likelihood.best_order(terms)[0]), -float(information.entropy(q))
    first, second = (value, fixed) if reverse else (fixed, value)
    yield at_most(
        "enumeration", first, second, s.slack(), effective=value - fixed > 1e-6, note="fixed order against optimum"
    )
    yield at_most("enumeration", value, ceiling, s.slack(), note="optimum against -H(q)")
    yield at_most("enumeration", value, oracle, s.slack(), note="optimum against oracle")
    searched = max(_expected_log(s.exact, order, weights, n, d) for order in itertools.permutations(range(n)))
    yield equal("enumeration", fixed, searched, s.slack(), note="best fixed order, sweep against search")


def cheapest(n: int, d: int, weights: list[int], ticks: int, spare: float = 0.0) -> Iterator[Evidence]:
    """Compare the optimal set rule at a price with every named rule, the recursion and the hull of all prices."""
    s, q, price = true(n, d, weights), states.normalised_law(weights, n, d), ticks / 16
    world = TableWorld(q, n, d)
    best = best_rule(world, price)
    for rule in RULES.values():
        done = s.walk(q, rule)
        cost = float(done.path_divergence + price * done.calls_of_data)
        yield at_most(
            "enumeration", best.cost + spare, cost, s.slack(), effective=cost - best.cost > 1e-6, note=rule.name
        )
    written = reference_orders.least_cost(reference.float_law(n, d, weights), s.exact, n, d, price, n) - float(
        information.entropy(q)
    )
    yield equal("enumeration", best.cost, written, s.slack(), note="programme against recursion")
    done = s.walk(q, best.rule)
    walked = [done.path_divergence, done.calls_of_data]
    yield equal("enumeration", [best.divergence, best.calls], walked, s.slack(), note="programme against the walk")
    hull = min(vertex.at(price) for vertex in frontier(world))
    yield equal("enumeration", best.cost, hull, 1e-9, note="hull: vertices closer than 1e-10 are merged")


def determinism_is_optimal(n: int, d: int, rows: list[int], weights: list[int]) -> Iterator[Evidence]:
    """Compare the best deterministic singleton rule with the best mixture of orders found (a feasible one)."""
    s, q = learned(n, d, rows), states.normalised_law(weights, n, d)
    world = TableWorld(q, n, d)
    value = expected_log_likelihood(best_rule(world, denoiser=s.denoiser, largest=1), world)
    yield at_least("programme", value, best_mixture(s.terms(), world, 1e-5, 400).value, s.slack())


def mixture_is_best(n: int, d: int, rows: list[int], weights: list[int], uniform: bool = False) -> Iterator[Evidence]:
    """Place the best mixture between its dual bound and the best fixed order and log p^unif, which are mixtures."""
    s, q = learned(n, d, rows), states.normalised_law(weights, n, d)
    terms, world = s.terms(), TableWorld(q, n, d)
    found = best_mixture(terms, world, 1e-6, 2000)
    high = float(q @ likelihood.log_uniform(terms)) if uniform else found.value + found.gap
    for note, other in (
        ("best order", best_fixed_order(terms, world)[0]),
        ("uniform", float(q @ likelihood.log_uniform(terms))),
    ):
        yield at_least("programme", high, other, s.slack(), effective=high - other > 1e-6, note=note)
    orders = [reference_orders.order_probabilities(s.exact, x, d) for x in reference.sequences(n, d)]
    weight = dict(zip(itertools.permutations(range(n)), found.weights.tolist(), strict=True))
    mixed = [math.fsum(weight[o] * float(p) for o, p in chances.items()) for chances in orders]
    written = math.fsum(float(p) * math.log(m) for p, m in zip(q, mixed, strict=True) if p > 0)
    yield equal("enumeration", found.value, written, s.slack(), note="value written out")
    yield at_most("enumeration", found.value, -float(information.entropy(q)), s.slack(), note="-H(q)")


def _expected_log(exact: reference.Conditional, order: Sequence[int], weights: Sequence[int], n: int, d: int) -> float:
    """Return E_q l of one order from the product law of its parts."""
    output = reference_samplers.partition_law(exact, tuple((i,) for i in order), n, d)
    return math.fsum(p * math.log(output[x]) for x, p in reference.float_law(n, d, weights).items())


_learned = partial(tables, law=True)
SHARP = {**BITS, "weights": [1, 1, 20, 1]}
SPREAD = {**BITS, "weights": [1, 1, 5, 1]}
BOTH_ORDERS = {**BITS, "weights": [4, 1, 8, 1]}
UNIFORM_MODEL = {"n": 2, "d": 2, "rows": [1] * 12, "weights": [9, 1, 1, 1]}

CLAIMS = (
    Claim(
        "duel.6a", f"{NOTES}, best policy", "sum_x max_sigma exp l_sigma(x) >= 1: the oracle is no likelihood",
        "lower", ("rational", "enumeration"), oracle_exceeds_one, EXACT, assumptions="inconsistent conditionals",
        inputs=tables, examples=60, fixtures=(BITS,), variants={"the worst order": partial(oracle_exceeds_one, worst=True)},
    ),
    Claim(
        "duel.6b", f"{NOTES}, attainable optimum",
        "V(z) = max_l E[ln p(v | z) + V(z + (l, v))] is at least every singleton rule and every fixed order",
        "lower", ("enumeration",), programme_is_best, ROUNDING, assumptions="inconsistent conditionals; data average",
        inputs=_learned, examples=40, fixtures=(SHARP,), variants={"planned for uniform data": partial(programme_is_best, uniform=True)},
    ),
    Claim(
        "duel.6c", f"{NOTES}, attainable optimum", "best fixed order <= DP optimum <= min(-H(p), oracle)",
        "upper", ("enumeration",), policy_chain, ROUNDING, assumptions="inconsistent conditionals; data average",
        inputs=_learned, examples=40, fixtures=(SHARP,), see="duel.oracle.above",
        variants={"optimum below the best fixed order": partial(policy_chain, reverse=True)},
    ),
    Claim(
        "duel.6d", f"{NOTES}, attainable optimum, for sets at a price per denoiser call",
        "The programme over sets has the least path KL + price * E[NFE] of all deterministic value-free rules",
        "upper", ("enumeration",), cheapest, f"{ROUNDING}; 1e-9 for the hull", assumptions="true conditionals; NFE under the data",
        inputs=lambda: strategies.paired(law=strategies.laws(n=(2, 3), cells=27), ticks=st.integers(0, 24)), examples=40,
        fixtures=({**COPIED_PAIRS, "ticks": 4},), variants={"a hundredth of a nat less": partial(cheapest, spare=0.01)},
    ),
    Claim(
        "duel.6e", f"{NOTES}, randomised policies", "The best mixture of orders is at least every order and log p^unif, and at most -H(p)",
        "lower", ("programme", "enumeration"), mixture_is_best, f"{ROUNDING}; the programme's own duality gap",
        inputs=_learned, examples=24, fixtures=(SPREAD, SHARP), variants={"log p^unif instead of the best": partial(mixture_is_best, uniform=True)},
    ),
    Claim(
        "duel.oracle", f"{DUEL}, oracle perplexity", "Oracle perplexity is that of a likelihood: E_p max_sigma l <= -H(p)",
        "upper", ("enumeration",), oracle_is_likelihood, ROUNDING, expected="refuted", see="duel.6a",
        inputs=_learned, fixtures=(BOTH_ORDERS,),
    ),
    Claim(
        "duel.oracle.above", f"{NOTES}, 'exceeded -H(p) in all 12'", "The oracle exceeds -H(p) for every table",
        "lower", ("enumeration",), oracle_is_above, ROUNDING, expected="refuted", see="duel.6c",
        inputs=_learned, fixtures=(UNIFORM_MODEL,),
    ),
    Claim(
        "duel.determinism", f"{NOTES}, 'determinism buys computability, not optimality'",
        "The best deterministic singleton rule is at least every mixture of orders",
        "lower", ("programme",), determinism_is_optimal, "none: the mixture is feasible, its value a sum", expected="refuted", see="duel.6e",
        inputs=_learned, fixtures=(SPREAD,),
    ),
)  # fmt: skip
