"""G-Star 1 and 2: the star step as a member of ReMDM's family, and what it keeps of the data law."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from theory.ledger import Claim, Evidence, equal, rounding
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import (
    F1,
    F2,
    STAR,
    Case,
    alphas,
    fraction,
    in_digits,
    merged,
    ours,
    small_worlds,
    variation,
)
from theory.remasking.claims.remdm_steps import SHOWN, admissible, printed_chances
from theory.remasking.posterior import posterior, star_sigma
from theory.worlds import TableWorld

ZERO, ONE = Fraction(0), Fraction(1)


@functools.cache
def star_forgets() -> bool:
    """Return whether, as rational functions, the two chances differ by (sigma - (1 - s)) / (1 - t)."""
    import sympy

    t, s, sigma = sympy.symbols("t s sigma", positive=True)
    shown, hidden = printed_chances(t, s, sigma)
    return bool(sympy.simplify(hidden[SHOWN] - shown[SHOWN] - (sigma - (1 - s)) / (1 - t)) == 0)


def member(now: int, after: int, share: int, scale: Fraction = ONE) -> Iterator[Evidence]:
    """Compare ReMDM's step at sigma = 1 - alpha_next with a draw that ignores the present state, and other sigmas.

    The variant takes `scale` times that sigma.
    """
    t, s = fraction(now), fraction(after)
    step = posterior(t, s, scale * star_sigma(t, s))
    effective = 0 < s < 1
    found = [Fraction(step.keep), Fraction(step.reveal)]
    yield equal("rational", found, s, ZERO, effective=effective and t > 0, note="both chances are alpha_next")
    sigma = fraction(share) * admissible(t, s)
    shown, hidden = printed_chances(t, s, sigma)
    apart = Fraction(hidden[SHOWN] - shown[SHOWN])
    yield equal("rational", int(apart == 0), int(sigma == 1 - s), ZERO, note="no other sigma forgets the present")
    as_floats = posterior(float(t), float(s), float(scale) * star_sigma(float(t), float(s)))
    slack = rounding(4) / float(1 - t)
    chances = [as_floats.keep, as_floats.reveal]
    yield equal("closed form", chances, float(s), slack, effective=effective and t > 0, note="floats")
    yield equal("symbolic", int(star_forgets()), 1, ZERO, note="difference of the chances", proves=math.inf)


def exactness(world: TableWorld, now: int, after: int, share: int, joint: bool = True) -> Iterator[Evidence]:
    """Step the noised data law with masks filled jointly, in fractions and by the engine, and compare with the next one.

    The variant fills masks independently.
    """
    case, t, s, d = Case(world), fraction(now), fraction(after), world.d
    sigma = fraction(share) * admissible(t, s)
    effective = s > t > 0 and world.n > 1
    start, wanted = (reference_remasking.noised_law(case.rational, alpha, d) for alpha in (t, s))
    fill = reference_remasking.together(case.rational, d) if joint else case.literal_fill
    found = reference_remasking.posterior_step(start, fill, t, s, sigma, d)
    yield equal("rational", variation(found, wanted), ZERO, ZERO, effective=effective, note="TV in fractions")
    law, step = chain.noised_states(world, float(t)), posterior(float(t), float(s), float(sigma))
    yield equal("enumeration", law, case.listed(start, masks=True), case.slack(), note="the engine's noised data")
    after_step = chain.posterior_step(law, case.joint if joint else case.factorised, step)
    slack = case.slack(2) / float(1 - t)
    yield equal(
        "enumeration", after_step, case.listed(wanted, masks=True), slack, effective=effective, note="the engine's step"
    )


def independent_filling(
    world: TableWorld, now: Fraction, after: Fraction, printed: str, joint: bool = False
) -> Iterator[Evidence]:
    """Compute the TV between one star step of the noised data, masks filled independently, and the next noised data.

    The variant fills masks jointly.
    """
    case, d = Case(world), world.d
    start, wanted = (reference_remasking.noised_law(case.rational, alpha, d) for alpha in (now, after))
    draw = reference_remasking.together(case.rational, d) if joint else case.literal_fill
    found = reference_remasking.posterior_step(start, draw, now, after, 1 - after, d)
    distance = variation(found, wanted)
    yield equal("rational", int(distance > 0), 1, ZERO, note="the laws differ")
    yield in_digits("rational", distance, printed, "TV")
    law = chain.noised_states(world, float(now))
    step = posterior(float(now), float(after), star_sigma(float(now), float(after)))
    moved = chain.posterior_step(law, case.joint if joint else case.factorised, step)
    yield equal("enumeration", moved, case.listed(found, masks=True), case.slack(2) / float(1 - now), note="the engine")


CORNERS = tuple(
    {"now": a, "after": b, "share": c} for a, b, c in ((0, 0, 5), (0, 24, 24), (6, 18, 24), (23, 23, 24), (9, 12, 7))
)
STEPPED = (
    {"world": F2, "now": 6, "after": 12, "share": 24},
    {"world": F2, "now": 6, "after": 18, "share": 9},
    {"world": F1, "now": 5, "after": 7, "share": 12},
)
ROUNDED = "none in fractions; engine: rounding of a step over 1 - alpha_now"

CLAIMS = (
    Claim(
        id="gstar.1",
        statement=(
            "The star-shaped step shows every token with chance alpha_next, whether it was masked or not. It is ReMDM's "
            "step at sigma = 1 - alpha_next, and no other sigma makes the next state independent of the present one "
            "given the data."
        ),
        assumptions="0 <= alpha_now <= alpha_next <= 1, alpha_now < 1, the revealed fractions before and after the step",
        source=f"{STAR}, star-shaped process; see docs/derivations.md, remdm.family",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form", "symbolic"),
        check=member,
        tolerance="none in fractions; floats: rounding over 1 - alpha_now",
        inputs=alphas,
        examples=12,
        fixtures=CORNERS,
        variants={"sigma one percent smaller": partial(member, scale=Fraction(99, 100))},
    ),
    Claim(
        id="gstar.2",
        statement=(
            "With masks filled from their joint conditional law, every admissible step of ReMDM's family, the star's "
            "among them, takes the noised data law at alpha_now to the noised data law at alpha_next."
        ),
        source=ours("gstar.2"),
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=exactness,
        tolerance=ROUNDED,
        inputs=lambda: merged(small_worlds(), alphas()),
        examples=10,
        fixtures=STEPPED,
        variants={"masks filled independently": partial(exactness, joint=False)},
    ),
    Claim(
        id="gstar.2b",
        statement=(
            "There is a data law for which one star step with masks filled independently from exact conditionals misses "
            "the noised data law: three tokens of a sticky chain, from alpha 1/5 to 1/2, by a total variation of .0870."
        ),
        source=ours("gstar.2"),
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=independent_filling,
        tolerance=ROUNDED,
        fixtures=({"world": F2, "now": Fraction(1, 5), "after": Fraction(1, 2), "printed": "0.0870"},),
        variants={"filled jointly": partial(independent_filling, joint=True)},
    ),
)
