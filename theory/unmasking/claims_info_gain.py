"""Info-Gain (arXiv 2602.18176): telescoping, order invariance, which potential is calibrated, and the best order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory import definitions as plain
from theory import information, states, strategies
from theory.ledger import Claim, Evidence, Instance, equal
from theory.unmasking import definitions as literal
from theory.unmasking import literal_rules
from theory.unmasking.claims_info_gain_laws import CLAIMS as ON_LAWS
from theory.unmasking.claims_info_gain_laws import DERIVED, FORMS, cumulative_entropy
from theory.unmasking.claims_info_gain_rules import CHANNEL, GENERIC, ROUNDING, small_laws, tolerance
from theory.unmasking.claims_info_gain_rules import CLAIMS as CHOICES
from theory.unmasking.definitions import Denoiser
from theory.unmasking.rules.base import SetRule, ValueRule
from theory.unmasking.rules.info_gain import Form, InfoGain, SampledInfoGain, objective
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.unmasking.walks import DATA, SAMPLER, table_model, walk
from theory.worlds import TableWorld

INDEPENDENT = {"n": 3, "d": 3, "weights": [math.prod(r) for r in itertools.product((5, 2, 1), (1, 1, 2), (9, 1, 1))]}


def telescoping(
    n: int,
    d: int,
    weights: Sequence[float],
    order: Sequence[int],
    tokens: Sequence[int],
    form: Form,
    potential: Form | None = None,
) -> Iterator[Evidence]:
    """Sum J along a trajectory, literally and by the torch objective; compare with potential(z_T) - Htilde."""
    denoiser = literal.oracle(plain.float_law(n, d, weights), d)
    world = TableWorld(states.normalised_law(weights, n, d), n, d)
    z, summed, engine, spent = (d,) * n, 0.0, 0.0, 0.0
    for i in order:
        summed += literal_rules.action_value(denoiser, z, i, tokens[i], d, form)
        here = torch.tensor([z])
        engine += float(objective(world, here, torch.tensor([[i]]), torch.tensor([[tokens[i]]]), d, form, world(here)))
        spent += plain.entropy(literal_rules.row(denoiser, z, i, d))
        z = plain.with_token(z, i, tokens[i])
    claimed = literal_rules.uncertainty(denoiser, (d,) * n, d, potential or form) - (
        0.0 if form == "look-ahead" else spent
    )
    yield equal("enumeration", summed, claimed, tolerance(n, d), effective=spent > 1e-9, note="literal sum")
    yield equal("enumeration", engine, claimed, tolerance(n, d), effective=spent > 1e-9, note="torch objective")


def order_invariance(n: int, d: int, weights: Sequence[float], several: bool = False) -> Iterator[Evidence]:
    """Compute E[Htilde] of one-token rules that do not look at drawn tokens, against H(q)."""
    q = states.normalised_law(weights, n, d)
    claimed, slack = float(information.entropy(q)), tolerance(n, d)
    rules: list[SetRule] = [LeftToRight(2), TopK(2)] if several else [LeftToRight(1), TopK(1, "entropy"), RandomOne()]
    for rule in rules:
        found = walk(rule, q, n, d)
        yield equal(
            "enumeration",
            found.total(found.surprise, SAMPLER),
            claimed,
            slack,
            effective=claimed > 1e-9,
            note=rule.name,
        )
    values: list[ValueRule] = (
        [SampledInfoGain(2)] if several else [SampledInfoGain(1), *(InfoGain(f, "drawn") for f in FORMS)]
    )
    for value in values:
        total, _, _ = cumulative_entropy(value, q, n, d)
        yield equal("enumeration", total, claimed, slack, effective=claimed > 1e-9, note=value.name)
    denoiser = literal.oracle(plain.float_law(n, d, weights), d)
    written, _ = literal_rules.expected_entropy(denoiser, n, d, lambda z: _most_certain(denoiser, z, d, 1))
    yield equal("enumeration", written, claimed, slack, note="entropy-greedy, literally")


def _most_certain(denoiser: Denoiser, z: plain.State, d: int, k: int) -> list[int]:
    return sorted(plain.masked(z, d), key=lambda i: (plain.entropy(literal_rules.row(denoiser, z, i, d)), i))[:k]


def output_entropy(
    n: int, d: int, weights: Sequence[float], other: Sequence[float], k: int, stochastic: bool = False
) -> Iterator[Evidence]:
    """Compute E[Htilde] and the output's entropy with conditionals that switch between two laws by the parity of the masks."""
    first, second = (literal.oracle(plain.float_law(n, d, w), d) for w in (weights, other))

    def denoiser(z: plain.State, i: int, v: int) -> float:
        return float((second if len(plain.masked(z, d)) % 2 else first)(z, i, v))

    q = states.normalised_law(weights, n, d)
    worlds = [TableWorld(states.normalised_law(w, n, d), n, d) for w in (weights, other)]
    z = states.all_states(n, d)
    odd = (z == d).sum(-1) % 2 == 1
    log_p = torch.where(odd[:, None, None], worlds[1](z), worlds[0](z))
    slack = tolerance(n, d)
    rules: list[SetRule] = [RandomOne()] if stochastic else [LeftToRight(k), TopK(k, "entropy"), EntropyBounded(0.4)]
    for rule in rules:
        found = walk(rule, q, n, d, table_model(log_p[None]))
        entropy = information.entropy(found.output)
        yield equal(
            "enumeration",
            found.total(found.surprise, SAMPLER),
            entropy,
            slack,
            effective=float(entropy) > 1e-9,
            note=rule.name,
        )
    written, law = literal_rules.expected_entropy(denoiser, n, d, lambda z: plain.masked(z, d)[:k])
    yield equal("enumeration", written, plain.entropy(law.values()), slack, note="left to right, literally")


