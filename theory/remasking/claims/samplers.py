"""The batch sampler against the exact chain: every schedule, both count rules, every temperature, and the calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Generator

from theory.ledger import FALSE_ALARM_SHARE, Claim, Evidence, equal, hoeffding_samples
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import chain
from theory.remasking.claims.inputs import F1, F2, NOTES, case, triples
from theory.remasking.predictor import tabulated
from theory.remasking.sampling import masked_batch, sample
from theory.remasking.schedules import Step, cap, counted, loop, plan, rescale, standard, star
from theory.remasking.selection import Selection

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
    n: int,
    d: int,
    weights: Sequence[int],
    process: str,
    steps: int,
    guided: bool = False,
    temperature: float | None = 1.0,
    count: str = "ceil",
    instead: str = "",
) -> Iterator[Evidence]:
    """Compare the frequency of every sampled sequence with its exact probability; `instead` samples another schedule."""
    world, selection = case(n, d, weights), Selection(temperature, count)
    plans: tuple[Step, ...] = PLANS[process](steps)
    refine = world.guided(selection) if guided else chain.unguided(selection, n, d)
    exact = chain.output_law(world.factorised, plans, refine)
    if all(step.kind == "posterior" for step in plans) and n < 4:
        fill = reference_remasking.independent(
            reference.conditionals_of({x: float(p) for x, p in world.rational.items()}, d), d
        )
        listed = world.listed(reference_remasking.output_law(fill, triples(plans), n, d))
        yield equal("enumeration", exact, listed, world.slack(2 * steps) * steps, note="every draft written out")
    paths = hoeffding_samples(MARGIN, 1.0, FALSE_ALARM_SHARE / d**n)
    batch = sample(
        world.denoise, PLANS[instead or process](steps), masked_batch(paths, n, d), selection=selection,
        predictor=tabulated(world.logits, d) if guided else None, generator=Generator().manual_seed(0),
    )  # fmt: skip
    index = (batch.tokens * torch.tensor([d ** (n - 1 - i) for i in range(n)])).sum(-1)
    frequency = torch.bincount(index, minlength=d**n) / paths
    yield equal("monte-carlo", frequency, exact, MARGIN, note="frequencies")


CLAIMS = (
    Claim(
        "gstar.sampler", f"{NOTES}, one step function", "The batch sampler draws every sequence as often as the exact chain, for every schedule, count rule and temperature",
        "equality", ("monte-carlo", "enumeration"), same_law, "1%, the sample size by Hoeffding at the suite's share over all sequences",
        fixtures=(
            {**F2, "process": "star", "steps": 6}, {**F2, "process": "cap", "steps": 6}, {**F2, "process": "rescale in a window", "steps": 8}, {**F2, "process": "loop", "steps": 9},
            {**F1, "process": "refinement", "steps": 8, "guided": True}, {**F1, "process": "refinement", "steps": 6, "guided": True, "temperature": None, "count": "floor"},
            {**F1, "process": "refinement on a plateau", "steps": 8, "guided": True, "temperature": 0.5, "count": "bernoulli"},
        ),
        variants={"masked diffusion sampled instead": partial(same_law, instead="standard")},
    ),
)  # fmt: skip
