"""Info-Gain with one or two positions a step: the objective telescopes; E[Htilde] is the entropy of the output law."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, equal, strategies
from theory.reference import info_gain as reference_info_gain
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.reference.laws import Conditional
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS, SOURCE
from theory.unmasking.claims.info_gain_rules import GENERIC, ROUNDING, small_worlds, tolerance
from theory.unmasking.claims.literal import listed
from theory.unmasking.rules.actions import Form, objective
from theory.unmasking.rules.base import Rule, ValueRule
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain, immediate_cost
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, states

OTHER = TableWorld.from_weights([9, 1, 3, 2, 5, 5, 1, 7], 3, 2, "three other bits")
KINDS = ("blind", "random positions", "argmax tokens", "bypass", "candidates")


def telescoping(
    world: TableWorld,
    order: Sequence[int],
    tokens: Sequence[int],
    form: Form,
    k: int = 1,
    potential: Form | None = None,
    largest: bool = False,
) -> Iterator[Evidence]:
    """Sum J along a trajectory of k positions a step, literally and by the torch objective; compare with potential(z_T) - Htilde."""
    denoiser, n, d = reference.float_conditionals(world), world.n, world.d
    z, summed, engine, spent = (d,) * n, 0.0, 0.0, 0.0
    for start in range(0, n, k):
        block = order[start : start + k]
        shown = [tokens[i] for i in block]
        after = reference_info_gain.with_block(z, block, shown)
        summed += reference_info_gain.block_value(denoiser, z, block, shown, d, form)
        here = torch.tensor([z])
        engine += float(objective(world, here, torch.tensor([[after]]), form, world(here)))
        cost = [reference.entropy(reference_lookahead.row(denoiser, z, i, d)) for i in block]
        spent += max(cost) if largest else math.fsum(cost)
        z = after
    first = reference_lookahead.uncertainty(denoiser, (d,) * n, d, potential or form)
    claimed, slack = first - (0.0 if form == "look-ahead" else spent), tolerance(world)
    yield equal("enumeration", summed, claimed, slack, effective=spent > slack, note="literal sum")
    yield equal("enumeration", engine, claimed, slack, effective=spent > slack, note="torch objective")


def output_entropy(world: TableWorld, other: TableWorld, k: int, kind: str = "blind") -> Iterator[Evidence]:
    """Compute E[Htilde] and the output's entropy with conditionals that switch between two laws by the parity of the masks."""
    first, second = (reference.float_conditionals(w) for w in (world, other))

    def denoiser(z: reference.State, i: int, v: int) -> float:
        return float((second if len(reference.masked(z, world.d)) % 2 else first)(z, i, v))

    switching = _two_tables(world, other)
    for rule in _rules(kind, k):
        spent, entropy = _cumulative(rule, world, switching)
        yield equal(
            "enumeration", spent, entropy, tolerance(world), effective=len(reference.exact(world)) > 1, note=rule.name
        )
    yield from _literally(denoiser, world, k)


def _rules(kind: str, k: int) -> list[Rule]:
    blind: list[Rule] = [LeftToRight(k), TopK(k, "entropy"), EntropyBounded(0.4)]
    planted: dict[str, Rule] = {
        "random positions": RandomOne(),
        "argmax tokens": InfoGain("mean", "argmax", k),
        "bypass": InfoGain("mean", "drawn", k, bypass=0.5),
        "candidates": SampledInfoGain(2, "mean", k=k),
    }
    return [*blind, *(InfoGain(f, "drawn", k) for f in FORMS)] if kind == "blind" else [planted[kind]]


def _two_tables(world: TableWorld, other: TableWorld) -> TableDenoiser:
    z = states.all_states(world.n, world.d)
    odd = (z == world.d).sum(-1) % 2 == 1
    return TableDenoiser(torch.where(odd[:, None, None], other(z), world(z)))


def _cumulative(rule: Rule, world: TableWorld, model: TableDenoiser) -> tuple[float, float]:
    """Return E[Htilde] and the entropy of the output law of a rule on tabulated conditionals."""
    found, d = walk(rule, world, model), world.d
    entropy = float(found.output.entropy())
    if not isinstance(rule, ValueRule):
        return float(found.total(found.nodes.surprise, "sampler")), entropy
    z, mass = states.all_states(world.n, d), found.visits
    open_ = (z == d).any(-1) & (mass > 0)
    cost = immediate_cost(rule, model, z[open_])
    return float((mass[open_] * cost).sum()), entropy


def _literally(denoiser: Conditional, world: TableWorld, k: int) -> Iterator[Evidence]:
    d = world.d

    def best(z: reference.State) -> Sequence[int]:
        return reference_info_gain.best_block(denoiser, z, d, k, "mean", "drawn")

    for name, choose in (("left to right", lambda z: reference.masked(z, d)[:k]), ("Info-Gain mean, drawn", best)):
        written, law = reference_lookahead.expected_entropy(denoiser, world.n, d, choose)
        entropy, note = reference.entropy(law.values()), f"{name}, literally"
        yield equal("enumeration", written, entropy, tolerance(world), effective=len(law) > 1, note=note)


