"""Progress of a long computation: bars with the time left on a terminal, silence elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

T = TypeVar("T")
Label = str | Callable[[], str]
"""What a bar is called; a function is asked again after every item."""


class Progress(Protocol):
    """What an experiment's `run` is given to report with."""

    def track(self, items: Iterable[T], label: Label, total: int | None = None) -> Iterator[T]:
        """Yield the items, counting them under `label`; `total` where they have no length."""
        ...


class Silent:
    """Progress that shows nothing."""

    def track(self, items: Iterable[T], label: Label, total: int | None = None) -> Iterator[T]:
        yield from items


class Bars:
    """Progress as one bar a loop, removed when the loop ends."""

    def __init__(self, display: RichProgress) -> None:
        self._display = display

    def track(self, items: Iterable[T], label: Label, total: int | None = None) -> Iterator[T]:
        length = total if total is not None else getattr(items, "__len__", lambda: None)()
        ask = label if callable(label) else lambda: str(label)
        task = self._display.add_task(ask(), total=length)
        try:
            for item in items:
                yield item
                self._display.update(task, advance=1, description=ask())
        finally:
            self._display.remove_task(task)


@contextlib.contextmanager
def reporter() -> Iterator[Progress]:
    """Yield bars where stderr is a terminal, a silent progress where it is not."""
    if not sys.stderr.isatty():
        yield Silent()
        return
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as display:
        yield Bars(display)
