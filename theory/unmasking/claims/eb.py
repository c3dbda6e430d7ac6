"""Claims 1-5 of the EB-Sampler notes: paths, the KL ordering, the decomposition, the entropy bound."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, strategies
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.unmasking import entropy_bounds
from theory.unmasking.claims.rule_inputs import proxies, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, repetition, states

PAPER = "Ben-Hamu et al., arXiv 2505.24857"
SUPPLEMENT = "EB-Sampler notes"
ROUNDING = "rounding of sums over states, ledger.rounding(n (d+1)^n, n ln d)"
COPY = TableWorld.from_weights([1, 0, 0, 0, 0, 0, 0, 1], 3, 2, "three copies of a bit")
GENERIC = TableWorld.from_weights([5, 1, 2, 4, 3, 1, 1, 7], 3, 2, "three bits")
_ATOMS = {7: 31, 10: 40, 13: 50, 14: 10, 23: 52, 29: 83}
SIX_ATOMS = TableWorld.from_weights([_ATOMS.get(x, 0) for x in range(32)], 5, 2, "six atoms")


def literal(rule: SetRule) -> reference_paths.LiteralRule:
    """Return the same rule written out."""
    match rule:
        case RandomOne():
            return reference_paths.random_one
        case TopK(k, by):
            return reference_paths.top_k(k, by)
        case EntropyBounded(budget, by):
            return reference_paths.entropy_bounded(budget, by)
    raise InvalidInput(f"rule {rule.name!r} is not written out; expected random one, Top-k or EB")


def literal_paths(world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule) -> list[reference_paths.Path]:
    """Return every path of the rule in fractions, under the true conditionals unless a denoiser is given."""
    exact = reference.exact_conditionals(denoiser or world)
    return list(reference_paths.paths(reference.exact(world), exact, literal(rule), world.n, world.d))


def normalised(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, peek: float = 0.0
) -> Iterator[Evidence]:
    """Sum p_phi over all paths, and q_phi over the partitions of each sequence, in fractions; then the walk's law."""
    law, found = reference.exact(world), literal_paths(world, denoiser, rule)
    sequences, slack, effective = list(reference.sequences(world.n, world.d)), tolerance(world), len(law) > 1
    total = sum((p.sampler for p in found), Fraction(0)) + Fraction(peek)
    yield equal("rational", Fraction(total), Fraction(1), Fraction(0), effective=effective, note="sum of p_phi")
    shares = {x: sum((p.data for p in found if p.x == x), Fraction(0)) for x in sequences}
    worst = max(shares, key=lambda x: abs(shares[x] - law.get(x, 0)))
    yield equal("rational", Fraction(shares[worst]), Fraction(law.get(worst, 0)), Fraction(0), effective=effective)
    done, output = walk(rule, world, denoiser), reference_paths.output(found)
    expected = [float(output.get(x, 0)) for x in sequences]
    yield equal("enumeration", done.output.law(), expected, slack, effective=effective, note="walk's law")
    ends = done.visits_of_data[states.sequence_index(world.n, world.d)]
    yield equal("enumeration", ends, world.law(), slack, effective=effective, note="data chain")


