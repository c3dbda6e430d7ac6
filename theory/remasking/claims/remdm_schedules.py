"""ReMDM's bound and its schedules of sigma: cap, rescale, switch and loop keep the marginals (arXiv 2503.00307)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.denoisers import Denoiser
from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding, strategies
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import bounds, chain
from theory.remasking.claims.inputs import (
    F2,
    REMDM,
    Case,
    denoisers,
    inconsistent,
    merged,
    triples,
    uniform,
    variation,
)
from theory.remasking.schedules import Step, cap, loop, plan, rescale, standard
from theory.worlds import TableWorld

ONE = Fraction(1)
Triple = tuple[Fraction, Fraction, Fraction]
"""alpha_now, alpha_next and sigma of a step."""


def nelbo(world: TableWorld, denoiser: Denoiser, steps: int, eta: int, share: float = 1.0) -> Iterator[Evidence]:
    """Sum KL over states and steps at sigma = eta / 8 of the largest, and compare with weighted cross-entropies.

    The weights are those printed, at `share` times sigma in the variant; the masked cross-entropies are averaged over
    mask counts. The bound grows with sigma.
    """
    n, d = world.n, world.d
    case, grid = Case(world, denoiser), [k / steps for k in range(steps + 1)]
    process = plan(grid, rescale(eta / 8))
    brute = [
        reference_remasking.divergence_bound(x, case.literal_fill, triples(process), d)
        for x in reference.sequences(n, d)
    ]
    weights = [(s - (1 - share * sigma) * t) / (1 - t) for t, s, sigma in triples(process)]
    losses, alphas = bounds.loss_profile(case.denoise), [float(step.alpha_now) for step in process]
    slack = rounding(steps * n * (3 * d + 1) ** n, max(brute))
    effective = eta > 0 and steps > 2
    claimed = bounds.weighted(losses, alphas, weights)
    yield equal("enumeration", claimed, brute, slack, effective=effective, note="KL summed over states")
    found = bounds.negative_bound(case.denoise, process)
    yield equal("enumeration", found, brute, slack, effective=effective, note="the engine's bound")
    smaller = bounds.negative_bound(case.denoise, plan(grid, rescale(eta / 16)))
    yield at_least("closed form", found, smaller, slack, effective=effective, note="grows with sigma")
    base = bounds.negative_bound(case.denoise, standard(steps))
    yield at_least("closed form", smaller, base, slack, effective=effective, note="sigma = 0 is tightest")


def printed_plan(name: str, steps: int, eta: Fraction) -> list[Triple]:
    """Return the steps of a schedule on a uniform grid of times, from the formulas as printed.

    cap: sigma = min{eta, largest}. rescale: eta times the largest. switch: cap from time 9/20 on, no sigma before. loop:
    alpha climbs to 9/10 by time 9/20, stays there up to 19/20 and climbs to 1; cap where it stays.
    """
    early, late, top = Fraction(9, 20), Fraction(19, 20), Fraction(9, 10)
    found = []
    for k in range(steps):
        begin, end = Fraction(k, steps), Fraction(k + 1, steps)
        now, after = begin, end
        if name == "loop":
            now, after = (
                top * time / early
                if time < early
                else top
                if time <= late
                else ONE - (1 - time) * (1 - top) / (1 - late)
                for time in (begin, end)
            )
        most = min(ONE, (1 - after) / now) if now else ONE
        sigma = eta * most if name == "rescale" else min(eta, most)
        inside = {"switch": begin >= early, "loop": begin >= early and end <= late}.get(name, True)
        found.append((now, after, sigma if inside else Fraction(0)))
    return found


def engine_plan(name: str, steps: int, eta: float) -> Sequence[Step]:
    """Return the engine's steps of the same schedule."""
    grid = [k / steps for k in range(steps + 1)]
    match name:
        case "cap":
            return plan(grid, cap(eta))
        case "rescale":
            return plan(grid, rescale(eta))
        case "switch":
            return plan(grid, cap(eta), window=(0.45, 1.0))
    return loop(steps, cap(eta), plateau=0.9)


