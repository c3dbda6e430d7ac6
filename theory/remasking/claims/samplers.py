"""The batch sampler against the exact chain: every schedule, both count rules, every temperature, and the calls."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Generator

from theory.ledger import FALSE_ALARM_SHARE, Claim, Evidence, equal, hoeffding_samples
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain, drafts
from theory.remasking.claims.inputs import F1, F2, NOTES, Case, triples
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

MARGIN = 0.01


def same_law(
    world: TableWorld,
    process: str,
    steps: int,
    guided: bool = False,
    temperature: float | None = 1.0,
    count: str = "ceil",
    instead: str = "",
) -> Iterator[Evidence]:
    """Compare the frequency of every sampled sequence with its exact probability; `instead` samples another schedule."""
    n, d = world.n, world.d
    case, selection = Case(world), Selection(temperature, count)
    plans: tuple[Step, ...] = PLANS[process](steps)
    refine = case.guided(selection) if guided else drafts.unguided(selection, world)
    exact = chain.output_law(case.factorised, plans, refine)
    if all(step.kind == "posterior" for step in plans) and n < 4:
        fill = reference_remasking.independent(reference.conditionals_of(reference.floats(world), d), d)
        listed = case.listed(reference_remasking.output_law(fill, triples(plans), n, d))
        yield equal("enumeration", exact.law(), listed, case.slack(2 * steps) * steps, note="every draft written out")
    paths = hoeffding_samples(MARGIN, 1.0, FALSE_ALARM_SHARE / d**n)
    batch = sample(
        case.denoise, PLANS[instead or process](steps), masked_batch(world, paths), selection=selection,
        predictor=tabulated(case.logits) if guided else None, generator=Generator().manual_seed(0),
    )  # fmt: skip
    index = (batch.tokens * torch.tensor([d ** (n - 1 - i) for i in range(n)])).sum(-1)
    frequency = torch.bincount(index, minlength=d**n) / paths
    yield equal("monte-carlo", frequency, exact.law(), MARGIN, note="frequencies")


CLAIMS = (
    Claim(
        id="gstar.sampler",
        statement=(
            "The batch sampler draws every sequence as often as the exact chain, for every schedule, count "
            "rule and temperature"
        ),
        source=f"{NOTES}, one step function",
        quantifier="this instance",
        kind="equality",
        routes=("monte-carlo", "enumeration"),
        check=same_law,
        tolerance="1%, the sample size by Hoeffding at the suite's share over all sequences",
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
