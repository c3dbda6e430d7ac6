"""Tasks for trained models, by name: data without leakage, a measure of success, the exact law where one exists."""

from __future__ import annotations

from collections.abc import Callable

from synthetic.tasks.base import Examples, Success, Task, unconditional
from theory.errors import unknown

__all__ = ["Examples", "Success", "Task", "module", "names", "task", "unconditional"]


def task(name: str, seed: int = 0) -> Task:
    """Return a task with its usual sizes; its data are a function of `seed`.

    Raises InvalidInput for an unknown name, and where a data set's package is missing.
    """
    return _builder(name)(seed)


def names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    return tuple(_builders())


def module(name: str) -> str:
    """Return the dotted module that builds a task. Raises InvalidInput for an unknown name."""
    build = _builder(name)
    return str(getattr(build, "func", build).__module__)


def _builder(name: str) -> Callable[[int], Task]:
    builders = _builders()
    if name not in builders:
        raise unknown("task", name, builders)
    return builders[name]


def _builders() -> dict[str, Callable[[int], Task]]:
    from synthetic.tasks import (
        chain,
        digits,
        dyck,
        hmm,
        maze,
        pairs,
        parity,
        product,
        repetition,
        small,
        sudoku4,
        sudoku9,
        text,
    )

    return {
        "chain": chain.build,
        "hmm": hmm.build,
        "pairs": pairs.build,
        "repetition": repetition.build,
        "parity": parity.build,
        "sudoku4": sudoku4.build,
        "sudoku4 free": sudoku4.build_free,
        "sudoku9": sudoku9.build,
        "maze5": maze.build,
        "maze10": maze.build10,
        "product": product.build,
        "product free": product.build_free,
        "dyck": dyck.build,
        "digits": digits.build,
        "text": text.build,
        **small.builders(),
    }
