"""The page of the gallery: every figure with its caption, whose computed part is kept beside the pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from figures import elements
from figures.gallery import FIGURES, Entry
from figures.saving import output_paths
from theory.files import write_atomically

CAPTIONS = "captions.json"


def write_page(figures: Mapping[str, Entry], out: Path, options: str = "") -> None:
    """Write `README.md` in `out`, showing every figure that has been drawn there."""
    drawn = {name: entry for name, entry in figures.items() if _is_drawn(name, out)}
    sentences = computed(out)
    sections = [_section(name, e, options, sentences.get(name, "")) for name, e in drawn.items()]
    page = "\n".join(["# Gallery", *sections, *_map(drawn)])
    path, data = out / "README.md", f"{page}\n".encode()
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)


def _map(drawn: Mapping[str, Entry]) -> list[str]:
    """Return the map of the papers' elements, where the gallery is whole."""
    return (
        ["", "## What the papers show, and where it is here", "", *elements.table()]
        if FIGURES.keys() <= drawn.keys()
        else []
    )


def _is_drawn(name: str, out: Path) -> bool:
    return all(path.exists() for path in output_paths(name, out))


def computed(out: Path) -> dict[str, str]:
    """Return the computed part of the captions of the figures in a folder, by name."""
    path = out / CAPTIONS
    return dict(json.loads(path.read_text())) if path.exists() else {}


def write_computed(name: str, text: str, out: Path) -> None:
    """Keep the computed part of one caption beside the figures."""
    sentences = {**computed(out), name: text}
    write_atomically(out / CAPTIONS, json.dumps(dict(sorted(sentences.items())), indent=1, ensure_ascii=False) + "\n")


def _section(name: str, entry: Entry, options: str, found: str) -> str:
    return f"""
## {name}

![{name}]({name}.png)

{" ".join(filter(None, (entry.caption, found)))}

- Paper: {entry.paper}, {entry.figure}
- Files: [PNG]({name}.png), [PDF]({name}.pdf), [plotted data]({name}.csv)
- Command: `unmasked figures {name}{options}`"""
