"""DUEL, claims 1, 2, 4 and 5: exact likelihood, its calls, true conditionals, entropy; and the ledger of all eight."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, at_least, equal
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.reference import samplers as reference_samplers
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import TabulatedRule
from theory.unmasking.claims import elbo as claims_elbo
from theory.unmasking.claims import policy as claims_policy
from theory.unmasking.claims.curve import ROUNDING
from theory.unmasking.claims.duel_inputs import (
    BITS,
    DUEL,
    EXACT,
    NOTES,
    PARALLEL,
    PARITY,
    SINGLE,
    Setup,
    coded,
    laws_with_rules,
    refinements,
    table,
    tables,
)  # fmt: skip
from theory.unmasking.claims.rule_inputs import COPIED_PAIRS
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import LeftToRight, Threshold, TopK
from theory.worlds import TableWorld, states


def sums_to_one(denoiser: TableDenoiser, rule: SetRule, peek: bool = False) -> Iterator[Evidence]:
    """Add LOGLIK's products over all sequences; with `peek` the position is chosen by the hidden tokens."""
    s = Setup(denoiser, rule)
    total = sum(p for p, _ in s.by_hand())
    if peek:
        total = sum(_peeking(s.exact, x, s.d) for x in reference.sequences(s.n, s.d))
    yield equal("rational", Fraction(total), Fraction(1), Fraction(0))
    yield equal("enumeration", s.scores().log_likelihood.exp().sum(), 1.0, s.slack)


def sampler_is_scored(denoiser: TableDenoiser, rule: SetRule, within: bool = False) -> Iterator[Evidence]:
    """Compare Algorithm 1's law, swept forwards, with Algorithm 2's products: in fractions and by the engine."""
    s = Setup(denoiser, rule)
    visited, scored = reference_orders.sampler(s.exact, s.blocks, s.n, s.d), s.by_hand(within)
    law = [sum(visited.get((x, k), Fraction(0)) for k in range(s.n + 1)) for x in reference.sequences(s.n, s.d)]
    pairs = [(Fraction(q), Fraction(p)) for q, (p, _) in zip(law, scored, strict=True)]
    yield equal("rational", *max(pairs, key=lambda pair: abs(pair[0] - pair[1])), Fraction(0))
    engine = s.scores().log_likelihood.exp()
    yield equal("enumeration", engine, s.walk().output.law(), s.slack, note="LOGLIK against the walk over states")
    yield equal("enumeration", engine, [float(q) for q in law], s.slack, note="engines against fractions")


def one_partition(denoiser: TableDenoiser, rule: SetRule, loosely: bool = False) -> Iterator[Evidence]:
    """Count, for every sequence, the ordered partitions that F follows, and add their products."""
    s = Setup(denoiser, rule)
    counts, gaps, partitions = [], [], list(reference_orders.all_partitions(s.n))
    for x, (scored, _) in zip(reference.sequences(s.n, s.d), s.by_hand(), strict=True):
        kept = [p for p in partitions if reference_orders.follows(p, s.blocks, x, s.d, loosely)]
        counts.append(len(kept))
        laws = sum(_product(s.exact, p, x, s.d) for p in kept)
        gaps.append(abs(laws - scored))
    yield equal("enumeration", counts, 1, 0, note="partitions with sigma_t = F(x_<sigma_t)")
    yield equal("rational", Fraction(max(gaps)), Fraction(0), Fraction(0), note="p^pi against LOGLIK")


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


def true_likelihood(world: TableWorld, rule: SetRule) -> Iterator[Evidence]:
    """Compare p^F of a singleton rule under true conditionals with p, in fractions and by the engine; the ELBO too."""
    s, law, q = Setup(world, rule), reference.exact(world), world.law()
    effective = len(law) > 1
    pairs = zip(reference.sequences(s.n, s.d), s.by_hand(), strict=True)
    gaps = [abs(Fraction(p) - law.get(x, 0)) for x, (p, _) in pairs]
    yield equal("rational", max(gaps), Fraction(0), Fraction(0), effective=effective)
    yield equal("enumeration", s.walk(world).output.law(), q, s.slack, effective=effective, note="walk")
    tight = likelihood.elbo(s.terms())[q > 0]
    yield equal("enumeration", tight, q[q > 0].log(), s.slack, effective=effective, note="the ELBO is tight")


