"""The gallery: which figures there are, and whose figure each one is. They are listed in `gallery.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from theory.errors import unknown

FILE = Path(__file__).with_name("gallery.toml")


@dataclass(frozen=True)
class Entry:
    """One figure. Its module defines `EXPERIMENTS`, the names of the records it is drawn from, as
    a literal tuple of strings, and `draw(records)`, which returns the matplotlib figure and a
    table of what is plotted. Where it defines `findings(table)`, the sentences that this returns are
    added to the caption: numbers that come from models that were trained are computed, never typed."""

    module: str
    paper: str
    figure: str
    caption: str


def listed() -> tuple[dict[str, Entry], str]:
    """Return the figures by name, in the order of the file, and what stands for a paper where a question is ours."""
    with FILE.open("rb") as stream:
        content = tomllib.load(stream)
    papers = content["papers"]
    figures = {
        name: Entry(f"figures.{name}", papers[entry["paper"]], entry["element"], entry["caption"])
        for name, entry in content["figures"].items()
    }
    return figures, papers["ours"]


FIGURES, OURS = listed()


def select(names: Iterable[str], figures: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the named figures, or all where none is named."""
    for name in (chosen := tuple(names)):
        if name not in figures:
            raise unknown("figure", name, figures)
    return {name: figures[name] for name in chosen or figures}
