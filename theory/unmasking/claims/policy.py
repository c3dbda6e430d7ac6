"""DUEL, claim 6: the oracle, the best attainable rule by dynamic programming, and what randomness can add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.reference import samplers as reference_samplers
from theory.unmasking import likelihood
from theory.unmasking.best_rules import best_fixed_order, best_mixture, best_rule, expected_log_likelihood, frontier
from theory.unmasking.claims.curve import ROUNDING
from theory.unmasking.claims.duel_inputs import BITS, DUEL, EXACT, NOTES, PARALLEL, SINGLE, Setup, table, tables
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS
from theory.worlds import TableWorld


def oracle_exceeds_one(denoiser: TableDenoiser, worst: bool = False) -> Iterator[Evidence]:
    """Add the best order's probability over all sequences, in fractions and by the sweep."""
    s, pick = Setup(denoiser), min if worst else max
    every = reference.sequences(s.n, s.d)
    exact = sum(pick(reference_orders.order_probabilities(s.exact, x, s.d).values()) for x in every)
    yield at_least("rational", Fraction(exact), Fraction(1), Fraction(0), effective=abs(exact - 1) > 1e-9)
    yield equal("enumeration", likelihood.oracle_sum(s.terms()), float(exact), s.slack, note="sweep")


def oracle_is_likelihood(denoiser: TableDenoiser, world: TableWorld) -> Iterator[Evidence]:
    """Compare the data average of the best order with -H(q), which no distribution exceeds."""
    s = Setup(denoiser)
    yield at_most("enumeration", _oracle(s, world), -float(world.entropy()), s.slack)


def oracle_is_above(denoiser: TableDenoiser, world: TableWorld) -> Iterator[Evidence]:
    """Assert that the oracle exceeds -H(q), as it did on all tables of the notes."""
    s = Setup(denoiser)
    yield at_least("enumeration", _oracle(s, world), -float(world.entropy()), s.slack)


def programme_is_best(denoiser: TableDenoiser, world: TableWorld, uniform: bool = False) -> Iterator[Evidence]:
    """Compare V(all masked) with every named singleton rule, every fixed order and the recursion written out."""
    s, q = Setup(denoiser), world.law()
    planned = best_rule(s.uniform if uniform else world, denoiser=denoiser, largest=1)
    value = float(q @ s.scores(planned.rule).log_likelihood)
    for rule in SINGLE:
        other = float(q @ s.scores(rule).log_likelihood)
        yield at_least("enumeration", value, other, s.slack, effective=value - other > 1e-6, note=rule.name)
    terms = s.terms()
    best = max(float(q @ likelihood.along(terms, torch.tensor(o))) for o in itertools.permutations(range(s.n)))
    yield at_least("enumeration", value, best, s.slack, effective=value - best > 1e-6, note="fixed orders")
    written = -reference_orders.least_cost(reference.floats(world), s.exact, s.n, s.d, 0.0, 1)
    yield equal("enumeration", value, written, s.slack, note="programme against recursion")
    if not uniform:
        scored = expected_log_likelihood(planned, world)
        yield equal("enumeration", scored, value, s.slack, note="programme against LOGLIK")


def policy_chain(denoiser: TableDenoiser, world: TableWorld, reverse: bool = False) -> Iterator[Evidence]:
    """Order the best fixed order, the DP optimum, -H(q) and the oracle."""
    s = Setup(denoiser)
    fixed = best_fixed_order(s.terms(), world)[0]
    value = expected_log_likelihood(best_rule(world, denoiser=denoiser, largest=1), world)
    first, second = (value, fixed) if reverse else (fixed, value)
    effective = value - fixed > 1e-6
    yield at_most("enumeration", first, second, s.slack, effective=effective, note="fixed order against optimum")
    yield at_most("enumeration", value, -float(world.entropy()), s.slack, note="optimum against -H(q)")
    yield at_most("enumeration", value, _oracle(s, world), s.slack, note="optimum against oracle")
    searched = max(_expected_log(s, order, world) for order in itertools.permutations(range(s.n)))
    yield equal("enumeration", fixed, searched, s.slack, note="best fixed order, sweep against search")


