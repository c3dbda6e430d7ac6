"""Speed beside the samplers of other projects, as ratios within one run."""

from __future__ import annotations

import importlib.util
import sys

import torch

from benchmarks.harness import Timing, benchmark, ratio
from theory.unmasking.rules import compiled
from theory.unmasking.rules.sets import EntropyBounded
from theory.unmasking.sampling import drawn_tokens

ROWS, N, D, BUDGET = 1024, 256, 128, 0.5


def step_of_ours(
    select: compiled.Select, logits: torch.Tensor, masked: torch.Tensor, uniform: torch.Tensor
) -> torch.Tensor:
    """Return the next states by EB: select, then draw the tokens of the selected positions alone."""
    chosen = select(logits, masked)
    z = torch.full(masked.shape, D)
    z[chosen] = drawn_tokens(logits[chosen].log_softmax(-1), uniform[chosen])
    return z


def against_diffusers() -> Timing:
    """EB on 1024 x 256 positions x 128 logits, compiled, over one step of diffusers' EntropyBoundScheduler

    Both return the next states. Theirs draws a token at every position, as it must where the rest becomes noise; ours
    draws at the selected positions alone. Where no compiler is found, ours runs eagerly in chunks.
    """
    from diffusers import EntropyBoundScheduler

    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(ROWS, N, D, generator=generator)
    masked = torch.ones(ROWS, N, dtype=torch.bool)
    uniform = torch.rand(ROWS, N, dtype=torch.float64, generator=generator)
    scheduler, state = EntropyBoundScheduler(BUDGET, t_max=1.0, t_min=1.0), masked.long()
    select = compiled.from_logits(EntropyBounded(BUDGET))
    select(logits, masked)  # compiling is not measured
    return ratio(
        lambda: step_of_ours(select, logits, masked, uniform), lambda: scheduler.step(logits, 0, state), repeats=3
    )


if importlib.util.find_spec("diffusers"):
    diffusers_step = benchmark(at_most=0.15)(against_diffusers)
else:
    print("diffusers_step is not measured: diffusers is not installed, it comes with the dev extra", file=sys.stderr)
