"""The map: every figure and table of the papers that is known, and which of our figures shows it.

`elements.csv` has a row for each element, or for several of one kind: the paper's arXiv number, the element, how many
it counts for, what it shows, a state, our figures and a note. States: *exact*, computed as the paper means it;
*counterpart*, the same question asked at a size that two cores can do; *absent*, possible and not done; *scale*, only
possible with large models or data, the note says which; *diagram*, a drawing, a list or sample texts, with nothing to
compute.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from theory.errors import InvalidInput, unknown

State = Literal["exact", "counterpart", "absent", "scale", "diagram"]
FILE = Path(__file__).with_name("elements.csv")
SHOWN: tuple[State, ...] = ("exact", "counterpart")
"""The states of elements that one of our figures shows."""


@dataclass(frozen=True)
class Element:
    """A figure, table or result of a paper, or `count` of a kind."""

    paper: str
    element: str
    count: int
    shows: str
    state: State
    figures: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class Coverage:
    """How many elements are shown exactly, by a counterpart, or could be and are not."""

    exact: int
    counterpart: int
    absent: int

    @property
    def shown(self) -> int:
        """Return how many elements one of our figures shows."""
        return self.exact + self.counterpart

    @property
    def possible(self) -> int:
        """Return how many elements can be shown on two cores."""
        return self.shown + self.absent

    def __str__(self) -> str:
        return (
            f"{self.shown} of the {self.possible} figures, tables and results that two cores can regenerate are in the "
            f"gallery: {self.exact} exactly, {self.counterpart} as a small counterpart"
        )


@functools.cache
def elements() -> tuple[Element, ...]:
    """Return all elements in the order of the file. Raises InvalidInput for an unknown state."""
    with FILE.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["state"] not in get_args(State):
            raise unknown(f"state of {row['paper']}, {row['element']}", row["state"], get_args(State))
    return tuple(
        Element(
            row["paper"], row["element"], int(row["count"]), row["shows"], row["state"],  # type: ignore[arg-type]  # checked
            tuple(row["figures"].split()), row["note"],
        )
        for row in rows
    )  # fmt: skip


def of_paper(number: str) -> tuple[Element, ...]:
    """Return the elements of a paper. Raises InvalidInput, naming the papers, where there are none."""
    known = tuple(dict.fromkeys(element.paper for element in elements()))
    if number not in known:
        raise InvalidInput(f"no elements of paper {number!r}; known are {', '.join(known)}")
    return tuple(element for element in elements() if element.paper == number)


def figures_of(number: str) -> tuple[str, ...]:
    """Return the names of our figures that show elements of a paper."""
    return tuple(dict.fromkeys(name for element in of_paper(number) for name in element.figures))


def coverage(among: Iterable[Element] | None = None) -> Coverage:
    """Return how much of the papers the gallery shows."""
    counts = dict.fromkeys(get_args(State), 0)
    for element in elements() if among is None else among:
        counts[element.state] += element.count
    return Coverage(counts["exact"], counts["counterpart"], counts["absent"])


def table() -> list[str]:
    """Return the map as Markdown, a table for each paper."""
    lines = [f"{coverage()}.", ""]
    for number in dict.fromkeys(element.paper for element in elements()):
        lines += [
            f"### arXiv {number}",
            "",
            "| element | what it shows | here | figures, or why not |",
            "|---|---|---|---|",
        ]
        lines += [_line(element) for element in of_paper(number)] + [""]
    return lines


def _line(element: Element) -> str:
    links = ", ".join(f"[{name}](#{name})" for name in element.figures)
    return (
        f"| {element.element} | {element.shows} | {element.state} | {'; '.join(filter(None, (links, element.note)))} |"
    )
