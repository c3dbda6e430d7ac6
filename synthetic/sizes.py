"""The sizes of the models that experiments train, by scale and task.

No record depends on this module's code: each keeps the size of its own models.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass


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

    def described(self) -> str:
        """Return all that a model's weights depend on, for its records."""
        return f"{dataclasses.replace(self, seeds=0)}"


SIZES: dict[str, dict[str, Size]] = {
    "smoke": {"": Size(16, 1, 40, batch=16)},
    "laptop": {
        "": Size(64, 2, 500, seeds=5),
        "small": Size(32, 2, 500, rate=3e-3, batch=32, heads=2),
        "small/a x b = c": Size(32, 2, 1400, rate=3e-3, batch=32, heads=2),
        "chain": Size(64, 2, 500, seeds=6),
        "sudoku4": Size(64, 3, 600, rate=3e-3, batch=32, seeds=8),
        "maze3x4": Size(64, 3, 1800, rate=3e-3, seeds=4),
        "digits": Size(64, 2, 600, rate=3e-3, batch=32, seeds=6),
        "text": Size(64, 2, 800, rate=3e-3, batch=32, seeds=5),
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
