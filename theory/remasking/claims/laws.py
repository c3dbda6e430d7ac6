"""G-Star 6, 7, 10a: exact output and stationary laws of the star-shaped sampler without guidance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Tensor

from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import F2, NOTES, Case
from theory.remasking.drafts import Proposal
from theory.remasking.posterior import posterior
from theory.remasking.schedules import counted, standard, star
from theory.remasking.stationary import stationary_states
from theory.worlds import TableWorld

LAST = 5e-5
"""Half a unit of the fourth decimal, to which distances are given."""


def plateau(
    world: TableWorld,
    alphas: Sequence[float],
    ratios: Sequence[float],
    proposal: str = "factorised",
) -> Iterator[Evidence]:
    """Solve for the stationary law of a star step at constant alpha: TV of its drafts over 1 - alpha, and a control.

    The stationary law is put through one step written out literally; a joint proposal leaves the data law as it is.
    """
    n, d = world.n, world.d
    case, found = Case(world), []
    fill = case.factorised if proposal == "factorised" else case.joint
    for alpha in alphas:
        law = _stationary(case, fill, alpha)
        found.append(case.gap(chain.draft_law(law, fill)) / (1 - alpha))
        control = chain.draft_law(_stationary(case, case.joint, alpha), case.joint)
        yield at_most("enumeration", case.gap(control), 0.0, 1e-10, note="joint posterior: the data law")
    yield equal("enumeration", found, list(ratios), LAST, note="TV / (1 - alpha)")
    yield at_most("enumeration", abs(found[-1] / found[-2] - 1), 0.05, 0.0, note="last two within 5%")
    alpha = alphas[0]
    law = _stationary(case, fill, alpha)
    start = {z: p for z, p in zip(reference.states(n, d), law.tolist(), strict=True) if p > 0}
    draws = (
        reference_remasking.independent(case.conditional, d)
        if proposal == "factorised"
        else reference_remasking.together(case.rational, d)
    )
    moved = case.listed(reference_remasking.posterior_step(start, draws, alpha, alpha, 1 - alpha, d), masks=True)
    yield equal("enumeration", law, moved, case.slack(2) / (1 - alpha), note="stationary, every draft written out")


def rates(
    world: TableWorld, steps: Sequence[int], distances: Sequence[float], swap: bool = False
) -> Iterator[Evidence]:
    """Compute the TV of the star with independent masks and of masked diffusion for growing T, and log-log slopes."""
    case = Case(world)
    found = [case.distance((standard if swap else star)(t)) for t in steps]
    base = [case.distance((star if swap else standard)(t)) for t in steps]
    yield equal("enumeration", found, list(distances), LAST, note="star")
    span = math.log(steps[-1] / steps[0])
    yield equal("enumeration", math.log(found[-1] / found[0]) / span, -0.5, 0.05, note="star: slope -1/2")
    yield equal("enumeration", math.log(base[-1] / base[0]) / span, -1.0, 0.02, note="standard: slope -1")
    yield equal("enumeration", base[-1] * steps[-1], 0.440, 5e-4, note="standard: T times TV")
    yield at_least("enumeration", found[-1], 10 * base[-1], 0.0, note="star is asymptotically worse")


def product_exact(world: TableWorld, steps: int, mixed: int = 0) -> Iterator[Evidence]:
    """Compute the TV of masked diffusion and of both unguided stars on independent positions (and `mixed` copies)."""
    cells = zip(world.weights or (), reference.sequences(world.n, world.d), strict=True)
    case = Case(TableWorld.from_weights([w + mixed * (len(set(x)) == 1) for w, x in cells], world.n, world.d))
    for name, process in (("standard", standard(steps)), ("star", star(steps)), ("fixed count", counted(steps))):
        yield at_most(
            "enumeration", case.distance(process), 0.0, case.slack(2 * steps + 2), effective=steps > 1, note=name
        )


def _stationary(case: Case, fill: Proposal, alpha: float) -> Tensor:
    step = posterior(alpha, alpha, 1 - alpha)
    return stationary_states(lambda laws: chain.posterior_step(laws, fill, step), case.world)


def _products() -> SearchStrategy[Instance]:
    row = st.lists(st.integers(1, 9), min_size=2, max_size=2)
    world = st.lists(row, min_size=1, max_size=4).map(_product)
    return st.fixed_dictionaries({"world": world, "steps": st.integers(1, 12)})


def _product(rows: Sequence[Sequence[int]]) -> TableWorld:
    """Return independent positions with the given weights."""
    weights = [math.prod(row) for row in itertools.product(*rows)]
    return TableWorld.from_weights(weights, len(rows), len(rows[0]), "product law")


CHAIN = "the chain of two tokens with start (.7, .3), stay .85; exact conditionals, linear alpha"
LOOP = {"world": F2, "alphas": [0.9, 0.99, 0.999], "ratios": [0.1469, 0.1337, 0.1324]}
SQUARE_ROOT = {"world": F2, "steps": [64, 256, 1024, 4096], "distances": [0.0209, 0.0099, 0.0048, 0.0024]}

CLAIMS = (
    Claim(
        id="gstar.6",
        statement=(
            "On a plateau the stationary drafts miss q by TV proportional to 1 - alpha: TV / (1 - alpha) = "
            ".1469, .1337, .1324 at alpha = .9, .99, .999; filled jointly they are exact"
        ),
        assumptions=f"three tokens of {CHAIN}; sigma = 1 - alpha",
        source=f"{NOTES}, bias",
        quantifier="this instance",
        kind="asymptotic",
        routes=("enumeration",),
        check=plateau,
        tolerance="half a unit of the last digit; control 1e-10",
        fixtures=(LOOP,),
        variants={"filled jointly": partial(plateau, proposal="joint")},
    ),
    Claim(
        id="gstar.7",
        statement="Independent masks over the whole run: TV falls like T^(-1/2), masked diffusion's like .440 / T",
        assumptions=f"three tokens of {CHAIN}",
        source=f"{NOTES}, bias (a heuristic and enumeration, no proof)",
        quantifier="this instance",
        kind="asymptotic",
        routes=("enumeration",),
        check=rates,
        tolerance="slopes .05 and .02; half a unit of the last digit",
        fixtures=(SQUARE_ROOT,),
        variants={"processes exchanged": partial(rates, swap=True)},
    ),
    Claim(
        id="gstar.10a",
        statement="Independent positions: masked diffusion and both unguided stars are exact for every T",
        assumptions="product laws, exact conditionals",
        source=f"{NOTES}, product laws",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=product_exact,
        tolerance="rounding of T steps",
        inputs=_products,
        examples=10,
        fixtures=(
            {"world": _product([[7, 3], [6, 4], [8, 2]]), "steps": 6},
            {"world": _product([[1, 5], [2, 2]]), "steps": 3},
        ),
        variants={"copies mixed in": partial(product_exact, mixed=9)},
    ),
)