def parallel_error(world: TableWorld, rule: SetRule, given: bool = True) -> Iterator[Evidence]:
    """Compare KL(p || p^F) of the output law with the total correlations of the parts, one by one."""
    s, law = Setup(world, rule), reference.floats(world)
    visits = reference_orders.data_visits(law, s.blocks, s.n, s.d)
    nothing = (s.d,) * s.n
    parts = [
        mass * reference_orders.conditional_total_correlation(law, z if given else nothing, s.blocks(z), s.d)
        for z, mass in visits.items()
    ]
    done = s.walk(world)
    effective = math.fsum(parts) > 1e-9
    yield equal("enumeration", done.divergence, math.fsum(parts), s.slack, effective=effective)
    yield equal("enumeration", done.joint_dependence, done.divergence, s.slack, effective=effective)


def refining(
    world: TableWorld, order: list[int], cuts: list[int], finer: list[int],
    denoiser: TableDenoiser | None = None, sign: int = 1,
) -> Iterator[Evidence]:  # fmt: skip
    """Compare E_p log p^F of a fixed ordered partition with that of a refinement: law by law, and by LOGLIK."""
    s, law, q = Setup(denoiser or world), reference.floats(world), world.law()
    values = []
    for nodes in ([0, *cuts, s.n], [0, *finer, s.n]):
        partition = tuple(tuple(order[a:b]) for a, b in itertools.pairwise(nodes))
        output = reference_samplers.partition_law(s.exact, partition, s.n, s.d)
        written = math.fsum(p * math.log(output[x]) for x, p in law.items())
        fixed = _partition_rule(partition, world)
        found = likelihood.log_likelihood(fixed, s.denoiser, s.sequences[q > 0]).log_likelihood
        yield equal("enumeration", q[q > 0] @ found, written, s.slack, note="LOGLIK against the partition's law")
        values.append(written)
    gain = values[1] - values[0]
    yield at_least("enumeration", sign * gain, 0.0, s.slack, effective=gain > 1e-9)


def entropy_identity(
    denoiser: TableDenoiser, rule: SetRule, world: TableWorld, chain: walks.Chain = "sampler"
) -> Iterator[Evidence]:
    """Compare the entropies predicted along the sampler's own paths, summed, with the entropy of its output law."""
    s = Setup(denoiser, rule)
    done = s.walk(world)
    whole = done.output.entropy()
    yield equal("enumeration", done.total(done.nodes.surprise, chain), whole, s.slack, note="walk")
    visited = reference_orders.sampler(s.exact, s.blocks, s.n, s.d)
    written = [
        float(mass) * reference.entropy(s.exact(z, i, v) for v in range(s.d))
        for (z, _), mass in visited.items()
        for i in (s.blocks(z) if reference.masked(z, s.d) else ())
    ]
    law = reference.entropy(p for p, _ in s.by_hand())
    yield equal("enumeration", math.fsum(written), law, s.slack, note="loops")


def _partition_rule(partition: reference_samplers.Partition, world: TableWorld) -> TabulatedRule:
    """Return the x-independent rule that reveals the first part that still has a mask."""
    n, d = world.n, world.d
    z = states.all_states(n, d)
    part = torch.empty(n, dtype=torch.long)
    for k, block in enumerate(partition):
        part[list(block)] = k
    hidden = z == d
    first = torch.where(hidden, part, n).amin(-1, keepdim=True)
    return TabulatedRule("fixed partition", hidden & (part == first), d)


def _product(
    denoiser: reference.Conditional, partition: reference_samplers.Partition, x: reference.State, d: int
) -> Fraction:
    z, product = (d,) * len(x), Fraction(1)
    for part in partition:
        product *= math.prod((denoiser(z, i, x[i]) for i in part), start=Fraction(1))
        for i in part:
            z = reference.with_token(z, i, x[i])
    return product


def _peeking(denoiser: reference.Conditional, x: reference.State, d: int) -> Fraction:
    """Return the product along the position whose *hidden* token is likeliest, time after time."""
    z, product = (d,) * len(x), Fraction(1)
    while hidden := reference.masked(z, d):
        i = max(hidden, key=lambda i: denoiser(z, i, x[i]))
        product *= denoiser(z, i, x[i])
        z = reference.with_token(z, i, x[i])
    return product


ALL = (*SINGLE, *PARALLEL)

FAIR = TableWorld.from_weights([1, 1, 1, 1], 2, 2, "two fair bits")
LOPSIDED = table(2, 2, [9, 1, 1, 9, 1, 1, 1, 1, 1, 1, 1, 1])

