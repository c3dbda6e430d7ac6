"""The gallery: which figures there are, whose figure each one is, and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from figures.saving import output_paths
from synthetic import atomic
from theory.errors import unknown


@dataclass(frozen=True)
class Entry:
    """One figure. Its module defines `EXPERIMENTS`, the names of the records it is drawn from, as
    a literal tuple of strings, and `draw(records)`, which returns the matplotlib figure and a
    table of what is plotted."""

    module: str
    paper: str
    figure: str
    caption: str


FIGURES: dict[str, Entry] = {}


def select(names: Iterable[str], figures: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the named figures, or all where none is named."""
    for name in (chosen := tuple(names)):
        if name not in figures:
            raise unknown("figure", name, figures)
    return {name: figures[name] for name in chosen or figures}


def write_page(figures: Mapping[str, Entry], out: Path, options: str = "") -> None:
    """Write `README.md` in `out`, showing every figure that has been drawn there."""
    drawn = {name: entry for name, entry in figures.items() if _is_drawn(name, out)}
    page = "\n".join(
        ["# Gallery", *(_section(name, entry, options) for name, entry in drawn.items())]
    )
    path, data = out / "README.md", f"{page}\n".encode()
    if not path.exists() or path.read_bytes() != data:
        atomic.write(path, data)


def _is_drawn(name: str, out: Path) -> bool:
    return all(path.exists() for path in output_paths(name, out))


def _section(name: str, entry: Entry, options: str) -> str:
    return f"""
## {name}

![{name}]({name}.png)

{entry.caption}

- Paper: {entry.paper}, {entry.figure}
- Files: [PNG]({name}.png), [PDF]({name}.pdf), [plotted data]({name}.csv)
- Command: `python -m figures {name}{options}`"""
