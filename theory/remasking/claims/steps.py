"""G-Star 1, 2, 9, 14: the star step as a member of ReMDM's family, its marginals, which subsets are masked, how many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import sympy
import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from torch import Generator, Tensor

from theory.ledger import (
    FALSE_ALARM_SHARE,
    Claim,
    Evidence,
    Instance,
    at_most,
    equal,
    hoeffding_samples,
    rounding,
    strategies,
)  # fmt: skip
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts
from theory.remasking.claims.inputs import F1, F2, GRID, NOTES, STAR, Case, alphas, fraction, merged, small_worlds
from theory.remasking.posterior import largest_sigma, posterior, star_sigma
from theory.remasking.schedules import counted, star
from theory.remasking.selection import Selection
from theory.worlds import TableWorld, information


def member(now: int, after: int, share: int, scale: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare ReMDM's step at sigma = 1 - alpha_next with Cat(alpha_next x + (1 - alpha_next) m), and other sigmas."""
    t, s = fraction(now), fraction(after)
    found = posterior(t, s, scale * star_sigma(t, s))
    effective = 0 < s < 1
    yield equal("rational", Fraction(found.keep), s, Fraction(0), effective=effective, note="visible")
    yield equal("rational", Fraction(found.reveal), s, Fraction(0), effective=effective and t > 0, note="masked")
    sigma = fraction(share) * Fraction(largest_sigma(t, s))
    other = posterior(t, s, sigma)
    apart = (sigma - scale * (1 - s)) / (1 - t)
    yield equal("rational", Fraction(other.reveal - other.keep), apart, Fraction(0), note="no other sigma forgets")
    float_step = posterior(float(t), float(s), float(scale) * star_sigma(float(t), float(s)))
    slack = rounding(4) / float(1 - t)
    yield equal(
        "closed form", [float_step.keep, float_step.reveal], float(s), slack, effective=effective, note="floats"
    )


def member_symbolically(power: int = 1) -> Iterator[Evidence]:
    """Simplify the difference of both chances with sigma = (1 - s)^power."""
    t, s = sympy.symbols("t s", positive=True)
    sigma = (1 - s) ** power
    gaps = (1 - sigma - s, (s - (1 - sigma) * t) / (1 - t) - s)
    for gap in gaps:
        yield equal(
            "symbolic", int(sympy.simplify(gap) == 0), 1, Fraction(0), note="difference is zero", proves=math.inf
        )


def marginals(world: TableWorld, now: int, after: int, share: int, proposal: str = "joint") -> Iterator[Evidence]:
    """Step q_now with a joint posterior, in fractions and by the engine, and compare with q_after."""
    n, d = world.n, world.d
    case, t, s = Case(world), fraction(now), fraction(after)
    sigma = fraction(share) * Fraction(largest_sigma(t, s))
    effective = s > t > 0 and n > 1
    if proposal == "joint":
        start = noised_law(case.rational, t, d)
        found = reference_remasking.posterior_step(
            start, reference_remasking.together(case.rational, d), t, s, sigma, d
        )
        wanted = noised_law(case.rational, s, d)
        gap = max(abs(Fraction(found.get(z, 0) - wanted.get(z, 0))) for z in {*found, *wanted})
        yield equal("rational", gap, Fraction(0), Fraction(0), effective=effective, note="fractions")
    law = chain.noised_states(world, float(t))
    step = posterior(float(t), float(s), float(sigma))
    after_step = chain.posterior_step(law, case.joint if proposal == "joint" else case.factorised, step)
    distance = information.total_variation(after_step, chain.noised_states(world, float(s)))
    yield at_most("enumeration", distance, 0.0, case.slack(2) / float(1 - t), effective=effective, note="engine")


def factorised_step(
    world: TableWorld, now: float, after: float, claimed: float, proposal: str = "factorised"
) -> Iterator[Evidence]:
    """Compute the TV between one star step of q_now, masks filled independently, and q_after; both routes."""
    case, d = Case(world), world.d
    fill = case.factorised if proposal == "factorised" else case.joint
    sigma = star_sigma(now, after)
    found = chain.posterior_step(chain.noised_states(world, now), fill, posterior(now, after, sigma))
    distance = float(information.total_variation(found, chain.noised_states(world, after)))
    yield equal("enumeration", distance, claimed, 5e-5, note="engine")
    start = noised_law(reference.floats(world), now, d)
    conditionals = reference_remasking.independent(case.conditional, d)
    if proposal == "factorised":
        listed = case.listed(reference_remasking.posterior_step(start, conditionals, now, after, sigma, d), masks=True)
        yield equal("enumeration", found, listed, case.slack(2), note="every draft written out")


