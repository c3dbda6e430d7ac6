"""G-Star 3-5: the star-shaped bound by brute force and in closed form, against masked diffusion's, and its growth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, Instance, at_least, at_most, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import bounds, chain
from theory.remasking.claims.inputs import (
    F1,
    F2,
    F3,
    NOTES,
    STAR,
    Case,
    denoisers,
    inconsistent,
    merged,
    triples,
    uniform,
)
from theory.remasking.schedules import plan, rescale, standard, star
from theory.worlds import TableWorld

LONG = 4096
TERMS = "rounding of sums over steps, mask counts and positions"


def star_bound(world: TableWorld, denoiser: Denoiser, steps: int, power: int = 1) -> Iterator[Evidence]:
    """Sum KL over all pairs of states and steps, and compare with sum of alpha_next^power E[masked cross-entropy]."""
    n, d = world.n, world.d
    case, process = Case(world, denoiser), star(steps)
    fill = reference_remasking.independent(case.conditional, d)
    brute = [reference_remasking.divergence_bound(x, fill, triples(process), d) for x in reference.sequences(n, d)]
    alphas = [float(s.alpha_now) for s in process]
    closed = bounds.weighted(bounds.loss_profile(case.denoise), alphas, [float(s.alpha_next) ** power for s in process])
    slack = _slack(case.d, n, steps, max(brute))
    yield equal("enumeration", brute, closed, slack, effective=steps > 1, note="KL summed over states")
    yield equal(
        "closed form", bounds.negative_bound(case.denoise, process), closed, slack, note="weights of the posterior"
    )


def upper_bound(world: TableWorld, denoiser: Denoiser, steps: int, shorten: float = 1.0) -> Iterator[Evidence]:
    """Compare the bound with -ln p(x) from the transition matrices, by the engine and by every path written out."""
    n, d = world.n, world.d
    case, process = Case(world, denoiser), star(steps)
    exact = -chain.output_law(case.factorised, process).law().log()
    paths = reference_remasking.output_law(reference_remasking.independent(case.conditional, d), triples(process), n, d)
    slack = _slack(d, n, steps, float(exact.max()))
    yield equal("enumeration", exact, [-math.log(p) for p in case.listed(paths)], slack, note="-ln p(x), two routes")
    bound = shorten * bounds.negative_bound(case.denoise, process)
    yield at_least("enumeration", bound, exact, slack, effective=steps > 1 and n > 1, note="bound >= -ln p(x)")


def few_steps(world: TableWorld, denoiser: Denoiser, steps: int) -> Iterator[Evidence]:
    """Compare the two bounds for T <= 2, where every step starts from nothing shown or ends at the data."""
    n, d = world.n, world.d
    case = Case(world, denoiser)
    left, right = bounds.negative_bound(case.denoise, star(steps)), bounds.negative_bound(case.denoise, standard(steps))
    yield equal("closed form", left, right, _slack(d, n, steps, float(right.max())), note="star = standard")


def excess(world: TableWorld, denoiser: Denoiser, steps: int, eta: int = 4, power: int = 1) -> Iterator[Evidence]:
    """Compare the gap to masked diffusion with the sum of sigma alpha_now / (1 - alpha_now) cross-entropies; it is > 0."""
    n, d = world.n, world.d
    case = Case(world, denoiser)
    base, losses = bounds.negative_bound(case.denoise, standard(steps)), bounds.loss_profile(case.denoise)
    plans = {"star": star(steps), "partial": plan([k / steps for k in range(steps + 1)], rescale(eta / 8))}
    for name, process in plans.items():
        gap = bounds.negative_bound(case.denoise, process) - base
        alphas, weight = [float(s.alpha_now) for s in process], [w**power for w in bounds.excess_weights(process)]
        slack = _slack(d, n, steps, float(base.max()) + float(gap.max()))
        yield equal("closed form", gap, bounds.weighted(losses, alphas, weight), slack, note=f"gap, {name}")
        if steps > 2 and (name == "star" or eta):
            yield at_least("closed form", gap, 1e-6, 0.0, note=f"strict, {name}")
    fill = reference_remasking.independent(case.conditional, d)
    brute = [
        reference_remasking.divergence_bound(x, fill, triples(plans["partial"]), d) for x in reference.sequences(n, d)
    ]
    found = bounds.negative_bound(case.denoise, plans["partial"])
    yield equal("enumeration", brute, found, _slack(d, n, steps, max(brute)), note="KL summed over states")


def one_token(world: TableWorld, steps: int, shift: int = 2) -> Iterator[Evidence]:
    """Compare the mean star bound of one token with H (T + 1)(T + 2) / (6T), and the standard one with H."""
    entropy = float(world.entropy())
    grown, base = (_mean(world.law(), bounds.negative_bound(world, p(steps))) for p in (star, standard))
    slack = rounding(4 * steps, max(grown, 1.0))
    closed = entropy * (steps + 1) * (steps + shift) / (6 * steps)
    yield equal("closed form", grown, closed, slack, effective=entropy > 0 and steps > 1, note="star")
    yield equal("closed form", base, entropy, slack, note="standard")


def growth(world: TableWorld, shift: int = 1) -> Iterator[Evidence]:
    """Compare the star bound over T at T = 4096 with its limit, and the standard bound with the entropy; 1%."""
    n, case = world.n, Case(world)
    losses = bounds.loss_profile(case.denoise)
    profile = torch.where(case.law[:, None] > 0, case.law[:, None] * losses, 0.0).sum(0)
    yield equal("closed form", profile, bounds.entropy_profile(world), case.slack(), note="h_k, two routes")
    limit = bounds.star_growth(profile) if shift == 1 else math.fsum(
        float(h) * (n - k + shift) / ((n + 1) * (n + 2)) for k, h in enumerate(profile))  # fmt: skip
    grown = _mean(case.law, bounds.negative_bound(case.denoise, star(LONG))) / LONG
    effective = limit > 1e-9
    yield at_most("closed form", abs(grown - limit), limit / 100, 1e-15, effective=effective, note="star bound / T")
    entropy = float(world.entropy())
    base = _mean(case.law, bounds.negative_bound(case.denoise, standard(LONG)))
    yield at_most("closed form", abs(base - entropy), entropy / 100, 1e-12, effective=effective, note="standard bound")
    summed = bounds.standard_limit(profile)
    yield equal("closed form", summed, entropy, case.slack(), effective=effective, note="sum of h_k / k = H")


def _mean(law: torch.Tensor, bound: torch.Tensor) -> float:
    return float(torch.where(law > 0, law * bound, 0.0).sum())


def _token(weights: list[int]) -> TableWorld:
    return TableWorld.from_weights(weights, 1, len(weights))


def _slack(d: int, n: int, steps: int, scale: float) -> float:
    return rounding(steps * n * (2 * d + 2) ** n, scale)


def _steps(most: int, least: int = 1) -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"steps": st.integers(least, most)})


PAIR: Instance = {
    "world": uniform(2, 3),
    "denoiser": inconsistent(2, 3, [5, 1, 2, 1, 1, 7, 3, 3, 1, 2, 9, 1, 1, 4, 4, 6, 1, 1, 2, 2, 5, 8, 1, 3]),
}
SHORT: Instance = {"world": uniform(2, 2), "denoiser": inconsistent(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])}

CLAIMS = (
    Claim(
        id="gstar.3a",
        statement="The star bound is sum over steps of alpha_next E[masked cross-entropy]",
        assumptions="any denoiser that carries visible tokens over; linear alpha",
        source=f"{STAR}, variational bound; {NOTES}, bounds",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=star_bound,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(), _steps(6)),
        examples=5,
        fixtures=({**PAIR, "steps": 8}, {**PAIR, "steps": 3}, {**SHORT, "steps": 5}),
        variants={"alpha_next squared": partial(star_bound, power=2)},
    ),
    Claim(
        id="gstar.3b",
        statement="It is at least -ln p(x) of the sampler, for every sequence",
        source=f"{STAR}, variational bound",
        status="reading",
        quantifier="for all",
        kind="lower",
        routes=("enumeration",),
        check=upper_bound,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(), _steps(4)),
        examples=5,
        fixtures=({**PAIR, "steps": 4}, {**SHORT, "steps": 6}),
        variants={"half the bound": partial(upper_bound, shorten=0.5)},
    ),
    Claim(
        id="gstar.4a",
        statement="For T <= 2 the star bound is masked diffusion's, sequence by sequence",
        source=f"{NOTES}, bounds",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=few_steps,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(), _steps(2)),
        examples=15,
        fixtures=({**PAIR, "steps": 2}, {**PAIR, "steps": 1}),
        variants={"one step more": lambda steps, **rest: few_steps(steps=steps + 1, **rest)},
    ),
    Claim(
        id="gstar.4b",
        statement=(
            "For every sigma the bound exceeds masked diffusion's by the sum of sigma alpha_now / (1 - "
            "alpha_now) E[masked cross-entropy], strictly for T >= 3"
        ),
        assumptions="positive conditionals; sigma = 1 - alpha_next, and half of the largest",
        source=f"{NOTES}, bounds",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "enumeration"),
        check=excess,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(), _steps(4, 3)),
        examples=4,
        fixtures=({**PAIR, "steps": 5}, {**SHORT, "steps": 3}, {**SHORT, "steps": 4, "eta": 8}),
        variants={"excess squared": partial(excess, power=2)},
    ),
    Claim(
        id="gstar.5a",
        statement=(
            "One token, linear alpha, exact denoiser: the star bound is H (T + 1)(T + 2) / (6T), the standard one H"
        ),
        source=f"{NOTES}, bounds",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=one_token,
        tolerance="rounding of T terms",
        inputs=lambda: st.fixed_dictionaries(
            {
                "world": st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda w: _token([*w, 1])),
                "steps": st.integers(1, 200),
            }
        ),
        examples=15,
        fixtures=({"world": _token([3, 1, 5]), "steps": 64}, {"world": _token([1, 1]), "steps": 1000}),
        variants={"(T + 1)^2": partial(one_token, shift=1)},
    ),
    Claim(
        id="gstar.5b",
        statement=(
            "The star bound / T tends to sum of h_k (n - k + 1) / ((n + 1)(n + 2)): within 1% at T = 4096, "
            "where the standard bound is within 1% of H"
        ),
        assumptions="linear alpha, exact denoiser",
        source=f"{NOTES}, bounds",
        quantifier="for all",
        kind="asymptotic",
        routes=("closed form",),
        check=growth,
        tolerance="1%",
        inputs=lambda: strategies.paired(world=strategies.worlds(n=(1, 4), cells=27)),
        examples=10,
        fixtures=({"world": F1}, {"world": F2}, {"world": F3}),
        variants={"n - k + 2": partial(growth, shift=2)},
    ),
)