def ordering(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) with the joint KL over paths; the gap with E_q KL(q_phi(z|x) || p_phi(z|x))."""
    law, found = reference.exact(world), literal_paths(world, denoiser, rule)
    joint, output = reference_paths.joint_divergence(found), reference_paths.output(found)
    single = reference.kullback_leibler(law, output)
    slack, effective = tolerance(world, world.n * math.log(world.d)), joint > 1e-9
    yield at_most("enumeration", single, factor * joint, slack, effective=effective, note="KL(q||p) <= joint KL")
    gap = math.fsum(float(p.data) * math.log(p.data / law[p.x] * output[p.x] / p.sampler) for p in found if p.data > 0)
    yield equal("enumeration", joint - single, gap, slack, note="gap = E_q KL of the partitions")
    if not isinstance(rule, RandomOne):
        yield equal("enumeration", single, joint, slack, note="deterministic rule: equality")
    yield equal("enumeration", walk(rule, world, denoiser).path_divergence, joint, slack, note="walk's path KL")


def decomposition(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, drop: bool = False
) -> Iterator[Evidence]:
    """Sum model error and joint dependence error along the paths of the data, node by node, against the joint KL."""
    law, exact, d = reference.exact(world), reference.exact_conditionals(denoiser or world), world.d
    found = literal_paths(world, denoiser, rule)
    gaps, dependences = [], []
    for path in (p for p in found if p.data > 0):
        z = (d,) * world.n
        for block in path.partition:
            gap, dependence, _ = reference_paths.node_errors(law, exact, z, block, d)
            gaps.append(float(path.data) * gap)
            dependences.append(float(path.data) * dependence)
            for i in block:
                z = reference.with_token(z, i, path.x[i])
    joint = reference_paths.joint_divergence(found)
    slack = tolerance(world, world.n * math.log(d))
    total = math.fsum(gaps) + (0.0 if drop else math.fsum(dependences))
    yield equal("enumeration", total, joint, slack, effective=joint > 1e-9, note="ME + JD = joint KL")
    done = walk(rule, world, denoiser)
    yield equal("enumeration", done.model_error, math.fsum(gaps), slack, note="walk's model error")
    yield equal("enumeration", done.joint_dependence, math.fsum(dependences), slack, note="walk's JD")


def node_bound(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare joint dependence error with sum-minus-max at every reachable state."""
    done, d = walk(rule, world, denoiser), world.d
    here = done.visits_of_data > 0
    dependence, bound = done.nodes.joint_dependence[here], done.nodes.bound[here]
    slack, effective = tolerance(world, world.n * math.log(d)), float(bound.max()) > 1e-6
    yield at_most("enumeration", dependence, factor * bound, slack, effective=effective)
    yield at_least("enumeration", dependence, 0.0, slack, effective=effective, note="JD >= 0")
    if not isinstance(rule, RandomOne):
        exact, root = reference.exact_conditionals(denoiser or world), (d,) * world.n
        block = literal(rule)(reference_paths.rows_at(exact, root, d))[0][1]
        _, jd, b = reference_paths.node_errors(reference.exact(world), exact, root, block, d)
        yield equal("enumeration", done.nodes.joint_dependence[-1], jd, slack, note="JD at the root, written out")
        yield equal("enumeration", done.nodes.bound[-1], b, slack, note="bound at the root, written out")


def copies_are_tight(copies: int, d: int) -> Iterator[Evidence]:
    """Reveal all copies of one token at once: JD = B = (k - 1) ln d; independent tokens: JD = 0."""
    world, claimed = repetition(copies, d), (copies - 1) * math.log(d)
    at_once, slack = walk(EntropyBounded(math.inf), world), tolerance(world, copies)
    yield equal("enumeration", at_once.nodes.joint_dependence[-1], claimed, slack)
    yield equal("enumeration", at_once.nodes.bound[-1], claimed, slack)
    free = walk(EntropyBounded(math.inf), TableWorld.from_weights([1] * d**copies, copies, d))
    yield equal("enumeration", free.nodes.joint_dependence[-1], 0.0, slack, note="independent tokens")


