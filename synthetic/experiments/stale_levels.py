"""What a density of masking levels that was fitted once is worth later in training (P-POTS, arXiv 2511.18159).

Table: task, seed, fitted and used (training steps of the models of one seed; fitted -1 is the uniform law above 1/1000,
which is never fitted), variance: mask and level noise of an estimate of the loss of the model after `used` steps, with
levels from the density that is best for the model after `fitted` steps, exactly, nats squared. Scalars: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.training.loss_table import LossTable

PARTS = 32
UNFITTED = -1


@dataclass(frozen=True)
class Config:
    """Worlds, seeds, and the lengths of training (steps) after which densities are fitted and used."""

    worlds: tuple[str, ...] = ("Markov chain", "copied pairs")
    seeds: tuple[int, ...] = tuple(range(10))
    steps: tuple[int, ...] = (0, 30, 120, 480)


PRESETS = {
    "smoke": Config(("copied pairs",), (0, 1), (0, 10)),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), steps=(0, 30, 120, 480, 1920)),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each world: its seeds are trained together."""
    return tuple(replace(config, worlds=(each,)) for each in config.worlds) if len(config.worlds) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train models of each length, then use the density of each on all of the same seed."""
    import pandas as pd

    (name,) = config.worlds
    by_steps = {steps: tables(name, steps, config, progress) for steps in config.steps}
    rows = []
    for k, seed in enumerate(config.seeds):
        rows += [{"task": name, "seed": seed, **row} for row in crossed({s: t[k] for s, t in by_steps.items()})]
    return pd.DataFrame(rows, columns=["task", "seed", "fitted", "used", "variance"]), {}


def tables(name: str, steps: int, config: Config, progress: Progress) -> list[LossTable]:
    """Return the loss table of each seed's model after so many steps, all trained by count."""
    import torch

    from synthetic.denoisers import Architecture, exact, members, stacked
    from synthetic.learned_orders import Fit, Ordered, fit
    from synthetic.small_worlds import small
    from synthetic.training import untrained
    from theory.training.loss_table import loss_table

    world, count = small(name), len(config.seeds)
    whole = stacked([untrained(Architecture(32, 2, 2), (world.n,), world.d, seed) for seed in config.seeds])
    if steps:
        rows = world.sample(8192, torch.Generator().manual_seed(0))
        alike = Ordered(whole, world.d, torch.zeros(count, world.n), torch.zeros(count, dtype=torch.bool))
        label = f"{name}, {count} models, {steps} steps"
        whole = fit(alike, [rows] * count, config.seeds, Fit(steps), progress, label).denoiser  # type: ignore[assignment]  # a stack again
    return [loss_table(world, exact(one.eval())) for one in members(whole)]


def crossed(of_steps: dict[int, LossTable]) -> Iterator[dict[str, Any]]:
    """Yield the variance of every table under the density of every other, and under the uniform law."""
    from theory.training.estimators import Estimator, clipped
    from theory.training.moments import moments
    from theory.training.variance import best_level

    levels = {UNFITTED: clipped(1e-3), **{steps: best_level(table, PARTS) for steps, table in of_steps.items()}}
    for used, table in of_steps.items():
        for fitted, level in levels.items():
            found = moments(Estimator("1/(t p)", level=level), table)
            yield {"fitted": fitted, "used": used, "variance": found.mask + found.level}