def procedure(world: TableWorld, rule: ValueRule, level: float = 1.0) -> Iterator[Evidence]:
    """Compare output law and steps of a rule with bypass with its procedure written out; `level` scales the bypass."""
    assert isinstance(rule, InfoGain | SampledInfoGain)
    denoiser, d, form, k = reference.float_conditionals(world), world.d, rule.form, rule.k
    bypass = None if rule.bypass is None else level * rule.bypass

    def step(z: reference.State) -> reference_info_gain.Law:
        if isinstance(rule, InfoGain):
            return reference_info_gain.info_gain_step(denoiser, z, d, form, rule.tokens, k, bypass)
        taus = (rule.tau_position, rule.tau_token)
        return reference_info_gain.sampled_step(denoiser, z, d, form, rule.count, *taus, rule.greedy, k, bypass)

    law, steps = reference_info_gain.run(step, world.n, d)
    found, slack = walk(rule, world), tolerance(world)
    yield equal("enumeration", found.output.law(), listed(law, world), slack, note="output law")
    yield equal("enumeration", found.calls, steps, world.n * slack, note="steps")


@st.composite
def _with_bypass(draw: DrawFn) -> Instance:
    """Draw a law of bits and a rule of either kind with one or two positions a step and a level."""
    level = st.sampled_from((None, 0.0, 0.5, 0.7, 0.8, 1.0))
    own: dict[str, st.SearchStrategy[Any]] = {"form": st.sampled_from(FORMS), "k": st.integers(1, 2), "bypass": level}
    chosen = st.builds(InfoGain, tokens=st.sampled_from(("argmax", "drawn")), **own)
    drawn = st.builds(SampledInfoGain, count=st.integers(1, 2), greedy=st.booleans(), **own)
    return {"world": draw(strategies.worlds(n=(2, 3), d=(2, 2))), "rule": draw(chosen | drawn)}


@st.composite
def _trajectories(draw: DrawFn) -> Instance:
    world = draw(strategies.worlds(n=(2, 4), cells=27))
    n, d = world.n, world.d
    return {
        "world": world,
        "order": draw(st.permutations(range(n))),
        "tokens": draw(st.lists(st.integers(0, d - 1), min_size=n, max_size=n)),
        "form": draw(st.sampled_from(FORMS)),
        "k": draw(st.integers(1, 2)),
    }


@st.composite
def _two_worlds(draw: DrawFn) -> Instance:
    world = draw(small_worlds())
    cells = world.d**world.n
    other = draw(st.lists(st.integers(1, 64), min_size=cells, max_size=cells))
    return {
        "world": world,
        "other": TableWorld.from_weights(other, world.n, world.d),
        "k": draw(st.integers(1, 2)),
    }


TRAJECTORY = {"world": GENERIC, "order": [2, 0, 1], "tokens": [1, 0, 1]}

SURE = TableWorld.from_weights([16, 4, 4, 1], 2, 2, "two bits of probability .8")

CLAIMS = (
    Claim(
        id="infogain.bypass",
        statement=(
            "A step of Info-Gain with bypass at a level is this: where some masked position's largest probability "
            "reaches the level, up to K such positions, the most confident first, get their most probable tokens; where "
            "at most K are masked, all are drawn; else the candidate of the best objective is revealed. Output law and "
            "number of steps are those of this procedure followed state by state."
        ),
        assumptions="Exact conditionals; one or two positions a step, all blocks or two drawn candidates.",
        source=f"{SOURCE}, its public code, read",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=procedure,
        tolerance=ROUNDING,
        inputs=_with_bypass,
        examples=20,
        fixtures=(
            {"world": SURE, "rule": InfoGain("mean", "drawn", 1, 0.8)},
            {"world": GENERIC, "rule": InfoGain("mean", "argmax", 1, 0.6)},
            {"world": GENERIC, "rule": InfoGain("sum", "drawn", 2)},
            {"world": GENERIC, "rule": SampledInfoGain(2, "mean", k=2)},
            {"world": GENERIC, "rule": SampledInfoGain(2, "look-ahead", greedy=True, bypass=0.7)},
        ),
        variants={"at a level one percent higher": partial(procedure, level=1.01)},
    ),
    Claim(
        id="infogain.1",
        statement=(
            "Along any trajectory of steps that reveal one or two positions with any tokens, the objectives J (fall of "
            "the potential minus the entropies of the revealed positions) sum to the potential of the first state minus "
            "the cumulative entropy, for the mean and the sum of the masked entropies as potential. In the look-ahead "
            "form, which leaves the cost out, they sum to the potential."
        ),
        assumptions="A potential that is 0 for complete states.",
        source=f"{DERIVED}, infogain.1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=telescoping,
        tolerance=ROUNDING,
        inputs=_trajectories,
        examples=20,
        fixtures=(
            {**TRAJECTORY, "form": "mean", "k": 1},
            {**TRAJECTORY, "form": "mean", "k": 2},
            {**TRAJECTORY, "form": "sum", "k": 2},
            {**TRAJECTORY, "form": "look-ahead", "k": 2},
        ),
        variants={
            "the potential of the other form": partial(telescoping, potential="sum"),
            "a step costs its largest entropy": partial(telescoping, largest=True),
        },
    ),
    Claim(
        id="infogain.4a",
        statement=(
            "Let positions be chosen by the best expected objective of Info-Gain, one or two a step, and their tokens be "
            "drawn afterwards from the predictions. Then the expected cumulative entropy is the entropy of the sampler's "
            "output law, whatever the model; so it is for other deterministic rules blind to drawn tokens."
        ),
        assumptions="No bypass; conditionals may be inconsistent: here those of two laws in turn.",
        source=f"{DERIVED}, infogain.4",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=output_entropy,
        tolerance=ROUNDING,
        inputs=_two_worlds,
        examples=8,
        fixtures=({"world": GENERIC, "other": OTHER, "k": 1}, {"world": GENERIC, "other": OTHER, "k": 2}),
        variants={kind: partial(output_entropy, kind=kind) for kind in KINDS[1:]},
    ),
)
