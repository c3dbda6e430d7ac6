"""G-Star 10b-13, 15: exact output laws of guided refinement, which is biased, and where it helps all the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

import torch
from torch import Tensor

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import COPIES, F1, F3, NOTES, PARITY, Case, case
from theory.remasking.schedules import Step, counted, standard, star
from theory.remasking.selection import Selection
from theory.worlds import information, states

LAST = 5e-5
"""Half a unit of the fourth decimal, to which distances are given."""


def product_guided(
    n: int, d: int, weights: Sequence[int], steps: int, wanted: Sequence[Sequence[float]], guided: bool = True
) -> Iterator[Evidence]:
    """Compute TV, entropy and E -ln q of guided output on a product law, at temperature 1 and in the limit 0."""
    world = case(n, d, weights)
    base = [0.0, *_entropies(world.law, world)]
    yield equal("enumeration", base[1:], list(wanted[0]), 5e-4, note="entropy of the data law, twice")
    for temperature, row in zip((1.0, None), wanted[1:], strict=True):
        output = _guided(world, counted(steps), temperature, guided)
        found = [float(_gap(output, world)), *_entropies(output, world)]
        yield equal("enumeration", found, list(row), 5e-4, note=f"TV, entropy, E -ln q; temperature {temperature}")
        yield at_most("enumeration", found[2], base[2], 0.0, note="looks more likely")
        slack = world.slack(4 * steps)
        yield equal("enumeration", output, _literally(world, steps, 0, temperature, guided), slack, note="two routes")


def guided_rates(
    n: int, d: int, weights: Sequence[int], steps: Sequence[int], wanted: Sequence[Sequence[float]], guided: bool = True
) -> Iterator[Evidence]:
    """Compute TV with and without guidance in the window t <= .3, and of masked diffusion; further out it grows."""
    world, window = case(n, d, weights), (0.7, 1.0)
    for t, row in zip(steps, wanted, strict=True):
        refine = world.guided() if guided else None
        found = [
            world.distance(counted(t, window), refine),
            world.distance(standard(t)),
            world.distance(counted(t, window)),
        ]
        yield equal("enumeration", found, list(row), LAST, note=f"guided, standard, fixed count; T = {t}")
    yield at_most("enumeration", wanted[0][0], wanted[0][1], 0.0, note="guided wins at the first T")
    far = [world.distance(counted(t, window), refine) for t in (64, 256)]
    yield at_least("enumeration", far, [wanted[-1][0], 0.25], 0.0, note="does not tend to zero")
    output = _guided(world, counted(steps[0], window), 1.0, guided)
    listed = _literally(world, steps[0], round(0.7 * steps[0] + 0.499), 1.0, guided)
    yield equal("enumeration", output, listed, world.slack(4 * steps[0]), note="two routes")


def window_matters(
    n: int, d: int, weights: Sequence[int], steps: int, late: float, whole: float, guided: bool = True
) -> Iterator[Evidence]:
    """Compute the TV of guided refinement in the window t <= .3 and over the whole run."""
    world = case(n, d, weights)
    refine = world.guided() if guided else None
    yield equal("enumeration", world.distance(counted(steps, (0.7, 1.0)), refine), late, LAST, note="t <= .3")
    yield equal("enumeration", world.distance(counted(steps), refine), whole, LAST, note="whole run")
    listed = _literally(world, steps, 0, 1.0, guided)
    output = _guided(world, counted(steps), 1.0, guided)
    yield equal("enumeration", output, listed, world.slack(4 * steps), note="two routes")


def support_mass(
    n: int, d: int, weights: Sequence[int], steps: int, wanted: Sequence[float], guided: bool = True
) -> Iterator[Evidence]:
    """Compute the mass on the support of standard, star, fixed count and guided output."""
    world = case(n, d, weights)
    outputs = [
        chain.output_law(world.factorised, standard(steps)), chain.output_law(world.factorised, star(steps)),
        _guided(world, counted(steps), 1.0, False), _guided(world, counted(steps), 1.0, guided),
    ]  # fmt: skip
    found = [float(output[world.law > 0].sum()) for output in outputs]
    yield equal("enumeration", found, list(wanted), 5e-4, note="standard, star, fixed count, guided")
    if steps <= 4:
        slack = world.slack(4 * steps)
        yield equal("enumeration", outputs[3], _literally(world, steps, 0, 1.0, guided), slack, note="two routes")


def symmetric_control(
    n: int, d: int, weights: Sequence[int], steps: int, mass: float, base: float, tilt: float = 0.0
) -> Iterator[Evidence]:
    """Compute g* of an even parity, equal at all positions, and both counted samplers: the same law."""
    world = case(n, d, weights)
    spread = world.logits.amax(-1) - world.logits.amin(-1)
    yield at_most("enumeration", spread, 0.0, world.slack(16), note="g* is equal at all positions")
    tilted = world.logits + tilt * states.all_sequences(n, d)
    guided = chain.output_law(world.factorised, counted(steps), chain.refinement(Selection(), tilted, d))
    output = _guided(world, counted(steps), 1.0, False)
    yield equal("enumeration", guided, output, world.slack(16 * steps), note="guided = fixed count")
    yield equal("enumeration", output[world.law > 0].sum(), mass, 5e-4, note="mass on the support")
    free = chain.output_law(world.factorised, standard(steps))[world.law > 0].sum()
    yield equal("enumeration", free, base, 5e-4, note="standard")


def single_site(
    n: int, d: int, weights: Sequence[int], moved: float, stationary: float, guided: bool = True
) -> Iterator[Evidence]:
    """Mask one position and refill it exactly: a uniform choice keeps q, a choice by g* moves it; both routes."""
    world = case(n, d, weights)
    free = chain.unguided(Selection(), n, d)
    yield at_most("enumeration", _gap(_refill(world, free)(world.law), world), 0.0, world.slack(4), note="uniform site")
    step = _refill(world, world.guided() if guided else free)
    after = step(world.law)
    yield equal("enumeration", _gap(after, world), moved, LAST, note="one step by g*")
    settled = chain.stationary_law(step, d**n)
    yield equal("enumeration", _gap(settled, world), stationary, 5e-4, note="stationary")
    fill = reference_remasking.independent(world.conditional, d)
    masked = reference_remasking.counted_step(world.rational, fill, _weights(world, guided), {1: 1}, d)
    slack = world.slack(8)
    yield equal(
        "rational", after, world.listed(reference_remasking.draft_law(masked, fill)), slack, note="odds in fractions"
    )
    walked = settled
    for _ in range(3):
        walked = step(walked)
    yield equal("enumeration", walked, settled, slack * 100, note="stays")


def _gap(law: Tensor, world: Case) -> Tensor:
    return information.total_variation(law, world.law)


def _entropies(output: Tensor, world: Case) -> tuple[float, float]:
    return float(information.entropy(output)), -float(torch.xlogy(output, world.law).sum())


def _guided(world: Case, steps: Sequence[Step], temperature: float | None, guided: bool) -> Tensor:
    selection = Selection(temperature)
    refine = world.guided(selection) if guided else chain.unguided(selection, world.n, world.d)
    return chain.output_law(world.factorised, steps, refine)


def _refill(world: Case, refine: chain.Refinement) -> Callable[[Tensor], Tensor]:
    def step(law: Tensor) -> Tensor:
        start = chain.sequences_as_states(law, world.n, world.d)
        masked = chain.counted_step(start, world.factorised, refine.chance(1 - 1 / world.n))
        return chain.draft_law(masked, world.factorised)

    return step


def _weights(world: Case, guided: bool) -> reference_remasking.Weights:
    """Return the odds of g*, as fractions, from the definition of the labels."""
    n, d = world.n, world.d
    chances = [Fraction(1, (n + 1) * math.comb(n, m)) for m in range(n + 1)]
    table = reference_remasking.error_table(
        world.rational, reference_remasking.independent(world.conditional, d), chances, n, d
    )
    return lambda y: [e / (1 - e) for e in table[y]] if guided else [1] * n


def _literally(world: Case, steps: int, first: int, temperature: float | None, guided: bool) -> list[float]:
    """Return the output of refinement from step `first` on, all drafts, orders and labels written out, in floats."""
    n, d = world.n, world.d
    odds = _weights(world, guided)
    conditional = reference.conditionals_of(reference.float_law(n, d, list(world.weights)), d)
    fill = reference_remasking.independent(conditional, d)
    law: dict[Any, Any] = {(d,) * n: 1.0}
    for k in range(steps):
        now, after = k / steps, (k + 1) / steps
        if k < first:
            law = reference_remasking.posterior_step(law, fill, now, after, 0.0, d)
            continue
        count = -((-n * (steps - k - 1)) // steps)
        law = _masked(reference_remasking.draft_law(law, fill), odds, count, temperature, d)
    return world.listed(law)


def _masked(
    drafts: dict[Any, Any], odds: reference_remasking.Weights, count: int, temperature: float | None, d: int
) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for y, mass in drafts.items():
        weights = odds(y)
        subsets = (
            reference_remasking.greatest_law(weights, count)
            if temperature is None
            else reference_remasking.subset_law([float(w) for w in weights], count)
        )
        for subset, p in subsets.items():
            z = tuple(d if i in subset else token for i, token in enumerate(y))
            found[z] = found.get(z, 0.0) + mass * p
    return found


CHAIN = "the chain of two tokens with start (.7, .3), stay .85; exact conditionals, linear alpha"
NOT_GUIDED = "uniform subsets"
GUIDED = {**F3, "steps": 6, "wanted": [[1.784, 1.784], [0.173, 1.430, 1.515], [0.414, 0.797, 1.275]]}
ROWS = [[0.0239, 0.0667, 0.0543], [0.0802, 0.0336, 0.0188], [0.1208, 0.0169, 0.0042]]

CLAIMS = (
    Claim(
        "gstar.10b", f"{NOTES}, guidance", "Guided by g* the output of a product law is wrong and looks likelier: TV .173 and .414, entropy 1.784 to 1.430 and .797, E -ln q to 1.515 and 1.275, at temperature 1 and 0",
        "equality", ("enumeration",), product_guided, "half a unit of the last digit", assumptions="P(0) = .7, .6, .8; T = 6, whole run, ceil", fixtures=(GUIDED,), variants={NOT_GUIDED: partial(product_guided, guided=False)},
    ),
    Claim(
        "gstar.11", f"{NOTES}, guidance", "Guided refinement in t <= .3 wins at T = 8 and loses from 16 on: TV .0239, .0802, .1208 at T = 8, 16, 32, against .0667, .0336, .0169 of masked diffusion; it does not tend to 0",
        "equality", ("enumeration",), guided_rates, "half a unit of the last digit", assumptions=f"four tokens of {CHAIN}; temperature 1, ceil", fixtures=({**F1, "steps": [8, 16, 32], "wanted": ROWS},),
        variants={NOT_GUIDED: partial(guided_rates, guided=False)},
    ),
    Claim(
        "gstar.12", f"{NOTES}, guidance", "The window decides: TV .0239 for t <= .3, .1946 for the whole run", "equality", ("enumeration",), window_matters, "half a unit of the last digit",
        assumptions=f"four tokens of {CHAIN}; T = 8, temperature 1, ceil", fixtures=({**F1, "steps": 8, "late": 0.0239, "whole": 0.1946},), variants={NOT_GUIDED: partial(window_matters, guided=False)},
    ),
    Claim(
        "gstar.13a", f"{NOTES}, guidance", "Two copied pairs: mass on the support of standard, star, fixed count, guided is .766, .720, .875, .947 at T = 4; at T = 2 guided, .735, is below .750",
        "equality", ("enumeration",), support_mass, "half a unit of the third digit", assumptions="exact conditionals, whole run, temperature 1, ceil",
        fixtures=(
            {**COPIES, "steps": 4, "wanted": [0.766, 0.720, 0.875, 0.947]}, {**COPIES, "steps": 8, "wanted": [0.879, 0.803, 0.922, 0.973]},
            {**COPIES, "steps": 2, "wanted": [0.5625, 0.5625, 0.750, 0.735]},
        ), variants={NOT_GUIDED: partial(support_mass, guided=False)},
    ),
    Claim(
        "gstar.13b", f"{NOTES}, guidance", "Null control, even parity: g* is equal at all positions, so guided = fixed count, exactly; mass 1 at T = 4, .5 at T = 2, below masked diffusion's .625",
        "equality", ("enumeration",), symmetric_control, "rounding of T steps; half a unit of the third digit", assumptions="exact conditionals, whole run, temperature 1, ceil",
        fixtures=({**PARITY, "steps": 4, "mass": 1.0, "base": 0.78125}, {**PARITY, "steps": 2, "mass": 0.5, "base": 0.625}), variants={"scores that differ": partial(symmetric_control, tilt=0.5)},
    ),
    Claim(
        "gstar.15", f"{NOTES}, guidance", "One position refilled exactly: a uniform choice keeps q, a choice by g* moves it by TV .0464 in one step and .259 in the long run",
        "equality", ("enumeration", "rational"), single_site, "half a unit of the last digit", assumptions=f"four tokens of {CHAIN}; temperature 1", fixtures=({**F1, "moved": 0.0464, "stationary": 0.2595},),
        variants={"uniform sites": partial(single_site, guided=False)},
    ),
)  # fmt: skip