def cheapest(world: TableWorld, ticks: int, spare: float = 0.0) -> Iterator[Evidence]:
    """Compare the optimal set rule at a price with every named rule, the recursion and the hull of all prices."""
    s, price = Setup(world), ticks / 16
    best = best_rule(world, price)
    for rule in (*SINGLE, *PARALLEL):
        done = s.walk(world, rule)
        cost = float(done.path_divergence + price * done.calls_of_data)
        effective = cost - best.cost > 1e-6
        yield at_most("enumeration", best.cost + spare, cost, s.slack, effective=effective, note=rule.name)
    least = reference_orders.least_cost(reference.floats(world), s.exact, s.n, s.d, price, s.n)
    written = least - float(world.entropy())
    yield equal("enumeration", best.cost, written, s.slack, note="programme against recursion")
    done = s.walk(world, best.rule)
    walked = [done.path_divergence, done.calls_of_data]
    yield equal("enumeration", [best.divergence, best.calls], walked, s.slack, note="programme against the walk")
    hull = min(vertex.at(price) for vertex in frontier(world))
    yield equal("enumeration", best.cost, hull, 1e-9, note="hull: vertices closer than 1e-10 are merged")


def determinism_is_optimal(denoiser: TableDenoiser, world: TableWorld) -> Iterator[Evidence]:
    """Compare the best deterministic singleton rule with the best mixture of orders found (a feasible one)."""
    s = Setup(denoiser)
    value = expected_log_likelihood(best_rule(world, denoiser=denoiser, largest=1), world)
    yield at_least("programme", value, best_mixture(s.terms(), world, 1e-5, 400).value, s.slack)


def mixture_is_best(denoiser: TableDenoiser, world: TableWorld, uniform: bool = False) -> Iterator[Evidence]:
    """Place the best mixture between its dual bound and the best fixed order and log p^unif, which are mixtures."""
    s, q = Setup(denoiser), world.law()
    terms = s.terms()
    found, flat = best_mixture(terms, world, 1e-6, 2000), float(q @ likelihood.log_uniform(terms))
    high = flat if uniform else found.value + found.gap
    for note, other in (("best order", best_fixed_order(terms, world)[0]), ("uniform", flat)):
        yield at_least("programme", high, other, s.slack, effective=high - other > 1e-6, note=note)
    orders = [reference_orders.order_probabilities(s.exact, x, s.d) for x in reference.sequences(s.n, s.d)]
    weight = dict(zip(itertools.permutations(range(s.n)), found.weights.tolist(), strict=True))
    mixed = [math.fsum(weight[o] * float(p) for o, p in chances.items()) for chances in orders]
    written = math.fsum(float(p) * math.log(m) for p, m in zip(q, mixed, strict=True) if p > 0)
    yield equal("enumeration", found.value, written, s.slack, note="value written out")
    yield at_most("enumeration", found.value, -float(world.entropy()), s.slack, note="-H(q)")


def _oracle(s: Setup, world: TableWorld) -> float:
    """Return the data average of the best order of each sequence."""
    return float(world.law() @ likelihood.best_order(s.terms())[0])


def _expected_log(s: Setup, order: Sequence[int], world: TableWorld) -> float:
    """Return E_q l of one order from the product law of its parts."""
    output = reference_samplers.partition_law(s.exact, tuple((i,) for i in order), s.n, s.d)
    return math.fsum(p * math.log(output[x]) for x, p in reference.floats(world).items())


_learned = partial(tables, law=True)
SHARP = {"denoiser": BITS, "world": TableWorld.from_weights([1, 1, 20, 1], 2, 2)}
SPREAD = {"denoiser": BITS, "world": TableWorld.from_weights([1, 1, 5, 1], 2, 2)}
BOTH_ORDERS = {"denoiser": BITS, "world": TableWorld.from_weights([4, 1, 8, 1], 2, 2)}
UNIFORM_MODEL = {"denoiser": table(2, 2, [1] * 12), "world": TableWorld.from_weights([9, 1, 1, 1], 2, 2)}

