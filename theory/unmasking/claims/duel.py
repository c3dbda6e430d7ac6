"""DUEL, claims 1 and 2: the exact likelihood of a deterministic rule, and the denoiser calls that it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, equal
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.reference import samplers as reference_samplers
from theory.unmasking.claims import literal as written
from theory.unmasking.claims.duel_inputs import (
    DUEL,
    EXACT,
    PARALLEL,
    SINGLE,
    Setup,
    tables,
)
from theory.unmasking.claims.rule_inputs import BITS
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import LeftToRight, Threshold, TopK


def sampler_is_scored(
    denoiser: TableDenoiser, rule: SetRule, within: bool = False, peek: bool = False
) -> Iterator[Evidence]:
    """Compare Algorithm 1's law, swept forwards, with Algorithm 2's products: in fractions and by the engine.

    `within` scores the tokens of a part one after the other, `peek` chooses positions by their hidden tokens.
    """
    s = Setup(denoiser, rule)
    visited = reference_orders.sampler(s.exact, s.blocks, s.n, s.d)
    every = list(reference.sequences(s.n, s.d))
    law = [sum((Fraction(visited.get((x, k), 0)) for k in range(s.n + 1)), Fraction(0)) for x in every]
    scored = [Fraction(p) for p, _ in s.by_hand(within)]
    if peek:
        scored = [written.peeking(s.exact, x, s.d) for x in every]
    yield equal("rational", scored, law, Fraction(0), note="LOGLIK against the sampler")
    yield equal("rational", sum(scored, Fraction(0)), Fraction(1), Fraction(0), note="sum over all sequences")
    engine = s.scores().log_likelihood.exp()
    yield equal("enumeration", engine, s.walk().output.law(), s.slack, note="LOGLIK against the walk over states")
    yield equal("enumeration", engine, [float(q) for q in law], s.slack, note="engines against fractions")


def one_partition(denoiser: TableDenoiser, rule: SetRule, loosely: bool = False) -> Iterator[Evidence]:
    """Count, for every sequence, the ordered partitions that F follows, and add their products."""
    s = Setup(denoiser, rule)
    counts, gaps, totals, partitions = [], [], [], list(reference_orders.all_partitions(s.n))
    for x, (scored, _) in zip(reference.sequences(s.n, s.d), s.by_hand(), strict=True):
        kept = [p for p in partitions if reference_orders.follows(p, s.blocks, x, s.d, loosely)]
        counts.append(len(kept))
        laws = sum((_product(s.exact, p, x, s.d) for p in kept), Fraction(0))
        gaps.append(abs(laws - scored))
        totals.append(float(laws))
    yield equal("enumeration", counts, 1, 0, note="partitions with sigma_t = F(x_<sigma_t)")
    yield equal("rational", Fraction(max(gaps)), Fraction(0), Fraction(0), note="p^pi against LOGLIK")
    engine = s.scores().log_likelihood.exp()
    yield equal("enumeration", engine, totals, s.slack, note="p^pi against the engine's LOGLIK")


def same_calls(denoiser: TableDenoiser, rule: SetRule, extra: int = 0) -> Iterator[Evidence]:
    """Compare the calls that score x with those that generate it, sequence by sequence and as a distribution."""
    s = Setup(denoiser, rule)
    visited, scored = reference_orders.sampler(s.exact, s.blocks, s.n, s.d), s.by_hand()
    pairs = zip(reference.sequences(s.n, s.d), scored, strict=True)
    generated = [Fraction(visited.get((x, k + extra), 0)) for x, (_, k) in pairs]
    yield equal("rational", sum(generated), Fraction(1), Fraction(0), note="mass that reaches x in LOGLIK's calls")
    engine = s.scores()
    yield equal("enumeration", engine.calls, [k + extra for _, k in scored], 0, note="engine against loop")
    spread = torch.zeros(s.n + 1, dtype=torch.float64).index_add(0, engine.calls, engine.log_likelihood.exp())
    yield equal("enumeration", spread, s.walk().call_law, s.slack, note="distribution of calls")


def _product(
    denoiser: reference.Conditional, partition: reference_samplers.Partition, x: reference.State, d: int
) -> Fraction:
    z, product = (d,) * len(x), Fraction(1)
    for part in partition:
        product *= math.prod((denoiser(z, i, x[i]) for i in part), start=Fraction(1))
        for i in part:
            z = reference.with_token(z, i, x[i])
    return product


ALL = (*SINGLE, *PARALLEL)


CLAIMS = (
    Claim(
        id="duel.1b",
        statement=(
            "Let a deterministic rule choose the positions to reveal from the revealed tokens alone. The sampler's "
            "output law is exp LOGLIK, the product of the conditionals along the ordered partition that the rule itself "
            "follows; so these products sum to one over all sequences. Conditionals may be inconsistent and several "
            "positions may be revealed in one step."
        ),
        source=f"{DUEL}, Theorem 4.3, Algorithms 1 and 2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=sampler_is_scored,
        tolerance=EXACT,
        inputs=lambda: tables(ALL, drawn=True),
        examples=10,
        fixtures=({"denoiser": BITS, "rule": LeftToRight(2)}, {"denoiser": BITS, "rule": TopK(1)}),
        variants={
            "tokens of a part scored one after the other": partial(sampler_is_scored, within=True),
            "the rule looks at hidden tokens": partial(sampler_is_scored, peek=True),
        },
    ),
    Claim(
        id="duel.1c",
        statement=(
            "A deterministic rule follows exactly one ordered partition of every sequence, so the sum over partitions "
            "that gives the sequence's probability has one term."
        ),
        source=f"{DUEL}, Theorem 4.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=one_partition,
        tolerance=f"none for counts; {EXACT}",
        inputs=lambda: tables(ALL, drawn=True),
        examples=20,
        fixtures=({"denoiser": BITS, "rule": LeftToRight(2)},),
        variants={"any part inside the rule's set": partial(one_partition, loosely=True)},
    ),
    Claim(
        id="duel.2",
        statement="Scoring a sequence takes as many denoiser calls as the sampler makes when it generates the sequence.",
        assumptions="Deterministic rule.",
        source=f"{DUEL}, Algorithm 2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=same_calls,
        tolerance=EXACT,
        inputs=lambda: tables(ALL, drawn=True),
        examples=12,
        fixtures=({"denoiser": BITS, "rule": Threshold(-0.6, "confidence")},),
        variants={"one call more": partial(same_calls, extra=1)},
    ),
)
