"""Tasks for trained models, by name: data without leakage, a measure of success, the exact law where one exists."""

from __future__ import annotations

import functools
import importlib

from synthetic.catalogue import BUILDERS, PACKAGE, SMALL, builder
from synthetic.tasks.base import Examples, Success, Task, unconditional
from theory.errors import unknown

__all__ = ["Examples", "Success", "Task", "length", "names", "task", "unconditional"]


def task(name: str, seed: int = 0) -> Task:
    """Return a task with its usual sizes; its data are a function of `seed`.

    Raises InvalidInput for an unknown name, and where a data set's package is missing.
    """
    if name.startswith(SMALL):
        from synthetic.tasks.small import builders

        found = builders()
        if name not in found:
            raise unknown("task", name, names())
        return found[name](seed)
    file, function = builder(name).split(".")
    built: Task = getattr(importlib.import_module(f"{PACKAGE}.{file}"), function)(seed)
    return built


def names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    from synthetic.tasks.small import builders

    return (*BUILDERS, *builders())


@functools.cache
def length(name: str) -> int:
    """Return the number of positions of a task; this builds it once."""
    return task(name).n
