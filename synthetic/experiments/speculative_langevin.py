"""Speculation for an unnormalised density: Langevin dynamics in a double well, by step size (arXiv 2501.05370).

Table: draft ("frozen" or "still", the noise without a drift), dimension (copies of the well), gamma (step size), steps
N (of a fixed time), window L, paths, acceptance (share of the drafts kept; frozen: of those after the first of a
window), calls (sequential, a chain), rounds, acceptance_error and calls_error (half-widths of 95 % intervals over
paths), and distance (total variation of one coordinate of the last state from the density, exactly: the bias of the
steps, which speculation does not change). Scalars: time, barrier (nats).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

NORMAL = 1.959964


@dataclass(frozen=True)
class Config:
    """Barrier (nats), time, step sizes, window, and dimensions with their numbers of paths.

    Step sizes above 0.05 are left out: there a chain in many dimensions leaves the wells now and then and diverges.
    """

    barrier: float = 1.0
    time: float = 4.0
    gammas: tuple[float, ...] = (0.0025, 0.005, 0.01, 0.02, 0.05)
    window: int = 20
    dimensions: tuple[tuple[int, int], ...] = ((1, 400), (16, 60))
    seed: int = 0


PRESETS = {
    "smoke": Config(time=1.0, gammas=(0.01, 0.02, 0.05), window=5, dimensions=((1, 200), (4, 50))),
    "laptop": Config(),
    "gpu": Config(gammas=(0.00125, 0.0025, 0.005, 0.01, 0.02, 0.05), dimensions=((1, 40_000), (16, 4000), (64, 1000))),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run both drafts at every step size and dimension."""
    import pandas as pd

    from theory.speculation.wells import DoubleWell, distance_after

    well = DoubleWell(config.barrier)
    rows = list[dict[str, Any]]()
    for gamma in progress.track(config.gammas, "step sizes"):
        steps = round(config.time / gamma)
        distance = distance_after(well, gamma, steps)
        for draft, (dimension, paths) in itertools.product(("frozen", "still"), config.dimensions):
            rows.append({**measured(config, gamma, steps, draft, dimension, paths), "distance": distance})
    return pd.DataFrame(rows), {"time": config.time, "barrier": config.barrier}


def measured(config: Config, gamma: float, steps: int, draft: str, dimension: int, paths: int) -> dict[str, Any]:
    """Return one row but for the distance."""
    from torch import Generator

    from theory.speculation.sampling import speculate
    from theory.speculation.wells import DoubleWell

    well = DoubleWell(config.barrier)
    chain = well.langevin(steps, gamma, dimension)
    still = well.still(steps, gamma, dimension) if draft == "still" else None
    chains = speculate(chain, config.window, paths, Generator().manual_seed(config.seed), draft=still, lookahead=False)
    tried = (chains.steps - chains.rounds if draft == "frozen" else 0 * chains.rounds + chains.steps).double()
    refused = float(chains.rejections.double().mean() / tried.mean())
    return {
        "draft": draft, "dimension": dimension, "gamma": gamma, "steps": steps, "window": config.window, "paths": paths,
        "acceptance": 1 - refused, "acceptance_error": error(chains.rejections - refused * tried) / float(tried.mean()),
        "calls": float(chains.sequential_calls.double().mean()), "calls_error": error(chains.sequential_calls.double()),
        "rounds": float(chains.rounds.double().mean()),
    }  # fmt: skip


def error(values: Tensor) -> float:
    """Return the half-width of a 95 % interval for the mean of independent values."""
    return NORMAL * float(values.double().std()) / math.sqrt(len(values))
