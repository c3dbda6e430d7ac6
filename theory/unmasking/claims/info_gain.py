"""Info-Gain (arXiv 2602.18176): order invariance, what blocks add, and which potential is calibrated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.ledger import Claim, Evidence, Instance, equal
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.unmasking.claims.info_gain_blocks import CLAIMS as ON_BLOCKS
from theory.unmasking.claims.info_gain_laws import CLAIMS as ON_LAWS
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS, cumulative_entropy
from theory.unmasking.claims.info_gain_rules import CHANNEL, GENERIC, ROUNDING, small_laws, tolerance
from theory.unmasking.claims.info_gain_rules import CLAIMS as CHOICES
from theory.unmasking.rules.actions import Form
from theory.unmasking.rules.base import SetRule, ValueRule
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
from theory.unmasking.rules.sets import LeftToRight, RandomOne, TopK
from theory.unmasking.walks import Chain, walk
from theory.worlds import TableWorld, states

INDEPENDENT = {"n": 3, "d": 3, "weights": [math.prod(r) for r in itertools.product((5, 2, 1), (1, 1, 2), (9, 1, 1))]}


def order_invariance(n: int, d: int, weights: Sequence[float], several: bool = False) -> Iterator[Evidence]:
    """Compute E[Htilde] of one-token rules that do not look at drawn tokens, against H(q)."""
    world = TableWorld.from_weights(weights, n, d)
    claimed, slack = float(world.entropy()), tolerance(n, d)
    rules: list[SetRule] = [LeftToRight(2), TopK(2)] if several else [LeftToRight(1), TopK(1, "entropy"), RandomOne()]
    for rule in rules:
        found = walk(rule, world)
        yield equal(
            "enumeration",
            found.total(found.nodes.surprise, "sampler"),
            claimed,
            slack,
            effective=claimed > 1e-9,
            note=rule.name,
        )
    values: list[ValueRule] = (
        [SampledInfoGain(2)] if several else [SampledInfoGain(1), *(InfoGain(f, "drawn") for f in FORMS)]
    )
    for value in values:
        total, _, _ = cumulative_entropy(value, world)
        yield equal("enumeration", total, claimed, slack, effective=claimed > 1e-9, note=value.name)
    denoiser = reference.conditionals_of(reference.float_law(n, d, weights), d)
    written, _ = reference_lookahead.expected_entropy(denoiser, n, d, lambda z: _most_certain(denoiser, z, d, 1))
    yield equal("enumeration", written, claimed, slack, note="entropy-greedy, literally")


def _most_certain(denoiser: reference.Conditional, z: reference.State, d: int, k: int) -> list[int]:
    return sorted(
        reference.masked(z, d), key=lambda i: (reference.entropy(reference_lookahead.row(denoiser, z, i, d)), i)
    )[:k]


def blocks_add(n: int, d: int, weights: Sequence[float], k: int, chain: Chain = "data") -> Iterator[Evidence]:
    """Compute E[Htilde] - H(q) of a k-token rule and the expected total correlation of its blocks, along one chain."""
    world = TableWorld.from_weights(weights, n, d)
    for rule in (LeftToRight(k), TopK(k, "entropy")):
        found = walk(rule, world)
        extra = found.total(found.nodes.surprise, chain) - world.entropy()
        blocks = found.total(found.nodes.joint_dependence, chain)
        yield equal("enumeration", extra, blocks, tolerance(n, d), effective=float(blocks) > 1e-9, note=rule.name)
    law = reference.float_law(n, d, weights)
    starts = range(0, n, k)
    ahead = {(s, z): reference.marginal(law, z, d) for s in starts for x in law for z in [(*x[:s], *[d] * (n - s))]}
    denoiser = reference.conditionals_of(law, d)
    summed = math.fsum(
        m * reference.entropy(reference_lookahead.row(denoiser, z, i, d))
        for (s, z), m in ahead.items()
        for i in range(s, min(s + k, n))
    )
    found = walk(LeftToRight(k), world)
    yield equal(
        "enumeration", found.total(found.nodes.surprise), summed, tolerance(n, d), note="left to right, literally"
    )


def pure_gain(n: int, d: int, weights: Sequence[float], form: Form = "sum") -> Iterator[Evidence]:
    """At every possible state compare E_v J_sum(l) with sum_j I(X_l; X_j | z), from the definition of both."""
    law = reference.float_law(n, d, weights)
    world = TableWorld(states.normalised_law(weights, n, d), n, d)
    z = states.all_states(n, d)
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
    yield equal("enumeration", found[real], wanted[real], tolerance(n, d), note="sum of pairwise informations")


@st.composite
def _blocks(draw: DrawFn) -> Instance:
    return {**draw(small_laws()), "k": draw(st.integers(1, 2))}


CLAIMS = (
    *ON_BLOCKS,
    Claim(
        "infogain.3", f"{DERIVED}, P4", "One token a step, drawn at temperature 1, positions blind to drawn tokens: E[Htilde] = H(q)",
        "equality", ("enumeration",), order_invariance, ROUNDING, assumptions="exact conditionals", inputs=small_laws, examples=10,
        fixtures=(GENERIC,), variants={"two tokens a step, two candidates": partial(order_invariance, several=True)},
    ),
    Claim(
        "infogain.4b", f"{DERIVED}, P5, read along the data", "Exact conditionals, K >= 2: E_q[Htilde] = H(q) + sum_t E_q TC(X_A | z_t), tokens drawn jointly",
        "equality", ("enumeration",), blocks_add, ROUNDING, assumptions="deterministic rule", inputs=_blocks, examples=15,
        fixtures=({**GENERIC, "k": 2},), variants={"along the sampler": partial(blocks_add, chain="sampler")},
    ),
    Claim(
        "infogain.4c", f"{DERIVED}, P5, read along the sampler", "Exact conditionals, K >= 2: E[Htilde] = H(q) + sum_t E TC(X_A | z_t), tokens drawn independently",
        "equality", ("enumeration",), partial(blocks_add, chain="sampler"), ROUNDING, expected="refuted", see="infogain.4b", fixtures=({**GENERIC, "k": 2},),
    ),
    Claim(
        "infogain.5", f"{DERIVED}, P2", "With the sum as potential E_v J(l) = sum_j I(X_l; X_j | z), which is 0 for independent positions",
        "equality", ("enumeration",), pure_gain, ROUNDING, assumptions="exact conditionals; states of positive probability", inputs=small_laws, examples=15,
        fixtures=(GENERIC, CHANNEL, INDEPENDENT), variants={"the mean as potential": partial(pure_gain, form="mean")},
    ),
    *CHOICES,
    *ON_LAWS,
)  # fmt: skip