def blocks_add(n: int, d: int, weights: Sequence[float], k: int, chain: int = DATA) -> Iterator[Evidence]:
    """Compute E[Htilde] - H(q) of a k-token rule and the expected total correlation of its blocks, along one chain."""
    q = states.normalised_law(weights, n, d)
    for rule in (LeftToRight(k), TopK(k, "entropy")):
        found = walk(rule, q, n, d)
        extra = found.total(found.surprise, chain) - information.entropy(q)
        blocks = found.total(found.joint_dependence, chain)
        yield equal("enumeration", extra, blocks, tolerance(n, d), effective=float(blocks) > 1e-9, note=rule.name)
    law = plain.float_law(n, d, weights)
    starts = range(0, n, k)
    ahead = {(s, z): plain.marginal(law, z, d) for s in starts for x in law for z in [(*x[:s], *[d] * (n - s))]}
    denoiser = literal.oracle(law, d)
    summed = math.fsum(
        m * plain.entropy(literal_rules.row(denoiser, z, i, d))
        for (s, z), m in ahead.items()
        for i in range(s, min(s + k, n))
    )
    found = walk(LeftToRight(k), q, n, d)
    yield equal(
        "enumeration", found.total(found.surprise, DATA), summed, tolerance(n, d), note="left to right, literally"
    )


def pure_gain(n: int, d: int, weights: Sequence[float], form: Form = "sum") -> Iterator[Evidence]:
    """At every possible state compare E_v J_sum(l) with sum_j I(X_l; X_j | z), from the definition of both."""
    law = plain.float_law(n, d, weights)
    world = TableWorld(states.normalised_law(weights, n, d), n, d)
    z = states.all_states(n, d)
    z = z[(z == d).any(-1) & world.log_marginal(z).isfinite()]
    found = InfoGain(form, "drawn").scores(world, z, d, world(z))
    wanted = torch.full_like(found, -torch.inf)
    for k, state in enumerate(z.tolist()):
        rest = {x: p for x, p in law.items() if plain.agrees(x, tuple(state), d)}
        total = math.fsum(rest.values())
        rest = {x: p / total for x, p in rest.items()}
        hidden = plain.masked(tuple(state), d)
        for i in hidden:
            pairs = [plain.subset_entropy(rest, [j]) - plain.subset_entropy(rest, [i, j]) for j in hidden if j != i]
            wanted[k, i] = math.fsum(pairs) + len(pairs) * plain.subset_entropy(rest, [i])
    real = wanted > -torch.inf
    yield equal("enumeration", found[real], wanted[real], tolerance(n, d), note="sum of pairwise informations")


