"""What the experiments on trained models share: which models, and their start states.

One table of models, so that experiments that ask the same task at the same scale share the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from synthetic.sizes import size_of

if TYPE_CHECKING:
    from torch import Tensor

    from synthetic.models import ModelSpec
    from synthetic.progress import Progress
    from synthetic.tasks import Examples, Task
    from theory.denoisers import Denoiser

C = TypeVar("C")


def seeds_of(config: Any, task: str) -> tuple[int, ...]:
    """Return the seeds of a config that are used for a task: fewer where its models are large."""
    return tuple(config.seeds[: size_of(task, config.scale).seeds])


def spec(task: str, scale: str, seed: int) -> ModelSpec:
    """Return the model of a task at a scale."""
    from synthetic.denoisers import Architecture
    from synthetic.models import ModelSpec
    from synthetic.training import Training

    size = size_of(task, scale)
    quarter = max(1, size.steps // 4)
    training = Training(
        steps=size.steps, batch=size.batch, rate=size.rate, warmup=max(1, size.steps // 20), ema=size.ema,
        evaluate_every=size.steps, checkpoint_every=quarter,
    )  # fmt: skip
    return ModelSpec(task, Architecture(size.width, size.depth, size.heads), training, seed)


def runs(config: C) -> tuple[C, ...]:
    """Return a config for each task and seed of a config with fields `tasks` and `seeds`; () where it has one."""
    found: Any = config
    pairs = [(task, seed) for task in found.tasks for seed in seeds_of(found, task)]
    if len(pairs) == 1:
        return ()
    return tuple(replace(found, tasks=(task,), seeds=(seed,)) for task, seed in pairs)


def specs(config: Any) -> tuple[ModelSpec, ...]:
    """Return the models of a config with fields `tasks`, `seeds` and `scale`."""
    return tuple(spec(task, config.scale, seed) for task in config.tasks for seed in seeds_of(config, task))


def denoiser(config: Any, progress: Progress) -> tuple[Task, Denoiser]:
    """Return the task and the trained denoiser of a run: one task, one seed."""
    from synthetic.denoisers import exact
    from synthetic.models import trained
    from synthetic.tasks import task

    (name,), (seed,) = config.tasks, config.seeds
    return task(name), exact(trained(spec(name, config.scale, seed), progress))


def blank(examples: Examples, d: int) -> Tensor:
    """Return the start states of examples: given tokens shown, all else masked."""
    import torch

    return torch.where(examples.given, examples.tokens, d)


def some(examples: Examples, count: int) -> Examples:
    """Return the first `count` examples."""
    return examples.rows(slice(0, count))


def chunks(total: int, size: int) -> Iterator[slice]:
    """Yield slices that cover a range."""
    return (slice(start, min(start + size, total)) for start in range(0, total, size))
