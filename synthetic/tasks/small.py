"""Small tasks, `small/<world>`: laws that fit in a list, so that a trained model is compared with its exact law."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from synthetic.tasks import chain
from synthetic.tasks.base import Task
from synthetic.tasks.draws import NOT_HELD_OUT, TYPICAL, independent_draws, typical
from synthetic.worlds import WORLDS
from theory.errors import unknown
from theory.worlds import World, copied_pairs
from theory.worlds.data import LETTERS

PREFIX = "small/"
SMALL: dict[str, Callable[[], World]] = {
    **WORLDS,
    "four-token chain": lambda: chain.law(5),
    "four-token pairs": lambda: copied_pairs(3, 4),
}

SHAPES = {"digit patches": (3, 3), "4x4 Sudoku": (4, 4)}


def build(name: str, seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task of a shared world, by the world's name.

    Training and test rows are independent draws: a small law is seen whole, so nothing can be held out and
    models are judged by their distance from `world`. Raises InvalidInput for an unknown world.
    """
    if name not in SMALL:
        raise unknown("small world", name, SMALL)
    world = SMALL[name]()
    seen, unseen = independent_draws(world, train, test, seed)
    return Task(
        name=PREFIX + name,
        shape=SHAPES.get(name, (world.n,)),
        d=world.d,
        symbols=tuple(LETTERS) if world.d == len(LETTERS) else tuple(str(v) for v in range(world.d)),
        train=seen,
        test=unseen,
        metric=TYPICAL,
        success=typical(world, seen.tokens),
        world=world,
        split=NOT_HELD_OUT,
    )


def builders() -> dict[str, Callable[[int], Task]]:
    """Return the builder of every small task by its full name."""
    return {PREFIX + name: partial(build, name) for name in SMALL}
