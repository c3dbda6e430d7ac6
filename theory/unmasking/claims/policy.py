"""DUEL, claim 6: the oracle, the best attainable rule by dynamic programming, and what randomness can add."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.tolerance import SLACK
from theory.unmasking import best_rules, likelihood
from theory.unmasking.claims.duel_inputs import (
    DUEL,
    EXACT,
    FEW,
    NOTES,
    PARALLEL,
    PARITY,
    ROUNDING,
    SINGLE,
    Setup,
    clock,
    powers,
    tables,
)
from theory.unmasking.claims.rule_inputs import BITS, COPIED_PAIRS, THREE_BITS, table
from theory.worlds import TableWorld

ROUNDS = 300
"""Steps of expectation maximisation of the reference: any number gives a mixture that can be attained."""


def oracle_exceeds_one(denoiser: TableDenoiser, worst: bool = False, factor: float = 1.0) -> Iterator[Evidence]:
    """Add the best order's probability over all sequences, in fractions and by the sweep; compare with 1 and n!."""
    s, pick = Setup(denoiser), min if worst else max
    exact = sum((pick(p) for p in s.along_orders()), Fraction(0))
    most = Fraction(factor) * math.factorial(s.n)
    yield at_least("rational", exact, Fraction(1), Fraction(0), effective=exact != 1)
    yield at_most("rational", exact, most, Fraction(0), note="n! orders")
    yield equal("enumeration", likelihood.oracle_sum(s.terms()), float(exact), s.slack, note="sweep")


def oracle_is_likelihood(denoiser: TableDenoiser, world: TableWorld) -> Iterator[Evidence]:
    """Compare the data average of the best order with -H(q), which no distribution exceeds; exactly for whole weights."""
    s = Setup(denoiser)
    yield at_most("enumeration", _oracle(s, world), -float(world.entropy()), s.slack)
    weights = [int(w) for w in world.weights or ()]
    if sum(weights) <= FEW:
        best = powers([max(p) for p in s.along_orders()], weights)
        own = powers([Fraction(w, sum(weights)) for w in weights], weights)
        yield at_most("rational", best, own, Fraction(0), note="likelihood of a sample of these counts")


def programme_is_best(
    denoiser: TableDenoiser, world: TableWorld, uniform: bool = False, reverse: bool = False
) -> Iterator[Evidence]:
    """Compare V(all masked) with every named one-token rule, every fixed order, -H(q), the oracle and the recursion."""
    s, q = Setup(denoiser), world.law()
    planned = best_rules.best_rule(s.uniform if uniform else world, denoiser=denoiser, largest=1)
    value = float(q @ s.scores(planned.rule).log_likelihood)
    for rule in SINGLE:
        other = float(q @ s.scores(rule).log_likelihood)
        yield at_least("enumeration", value, other, s.slack, effective=value - other > s.slack, note=rule.name)
    law = reference.exact(world)
    every = dict(zip(reference.sequences(s.n, s.d), s.along_orders(), strict=True))
    orders = [math.fsum(float(p) * math.log(every[x][k]) for x, p in law.items()) for k in range(math.factorial(s.n))]
    best, terms = max(orders), s.terms()
    sides = (best, value) if reverse else (value, best)
    yield at_least("enumeration", *sides, s.slack, effective=value - best > s.slack, note="fixed orders")
    yield equal("enumeration", best_rules.best_fixed_order(terms, world)[0], best, s.slack, note="best fixed order")
    yield at_least("enumeration", -reference.entropy(law.values()), value, s.slack, note="-H(q)")
    yield at_least("enumeration", _oracle(s, world), value, s.slack, note="oracle")
    literal = -reference_orders.least_cost(reference.floats(world), s.exact, s.n, s.d, 0.0, 1)
    yield equal("enumeration", value, literal, s.slack, note="programme against recursion")
    if not uniform:
        scored = best_rules.expected_log_likelihood(planned, world)
        yield equal("enumeration", scored, value, s.slack, note="programme against LOGLIK")


