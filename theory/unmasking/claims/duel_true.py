"""DUEL, claims 4 and 5: what holds with true conditionals, and the entropy of the output law."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, at_least, equal, shannon
from theory.reference import laws as reference
from theory.reference import orders as reference_orders
from theory.reference import samplers as reference_samplers
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import TabulatedRule
from theory.unmasking.claims.duel import ALL
from theory.unmasking.claims.duel_inputs import (
    EXACT,
    NOTES,
    PARALLEL,
    PARITY,
    ROUNDING,
    SINGLE,
    Setup,
    laws_with_rules,
    refinements,
    tables,
)
from theory.unmasking.claims.rule_inputs import BITS, COPIED_PAIRS, coded, table
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import LeftToRight, TopK
from theory.worlds import TableWorld, states


def every_order_is_true(world: TableWorld, rule: SetRule, denoiser: TableDenoiser | None = None) -> Iterator[Evidence]:
    """Compare the probability along every order with the law, in fractions, and every bound of the sweep with ln q."""
    model: TableWorld | TableDenoiser = world if denoiser is None or denoiser.n != world.n else denoiser
    s, law, q = Setup(model, rule), reference.exact(world), world.law()
    effective = len(law) > 1
    true = [Fraction(law.get(x, 0)) for x in reference.sequences(s.n, s.d)]
    orders = s.along_orders()
    for k in range(len(orders[0])):
        yield equal("rational", [p[k] for p in orders], true, Fraction(0), effective=effective, note=f"order {k}")
    possible, terms = q > 0, s.terms()
    wanted = q[possible].log()
    for name, found in (
        ("LOGLIK", s.scores().log_likelihood),
        ("ELBO", likelihood.elbo(terms)),
        ("log p^unif", likelihood.log_uniform(terms)),
        ("best order", likelihood.best_order(terms)[0]),
        ("worst order", likelihood.worst_order(terms)[0]),
    ):
        yield equal("enumeration", found[possible], wanted, s.slack, effective=effective, note=name)


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
    effective = math.fsum(parts) > s.slack
    yield equal("enumeration", done.divergence, math.fsum(parts), s.slack, effective=effective)
    yield equal("enumeration", done.joint_dependence, done.divergence, s.slack, effective=effective)


def refining(
    world: TableWorld,
    order: list[int],
    cuts: list[int],
    finer: list[int],
    denoiser: TableDenoiser | None = None,
    factor: float = 1.0,
) -> Iterator[Evidence]:
    """Compare what refining a fixed partition gains in E_q log p^F with the information that the new cuts give.

    LOGLIK against the partition's law written out, and the gain against entropies of the data law.
    """
    s, law, q, n = Setup(denoiser or world), reference.floats(world), world.law(), world.n
    values, before = [], []
    for nodes in ([0, *cuts, n], [0, *finer, n]):
        partition = tuple(tuple(order[a:b]) for a, b in itertools.pairwise(nodes))
        output = reference_samplers.partition_law(s.exact, partition, s.n, s.d)
        values.append(math.fsum(p * math.log(output[x]) for x, p in law.items()))
        fixed = _partition_rule(partition, world)
        found = likelihood.log_likelihood(fixed, s.denoiser, s.sequences[q > 0]).log_likelihood
        yield equal("enumeration", q[q > 0] @ found, values[-1], s.slack, note="LOGLIK against the partition's law")
        before.append({i: order[:a] for a, b in itertools.pairwise(nodes) for i in order[a:b]})
    h = functools.partial(reference.subset_entropy, law)
    given = [math.fsum(h([*seen[i], i]) - h(seen[i]) for i in range(n)) for seen in before]
    gain, information = values[1] - values[0], given[0] - given[1]
    effective = information > s.slack
    yield equal("enumeration", gain, factor * information, s.slack, effective=effective, note="gain")
    yield at_least("enumeration", gain, 0.0, s.slack, effective=effective, note="never a loss")
    yield from _refinements_never_lose()


@functools.cache
def _refinements_never_lose() -> tuple[Evidence, ...]:
    """Prove for every partition of up to four ordered positions that one more cut never loses, by elemental inequalities."""
    found = []
    for n in range(2, 5):
        every = itertools.chain.from_iterable(itertools.combinations(range(1, n), k) for k in range(1, n))
        for finer, cut in ((f, c) for f in every for c in f):
            coarser = [c for c in finer if c != cut]
            forms = [shannon.combine(_given(n, nodes)) for nodes in ([0, *coarser, n], [0, *finer, n])]
            gain = shannon.combine([(1, forms[0]), (-1, forms[1])])
            found.append(shannon.certified(gain, n, f"n = {n}, cuts {list(finer)}"))
    return tuple(found)


def _given(n: int, nodes: list[int]) -> list[tuple[int, shannon.Form]]:
    """Return the sum of H(X_i | what is revealed before its part) as terms of a form, positions in order."""
    h = shannon.entropy_of
    parts = [(i, a) for a, b in itertools.pairwise(nodes) for i in range(a, b)]
    return [(1, h([*range(a), i])) for i, a in parts] + [(-1, h(range(a))) for _, a in parts]


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


FAIR = TableWorld.from_weights([1, 1, 1, 1], 2, 2, "two fair bits")


LOPSIDED = table(2, 2, [9, 1, 1, 9, 1, 1, 1, 1, 1, 1, 1, 1])


def _whatever_the_denoiser(
    world: TableWorld, order: list[int], cuts: list[int], finer: list[int]
) -> Iterator[Evidence]:
    return refining(world, order, cuts, finer, LOPSIDED if world.n == 2 else None)


CLAIMS = (
    Claim(
        id="duel.4a",
        statement=(
            "With true conditionals the probability of a sequence along every order of its tokens is q(x): the "
            "likelihood of every one-token rule, the evidence lower bound (ELBO), log p^unif of uniformly random orders "
            "and the best order all equal ln q(x)."
        ),
        assumptions="True conditionals; sequences of positive probability.",
        source=f"{NOTES}, duel.4",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=every_order_is_true,
        tolerance=EXACT,
        inputs=lambda: laws_with_rules(SINGLE, drawn=False),
        examples=15,
        fixtures=(
            {"world": PARITY, "rule": TopK(1)},
            {"world": COPIED_PAIRS, "rule": TopK(1, "margin")},
            {"world": FAIR, "rule": TopK(1)},
        ),
        variants={
            "two tokens a step": lambda world, rule: every_order_is_true(world, LeftToRight(2)),
            "inconsistent conditionals": partial(every_order_is_true, denoiser=LOPSIDED),
        },
    ),
    Claim(
        id="duel.4b",
        statement=(
            "With true conditionals the divergence of the data law from the law of a deterministic rule is the sum over "
            "steps of the expected total correlation of the revealed tokens, given those revealed before."
        ),
        assumptions="True conditionals; any deterministic rule.",
        source=f"{NOTES}, duel.4",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=parallel_error,
        tolerance=ROUNDING,
        inputs=lambda: laws_with_rules(PARALLEL),
        examples=25,
        fixtures=(
            {"world": COPIED_PAIRS, "rule": LeftToRight(2)},
            {"world": PARITY, "rule": coded([2] * 26 + [0], 3, 2)},
        ),
        variants={"total correlations not given the revealed tokens": partial(parallel_error, given=False)},
        tex=r"\mathrm{KL}(q \| p^F) = \sum_t \mathbb{E}_q\, \mathrm{TC}(X_{\sigma_t} \mid x_{<\sigma_t})",
    ),
    Claim(
        id="duel.4c",
        statement=(
            "Let a fixed ordered partition of the positions be refined. With true conditionals the mean log-likelihood "
            "of the data rises by the sum over positions i of I(X_i; X_N | X_B), B the positions revealed before i in "
            "the coarse partition and N those that only the fine one reveals before i; it never falls."
        ),
        assumptions="True conditionals; partitions that do not depend on tokens.",
        source=f"{NOTES}, duel.4",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "certificate"),
        check=refining,
        tolerance=ROUNDING,
        inputs=refinements,
        examples=25,
        fixtures=(
            *({"world": PARITY, "order": [0, 2, 1], "cuts": [], "finer": finer} for finer in ([2], [1, 2])),
            {"world": FAIR, "order": [0, 1], "cuts": [], "finer": [1]},
        ),
        variants={
            "99 % of the information": partial(refining, factor=0.99),
            "whatever the denoiser": _whatever_the_denoiser,
        },
    ),
    Claim(
        id="duel.5",
        statement=(
            "Along the sampler's own paths the predicted entropies of the revealed tokens sum, in the mean, to the "
            "entropy of the sampler's output law, also where several tokens are revealed in one step."
        ),
        assumptions="Deterministic rule, any denoiser; tokens drawn from the predictions.",
        source=f"{NOTES}, duel.5",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=entropy_identity,
        tolerance=ROUNDING,
        inputs=lambda: tables(ALL, drawn=True, law=True),
        examples=10,
        fixtures=({"denoiser": BITS, "rule": TopK(1), "world": TableWorld.from_weights([9, 1, 1, 1], 2, 2)},),
        variants={"along paths of the data": partial(entropy_identity, chain="data")},
    ),
)
