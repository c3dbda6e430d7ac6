"""Info-Gain (arXiv 2602.18176): order invariance, what blocks add, and which potential is calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, equal, strategies
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.reference.laws import Conditional
from theory.unmasking.claims import literal as written
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS, cumulative_entropy
from theory.unmasking.claims.info_gain_rules import CHANNEL, GENERIC, ROUNDING, only_worlds, small_worlds, tolerance
from theory.unmasking.claims.rule_inputs import product_world
from theory.unmasking.rules.actions import Form
from theory.unmasking.rules.base import SetRule, ValueRule
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
from theory.unmasking.rules.sets import LeftToRight, RandomOne, TopK
from theory.unmasking.walks import Chain, walk
from theory.worlds import TableWorld, states

INDEPENDENT = product_world([(5, 2, 1), (1, 1, 2), (9, 1, 1)])


def order_invariance(world: TableWorld, several: bool = False) -> Iterator[Evidence]:
    """Compute E[Htilde] of one-token rules that do not look at drawn tokens, against H(q)."""
    claimed, slack = float(world.entropy()), tolerance(world)
    effective = claimed > slack
    rules: list[SetRule] = [LeftToRight(2), TopK(2)] if several else [LeftToRight(1), TopK(1, "entropy"), RandomOne()]
    for rule in rules:
        found = walk(rule, world)
        total = found.total(found.nodes.surprise, "sampler")
        yield equal("enumeration", total, claimed, slack, effective=effective, note=rule.name)
    values: list[ValueRule] = (
        [SampledInfoGain(2)] if several else [SampledInfoGain(1), *(InfoGain(f, "drawn") for f in FORMS)]
    )
    for value in values:
        total, _, _ = cumulative_entropy(value, world)
        yield equal("enumeration", total, claimed, slack, effective=effective, note=value.name)
    denoiser, n, d = reference.float_conditionals(world), world.n, world.d
    written, _ = reference_lookahead.expected_entropy(denoiser, n, d, lambda z: _most_certain(denoiser, z, d, 1))
    yield equal("enumeration", written, claimed, slack, note="entropy-greedy, literally")


def _most_certain(denoiser: Conditional, z: reference.State, d: int, k: int) -> list[int]:
    return sorted(
        reference.masked(z, d), key=lambda i: (reference.entropy(reference_lookahead.row(denoiser, z, i, d)), i)
    )[:k]


def blocks_add(world: TableWorld, k: int, chain: Chain = "data") -> Iterator[Evidence]:
    """Compare the cumulative entropy of k-token rules, by the walk, with H(q) plus the blocks' correlations written out."""
    slack, law = tolerance(world), reference.exact(world)
    for rule in (LeftToRight(k), TopK(k, "entropy")):
        found, costs = walk(rule, world), written.nodes(world, None, rule)
        visits = dict.fromkeys(costs, 0.0)
        for path in written.paths(world, None, rule):
            z: reference.State = (world.d,) * world.n
            for block in path.partition:
                if z in visits:
                    visits[z] += float(path.data if chain == "data" else path.sampler)
                z = tuple(path.x[i] if i in block else v for i, v in enumerate(z))
        blocks = math.fsum(visits[z] * costs[z][1] for z in costs)
        claimed = reference.entropy(law.values()) + blocks
        total = found.total(found.nodes.surprise, chain)
        yield equal("enumeration", total, claimed, slack, effective=blocks > slack, note=rule.name)
        engine = found.total(found.nodes.joint_dependence, chain)
        yield equal("enumeration", engine, blocks, slack, note=f"{rule.name}, correlations")


def pure_gain(world: TableWorld, form: Form = "sum") -> Iterator[Evidence]:
    """At every possible state compare E_v J_sum(l) with sum_j I(X_l; X_j | z), from the definition of both."""
    law, d = reference.floats(world), world.d
    z = states.all_states(world.n, d)
    z = z[(z == d).any(-1) & world.log_marginal(z).isfinite()]
    found = InfoGain(form, "drawn").scores(world, z, world(z))
    wanted = torch.full_like(found, -torch.inf)
    for k, state in enumerate(z.tolist()):
        rest = {x: p for x, p in law.items() if reference.agrees(x, tuple(state), d)}
        total = math.fsum(rest.values())
        rest = {x: p / total for x, p in rest.items()}
        hidden = reference.masked(tuple(state), d)
        for i in hidden:
            pairs = [
                reference.subset_entropy(rest, [j]) - reference.subset_entropy(rest, [i, j]) for j in hidden if j != i
            ]
            wanted[k, i] = math.fsum(pairs) + len(pairs) * reference.subset_entropy(rest, [i])
    real = wanted > -torch.inf
    yield equal("enumeration", found[real], wanted[real], tolerance(world), note="sum of pairwise informations")


CLAIMS = (
    Claim(
        id="infogain.3",
        statement=(
            "With exact conditionals, one token a step drawn at temperature 1 and positions chosen without looking at "
            "drawn tokens, the expected cumulative entropy is the entropy H(q) of the data, whatever the rule."
        ),
        assumptions="Exact conditionals.",
        source=f"{DERIVED}, infogain.4",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=order_invariance,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=6,
        fixtures=({"world": GENERIC},),
        variants={"two tokens a step, two candidates": partial(order_invariance, several=True)},
    ),
    Claim(
        id="infogain.4b",
        statement=(
            "With exact conditionals and k tokens a step the cumulative entropy, expected along the data, is H(q) plus "
            "the expected sum over steps of the total correlation of the revealed tokens, given those revealed before."
        ),
        assumptions="Exact conditionals; a deterministic rule.",
        source=f"{DERIVED}, infogain.4",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=blocks_add,
        tolerance=ROUNDING,
        inputs=lambda: strategies.paired(world=small_worlds(), k=st.integers(1, 2)),
        examples=9,
        fixtures=({"world": GENERIC, "k": 2},),
        variants={"along the sampler, which draws the tokens independently": partial(blocks_add, chain="sampler")},
    ),
    Claim(
        id="infogain.5",
        statement=(
            "With exact conditionals and the sum of the masked entropies as potential, the expected objective of "
            "revealing position l is the sum over the other masked positions j of the mutual information I(X_l; X_j) "
            "given the revealed tokens: its own cost cancels, and it is 0 for independent positions."
        ),
        assumptions="Exact conditionals; states of positive probability.",
        source=f"{DERIVED}, infogain.5",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=pure_gain,
        tolerance=ROUNDING,
        inputs=only_worlds,
        examples=15,
        fixtures=({"world": GENERIC}, {"world": CHANNEL}, {"world": INDEPENDENT}),
        variants={"the mean as potential": partial(pure_gain, form="mean")},
        tex=r"\mathbb{E}_v J(l) = \sum_{j \ne l} I(X_l; X_j \mid z)",
    ),
)