def oracle_guarantee(world: TableWorld, rule: EntropyBounded, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) of EB with exact conditionals with budget * E[steps that reveal several tokens]."""
    done = walk(rule, world)
    claimed = factor * entropy_bounds.oracle_guarantee(rule.budget, torch.as_tensor(done.total(done.nodes.several)))
    effective = float(done.divergence) > 1e-9
    slack = tolerance(world, world.n)
    yield at_most("enumeration", done.divergence, claimed, slack, effective=effective)
    yield at_most("enumeration", done.bound, claimed, slack, effective=effective, note="sum of node bounds")


@st.composite
def cases(draw: DrawFn, largest: int = 3) -> Instance:
    """Draw a law, its own conditionals (None) or any inconsistent ones, and a rule."""
    world = draw(strategies.worlds(n=(2, largest), cells=9 if largest == 3 else 27))
    return {"world": world, "denoiser": draw(st.none() | strategies.denoisers(world)), "rule": draw(rules())}


def rules() -> st.SearchStrategy[SetRule]:
    """Draw one random position, Top-2 or EB."""
    return st.just(RandomOne()) | st.builds(TopK, st.just(2), proxies()) | bounded_rules()


def bounded_rules() -> st.SearchStrategy[EntropyBounded]:
    """Draw EB with any proxy."""
    return st.builds(EntropyBounded, budgets(), proxies())


def budgets() -> st.SearchStrategy[float]:
    """Draw a budget in nats, zero included."""
    return st.integers(0, 30).map(lambda k: k / 20)


TIGHT = {"world": COPY, "denoiser": None, "rule": EntropyBounded(0.4)}
LOOSE = {"world": COPY, "denoiser": None, "rule": EntropyBounded(2.0)}
STOCHASTIC = {"world": GENERIC, "denoiser": None, "rule": RandomOne()}

CLAIMS = (
    Claim(
        id="eb.1",
        statement="p_phi sums to one over sequences and partitions; the partitions of q_phi sum to q",
        assumptions="rule blind to hidden values; any denoiser",
        source=f"{PAPER}, section 5 and eqs. (5), (6)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=normalised,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=12,
        fixtures=(TIGHT, STOCHASTIC),
        variants={"a millionth too much": partial(normalised, peek=1e-6)},
    ),
    Claim(
        id="eb.2",
        statement=(
            "KL(q || p_phi) <= KL(q_phi || p_phi); the gap is E_q KL(q_phi(z|x) || p_phi(z|x)), zero for "
            "deterministic rules"
        ),
        assumptions="denoiser positive on the support",
        source=f"{PAPER}, eq. (10)",
        status="printed",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=ordering,
        tolerance=ROUNDING,
        inputs=cases,
        examples=12,
        fixtures=(LOOSE, STOCHASTIC),
        variants={"half the joint KL": partial(ordering, factor=0.5)},
    ),
    Claim(
        id="eb.3",
        statement="KL(q_phi || p_phi) = model error + joint dependence error, both averaged under q_phi",
        assumptions="denoiser positive on the support",
        source=f"{PAPER}, eq. (7)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=decomposition,
        tolerance=ROUNDING,
        inputs=cases,
        examples=12,
        fixtures=(LOOSE, STOCHASTIC),
        variants={"dependence error dropped": partial(decomposition, drop=True)},
    ),
    Claim(
        id="eb.4",
        statement="At every reachable state 0 <= JD <= sum of the block's entropies minus the largest",
        assumptions="entropies of the true conditionals",
        source=f"{PAPER}, eq. (8)",
        status="printed",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=node_bound,
        tolerance=ROUNDING,
        inputs=partial(cases, 4),
        examples=25,
        fixtures=(LOOSE,),
        variants={"half the bound": partial(node_bound, factor=0.5)},
    ),
    Claim(
        id="eb.4b",
        statement="k copies revealed at once: JD = B = (k - 1) H; independent tokens: JD = 0",
        source=f"{PAPER}, eq. (8)",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=copies_are_tight,
        tolerance=ROUNDING,
        fixtures=({"copies": 2, "d": 2}, {"copies": 3, "d": 3}, {"copies": 5, "d": 2}),
        variants={
            "one copy fewer": lambda copies, d: (
                equal("enumeration", e.computed, e.claimed * (copies - 2) / (copies - 1), 1e-12)
                for e in copies_are_tight(copies, d)
            )
        },
    ),
    Claim(
        id="eb.5",
        statement="EB with exact conditionals: KL(q || p_phi) <= budget * E[steps that reveal two tokens or more]",
        assumptions="exact conditionals; any proxy",
        source=f"{SUPPLEMENT}, X3",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=oracle_guarantee,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 5), cells=32), rule=bounded_rules()),
        fixtures=(
            {"world": SIX_ATOMS, "rule": EntropyBounded(0.45)},
            {"world": COPY, "rule": EntropyBounded(1.4, "margin")},
        ),
        variants={"a tenth of the budget": partial(oracle_guarantee, factor=0.1)},
    ),
)