def subsets(odds: Sequence[int], size: int, temperature: float = 1.0, late: bool = False) -> Iterator[Evidence]:
    """Compare the recursion over sets with all orders in fractions, and Gumbel-top-k draws with the recursion.

    Weights are odds^(1 / temperature), so an integer 1 / temperature keeps them rational. With `late` the temperature
    divides scores and noise alike. Draws are made for four positions and more: only fixtures have as many.
    """
    n, selection = len(odds), Selection(temperature)
    scores = torch.tensor(odds, dtype=torch.float64).log()
    exact = reference_remasking.subset_law([Fraction(o) ** round(1 / temperature) for o in odds], size)
    listed = [0.0] * 2**n
    for subset, p in exact.items():
        listed[sum(2 ** (n - 1 - i) for i in subset)] = float(p)
    of_size = torch.tensor([s.bit_count() == size for s in range(2**n)])
    found = torch.where(of_size, selection.set_probabilities(scores), 0.0)
    effective = len(set(odds)) > 1 and 0 < size < n
    slack = rounding(n * 2**n, 1 / temperature * max(1.0, float(scores.abs().max())))
    yield equal("rational", found, listed, slack, effective=effective, note="all orders")
    if n >= 4:
        draws = hoeffding_samples(0.01, 1.0, FALSE_ALARM_SHARE / 2**n)
        chosen = _late(scores, size, draws) if late else _drawn(selection, scores, size, draws)
        index = (chosen * (2 ** torch.arange(n - 1, -1, -1))).sum(-1)
        frequency = torch.bincount(index, minlength=2**n) / draws
        yield equal("monte-carlo", frequency, found, 0.01, effective=effective, note="Gumbel-top-k")


def count_identity(world: TableWorld, now: int, after: int, share: int, count: str = "bernoulli") -> Iterator[Evidence]:
    """Compare uniform subsets of a binomial number with the star step, from the noised law."""
    case, t, s = Case(world), float(fraction(now)), float(fraction(after))
    law = chain.noised_states(world, t)
    wanted = chain.posterior_step(law, case.factorised, posterior(t, s, star_sigma(t, s)))
    refine = drafts.unguided(Selection(count=count), world)
    found = chain.counted_step(law, case.factorised, refine.chance(s))
    yield equal("enumeration", found, wanted, case.slack(2) / (1 - t), effective=0 < s < 1, note="one step")


def confounder(
    world: TableWorld, steps: int, fixed: float, free: float, digits: int, count: str = "ceil"
) -> Iterator[Evidence]:
    """Compute the TV of the unguided star with a fixed and with a free number of masks, window the whole run."""
    case, slack = Case(world), 0.5 * 10.0**-digits
    refine = drafts.unguided(Selection(count=count), world)
    yield equal("enumeration", case.distance(counted(steps), refine), fixed, slack, note="fixed count")
    yield equal("enumeration", case.distance(star(steps)), free, slack, note="independent masks")


def noised_law(law: reference.Law, alpha: Fraction | float, d: int) -> dict[reference.State, Fraction | float]:
    """Return the forward marginal of a literal law."""
    found: dict[reference.State, Fraction | float] = {}
    for x, q in law.items():
        for z, p in reference_remasking.noised(x, alpha, d):
            if p:
                found[z] = found.get(z, 0) + q * p
    return found


def _drawn(selection: Selection, scores: Tensor, size: int, draws: int) -> Tensor:
    return selection.choose(scores.expand(draws, -1), torch.full((draws,), size), Generator().manual_seed(0))


def _late(scores: Tensor, size: int, draws: int) -> Tensor:
    noise = -torch.log(
        -torch.log(torch.rand(draws, len(scores), dtype=torch.float64, generator=Generator().manual_seed(0)))
    )
    ranks = ((scores + noise) / 7.0).argsort(-1, descending=True).argsort(-1)
    return ranks < size


def _odds() -> SearchStrategy[Instance]:
    lists = st.lists(st.integers(1, 9), min_size=3, max_size=3)
    return st.fixed_dictionaries({"odds": lists, "size": st.integers(0, 3), "temperature": st.sampled_from((1.0, 0.5))})


