"""The gallery: which figures there are, whose figure each one is, and the page that shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from figures.saving import output_paths
from theory.errors import unknown
from theory.files import write_atomically


@dataclass(frozen=True)
class Entry:
    """One figure. Its module defines `EXPERIMENTS`, the names of the records it is drawn from, as
    a literal tuple of strings, and `draw(records)`, which returns the matplotlib figure and a
    table of what is plotted."""

    module: str
    paper: str
    figure: str
    caption: str


ENERGY = "Chen, Nie, Sun, Feng, Li, Wen, Li, arXiv 2509.13866"
UNMASKING = "Chen, Cong, Li, arXiv 2511.04647"

FIGURES: dict[str, Entry] = {
    "interpolations": Entry(
        "figures.interpolations", ENERGY, "Fig. 3",
        "Beta interpolation schedules and the mask schedules that minimise the energies under them.",
    ),
    "landscapes": Entry(
        "figures.landscapes", ENERGY, "Fig. 2",
        "Energy of Beta mask schedules for four weights, in closed form; each minimum sits at the weight itself.",
    ),
    "geodesic": Entry(
        "figures.geodesic", ENERGY, "Fig. 6",
        "A token's path from mask to token: only the squared sine covers equal arcs in equal times.",
    ),
    "toy": Entry(
        "figures.toy", ENERGY, "Fig. 4",
        "Output laws of three steps, exactly: the best block sizes hit both targets, which no per-token schedule can.",
    ),
    "beta_plane": Entry(
        "figures.beta_plane", ENERGY, "Fig. 4, App. E.6",
        "KL between target and output law over the Beta plane: the two targets prefer different shapes.",
    ),
    "curves": Entry(
        "figures.curves", UNMASKING, "Theorem 4",
        "Information curves of eleven worlds; the error of the best three steps is the hatched area.",
    ),
    "steps": Entry(
        "figures.steps", UNMASKING, "Theorems 4 and 16, the optimal schedule",
        "Error against the number of steps: named schedules, the best Beta, the best grid and the provable optimum.",
    ),
    "energy_vs_error": Entry(
        "figures.energy_vs_error", ENERGY, "Theorem 3.6, against the K-step error of arXiv 2511.04647",
        "Energy-optimal is not error-optimal: squared sine, of least energy, against linear on 46 worlds and a curve.",
    ),
    "rates": Entry(
        "figures.rates", ENERGY, "App. D.6",
        "MDM's marginal rate does not minimise the energy over rates once n is 2 or more.",
    ),
}  # fmt: skip


def select(names: Iterable[str], figures: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the named figures, or all where none is named."""
    for name in (chosen := tuple(names)):
        if name not in figures:
            raise unknown("figure", name, figures)
    return {name: figures[name] for name in chosen or figures}


def write_page(figures: Mapping[str, Entry], out: Path, options: str = "") -> None:
    """Write `README.md` in `out`, showing every figure that has been drawn there."""
    drawn = {name: entry for name, entry in figures.items() if _is_drawn(name, out)}
    page = "\n".join(["# Gallery", *(_section(name, entry, options) for name, entry in drawn.items())])
    path, data = out / "README.md", f"{page}\n".encode()
    if not path.exists() or path.read_bytes() != data:
        write_atomically(path, data)


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
