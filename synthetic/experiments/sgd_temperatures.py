"""Loss, entropy and temperature of SGD on quadratic losses at every learning rate, for three noises (arXiv 2505.23489).

Two curvatures, 1/5 and 1, and noise along the same axes: "isotropic", "as the curvature" (both with trace 1.2), and
"quiet in the steep direction", of variances 1 and 1/10,000. Table: part, noise, rate (the learning rate), loss, entropy
(nats), temperature (U' / S'), low and high (the temperatures at which the rate has the least free energy on the grid,
nan where there is none), at and free, nan where a part has none. Parts: "law", and "free", the free energy over all
learning rates at the temperature of the rate `at`, less its least value. Scalars: share of the rates on the hull.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

CURVATURES = (0.2, 1.0)
NOISES = {
    "isotropic": (0.6, 0.6), "as the curvature": (0.2, 1.0), "quiet in the steep direction": (1.0, 1e-4),
}  # fmt: skip
COLUMNS = ("part", "noise", "rate", "loss", "entropy", "temperature", "low", "high", "at", "free")


@dataclass(frozen=True)
class Config:
    """The number of learning rates of the grid, and those at whose temperatures free energies are drawn."""

    points: int = 400
    marked: tuple[float, ...] = (0.2, 0.6, 1.2, 1.9)


PRESETS = {"smoke": Config(points=40), "laptop": Config(), "gpu": Config(points=4000)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Tabulate the laws of every noise, and free energies at the marked rates."""
    import numpy as np
    import pandas as pd

    from theory.sgd.quadratic import Quadratic
    from theory.sgd.temperatures import temperatures

    scalars, tables = {}, []
    for noise, variances in progress.track(tuple(NOISES.items()), "temperatures"):
        problem = Quadratic.diagonal(np.array(CURVATURES), np.array(variances))
        rates = np.linspace(0, problem.largest_rate, config.points + 2)[1:-1]
        laws = problem.stationary(rates)
        intervals = temperatures(laws.loss, laws.entropy)
        own = {"part": "law", "noise": noise, "rate": rates, "loss": laws.loss, "entropy": laws.entropy}
        bounds = {name: np.where(intervals.feasible, ends, np.nan) for name, ends in
                  (("low", intervals.low), ("high", intervals.high))}  # fmt: skip
        tables.append(pd.DataFrame({**own, "temperature": laws.temperature, **bounds}))
        scalars[f"share of rates on the hull, {noise}"] = float(intervals.feasible.mean())
        for at in config.marked:
            free = laws.free_energy(float(problem.stationary(at).temperature[0]))
            tables.append(
                pd.DataFrame({"part": "free", "noise": noise, "rate": rates, "at": at, "free": free - free.min()})
            )
    return pd.concat(tables, ignore_index=True).reindex(columns=list(COLUMNS)), scalars