CORNERS = tuple(
    {"now": a, "after": b, "share": c} for a, b, c in ((0, 0, 5), (0, 24, 24), (6, 18, 24), (23, 23, 24), (9, 12, 7))
)
STEPPED = (
    {"world": F2, "now": 6, "after": 12, "share": 24},
    {"world": F2, "now": 6, "after": 18, "share": 9},
    {"world": F1, "now": 5, "after": 7, "share": 12},
)

CLAIMS = (
    Claim(
        id="gstar.1a",
        statement=(
            "The star-shaped step is ReMDM's at sigma = 1 - alpha_next, the only sigma whose next state "
            "ignores the present one given x"
        ),
        assumptions="0 <= alpha_now <= alpha_next <= 1, alpha_now < 1",
        source=f"{STAR}, star-shaped process; {NOTES}, family",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form"),
        check=member,
        tolerance="none in fractions; floats: rounding over 1 - alpha_now",
        inputs=alphas,
        examples=60,
        fixtures=CORNERS,
        variants={"half of sigma": partial(member, scale=Fraction(1, 2))},
    ),
    Claim(
        id="gstar.1b",
        statement="The same as an identity of rational functions",
        source=f"{STAR}, star-shaped process; {NOTES}, family",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("symbolic",),
        check=member_symbolically,
        tolerance="none: computer algebra",
        fixtures=({},),
        variants={"sigma squared": partial(member_symbolically, power=2)},
    ),
    Claim(
        id="gstar.2a",
        statement="With masks filled from the joint conditional every admissible step maps q_now to q_next exactly",
        source=f"{NOTES}, exactness",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=marginals,
        tolerance="none in fractions; engine: rounding of a step over 1 - alpha_now",
        inputs=lambda: merged(small_worlds(), alphas(GRID)),
        examples=20,
        fixtures=STEPPED,
        variants={"masks filled independently": partial(marginals, proposal="factorised")},
    ),
    Claim(
        id="gstar.2b",
        statement="Filled independently they are not: one star step from alpha .2 to .5 misses q_next by TV .0870",
        assumptions="three tokens of the chain with start (.7, .3), stay .85",
        source=f"{NOTES}, bias",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=factorised_step,
        tolerance="half a unit of the last digit",
        fixtures=({"world": F2, "now": 0.2, "after": 0.5, "claimed": 0.0870},),
        variants={"filled jointly": partial(factorised_step, proposal="joint")},
    ),
    Claim(
        id="gstar.9",
        statement="The N largest of g / tau + Gumbel noise are N draws without replacement with weights exp(g / tau)",
        source=f"{STAR}, eq. (5); {NOTES}, selection",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "monte-carlo"),
        check=subsets,
        tolerance="recursion: rounding; draws: 1%, the sample size by Hoeffding at the suite's share over all sets",
        inputs=_odds,
        examples=20,
        fixtures=({"odds": [1, 2, 5, 3], "size": 2, "temperature": 0.5}, {"odds": [9, 1, 1, 4], "size": 3}),
        variants={"temperature after the noise": partial(subsets, late=True)},
    ),
    Claim(
        id="gstar.14a",
        statement="Uniform subsets of a binomial number of positions are the star step with independent masks",
        source=f"{NOTES}, count rule",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=count_identity,
        tolerance="rounding of a step over 1 - alpha_now",
        inputs=lambda: merged(strategies.paired(world=strategies.worlds(n=(2, 4), cells=27)), alphas(GRID)),
        examples=20,
        fixtures=STEPPED,
        variants={"fixed count": partial(count_identity, count="ceil")},
    ),
    Claim(
        id="gstar.14b",
        statement=(
            "The count rule alone moves the law: TV .0275 with a fixed number of masks, .0817 with "
            "independent ones (n = 4, T = 8); fixed, T = 64, n = 3: below 1e-5"
        ),
        assumptions="unguided, window the whole run, ceil",
        source=f"{NOTES}, count rule",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration",),
        check=confounder,
        tolerance="half a unit of the last digit",
        fixtures=(
            {"world": F1, "steps": 8, "fixed": 0.0275, "free": 0.0817, "digits": 4},
            {"world": F2, "steps": 64, "fixed": 0.00000, "free": 0.02093, "digits": 5},
        ),
        variants={"a binomial number": partial(confounder, count="bernoulli")},
    ),
)
