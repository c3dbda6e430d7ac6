"""G-Star 3-5: the star-shaped bound by brute force and in closed form, against masked diffusion's, and its growth."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import bounds, chain
from theory.remasking.claims.inputs import (
    F1,
    F2,
    F3,
    STAR,
    Case,
    denoisers,
    inconsistent,
    merged,
    ours,
    triples,
    uniform,
)
from theory.remasking.schedules import plan, rescale, standard, star
from theory.worlds import TableWorld

TERMS = "rounding of sums over steps, mask counts and positions"


def star_bound(
    world: TableWorld, denoiser: Denoiser, steps: int, share: float = 1.0, short: float = 1.0
) -> Iterator[Evidence]:
    """Sum KL over all pairs of states and steps, and compare with the weighted cross-entropies and with -ln p(x).

    The probabilities p(x) come from every path written out. The variants take `share` of the weights, or claim that
    `short` of the bound is still a bound.
    """
    n, d = world.n, world.d
    case, process = Case(world, denoiser), star(steps)
    sequences = list(reference.sequences(n, d))
    brute = [reference_remasking.divergence_bound(x, case.literal_fill, triples(process), d) for x in sequences]
    weights = [share * (k + 1) / steps for k in range(steps)]
    closed = bounds.weighted(bounds.loss_profile(case.denoise), [k / steps for k in range(steps)], weights)
    slack = _slack(d, n, steps, max(brute))
    yield equal("enumeration", closed, brute, slack, effective=steps > 1, note="weights alpha_next")
    bound = bounds.negative_bound(case.denoise, process)
    yield equal("enumeration", bound, brute, slack, note="the engine's bound")
    paths = reference_remasking.output_law(case.literal_fill, triples(process), n, d)
    exact = [-math.log(paths[x]) for x in sequences]
    yield at_least("enumeration", [short * b for b in brute], exact, slack, note="bound >= -ln p(x)")
    found = -chain.output_law(case.factorised, process).law().log()
    yield equal("enumeration", found, exact, _slack(d, n, steps, max(exact)), note="-ln p(x) by the engine")


def excess(
    world: TableWorld, denoiser: Denoiser, steps: int, eta: int = 4, share: float = 1.0, late: int = 0
) -> Iterator[Evidence]:
    """Compare the gap to masked diffusion with the sum of sigma alpha_now / (1 - alpha_now) cross-entropies.

    The gap is zero for T <= 2 (T <= 2 + `late` in a variant) and positive for T >= 3. Both bounds are summed by brute
    force, too. The other variant takes `share` of the excess.
    """
    n, d = world.n, world.d
    case, grid = Case(world, denoiser), [k / steps for k in range(steps + 1)]
    base, losses = bounds.negative_bound(case.denoise, standard(steps)), bounds.loss_profile(case.denoise)
    for name, process in {"star": star(steps), "partial": plan(grid, rescale(eta / 8))}.items():
        gap = bounds.negative_bound(case.denoise, process) - base
        weights = [share * s * t / (1 - t) for t, _, s in triples(process)]
        slack = _slack(d, n, steps, float(base.max()) + float(gap.max()))
        yield equal("closed form", gap, bounds.weighted(losses, grid[:-1], weights), slack, note=f"gap, {name}")
        engine = bounds.weighted(losses, grid[:-1], bounds.excess_weights(process))
        yield equal("closed form", gap, engine, slack, note=f"gap by the engine's weights, {name}")
        sums = [
            [reference_remasking.divergence_bound(x, case.literal_fill, triples(steps_), d) for steps_ in (process, standard(steps))]
            for x in reference.sequences(n, d)
        ]  # fmt: skip
        yield equal("enumeration", gap, [a - b for a, b in sums], 2 * slack, note=f"KL summed over states, {name}")
        if name == "star" and steps <= 2 + late:
            yield equal("closed form", gap, 0.0, slack, note="no gap for T <= 2")
        elif name == "star":
            yield at_least("closed form", gap, 2 * slack, 0.0, note="a positive gap for T >= 3")


def one_token(world: TableWorld, steps: int, shift: int = 2) -> Iterator[Evidence]:
    """Compare the mean star bound of one token with H (T + 1)(T + 2) / (6T), and the standard one with H.

    Over H both are sums of fractions: (k / T)(1 - (k - 1) / T), and the standard weights times the masked chance.
    """
    entropy = reference.entropy(reference.exact(world).values())
    grown, base = (_mean(world.law(), bounds.negative_bound(world, p(steps))) for p in (star, standard))
    slack = rounding(4 * steps, max(grown, 1.0))
    ratio = Fraction((steps + 1) * (steps + shift), 6 * steps)
    summed = sum((Fraction(k * (steps - k + 1), steps**2) for k in range(1, steps + 1)), Fraction(0))
    yield equal("rational", summed, ratio, Fraction(0), effective=steps > 1, note="sum over steps")
    yield equal("closed form", grown, entropy * float(ratio), slack, effective=entropy > 0 and steps > 1, note="star")
    yield equal("closed form", base, entropy, slack, effective=entropy > 0, note="standard")


@functools.cache
def rays(n: int, steps: int) -> Fraction:
    """Return the largest excess T (bound / T - limit) / h_n over the extreme profiles h_k = k [k >= j], j = 1..n.

    A profile is h_k = k a_k with a_1 <= ... <= a_n, a nonnegative combination of these; bound and limit are linear in it.
    """
    found = []
    for j in range(1, n + 1):
        bound = Fraction(0)
        for k in range(1, steps + 1):
            now = Fraction(k - 1, steps)
            mean = sum((m * math.comb(n, m) * (1 - now) ** m * now ** (n - m) for m in range(j, n + 1)), Fraction(0))
            bound += Fraction(k, steps) * mean
        limit = sum((Fraction(m * (n - m + 1), (n + 1) * (n + 2)) for m in range(j, n + 1)), Fraction(0))
        found.append((bound - steps * limit) / n)
    return max(found)


def growth(world: TableWorld, steps: int, share: float = 1.0, shift: int = 1) -> Iterator[Evidence]:
    """Bound the distance of the star bound over T from its limit, with the sharp constant, and the standard's from H.

    h_k is the mean over sets of k masks of the sum of conditional entropies of the masked tokens, from the law in
    fractions. The variants claim `share` of the constant, or n - k + `shift` in the limit.
    """
    n, case = world.n, Case(world)
    h = mean_entropies(case)
    profile = bounds.entropy_profile(world)
    yield equal("enumeration", profile, h, case.slack(), note="h_k, the engine's")
    limit = math.fsum(v * (n - k + shift) / ((n + 1) * (n + 2)) for k, v in enumerate(h))
    slack = _slack(world.d, n, steps, n * float(h[-1]) + 1)
    engine_limit = bounds.star_growth(profile)
    yield equal("closed form", engine_limit, limit, slack, note="the engine's limit")
    grown = _mean(case.law, bounds.negative_bound(case.denoise, star(steps))) / steps
    constant = share * (1 - 1 / ((n + 1) * (n + 2)))
    effective = h[-1] > slack
    yield at_least("closed form", grown, limit, slack, note="above its limit")
    yield at_most(
        "closed form", grown - limit, constant * h[-1] / steps, slack, effective=effective, note="by c h_n / T"
    )
    worst = rays(n, min(steps, 12))
    sharp = 1 - Fraction(1, (n + 1) * (n + 2))
    yield at_most("rational", worst, sharp, Fraction(0), effective=False, note="on the extreme profiles")
    entropy = reference.entropy(case.rational.values())
    base = _mean(case.law, bounds.negative_bound(case.denoise, standard(steps)))
    yield at_least("closed form", base, entropy, slack, note="masked diffusion's bound is above H")
    yield at_most("closed form", base - entropy, (h[-1] - h[1]) / steps, slack, note="by (h_n - h_1) / T")
    yield equal("closed form", bounds.standard_limit(profile), entropy, slack, note="sum of h_k / k = H")


def mean_entropies(case: Case) -> list[float]:
    """Return h_0..h_n from entropies of subsets of positions: H(x_i | x off M) = H(x_i, x off M) - H(x off M)."""
    n, found = case.n, [0.0]
    for k in range(1, n + 1):
        terms = []
        for masked in itertools.combinations(range(n), k):
            shown = [i for i in range(n) if i not in masked]
            base = reference.subset_entropy(case.rational, shown)
            terms += [reference.subset_entropy(case.rational, sorted([*shown, i])) - base for i in masked]
        found.append(math.fsum(terms) / math.comb(n, k))
    return found


def _mean(law: torch.Tensor, bound: torch.Tensor) -> float:
    return float(torch.where(law > 0, law * bound, 0.0).sum())


def _token(weights: list[int]) -> TableWorld:
    return TableWorld.from_weights(weights, 1, len(weights))


def _slack(d: int, n: int, steps: int, scale: float) -> float:
    return rounding(steps * n * (2 * d + 2) ** n, scale)


def _steps(most: int, least: int = 1) -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"steps": st.integers(least, most)})


def _tokens() -> SearchStrategy[Instance]:
    weights = st.lists(st.integers(0, 9), min_size=1, max_size=4).map(lambda w: _token([*w, 1]))
    return st.fixed_dictionaries({"world": weights, "steps": st.integers(1, 200)})


PAIR: Instance = {
    "world": uniform(2, 3),
    "denoiser": inconsistent(2, 3, [5, 1, 2, 1, 1, 7, 3, 3, 1, 2, 9, 1, 1, 4, 4, 6, 1, 1, 2, 2, 5, 8, 1, 3]),
}
SHORT: Instance = {"world": uniform(2, 2), "denoiser": inconsistent(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])}
COPIED = TableWorld.from_weights([int(len(set(x)) == 1) for x in reference.sequences(4, 2)], 4, 2, "four copies")

CLAIMS = (
    Claim(
        id="gstar.3",
        statement=(
            "The negative variational bound of the star-shaped process is the sum over steps of alpha_next times the "
            "expected cross-entropy of the masked tokens, and for every sequence x it is at least -ln p(x) of the sampler."
        ),
        tex=r"\sum_t \alpha_s\, \mathbb{E}\Big[\sum_{i: z^i = m} -\ln p(x^i \mid z)\Big] \ge -\ln p(x)",
        assumptions="any denoiser that carries shown tokens over; linear alpha; alpha_next the revealed fraction after a step",
        source=f"{STAR}, variational bound; see docs/derivations.md, gstar.3",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=star_bound,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(), _steps(5)),
        examples=4,
        fixtures=({**PAIR, "steps": 4}, {**PAIR, "steps": 1}, {**SHORT, "steps": 5}),
        variants={
            "weights one percent smaller": partial(star_bound, share=0.99),
            "one percent less is a bound": partial(star_bound, short=0.99),
        },
    ),
    Claim(
        id="gstar.4",
        statement=(
            "The bound of ReMDM's family exceeds masked diffusion's by the sum over steps of sigma alpha_now / "
            "(1 - alpha_now) times the expected cross-entropy of the masked tokens. For the star-shaped process on a "
            "uniform grid of T steps the excess is zero for T <= 2 and positive for T >= 3."
        ),
        assumptions="positive conditionals; linear alpha; sigma = 1 - alpha_next, and a share of the largest sigma",
        source=ours("gstar.4"),
        quantifier="for all",
        kind="equality",
        routes=("closed form", "enumeration"),
        check=excess,
        tolerance=TERMS,
        inputs=lambda: merged(denoisers(((1, 3), (2, 2))), _steps(4)),
        examples=5,
        fixtures=({**PAIR, "steps": 3}, {**SHORT, "steps": 2}, {**SHORT, "steps": 4, "eta": 8}),
        variants={
            "excess one percent smaller": partial(excess, share=0.99),
            "no excess at T = 3": partial(excess, late=1),
        },
    ),
    Claim(
        id="gstar.5a",
        statement=(
            "For one token of entropy H, exact conditionals and T uniform steps the expected star bound is "
            "H (T + 1)(T + 2) / (6T), which grows with T, while masked diffusion's is H for every T."
        ),
        assumptions="linear alpha",
        source=ours("gstar.5"),
        quantifier="for all",
        kind="equality",
        routes=("closed form", "rational"),
        check=one_token,
        tolerance="rounding of T terms",
        inputs=_tokens,
        examples=15,
        fixtures=({"world": _token([3, 1, 5]), "steps": 64}, {"world": _token([1, 1]), "steps": 1000}),
        variants={"(T + 1)^2": partial(one_token, shift=1)},
    ),
    Claim(
        id="gstar.5b",
        statement=(
            "Let h_k be the mean over sets of k masked positions of the sum of their entropies, each given the shown "
            "tokens, and L the sum over k of h_k (n - k + 1) / ((n + 1)(n + 2)). For T uniform steps and exact "
            "conditionals the expected star bound over T lies between L and L + (1 - 1 / ((n + 1)(n + 2))) h_n / T, "
            "while masked diffusion's bound lies between the entropy H and H + (h_n - h_1) / T."
        ),
        tex=r"0 \le \frac{\mathcal{L}_\star}{T} - \sum_k \frac{h_k (n - k + 1)}{(n + 1)(n + 2)} \le \Big(1 - \frac{1}{(n + 1)(n + 2)}\Big) \frac{h_n}{T}",
        assumptions="linear alpha, exact conditionals; n tokens",
        source=ours("gstar.5"),
        quantifier="for all",
        kind="upper",
        routes=("closed form", "enumeration", "rational"),
        check=growth,
        tolerance=TERMS,
        inputs=lambda: merged(strategies.paired(world=strategies.worlds(n=(1, 4), cells=27)), _steps(64)),
        examples=8,
        fixtures=(
            {"world": COPIED, "steps": 1},
            {"world": F1, "steps": 4096},
            {"world": F2, "steps": 7},
            {"world": F3, "steps": 2},
        ),
        variants={
            "constant one percent smaller": partial(growth, share=0.99),
            "n - k + 2 in the limit": partial(growth, shift=2),
        },
        sharp=Sharp(
            "1 - 1 / ((n + 1)(n + 2)) cannot be lowered for any n: n copies of a token and T = 1 attain it",
            {"world": COPIED, "steps": 1},
        ),
    ),
)
