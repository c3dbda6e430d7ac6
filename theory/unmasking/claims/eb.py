"""Claims 1-5: paths, the KL ordering, the decomposition, the entropy bound."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, shannon, strategies
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.tolerance import SLACK
from theory.unmasking import entropy_bounds, walks
from theory.unmasking.claims import literal as written
from theory.unmasking.claims.rule_inputs import BITS, COPIED_PAIRS, proxies, tolerance
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import EntropyBounded, RandomOne, TopK
from theory.worlds import TableWorld, repetition, states

PAPER = "Ben-Hamu et al., arXiv 2505.24857"
NOTES = "ours, see docs/derivations.md"
ROUNDING = "rounding of sums over states, ledger.rounding(n (d+1)^n, n ln d)"
COPY = TableWorld.from_weights([1, 0, 0, 0, 0, 0, 0, 1], 3, 2, "three copies of a bit")
GENERIC = TableWorld.from_weights([5, 1, 2, 4, 3, 1, 1, 7], 3, 2, "three bits")
_ATOMS = {7: 31, 10: 40, 13: 50, 14: 10, 23: 52, 29: 83}
SIX_ATOMS = TableWorld.from_weights([_ATOMS.get(x, 0) for x in range(32)], 5, 2, "six atoms")
LARGEST_PROOF = 5
"""Up to this many tokens a block's bound is proved by elemental inequalities."""


def normalised(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, peek: bool = False, apart: bool = False
) -> Iterator[Evidence]:
    """Sum p_phi over all paths, and q_phi over the partitions of each sequence, in fractions; then by the walk.

    `peek` chooses positions by their hidden tokens. `apart` draws the tokens of a block of q_phi independently.
    """
    law, found = reference.exact(world), written.paths(world, denoiser, rule)
    sequences, slack, effective = list(reference.sequences(world.n, world.d)), tolerance(world), len(law) > 1
    total = sum((p.sampler for p in found), Fraction(0))
    if peek:
        model = written.exact_conditionals(world, denoiser)
        total = sum((written.peeking(model, x, world.d) for x in sequences), Fraction(0))
    yield equal("rational", Fraction(total), Fraction(1), Fraction(0), effective=effective, note="sum of p_phi")
    data = [(p.x, p.sampler) for p in written.paths(world, None, rule)] if apart else [(p.x, p.data) for p in found]
    shares = [sum((p for y, p in data if y == x), Fraction(0)) for x in sequences]
    true = [Fraction(law.get(x, 0)) for x in sequences]
    yield equal("rational", shares, true, Fraction(0), effective=effective, note="sum of q_phi over partitions")
    done = walks.walk(rule, world, denoiser)
    output = written.listed(reference_paths.output(found), world)
    yield equal("enumeration", done.output.law(), output, slack, effective=effective, note="law of the walk")
    ends = done.visits_of_data[states.sequence_index(world.n, world.d)]
    yield equal("enumeration", ends, [float(p) for p in true], slack, effective=effective, note="data's chain")
    spent = [float(written.calls(found, data)) for data in (False, True)]
    yield equal("enumeration", [done.calls, done.calls_of_data], spent, world.n * slack, note="E[NFE]")


