"""G-Star 1, 2, 9, 14: the star step as a member of ReMDM's family, what it keeps, which subsets are masked, how many."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import sympy
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Generator, Tensor

from theory.ledger import Claim, Evidence, Instance, equal, hoeffding_margin, rounding, strategies
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts
from theory.remasking.claims.inputs import (
    F1,
    F2,
    PATHS,
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
from theory.remasking.schedules import counted, star
from theory.remasking.selection import Selection
from theory.worlds import TableWorld

ZERO, ONE = Fraction(0), Fraction(1)


@functools.cache
def star_forgets() -> bool:
    """Return whether, as rational functions, the two chances differ by (sigma - (1 - s)) / (1 - t)."""
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


def subsets(odds: Sequence[int], size: int, inverse: int = 1, late: bool = False) -> Iterator[Evidence]:
    """Compare the recursion over sets with all orders in fractions, and Gumbel-top-k draws with all orders.

    Weights are odds^inverse for the temperature 1 / inverse, hence rational. In the variant the temperature divides
    scores and noise alike. Draws are made for four positions and more: only fixtures have as many.
    """
    n, selection = len(odds), Selection(1 / inverse)
    scores = torch.tensor(odds, dtype=torch.float64).log()
    exact = reference_remasking.subset_law([Fraction(o) ** inverse for o in odds], size)
    listed = [0.0] * 2**n
    for subset, p in exact.items():
        listed[sum(2 ** (n - 1 - i) for i in subset)] = float(p)
    of_size = torch.tensor([s.bit_count() == size for s in range(2**n)])
    found = torch.where(of_size, selection.set_probabilities(scores), 0.0)
    effective = len(set(odds)) > 1 and 0 < size < n
    slack = rounding(n * 2**n, inverse * max(1.0, float(scores.abs().max())))
    yield equal("rational", found, listed, slack, effective=effective, note="all orders")
    if n >= 4:
        chosen = _late(scores, size) if late else _drawn(selection, scores, size)
        index = (chosen * (2 ** torch.arange(n - 1, -1, -1))).sum(-1)
        seen, margin = torch.bincount(index, minlength=2**n).double() / PATHS, hoeffding_margin(PATHS, 1.0)
        yield equal("monte-carlo", seen, listed, margin, effective=effective, note="Gumbel-top-k")


def binomial_number(
    world: TableWorld, now: int, after: int, share: int, count: str = "bernoulli"
) -> Iterator[Evidence]:
    """Compare uniform subsets of a binomial number of positions with the star step, from the noised data.

    The star step is written out over all drafts in fractions. The variant takes a fixed number.
    """
    case, t, s, d = Case(world), fraction(now), fraction(after), world.d
    start = reference_remasking.noised_law(case.rational, t, d)
    wanted = reference_remasking.posterior_step(start, case.literal_fill, t, s, 1 - s, d)
    refine = drafts.unguided(Selection(count=count), world)
    found = chain.counted_step(chain.noised_states(world, float(t)), case.factorised, refine.chance(float(s)))
    yield equal("rational", found, case.listed(wanted, masks=True), case.slack(2), effective=0 < s < 1, note="one step")


def count_rule(world: TableWorld, steps: int, same: bool = False) -> Iterator[Evidence]:
    """Compute in fractions the TV from the data of the unguided star with a fixed and with a free number of masks.

    A fixed number is nearer. The variant takes the free number on both sides.
    """
    case, n, d = Case(world), world.n, world.d
    grid = [(Fraction(k, steps), Fraction(k + 1, steps), 1 - Fraction(k + 1, steps)) for k in range(steps)]
    free = reference_remasking.output_law(case.literal_fill, grid, n, d)
    fixed = (
        free
        if same
        else reference_remasking.refined_law(case.literal_fill, lambda y: [Fraction(1)] * n, steps, 0, n, d)
    )
    near, far = (variation(law, case.rational) for law in (fixed, free))
    note = f"TV {float(near):.4f} with a fixed number, {float(far):.4f} with a free one"
    yield equal("rational", int(near < far), 1, ZERO, note=note)
    slack = case.slack(4 * steps)
    yield equal("enumeration", case.distance(star(steps)), float(far), slack, note="the engine, independent masks")
    refine = drafts.unguided(Selection(), world)
    yield equal("enumeration", case.distance(counted(steps), refine), float(near), slack, effective=not same)


def _drawn(selection: Selection, scores: Tensor, size: int) -> Tensor:
    return selection.choose(scores.expand(PATHS, -1), torch.full((PATHS,), size), Generator().manual_seed(0))


def _late(scores: Tensor, size: int) -> Tensor:
    u = torch.rand(PATHS, len(scores), dtype=torch.float64, generator=Generator().manual_seed(0))
    ranks = ((scores - torch.log(-torch.log(u))) / 7.0).argsort(-1, descending=True).argsort(-1)
    return ranks < size


def _odds() -> SearchStrategy[Instance]:
    lists = st.lists(st.integers(1, 9), min_size=3, max_size=3)
    return st.fixed_dictionaries({"odds": lists, "size": st.integers(0, 3), "inverse": st.integers(1, 2)})


def _pairs_of_alphas() -> SearchStrategy[Instance]:
    return merged(strategies.paired(world=strategies.worlds(n=(2, 3), cells=9)), alphas())


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
        examples=60,
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
        examples=20,
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
    Claim(
        id="gstar.9",
        statement=(
            "The positions of the N largest values of g_i / tau + Gumbel noise are N draws without replacement with "
            "weights exp(g_i / tau), the Plackett-Luce law of scores g at temperature tau."
        ),
        source=f"{STAR}, equation (5); see docs/derivations.md, gstar.9",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "monte-carlo"),
        check=subsets,
        tolerance=f"recursion: rounding; Hoeffding for {PATHS} draws at the suite's false-alarm share for each set",
        inputs=_odds,
        examples=20,
        fixtures=({"odds": [1, 2, 5, 3], "size": 2, "inverse": 2}, {"odds": [9, 1, 1, 4], "size": 3}),
        variants={"temperature after the noise": partial(subsets, late=True)},
    ),
    Claim(
        id="gstar.14a",
        statement=(
            "Filling all masks and masking a uniform subset of a Binomial(n, 1 - alpha_next) number of the n positions "
            "again is the star step with independent masks."
        ),
        source=ours("gstar.14"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=binomial_number,
        tolerance="engine against fractions: rounding of a step",
        inputs=_pairs_of_alphas,
        examples=20,
        fixtures=STEPPED[:2],
        variants={"fixed number": partial(binomial_number, count="ceil")},
    ),
    Claim(
        id="gstar.14b",
        statement=(
            "There is a data law for which the unguided star over the whole run is nearer to the data with "
            "ceil((1 - alpha_next) n) masks after each step than with independent masks: the count rule alone moves the "
            "law, so guided and unguided samplers must be compared under one rule."
        ),
        assumptions="exact conditionals, linear alpha",
        source=ours("gstar.14"),
        quantifier="there exists",
        kind="equality",
        routes=("rational", "enumeration"),
        check=count_rule,
        tolerance="none in fractions; engine: rounding of T steps",
        fixtures=({"world": F2, "steps": 8},),
        variants={"a free number on both sides": partial(count_rule, same=True)},
    ),
)
