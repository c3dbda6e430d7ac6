"""Ways to draw masks and weights, compared on trained models at equal passes (arXiv 2511.18159).

Table: task, seed, method, passes (of the denoiser, an estimate); for the seed's model that was trained by count,
exactly: loss (variance of an estimate of the loss, nats squared) and gradient (trace of the covariance matrix of its
gradient in all weights); nelbo, exact, in nats, of a model trained with that method from the same seed at as many
passes of the denoiser a step. Variances are mask and level noise; data noise is the same for all. Scalars: none.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.models import ModelSpec
    from theory.training.estimators import Estimator


@dataclass(frozen=True)
class Config:
    """Tasks with enumerable laws, seeds of the models, and the passes of the variances."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("small/Markov chain", "small/copied pairs")
    seeds: tuple[int, ...] = tuple(range(16))
    passes: int = 4


PRESETS = {
    "smoke": Config("smoke", ("small/copied pairs",), (0, 1), 2),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10))),
    "gpu": Config("gpu"),
}


parts = trained_models.runs
"""One run for each task and seed."""


def models(config: Config) -> tuple[ModelSpec, ...]:
    """Return the models of a config: for each task, method and seed one."""
    seeds = ((task, seed) for task in config.tasks for seed in trained_models.seeds_of(config, task))
    return tuple(spec for task, seed in seeds for spec in specs(task, config.scale, seed).values())


def specs(task: str, scale: str, seed: int) -> dict[str, ModelSpec]:
    """Return the model of each method: of one size, with as many passes a step."""
    base = trained_models.spec(task, scale, seed)
    return {
        name: replace(base, training=replace(base.training, batch=base.training.batch // each.draws, loss=each))
        for name, each in methods(task).items()
    }


@functools.cache
def methods(task: str) -> dict[str, Estimator]:
    """Return the ways to draw, as estimates of one or, where masks come in pairs, two passes.

    P-POTS draws levels from the density that is best for the exact conditionals of the task's law: fitted once, before
    training. Cached, so that models which differ in the seed alone are seen to and trained together.
    """
    from synthetic.tasks import task as build
    from theory.training import variance
    from theory.training.estimators import BY_COUNT, Estimator, Exactly, clipped
    from theory.training.loss_table import loss_table

    world = build(task).world
    assert world is not None
    standard = Estimator("1/t", level=clipped(1e-3))
    best = replace(standard, name="P-POTS", level=variance.best_level(loss_table(world), 32))
    count = Estimator("by count", Exactly(), BY_COUNT)
    every = (
        standard, replace(standard, name="1/t, strata", strata="batch"),
        replace(standard, name="MIRROR", partner="mirrored mask"), best,
        replace(best, name="P-POTS and MIRROR", partner="mirrored mask"),
        replace(count, name="by count, strata", strata="batch"),
        replace(count, name="by count, strata, opposite", strata="batch", partner="complement"),
    )  # fmt: skip
    return {each.name: each for each in every}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Measure one seed's models of one task."""
    import pandas as pd

    (task,), (seed,) = config.tasks, config.seeds
    rows = list(measured(task, config, seed, progress))
    return pd.DataFrame(rows, columns=["task", "seed", "method", "passes", "loss", "gradient", "nelbo"]), {}


def measured(task: str, config: Config, seed: int, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield a row for each method: variances at the model trained by count, and the NELBO of the method's own."""
    from synthetic.denoisers import exact
    from synthetic.gradients import gradient_sums
    from synthetic.models import trained
    from synthetic.tasks import task as build
    from theory.training.loss_table import loss_table
    from theory.training.moments import moments, sources

    world = build(task).world
    assert world is not None
    wanted = specs(task, config.scale, seed)
    networks = {name: trained(spec, progress) for name, spec in progress.track(list(wanted.items()), "models")}
    judge = networks["by count, strata"]
    table, gradients = loss_table(world, exact(judge)), gradient_sums(judge, world)
    for name, each in methods(task).items():
        levels = config.passes // each.draws
        strata = "draws" if each.strata == "batch" else "none"
        estimator = replace(each, levels=levels, strata=strata)
        found = moments(estimator, table)
        mask, level, *_ = sources(estimator, world.n, gradients)
        own = loss_table(world, exact(networks[name]))
        yield {
            "task": task, "seed": seed, "method": name, "passes": float(estimator.draws),
            "loss": found.mask + found.level, "gradient": mask + level, "nelbo": float(own.mean(own.nelbo())),
        }  # fmt: skip
