"""Drafts by parallel sweeps, verified and corrected: calls against the number of sweeps (arXiv 2501.05370, App. B).

Table: dimension (copies of the target), window L, noise_in ("every" sweep, or the "last" alone), sweeps (before each
verification), rounds, calls (sequential: sweeps and verifications a chain), acceptance (share of all steps on which the
draft was kept), expected (the mean of 2 Phi(-delta / 2) over all steps), and the half-widths of 95 % intervals for
means over paths: rounds_error, calls_error, acceptance_error. Scalars: steps N, and paths by dimension.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

NORMAL = 1.959964


@dataclass(frozen=True)
class Config:
    """Steps N of the reversed diffusion, dimensions with their numbers of paths, windows and numbers of sweeps.

    `last` are the windows for which sweeps with noise in the last one alone are run too.
    """

    steps: int = 100
    dimensions: tuple[tuple[int, int], ...] = ((1, 300), (16, 60), (64, 24))
    windows: tuple[int, ...] = (5, 20, 100)
    last: tuple[int, ...] = (20,)
    sweeps: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    churn: float = 1.0
    horizon: float = 4.0
    seed: int = 0


PRESETS = {
    "smoke": Config(20, ((1, 100), (8, 40)), (5, 20), (5,), (1, 2, 4)),
    "laptop": Config(),
    "gpu": Config(
        200, ((1, 10_000), (16, 2000), (64, 1000), (256, 400)), (5, 20, 50, 200), (20,), (1, 2, 3, 4, 6, 8, 12)
    ),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run every case with the same seed."""
    import pandas as pd

    rows = [measured(config, *case) for case in progress.track(list(cases(config)), "cases")]
    scalars = {f"paths/{d}": float(paths) for d, paths in config.dimensions}
    return pd.DataFrame(rows), {"steps": float(config.steps), **scalars}


def cases(config: Config) -> Iterator[tuple[int, int, int, Literal["every", "last"], int]]:
    """Yield dimension, paths, window, where the noise is, and sweeps."""
    for dimension, paths in config.dimensions:
        for sweeps in config.sweeps:
            yield from ((dimension, paths, window, "every", sweeps) for window in config.windows)
            yield from ((dimension, paths, window, "last", sweeps) for window in config.last)


def measured(
    config: Config, dimension: int, paths: int, window: int, noise_in: Literal["every", "last"], sweeps: int
) -> dict[str, Any]:
    """Return one row."""
    from torch import Generator

    from theory.speculation.gaussian import TOY, diffusion
    from theory.speculation.sweeps import speculate_by_sweeps

    chain = diffusion(TOY, config.steps, config.churn, config.horizon, dimension)
    generator = Generator().manual_seed(config.seed)
    chains = speculate_by_sweeps(chain, window, sweeps, paths, generator, noise_in=noise_in)
    kept = 1 - chains.rejections.double() / config.steps
    means = {"rounds": chains.rounds, "calls": chains.calls, "acceptance": kept}
    return {
        "dimension": dimension, "window": window, "noise_in": noise_in, "sweeps": sweeps,
        **{name: float(values.double().mean()) for name, values in means.items()},
        **{f"{name}_error": error(values) for name, values in means.items()},
        "expected": 1 - float(chains.expected_rejections.mean()) / config.steps,
    }  # fmt: skip


def error(values: Tensor) -> float:
    """Return the half-width of a 95 % interval for the mean of independent values."""
    return NORMAL * float(values.double().std()) / math.sqrt(len(values))
