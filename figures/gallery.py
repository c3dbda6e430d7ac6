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
EB = "Ben-Hamu, Gat, Severo, Nolte, Karrer, arXiv 2505.24857"
DUEL = "Turok, De Sa, Kuleshov, arXiv 2603.01367"
PUNT = "Azangulov, Pandeva, Prasad, Zazo, Karmalkar, arXiv 2510.21961"
INFO_GAIN = "Yang, Teoh, Yang, Zhang, Lamb, arXiv 2602.18176"

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
    "frontiers": Entry(
        "figures.frontiers", EB, "Figs. 2 and 3, exactly and with the optimal rules of arXiv 2603.01367, V(z)",
        "Exact KL against denoiser calls of every unmasking rule on nine worlds, above the frontier of the best rules.",
    ),
    "entropy_bound": Entry(
        "figures.entropy_bound", EB, "eq. (8)",
        "The entropy bound holds at every node; 8% of it is real on dense random laws, up to 59% on noisy copies.",
    ),
    "budgets": Entry(
        "figures.budgets", EB, "section 4: what a larger budget does to E[NFE] and KL",
        "A larger budget can cost more denoiser calls and more error at once: six atoms where it does, and how often.",
    ),
    "eb_explained": Entry(
        "figures.eb_explained", EB, "Algorithm 1",
        "One step of EB on a Sudoku state: the longest trusted prefix whose entropies but the largest fit the budget.",
    ),
    "duel_elbo": Entry(
        "figures.duel_elbo", DUEL, "section 4: which inequality holds",
        "DUEL is mostly below the ELBO on randomly perturbed tables; mixtures beat rules; the oracle is no likelihood.",
    ),
    "punt_calls": Entry(
        "figures.punt_calls", PUNT, "section 3.3: binary-coded tests, and what they miss",
        "PUNT needs few calls a token on long weakly dependent data; its batched tests break the in-order bound.",
    ),
    "infogain_diversity": Entry(
        "figures.infogain_diversity", INFO_GAIN, "cumulative entropy, against what it costs in diversity",
        "Info-Gain lowers its cumulative entropy by drawing less diverse sequences: more candidates, larger KL.",
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