def ordering(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare the walk's KL of the output law with the KL over paths in fractions, and the gap with its formula."""
    law, found = reference.exact(world), written.paths(world, denoiser, rule)
    joint, output = reference_paths.joint_divergence(found), reference_paths.output(found)
    done = walks.walk(rule, world, denoiser)
    slack = tolerance(world, world.n * math.log(world.d))
    yield at_most("enumeration", done.divergence, factor * joint, slack, effective=joint > slack)
    single = reference.kullback_leibler(law, output)
    yield equal("enumeration", done.divergence, single, slack, note="walk against fractions, output law")
    yield equal("enumeration", done.path_divergence, joint, slack, note="walk against fractions, paths")
    yield equal("enumeration", joint - single, _gap(law, output, found), slack, note="the gap")
    if not isinstance(rule, RandomOne):
        yield equal("enumeration", done.divergence, joint, slack, note="no gap for a deterministic rule")


def _gap(law: reference.Law, output: reference.Law, found: list[reference_paths.Path]) -> float:
    """Return E_q KL(q_phi(partition | x) || p_phi(partition | x)), from both conditional laws of partitions."""
    parts = []
    for x, q in law.items():
        mine = [p for p in found if p.x == x and p.data > 0]
        data = {p.partition: p.data / q for p in mine}
        sampler = {p.partition: p.sampler / output[x] for p in mine}
        parts.append(float(q) * reference.kullback_leibler(data, sampler))  # type: ignore[arg-type]  # any keys
    return math.fsum(parts)


def decomposition(
    world: TableWorld,
    denoiser: TableDenoiser | None,
    rule: SetRule,
    share: float = 1.0,
    chain: walks.Chain = "data",
) -> Iterator[Evidence]:
    """Add model error and joint dependence error along the data's paths, node by node, and compare with the joint KL."""
    found, costs, d = written.paths(world, denoiser, rule), written.nodes(world, denoiser, rule), world.d
    joint, slack = reference_paths.joint_divergence(found), tolerance(world, world.n * math.log(d))
    visits = _visits(found, d, chain)
    gaps = math.fsum(float(mass) * costs[z][0] for z, mass in visits.items() if z in costs)
    dependences = math.fsum(float(mass) * costs[z][1] for z, mass in visits.items() if z in costs)
    yield equal("enumeration", gaps + share * dependences, joint, slack, effective=joint > slack, note="sum of both")
    done = walks.walk(rule, world, denoiser)
    for name, engine, total in (("model", done.model_error, gaps), ("dependence", done.joint_dependence, dependences)):
        yield equal("enumeration", engine, total, slack, effective=total > slack, note=f"{name} error of the walk")


def _visits(found: list[reference_paths.Path], d: int, chain: walks.Chain) -> dict[reference.State, Fraction]:
    """Return the probability that a path of the data (or of the sampler) visits each state that has masks."""
    visits: dict[reference.State, Fraction] = {}
    for path in found:
        z: reference.State = (d,) * len(path.x)
        for block in path.partition:
            visits[z] = visits.get(z, Fraction(0)) + (path.data if chain == "data" else path.sampler)
            for i in block:
                z = reference.with_token(z, i, path.x[i])
    return visits


def node_bound(
    world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare joint dependence error and bound at every reachable state, each side once in fractions, once by the walk."""
    done, costs, d = walks.walk(rule, world, denoiser), written.nodes(world, denoiser, rule), world.d
    here = states.index_of(torch.tensor(list(costs)), d)
    exact = torch.tensor(list(costs.values()), dtype=torch.float64)
    dependence, bound = done.nodes.joint_dependence[here], done.nodes.bound[here]
    slack, effective = tolerance(world, world.n * math.log(d)), float(exact[:, 2].max()) > tolerance(world)
    yield at_most("enumeration", dependence, factor * exact[:, 2], slack, effective=effective)
    yield at_most("enumeration", dependence[0], factor * float(exact[0, 2]), slack, effective=effective, note="at once")
    yield at_least("enumeration", exact[:, 1], 0.0, slack, effective=effective, note="no error is negative")
    yield equal("enumeration", dependence, exact[:, 1], slack, effective=effective, note="error, walk and fractions")
    yield equal("enumeration", bound, exact[:, 2], slack, effective=effective, note="bound, walk and fractions")
    rest = exact[:, 2] - exact[:, 1]
    yield equal("enumeration", rest, exact[:, 3], slack, effective=effective, note="slack = H(rest | most uncertain)")
    yield from _proved()


@functools.cache
def _proved() -> tuple[Evidence, ...]:
    """Prove H(X_A) >= H(X_a) for blocks of up to five tokens: then no a in A gives a bound below the error."""
    return tuple(
        shannon.certified(shannon.combine([(1, shannon.entropy_of(range(k))), (-1, shannon.entropy_of([0]))]), k)
        for k in range(2, LARGEST_PROOF + 1)
    )


def oracle_guarantee(world: TableWorld, rule: EntropyBounded, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(q || p_phi) of EB with budget * E[steps that reveal several tokens], each side by both routes."""
    done, found = walks.walk(rule, world), written.paths(world, None, rule)
    several = float(written.several(found))
    claimed = factor * rule.budget * several
    slack = tolerance(world, world.n) + world.n * SLACK * max(1.0, rule.budget)
    effective = float(done.divergence) > slack
    yield at_most("enumeration", done.divergence, claimed, slack, effective=effective)
    single = reference.kullback_leibler(reference.exact(world), reference_paths.output(found))
    steps = torch.as_tensor(done.total(done.nodes.several), dtype=torch.float64)
    engine = entropy_bounds.oracle_guarantee(rule.budget, steps)
    yield at_most("enumeration", single, factor * engine, slack, effective=effective, note="sides exchanged")
    yield equal("enumeration", engine, rule.budget * several, slack, note="steps with several tokens")


@st.composite
def cases(draw: DrawFn) -> Instance:
    """Draw a law, its own conditionals (None) or any inconsistent ones, and a rule."""
    world = draw(strategies.worlds(n=(2, 3), cells=9))
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


def copies(count: int, d: int) -> Instance:
    """Return copies of one uniform token, revealed together: every bound of this module is attained there."""
    return {"world": repetition(count, d), "denoiser": None, "rule": EntropyBounded(math.inf)}


TIGHT = {"world": COPY, "denoiser": None, "rule": EntropyBounded(0.4)}
LOOSE = {"world": COPY, "denoiser": None, "rule": EntropyBounded(2.0)}
STOCHASTIC = {"world": GENERIC, "denoiser": None, "rule": RandomOne()}
INCONSISTENT = {"world": TableWorld.from_weights([1, 2, 3, 4], 2, 2), "denoiser": BITS, "rule": TopK(1)}
AT_ITS_BUDGET = {"world": COPY, "rule": EntropyBounded(2 * math.log(2))}
PAIRS_AT_ITS_BUDGET = {"world": COPIED_PAIRS, "rule": EntropyBounded(math.log(2))}

CLAIMS = (
    Claim(
        id="eb.1",
        statement=(
            "Let a rule choose the next block of positions from the revealed tokens alone. The probabilities p_phi of "
            "the sampler's paths (a sequence with the ordered partition in which it was revealed) sum to one, and for "
            "each sequence x the probabilities q_phi of the data's paths sum to q(x)."
        ),
        assumptions="The rule does not look at hidden tokens; the denoiser is any.",
        source=f"{PAPER}, section 5 and equations (5), (6)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=normalised,
        tolerance=f"none in fractions; {ROUNDING}",
        inputs=cases,
        examples=12,
        fixtures=(LOOSE, TIGHT, STOCHASTIC, INCONSISTENT),
        variants={
            "the rule looks at hidden tokens": partial(normalised, peek=True),
            "q_phi draws the tokens of a block independently": partial(normalised, apart=True),
        },
    ),
    Claim(
        id="eb.2",
        statement=(
            "The divergence of the data law q from the sampler's output law is at most the divergence KL(q_phi || "
            "p_phi) between their paths. The gap is the mean over the data of KL(q_phi(z | x) || p_phi(z | x)), z the "
            "ordered partition, and is zero for deterministic rules."
        ),
        assumptions="The denoiser is positive on the data's support.",
        source=f"{PAPER}, equation (10)",
        status="printed",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=ordering,
        tolerance=ROUNDING,
        inputs=cases,
        examples=12,
        fixtures=(LOOSE, STOCHASTIC, INCONSISTENT),
        variants={"at most 99 % of the divergence between paths": partial(ordering, factor=0.99)},
        sharp=Sharp("The factor 1 is the best: every deterministic rule attains it.", LOOSE, 1 - 1e-9),
    ),
    Claim(
        id="eb.3",
        statement=(
            "The divergence KL(q_phi || p_phi) between paths is the expected sum, along paths of the data, of the model "
            "errors of the revealed tokens and of the joint dependence errors of the blocks."
        ),
        assumptions="The denoiser is positive on the data's support.",
        source=f"{PAPER}, equation (7)",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=decomposition,
        tolerance=ROUNDING,
        inputs=cases,
        examples=12,
        fixtures=(INCONSISTENT, LOOSE, STOCHASTIC),
        variants={
            "99 % of the dependence errors": partial(decomposition, share=0.99),
            "along paths of the sampler": partial(decomposition, chain="sampler"),
        },
        tex=r"\mathrm{KL}(q_\phi \| p_\phi) = \mathbb{E}_{q_\phi} \sum_t \Big[\sum_{i \in z_t} \mathrm{KL}(q_i \| p_i)"
        r" + \mathrm{KL}(q_{z_t} \| \textstyle\prod_{i \in z_t} q_i)\Big]",
    ),
    Claim(
        id="eb.4",
        statement=(
            "At every state that the data can reach, the joint dependence error of the block A that is revealed lies "
            "between zero and the sum of the block's entropies minus the largest of them. The bound exceeds the error "
            "by H(X_A | X_a), a the most uncertain token of the block: it is attained exactly where all tokens of the "
            "block are functions of X_a."
        ),
        assumptions="The entropies are those of the true conditionals, given the revealed tokens.",
        source=f"{PAPER}, equation (8); when it is attained: {NOTES}, eb.4",
        status="printed",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "certificate"),
        check=node_bound,
        tolerance=ROUNDING,
        inputs=cases,
        examples=12,
        fixtures=(
            copies(2, 2),
            copies(3, 3),
            copies(5, 2),
            LOOSE,
            {"world": GENERIC, "denoiser": None, "rule": TopK(2)},
        ),
        variants={"99 % of the bound": partial(node_bound, factor=0.99)},
        sharp=Sharp("The factor 1 is the best for every size of block: copies of one token.", copies(3, 3), 1 - 1e-9),
        tex=r"0 \le \mathrm{KL}(q_A \| \textstyle\prod_{i \in A} q_i) = \sum_{i \in A} H_i - \max_{i \in A} H_i -"
        r" H(X_A \mid X_a)",
    ),
    Claim(
        id="eb.5",
        statement=(
            "With exact conditionals the entropy-bounded sampler errs by KL(q || p_phi) at most its budget times the "
            "expected number of steps that reveal two tokens or more."
        ),
        assumptions="Exact conditionals; positions ordered by any proxy.",
        source=f"{NOTES}, eb.5",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=oracle_guarantee,
        tolerance=f"{ROUNDING}; n times the slack with which the rule compares a bound with its budget",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(2, 5), cells=32), rule=bounded_rules()),
        examples=15,
        fixtures=(
            AT_ITS_BUDGET,
            PAIRS_AT_ITS_BUDGET,
            {"world": SIX_ATOMS, "rule": EntropyBounded(0.45)},
            {"world": COPY, "rule": EntropyBounded(1.4, "margin")},
        ),
        variants={"99 % of the budget": partial(oracle_guarantee, factor=0.99)},
        sharp=Sharp(
            "The factor 1 is the best for any number of such steps: copied pairs of bits at budget ln 2.",
            PAIRS_AT_ITS_BUDGET,
            1 - 1e-9,
        ),
    ),
)