CLAIMS = (
    Claim(
        id="duel.1a",
        statement="sum_x p^F(x) = 1 for any deterministic rule and any denoiser",
        assumptions="inconsistent conditionals",
        source=f"{DUEL}, Theorem 4.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=sums_to_one,
        tolerance=EXACT,
        inputs=lambda: tables(ALL, drawn=True),
        examples=60,
        fixtures=({"denoiser": BITS, "rule": TopK(1)},),
        variants={"position chosen by the hidden token": partial(sums_to_one, peek=True)},
    ),
    Claim(
        id="duel.1b",
        statement="The sampler's law is exp LOGLIK, pointwise, parallel parts included",
        assumptions="inconsistent conditionals",
        source=f"{DUEL}, Theorem 4.3, Algorithms 1 and 2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=sampler_is_scored,
        tolerance=EXACT,
        inputs=lambda: tables(ALL, drawn=True),
        examples=60,
        fixtures=({"denoiser": BITS, "rule": LeftToRight(2)},),
        variants={"parts scored one token after the other": partial(sampler_is_scored, within=True)},
    ),
    Claim(
        id="duel.1c",
        statement="F follows exactly one ordered partition of each x, so p^pi has one term",
        assumptions="deterministic rule",
        source=f"{DUEL}, Theorem 4.3",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=one_partition,
        tolerance="none: counts and fractions",
        inputs=lambda: tables(ALL, drawn=True),
        examples=40,
        fixtures=({"denoiser": BITS, "rule": LeftToRight(2)},),
        variants={"any part inside F's set": partial(one_partition, loosely=True)},
    ),
    Claim(
        id="duel.2",
        statement="LOGLIK(x) takes the denoiser calls of the sampler when it generates x",
        assumptions="deterministic rule",
        source=f"{DUEL}, Algorithm 2",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=same_calls,
        tolerance=EXACT,
        inputs=lambda: tables(ALL, drawn=True),
        examples=60,
        fixtures=({"denoiser": BITS, "rule": Threshold(-0.6, "confidence")},),
        variants={"one call more": partial(same_calls, extra=1)},
    ),
    Claim(
        id="duel.4a",
        statement="With true conditionals any singleton rule has p^F = p, and the ELBO is tight",
        assumptions="true conditionals",
        source=f"{NOTES}, true conditionals",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=true_likelihood,
        tolerance=EXACT,
        inputs=lambda: laws_with_rules(SINGLE, drawn=False),
        examples=60,
        fixtures=({"world": PARITY, "rule": TopK(1)}, {"world": COPIED_PAIRS, "rule": TopK(1, "margin")}),
        variants={"two positions at once": lambda world, rule: true_likelihood(world, LeftToRight(2))},
    ),
    Claim(
        id="duel.4b",
        statement="KL(p || p^F) = sum_t E_p TC(X_sigma_t | x_<sigma_t) with true conditionals",
        assumptions="true conditionals; any deterministic rule",
        source=f"{NOTES}, true conditionals",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=parallel_error,
        tolerance=ROUNDING,
        inputs=lambda: laws_with_rules(PARALLEL),
        examples=60,
        fixtures=(
            {"world": COPIED_PAIRS, "rule": LeftToRight(2)},
            {"world": PARITY, "rule": coded([2] * 26 + [0], 3, 2)},
        ),
        variants={"total correlations not given the context": partial(parallel_error, given=False)},
    ),
    Claim(
        id="duel.4c",
        statement="Refining a fixed partition never lowers E_p log p^F with true conditionals",
        assumptions="true conditionals; x-independent partition",
        source=f"{NOTES}, true conditionals",
        quantifier="for all",
        kind="lower",
        see="duel.4d",
        routes=("enumeration",),
        check=refining,
        tolerance=ROUNDING,
        inputs=refinements,
        examples=60,
        fixtures=tuple({"world": PARITY, "order": [0, 2, 1], "cuts": [], "finer": finer} for finer in ([2], [1, 2])),
        variants={"never raises it": partial(refining, sign=-1)},
    ),
    Claim(
        id="duel.4d",
        statement="Refining a fixed partition never lowers E_p log p^F, whatever the denoiser",
        source=f"{NOTES}, true conditionals left out",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="duel.4c",
        routes=("enumeration",),
        check=refining,
        tolerance=ROUNDING,
        fixtures=({"world": FAIR, "order": [0, 1], "cuts": [], "finer": [1], "denoiser": LOPSIDED},),
    ),
    Claim(
        id="duel.5",
        statement="E_sampler sum_t sum_{l in sigma_t} H(P_l) = H(p^F), parallel steps included",
        assumptions="deterministic rule; x drawn by the sampler",
        source=f"{NOTES}, entropy identity",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=entropy_identity,
        tolerance=ROUNDING,
        inputs=lambda: tables(ALL, drawn=True, law=True),
        examples=60,
        fixtures=({"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([9, 1, 1, 1], 2, 2)},),
        variants={"x drawn from the data": partial(entropy_identity, chain="data")},
    ),
    *claims_elbo.CLAIMS,
    *claims_policy.CLAIMS,
)