def cheapest(world: TableWorld, ticks: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the optimal set rule at a price with every named rule, the recursion and the hull of all prices."""
    s, price = Setup(world), ticks / 16
    best = best_rules.best_rule(world, price)
    for rule in (*SINGLE, *PARALLEL):
        done = s.walk(world, rule)
        cost = float(done.path_divergence + price * done.calls_of_data)
        effective = cost - best.cost > s.slack
        yield at_most("enumeration", factor * best.cost, cost, s.slack, effective=effective, note=rule.name)
    least = reference_orders.least_cost(reference.floats(world), s.exact, s.n, s.d, price, s.n)
    literal = least - reference.entropy(reference.exact(world).values())
    yield equal("enumeration", best.cost, literal, s.slack, note="programme against recursion")
    done = s.walk(world, best.rule)
    walked = [done.path_divergence, done.calls_of_data]
    yield equal("enumeration", [best.divergence, best.calls], walked, s.slack, note="programme against the walk")
    hull = best_rules.frontier(world)
    steepest = (
        max((a.divergence - b.divergence) / (b.calls - a.calls) for a, b in itertools.pairwise(hull))
        if len(hull) > 1
        else 0.0
    )
    missed = SLACK * (2 + price + max(1.0, steepest)) + s.slack
    found = min(vertex.at(price) for vertex in hull)
    yield equal("enumeration", best.cost, found, missed, note="hull of all prices")


def determinism_is_not_optimal(denoiser: TableDenoiser, world: TableWorld, swap: bool = False) -> Iterator[Evidence]:
    """Compare, on two tokens, log p^unif with both orders, which are all one-token rules: exactly, by whole weights.

    A ratio of likelihoods of the whole sample is compared with 101/100; beside it the programme and the mixture found.
    """
    s, weights = Setup(denoiser), [int(w) for w in world.weights or ()]
    orders = s.along_orders()
    uniform = powers([sum(p, Fraction(0)) / 2 for p in orders], weights)
    for k in range(2):
        ratio = uniform / powers([p[k] for p in orders], weights)
        found = 1 / ratio if swap else ratio
        yield at_least("rational", found, Fraction(101, 100), Fraction(0), note=f"order {k}")
    best = best_rules.expected_log_likelihood(best_rules.best_rule(world, denoiser=denoiser, largest=1), world)
    wanted = max(
        math.fsum(w * math.log(p[k]) for w, p in zip(weights, orders, strict=True) if w) / sum(weights) for k in (0, 1)
    )
    yield equal("enumeration", best, wanted, s.slack, note="programme: the better order")


def mixture_is_best(denoiser: TableDenoiser, world: TableWorld, uniform: bool = False) -> Iterator[Evidence]:
    """Place the mixture found between what other mixtures attain and what its duality gap allows.

    The search is stopped early, so that its gap is not zero; a longer one, written out over the n! orders in numpy,
    gives a mixture that is better and may not exceed the value found plus the gap.
    """
    s, q = Setup(denoiser), world.law()
    terms, orders = s.terms(), np.array([[float(p) for p in every] for every in s.along_orders()])
    found = best_rules.best_mixture(terms, world, 0.05, 2000)
    flat = float(q @ likelihood.log_uniform(terms))
    support = q.numpy() > 0
    chances, law = orders[support], q.numpy()[support]
    weights = np.full(orders.shape[1], 1 / orders.shape[1])
    for _ in range(ROUNDS):
        weights = weights * ((law / (chances @ weights)) @ chances)
    better = float(law @ np.log(chances @ weights))
    single = float((law @ np.log(chances)).max())
    high = flat if uniform else found.value + found.gap
    for note, other in (("best order", single), ("uniform", flat), ("longer search", better)):
        yield at_least("programme", high, other, s.slack, effective=high - other > s.slack, note=note)
    mixed = float(law @ np.log(chances @ found.weights.numpy()))
    yield equal("enumeration", found.value, mixed, s.slack, note="value written out")
    gap = float(((law / (chances @ found.weights.numpy())) @ chances).max()) - 1
    yield equal("enumeration", found.gap, max(gap, 0.0), s.slack, note="gap written out")
    yield at_least("enumeration", 0.05, found.gap, 0.0, note="the gap asked for")
    yield at_least("enumeration", -reference.entropy(law), found.value, s.slack, note="-H(q)")


def _oracle(s: Setup, world: TableWorld) -> float:
    """Return the data average of the best order of each sequence."""
    return float(world.law() @ likelihood.best_order(s.terms())[0])


_learned = partial(tables, law=True)
SHARP = {"denoiser": BITS, "world": TableWorld.from_weights([1, 1, 20, 1], 2, 2)}
SPREAD = {"denoiser": BITS, "world": TableWorld.from_weights([1, 1, 5, 1], 2, 2)}
BOTH_ORDERS = {"denoiser": BITS, "world": TableWorld.from_weights([4, 1, 8, 1], 2, 2)}
MIXED = {"denoiser": BITS, "world": TableWorld.from_weights([2, 0, 5, 1], 2, 2)}
THREE = {"denoiser": THREE_BITS, "world": PARITY}
ALIKE = TableWorld.from_weights([9, 1, 1, 1, 1, 1, 1, 9], 3, 2, "three bits, mostly alike")
CHANNEL = TableWorld.from_weights([3, 1, 1, 3], 2, 2, "symmetric channel")
UNIFORM_MODEL = {"denoiser": table(2, 2, [1] * 12), "world": TableWorld.from_weights([9, 1, 1, 1], 2, 2)}

CLAIMS = (
    Claim(
        id="duel.6a",
        statement=(
            "The sum over all sequences of the probability along the sequence's own best order lies between 1 and n!: "
            "except where it is 1, the oracle that picks this order is no likelihood."
        ),
        assumptions="Conditionals may be inconsistent.",
        source=f"{NOTES}, duel.6a",
        quantifier="for all",
        kind="lower",
        routes=("rational", "enumeration"),
        check=oracle_exceeds_one,
        tolerance=EXACT,
        inputs=tables,
        examples=20,
        fixtures=({"denoiser": BITS}, {"denoiser": clock(2)}, {"denoiser": clock(3)}),
        variants={
            "along the worst order": partial(oracle_exceeds_one, worst=True),
            "at most 99 % of n!": partial(oracle_exceeds_one, factor=0.99),
        },
        sharp=Sharp(
            "Both ends are the best: 1 for the conditionals of a law, n! for every n (with n tokens or more) where each "
            "token is the number of tokens revealed before it.",
            {"denoiser": clock(3)},
        ),
        tex=r"1 \le \sum_x \max_\sigma e^{\ell_\sigma(x)} \le n!",
    ),
    Claim(
        id="duel.6b",
        statement=(
            "Let V be 0 at complete states and V(z) = max over masked positions i of the mean, over the data's token v "
            "at i given z, of ln p(v | z) + V(z with v at i). V(all masked) is the mean log-likelihood of the rule that "
            "takes these positions; no one-token rule and no fixed order has more, and it is at most -H(q) and at most "
            "the mean over the data of the best order's log-probability."
        ),
        assumptions="Conditionals may be inconsistent; means over the data law q.",
        source=f"{NOTES}, duel.6b",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=programme_is_best,
        tolerance=ROUNDING,
        inputs=_learned,
        examples=12,
        fixtures=(SHARP, UNIFORM_MODEL, THREE),
        variants={
            "planned for uniform data": partial(programme_is_best, uniform=True),
            "at most the best fixed order": partial(programme_is_best, reverse=True),
        },
    ),
    Claim(
        id="duel.6d",
        statement=(
            "Among all deterministic rules that look at revealed tokens alone, the programme over sets of positions has "
            "the least divergence between paths plus price times expected denoiser calls, both along the data, at every "
            "price per call."
        ),
        assumptions="True conditionals.",
        source=f"{NOTES}, duel.6d",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=cheapest,
        tolerance=f"{ROUNDING}; hull: SLACK (2 + price + its steepest slope), within which vertices are merged",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 3), cells=27), ticks=st.integers(0, 24)),
        examples=7,
        fixtures=({"world": COPIED_PAIRS, "ticks": 4}, {"world": CHANNEL, "ticks": 16}, {"world": ALIKE, "ticks": 2}),
        variants={"1 % more than the optimum": partial(cheapest, factor=1.01)},
    ),
    Claim(
        id="duel.6e",
        statement=(
            "The best mixture of orders has a mean log-likelihood of at least every order's and at least the mean of log "
            "p^unif, and at most -H(q). The mixture that is found falls short of it by at most max over orders s of "
            "E_q[p_s / p_mixture] - 1."
        ),
        source=f"{NOTES}, duel.6e",
        quantifier="for all",
        kind="lower",
        routes=("programme", "enumeration"),
        check=mixture_is_best,
        tolerance=f"{ROUNDING}; the programme's own duality gap",
        inputs=_learned,
        examples=12,
        fixtures=(MIXED, SPREAD, SHARP),
        variants={"log p^unif instead of the best": partial(mixture_is_best, uniform=True)},
    ),
    Claim(
        id="duel.oracle",
        statement=(
            "The mean over the data of the log-probability along each sequence's own best order is at most -H(q), as for "
            "the likelihood of any distribution."
        ),
        source=f"{DUEL}, the oracle perplexity read as that of a likelihood",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="duel.6a",
        routes=("rational", "enumeration"),
        check=oracle_is_likelihood,
        tolerance=EXACT,
        inputs=_learned,
        examples=20,
        fixtures=(BOTH_ORDERS,),
    ),
    Claim(
        id="duel.determinism",
        statement=(
            "There are a denoiser and a data law for which a mixture of orders, the uniform one, has a larger mean "
            "log-likelihood than every deterministic one-token rule."
        ),
        source=f"{NOTES}, duel.6e",
        quantifier="there exists",
        kind="lower",
        see="duel.6e",
        routes=("rational", "enumeration"),
        check=determinism_is_not_optimal,
        tolerance=EXACT,
        fixtures=(MIXED,),
        variants={"each order beats the uniform mixture": partial(determinism_is_not_optimal, swap=True)},
    ),
)