def schedules_keep_marginals(
    world: TableWorld, schedule: str, steps: int, eta: int, joint: bool = True
) -> Iterator[Evidence]:
    """Follow a schedule with masks filled jointly: after every step the noised data law, in fractions and by the engine.

    The variant fills masks independently.
    """
    n, d, case = world.n, world.d, Case(world)
    printed = printed_plan(schedule, steps, Fraction(eta, 8))
    process = engine_plan(schedule, steps, eta / 8)
    slack = rounding(4) / min(float(1 - now) for now, _, _ in printed)
    listed = [[float(v) for v in step] for step in printed]
    effective = n > 1 and any(now * sigma > 0 for now, _, sigma in printed)
    yield equal("rational", triples(process), listed, slack, effective=effective, note="the engine's steps as printed")
    draw = reference_remasking.together(case.rational, d) if joint else case.literal_fill
    fill = case.joint if joint else case.factorised
    literal: reference.Law = {(d,) * n: ONE}
    law = chain.masked_states(fill)
    gap, found, wanted = Fraction(0), [], []
    for (now, after, sigma), step in zip(printed, process, strict=True):
        if n < 3:
            literal = reference_remasking.posterior_step(literal, draw, now, after, sigma, d)
            gap = max(gap, variation(literal, reference_remasking.noised_law(case.rational, after, d)))
        law = chain.advance(law, fill, step)
        found.append(law.tolist())
        wanted.append(case.listed(reference_remasking.noised_law(case.rational, after, d), masks=True))
    yield equal("rational", gap, Fraction(0), Fraction(0), effective=effective and n == 2, note="TV in fractions")
    yield equal("enumeration", found, wanted, case.slack(2 * steps) * steps, effective=effective, note="the engine")


def _etas() -> SearchStrategy[Instance]:
    return st.fixed_dictionaries({"steps": st.integers(3, 4), "eta": st.integers(1, 8)})


def _plans() -> SearchStrategy[Instance]:
    schedules = st.sampled_from(("cap", "rescale", "switch", "loop"))
    return st.fixed_dictionaries({"schedule": schedules, "steps": st.integers(4, 8), "eta": st.integers(1, 8)})


SHORT: Instance = {"world": uniform(2, 2), "denoiser": inconsistent(2, 2, [5, 4, 9, 1, 1, 1, 2, 1, 1, 8, 4, 1])}
PAIR = TableWorld.from_weights([5, 1, 2, 8], 2, 2, "two bits")

CLAIMS = (
    Claim(
        id="remdm.nelbo",
        statement=(
            "ReMDM's bound on -ln p(x) is the sum over steps of (alpha_next - (1 - sigma) alpha_now) / (1 - alpha_now) "
            "times the expected cross-entropy of the masked tokens. It grows with sigma, so masked diffusion, sigma = 0, "
            "has the tightest."
        ),
        tex=r"\sum_t \frac{\alpha_s - (1 - \sigma_t) \alpha_t}{1 - \alpha_t}\, \mathbb{E}\Big[\sum_{i: z^i = m} -\ln p(x^i \mid z)\Big]",
        assumptions="any denoiser that carries shown tokens over; linear alpha",
        source=f"{REMDM}, NELBO",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=nelbo,
        tolerance="rounding of sums over pairs of states and steps",
        inputs=lambda: merged(denoisers(), _etas()),
        examples=5,
        fixtures=({**SHORT, "steps": 5, "eta": 8}, {**SHORT, "steps": 3, "eta": 3}),
        variants={"sigma one percent smaller in the weights": partial(nelbo, share=0.99)},
    ),
    Claim(
        id="remdm.schedules",
        statement=(
            "The schedules cap, rescale, switch and loop of the remasking probability keep the marginals: with masks "
            "filled from their joint conditional the state has the law of the noised data after every step."
        ),
        source=f"{REMDM}, section 4.1; see docs/derivations.md, gstar.2",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration"),
        check=schedules_keep_marginals,
        tolerance="none in fractions; engine: rounding of all steps, each over 1 - alpha_now >= 1 / T",
        inputs=lambda: merged(strategies.paired(world=strategies.worlds(n=(2, 3), cells=9)), _plans()),
        examples=8,
        fixtures=(
            {"world": F2, "schedule": "loop", "steps": 20, "eta": 4},
            {"world": PAIR, "schedule": "cap", "steps": 5, "eta": 1},
            {"world": PAIR, "schedule": "rescale", "steps": 4, "eta": 8},
            {"world": F2, "schedule": "switch", "steps": 7, "eta": 8},
        ),
        variants={"masks filled independently": partial(schedules_keep_marginals, joint=False)},
    ),
)
