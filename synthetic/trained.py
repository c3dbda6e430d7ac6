"""What the experiments on trained models share: which models, and their start states.

One table of models, so that experiments that ask the same task at the same scale share the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from synthetic.models import ModelSpec
    from synthetic.progress import Progress
    from synthetic.tasks import Examples, Task
    from theory.denoisers import Denoiser

C = TypeVar("C")


@dataclass(frozen=True)
class Size:
    """An architecture, how long and fast it is trained, and for how many seeds at most."""

    width: int
    depth: int
    steps: int
    rate: float = 2e-3
    batch: int = 64
    ema: float = 0.99
    heads: int = 4
    seeds: int = 20


SIZES: dict[str, dict[str, Size]] = {
    "smoke": {"": Size(16, 1, 40, batch=16)},
    "laptop": {
        "": Size(64, 3, 800, seeds=4),
        "small": Size(32, 2, 800, rate=3e-3, seeds=12),
        "small/a x b = c": Size(32, 2, 2000, rate=3e-3, seeds=12),
        "sudoku4": Size(64, 3, 800, rate=3e-3, batch=32, seeds=6),
        "maze3x4": Size(64, 3, 1800, rate=3e-3, heads=8, seeds=4),
        "digits": Size(64, 3, 800, rate=3e-3, batch=32, seeds=4),
        "text": Size(64, 3, 1200, rate=3e-3, batch=32, seeds=4),
    },
    "h100": {
        "": Size(128, 4, 4000, batch=256, seeds=10),
        "small": Size(32, 2, 2000, rate=3e-3, batch=256),
        "sudoku9": Size(256, 8, 8000, rate=1e-3, batch=256, ema=0.999, heads=8, seeds=2),
        "maze10": Size(192, 8, 4000, rate=1e-3, batch=64, ema=0.999, heads=8, seeds=2),
    },
    "gpu": {"": Size(256, 8, 50_000, rate=5e-4, batch=256, ema=0.9995), "small": Size(64, 3, 10_000, batch=256)},
}
"""By scale, then by task or its family (the name before a slash); "" is the rest."""


def size_of(task: str, scale: str) -> Size:
    """Return the size of a task's models at a scale."""
    sizes = SIZES[scale]
    return sizes.get(task) or sizes.get(task.split("/")[0]) or sizes[""]


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
        evaluate_every=quarter, checkpoint_every=quarter,
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
