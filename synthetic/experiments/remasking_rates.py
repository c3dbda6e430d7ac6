"""Error of samplers that remask against the number of steps, exactly (arXiv 2510.08369, 2503.00307).

Table: law, sampler ("masked diffusion", "star": independent masks, "fixed count": a uniform subset of
ceil((1 - alpha) n) masks, "guided": a subset by the Bayes-optimal error predictor, temperature 1), window (the part
of the run, at its end, in which tokens are masked again; 1 is the whole run), steps (T), tv (TV of the output law
from the data law, no unit), kl (KL of the data from the output, nats). Linear schedule, exact conditionals.
Scalars per law: slope of ln TV and of ln KL against ln T for masked diffusion and star, least squares over the steps
from Config.fit on; "guided/limit", TV of the stationary law of refilling one guided position at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.remasking import Exact
    from theory.worlds import TableWorld

CASES = (("masked diffusion", 1.0), ("star", 1.0), ("fixed count", 1.0), ("guided", 1.0), ("guided", 0.3))
"""Samplers and windows."""

SLOPED = ("masked diffusion", "star")


@dataclass(frozen=True)
class Config:
    """The laws; numbers of steps; the first that is fitted; the last for samplers with a prescribed count."""

    laws: tuple[str, ...] = ("chain of 3", "chain of 4")
    steps: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
    fit: int = 256
    counted: int = 512


PRESETS = {
    "smoke": Config(laws=("chain of 3",), steps=(4, 8, 16, 32, 64, 128), fit=32, counted=64),
    "laptop": Config(),
    "gpu": Config(steps=(*Config().steps, 8192, 16384, 32768), fit=1024, counted=4096),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the output law of every sampler for every number of steps."""
    import pandas as pd

    from synthetic.remasking import exact

    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {"fit": float(config.fit)}
    for name in config.laws:
        law = exact(name)
        found = [{"law": name, **row} for row in measured(config, law, progress)]
        for sampler in SLOPED:
            mine = [row for row in found if row["sampler"] == sampler and row["steps"] >= config.fit]
            for what in ("tv", "kl"):
                scalars[f"{name}/{sampler}/{what} slope"] = slope(mine, what)
        scalars[f"{name}/guided/limit"] = stationary_distance(law)
        rows += found
    return pd.DataFrame(rows), scalars


def measured(config: Config, law: Exact, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield TV and KL of every sampler and number of steps."""
    from synthetic.remasking import SAMPLERS

    for sampler, window in progress.track(CASES, "samplers"):
        last = config.steps[-1] if sampler in SLOPED else config.counted
        for steps in (t for t in config.steps if t <= last):
            output = law.output(sampler, SAMPLERS[sampler](steps, (1 - window, 1.0)))
            tv, kl = law.distance(output), law.divergence(output)
            yield {"sampler": sampler, "window": window, "steps": steps, "tv": tv, "kl": kl}


def slope(rows: list[dict[str, Any]], what: str) -> float:
    """Return the least-squares slope of ln `what` against ln T."""
    import numpy as np

    logs = np.log([[row["steps"], row[what]] for row in rows])
    return float(np.polyfit(logs[:, 0], logs[:, 1], 1)[0])


def stationary_distance(law: Exact) -> float:
    """Return TV(data, law of drafts that one guided position after the other is refilled in)."""
    from theory.remasking import chain
    from theory.remasking.stationary import stationary_world

    chance = law.refinement("guided").chance(1 - 1 / law.world.n)

    def refill(drafts: TableWorld) -> TableWorld:
        start = chain.sequences_as_states(drafts)
        return chain.draft_law(chain.counted_step(start, law.independent, chance), law.independent)

    return law.distance(stationary_world(refill, law.world))