@st.composite
def _trajectories(draw: DrawFn) -> Instance:
    found = draw(strategies.laws(n=(2, 4), cells=27))
    n, d = found["n"], found["d"]
    return {
        **found,
        "order": draw(st.permutations(range(n))),
        "tokens": draw(st.lists(st.integers(0, d - 1), min_size=n, max_size=n)),
        "form": draw(st.sampled_from(FORMS)),
    }


@st.composite
def _two_laws(draw: DrawFn) -> Instance:
    found = draw(small_laws())
    cells = found["d"] ** found["n"]
    return {
        **found,
        "other": draw(st.lists(st.integers(1, 64), min_size=cells, max_size=cells)),
        "k": draw(st.integers(1, 2)),
    }


@st.composite
def _blocks(draw: DrawFn) -> Instance:
    return {**draw(small_laws()), "k": draw(st.integers(1, 2))}


CLAIMS = (
    Claim(
        "infogain.1", f"{DERIVED}, P1", "Along any trajectory sum_t J = potential(z_T) - Htilde (LookUM: potential(z_T))",
        "equality", ("enumeration",), telescoping, ROUNDING, assumptions="any law, order and tokens; a potential that is 0 for complete states", inputs=_trajectories, examples=20,
        fixtures=({**GENERIC, "order": [2, 0, 1], "tokens": [1, 0, 1], "form": "mean"},), variants={"the other potential": partial(telescoping, potential="sum")},
    ),
    Claim(
        "infogain.3", f"{DERIVED}, P4", "One token a step, drawn at temperature 1, positions blind to drawn tokens: E[Htilde] = H(q)",
        "equality", ("enumeration",), order_invariance, ROUNDING, assumptions="exact conditionals", inputs=small_laws, examples=10,
        fixtures=(GENERIC,), variants={"two tokens a step, two candidates": partial(order_invariance, several=True)},
    ),
    Claim(
        "infogain.4a", f"{DERIVED}, P5", "Deterministic position rule, any model, parallel steps included: E[Htilde] is the entropy of the sampler's output law",
        "equality", ("enumeration",), output_entropy, ROUNDING, assumptions="conditionals may be inconsistent: here of two laws in turn", inputs=_two_laws, examples=10,
        fixtures=({**GENERIC, "other": [9, 1, 3, 2, 5, 5, 1, 7], "k": 2},), variants={"random positions": partial(output_entropy, stochastic=True)},
    ),
    Claim(
        "infogain.4b", f"{DERIVED}, P5, read along the data", "Exact conditionals, K >= 2: E_q[Htilde] = H(q) + sum_t E_q TC(X_A | z_t), tokens drawn jointly",
        "equality", ("enumeration",), blocks_add, ROUNDING, assumptions="deterministic rule", inputs=_blocks, examples=15,
        fixtures=({**GENERIC, "k": 2},), variants={"along the sampler": partial(blocks_add, chain=SAMPLER)},
    ),
    Claim(
        "infogain.4c", f"{DERIVED}, P5, read along the sampler", "Exact conditionals, K >= 2: E[Htilde] = H(q) + sum_t E TC(X_A | z_t), tokens drawn independently",
        "equality", ("enumeration",), partial(blocks_add, chain=SAMPLER), ROUNDING, expected="refuted", see="infogain.4b", fixtures=({**GENERIC, "k": 2},),
    ),
    Claim(
        "infogain.5", f"{DERIVED}, P2", "With the sum as potential E_v J(l) = sum_j I(X_l; X_j | z), which is 0 for independent positions",
        "equality", ("enumeration",), pure_gain, ROUNDING, assumptions="exact conditionals; states of positive probability", inputs=small_laws, examples=15,
        fixtures=(GENERIC, CHANNEL, INDEPENDENT), variants={"the mean as potential": partial(pure_gain, form="mean")},
    ),
    *CHOICES,
    *ON_LAWS,
)  # fmt: skip
