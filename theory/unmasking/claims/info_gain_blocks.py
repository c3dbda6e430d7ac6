"""Info-Gain with one or two positions a step: the objective telescopes; E[Htilde] is the entropy of the output law."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.denoisers import TableDenoiser
from theory.ledger import Claim, Evidence, Instance, equal, strategies
from theory.reference import info_gain as reference_info_gain
from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.reference.laws import Conditional
from theory.unmasking.claims.info_gain_laws import DERIVED, FORMS
from theory.unmasking.claims.info_gain_rules import GENERIC, ROUNDING, small_worlds, tolerance
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
    yield equal("enumeration", summed, claimed, slack, effective=spent > 1e-9, note="literal sum")
    yield equal("enumeration", engine, claimed, slack, effective=spent > 1e-9, note="torch objective")


def output_entropy(world: TableWorld, other: TableWorld, k: int, kind: str = "blind") -> Iterator[Evidence]:
    """Compute E[Htilde] and the output's entropy with conditionals that switch between two laws by the parity of the masks."""
    first, second = (reference.float_conditionals(w) for w in (world, other))

    def denoiser(z: reference.State, i: int, v: int) -> float:
        return float((second if len(reference.masked(z, world.d)) % 2 else first)(z, i, v))

    switching = _two_tables(world, other)
    for rule in _rules(kind, k):
        spent, entropy = _cumulative(rule, world, switching)
        yield equal("enumeration", spent, entropy, tolerance(world), effective=entropy > 1e-9, note=rule.name)
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
        yield equal("enumeration", written, entropy, tolerance(world), effective=entropy > 1e-9, note=note)


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

CLAIMS = (
    Claim(
        id="infogain.1",
        statement=(
            "Along any trajectory, several positions a step included, sum_t J = potential(z_T) - Htilde "
            "(LookUM: potential(z_T))"
        ),
        assumptions="any law, order and tokens, K in {1, 2}; a potential that is 0 for complete states",
        source=f"{DERIVED}, P1",
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
            "the other potential": partial(telescoping, potential="sum"),
            "a step costs its largest entropy": partial(telescoping, largest=True),
        },
    ),
    Claim(
        id="infogain.4a",
        statement=(
            "Deterministic position rule, any model, K in {1, 2} positions a step: E[Htilde] is the entropy "
            "of the sampler's output law"
        ),
        assumptions=(
            "tokens drawn at temperature 1 after the positions are chosen, no bypass; conditionals may be "
            "inconsistent: here of two laws in turn"
        ),
        source=f"{DERIVED}, P5",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=output_entropy,
        tolerance=ROUNDING,
        inputs=_two_worlds,
        examples=10,
        fixtures=({"world": GENERIC, "other": OTHER, "k": 1}, {"world": GENERIC, "other": OTHER, "k": 2}),
        variants={kind: partial(output_entropy, kind=kind) for kind in KINDS[1:]},
    ),
)
