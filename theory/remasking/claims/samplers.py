"""The batch sampler and the exact chain against every draft written out: every schedule, count rule and temperature."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial

from torch import Generator

from theory.ledger import Claim, Evidence, equal, hoeffding_margin
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts
from theory.remasking.claims.inputs import F1, F2, PATHS, Case, frequencies, ours
from theory.remasking.predictor import tabulated
from theory.remasking.sampling import masked_batch, sample
from theory.remasking.schedules import Step, cap, counted, loop, plan, rescale, standard, star
from theory.remasking.selection import Selection
from theory.worlds import TableWorld

PLANS = {
    "standard": lambda steps: standard(steps),
    "star": lambda steps: star(steps),
    "cap": lambda steps: plan([k / steps for k in range(steps + 1)], cap(0.2)),
    "rescale in a window": lambda steps: plan([k / steps for k in range(steps + 1)], rescale(0.7), window=(0.5, 1.0)),
    "loop": lambda steps: loop(steps, cap(0.3), plateau=0.75),
    "refinement": lambda steps: counted(steps, (0.5, 1.0)),
    "refinement on a plateau": lambda steps: loop(steps, kind="counted", plateau=0.5),
}
"""The schedules by the names that instances use."""


def same_law(
    world: TableWorld,
    process: str,
    steps: int,
    guided: bool = False,
    temperature: float | None = 1.0,
    count: str = "ceil",
    instead: str = "",
) -> Iterator[Evidence]:
    """Compare the frequency of every sampled sequence, and the exact chain, with all drafts written out.

    Scores are the logits of g*, from the definition of the labels. The variant samples another schedule, `instead`.
    """
    d = world.d
    case, selection = Case(world), Selection(temperature, count)
    plans: tuple[Step, ...] = PLANS[process](steps)
    listed = case.listed(_literally(case, plans, guided, temperature, count))
    refine = case.guided(selection) if guided else drafts.unguided(selection, world)
    exact = chain.output_law(case.factorised, plans, refine)
    yield equal("enumeration", exact.law(), listed, case.slack(2 * steps) * steps, note="the exact chain")
    batch = sample(
        case.denoise,
        PLANS[instead or process](steps),
        masked_batch(world, PATHS),
        selection=selection,
        predictor=tabulated(case.logits) if guided else None,
        generator=Generator().manual_seed(0),
    )
    margin = hoeffding_margin(PATHS, 1.0)
    yield equal("monte-carlo", frequencies(batch.tokens, d), listed, margin, note="frequencies of sequences")


def _literally(
    case: Case, steps: tuple[Step, ...], guided: bool, temperature: float | None, count: str
) -> reference.Law:
    """Return the output law, in floats: all drafts, outcomes, numbers of masks and orders of drawing."""
    n, d = case.n, case.d
    fill = reference_remasking.independent(reference.conditionals_of(reference.floats(case.world), d), d)

    def weights(y: reference.State) -> list[float]:
        odds = [float(w) for w in case.odds[y]] if guided else [1.0] * n
        return odds if temperature is None else [w ** (1 / temperature) for w in odds]

    law: reference.Law = {(d,) * n: 1.0}
    for step in steps:
        now, after = float(step.alpha_now), float(step.alpha_next)
        if step.kind == "posterior":
            law = reference_remasking.posterior_step(law, fill, now, after, float(step.sigma), d)
        else:
            numbers = _numbers(count, after, n)
            law = reference_remasking.counted_step(law, fill, weights, numbers, d, greatest=temperature is None)
    return law


def _numbers(count: str, after: float, n: int) -> Mapping[int, float]:
    """Return the chances of each number of masks: (1 - alpha) n rounded up or down, or binomial."""
    if count == "bernoulli":
        return {k: math.comb(n, k) * (1 - after) ** k * after ** (n - k) for k in range(n + 1)}
    exact = (1 - Fraction(after).limit_denominator(1000)) * n
    return {math.ceil(exact) if count == "ceil" else math.floor(exact): 1.0}


CLAIMS = (
    Claim(
        id="gstar.sampler",
        statement=(
            "The batch sampler draws every sequence as often as the sum over all drafts, numbers of masks and orders of "
            "drawing says, and the exact chain gives the same law: for seven schedules, count rules and temperatures."
        ),
        source=ours("gstar.sampler"),
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo", "enumeration"),
        check=same_law,
        tolerance=f"Hoeffding for {PATHS} paths at the suite's false-alarm share for each sequence; rounding of T steps",
        fixtures=(
            {"world": F2, "process": "star", "steps": 6},
            {"world": F2, "process": "cap", "steps": 6},
            {"world": F2, "process": "rescale in a window", "steps": 8},
            {"world": F2, "process": "loop", "steps": 9},
            {"world": F1, "process": "refinement", "steps": 8, "guided": True},
            {"world": F1, "process": "refinement", "steps": 6, "guided": True, "temperature": None, "count": "floor"},
            {
                "world": F1,
                "process": "refinement on a plateau",
                "steps": 8,
                "guided": True,
                "temperature": 0.5,
                "count": "bernoulli",
            },
        ),
        variants={"masked diffusion sampled instead": partial(same_law, instead="standard")},
    ),
)