CLAIMS = (
    Claim(
        id="duel.6a",
        statement="sum_x max_sigma exp l_sigma(x) >= 1: the oracle is no likelihood",
        assumptions="inconsistent conditionals",
        source=f"{NOTES}, best policy",
        quantifier="for all",
        kind="lower",
        routes=("rational", "enumeration"),
        check=oracle_exceeds_one,
        tolerance=EXACT,
        inputs=tables,
        examples=60,
        fixtures=({"denoiser": BITS},),
        variants={"the worst order": partial(oracle_exceeds_one, worst=True)},
    ),
    Claim(
        id="duel.6b",
        statement=(
            "V(z) = max_l E[ln p(v | z) + V(z + (l, v))] is at least every singleton rule and every fixed order"
        ),
        assumptions="inconsistent conditionals; data average",
        source=f"{NOTES}, attainable optimum",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=programme_is_best,
        tolerance=ROUNDING,
        inputs=_learned,
        examples=40,
        fixtures=(SHARP,),
        variants={"planned for uniform data": partial(programme_is_best, uniform=True)},
    ),
    Claim(
        id="duel.6c",
        statement="best fixed order <= DP optimum <= min(-H(p), oracle)",
        assumptions="inconsistent conditionals; data average",
        source=f"{NOTES}, attainable optimum",
        quantifier="for all",
        kind="upper",
        see="duel.oracle.above",
        routes=("enumeration",),
        check=policy_chain,
        tolerance=ROUNDING,
        inputs=_learned,
        examples=40,
        fixtures=(SHARP,),
        variants={"optimum below the best fixed order": partial(policy_chain, reverse=True)},
    ),
    Claim(
        id="duel.6d",
        statement=(
            "The programme over sets has the least path KL + price * E[NFE] of all deterministic value-free rules"
        ),
        assumptions="true conditionals; NFE under the data",
        source=f"{NOTES}, attainable optimum, for sets at a price per denoiser call",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=cheapest,
        tolerance=f"{ROUNDING}; 1e-9 for the hull",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 3), cells=27), ticks=st.integers(0, 24)),
        examples=40,
        fixtures=({"world": COPIED_PAIRS, "ticks": 4},),
        variants={"a hundredth of a nat less": partial(cheapest, spare=0.01)},
    ),
    Claim(
        id="duel.6e",
        statement="The best mixture of orders is at least every order and log p^unif, and at most -H(p)",
        source=f"{NOTES}, randomised policies",
        quantifier="for all",
        kind="lower",
        routes=("programme", "enumeration"),
        check=mixture_is_best,
        tolerance=f"{ROUNDING}; the programme's own duality gap",
        inputs=_learned,
        examples=24,
        fixtures=(SPREAD, SHARP),
        variants={"log p^unif instead of the best": partial(mixture_is_best, uniform=True)},
    ),
    Claim(
        id="duel.oracle",
        statement="Oracle perplexity is that of a likelihood: E_p max_sigma l <= -H(p)",
        source=f"{DUEL}, oracle perplexity",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="duel.6a",
        routes=("enumeration",),
        check=oracle_is_likelihood,
        tolerance=ROUNDING,
        inputs=_learned,
        fixtures=(BOTH_ORDERS,),
    ),
    Claim(
        id="duel.oracle.above",
        statement="The oracle exceeds -H(p) for every table",
        source=f"{NOTES}, 'exceeded -H(p) in all 12'",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.6c",
        routes=("enumeration",),
        check=oracle_is_above,
        tolerance=ROUNDING,
        inputs=_learned,
        fixtures=(UNIFORM_MODEL,),
    ),
    Claim(
        id="duel.determinism",
        statement="The best deterministic singleton rule is at least every mixture of orders",
        source=f"{NOTES}, 'determinism buys computability, not optimality'",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.6e",
        routes=("programme",),
        check=determinism_is_optimal,
        tolerance="none: the mixture is feasible, its value a sum",
        inputs=_learned,
        fixtures=(SPREAD,),
    ),
)
