"""A trained denoiser on crossbars whose wires have resistance: losses of current, likelihood and samples (2511.04798).

Every weight matrix of a denoiser is cut into tiles of 64x64 cells (8 weights of 8 bits a row, grouped by significance)
or 128x8 cells (one weight a row), with arrays of their own for positive and negative weights, and replaced by the
weights that the tiles realise; embeddings and offsets stay as they are. A layer of fewer inputs than a tile has rows
uses the rows nearest the sense amplifiers, and the others carry no current. Table: task, seed, tile, move ("ideal":
the 8-bit weights without resistance), ohms (of a wire segment), nf (nonideality factor with one volt on all rows, the
mean over all arrays), weighted (error of their recombined outputs), nelbo (exact, nats), kl (of the data law from
samples of the entropy-bounded rule, exact, nats), calls (its expected denoiser calls) and allowed (the probability
that a sample is a sequence of the data law). Scalars: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from synthetic.denoisers import Transformer
    from theory.worlds import World

TILES = {"64x64": (64, 64), "128x8": (128, 8)}
COLUMNS = ("task", "seed", "tile", "move", "ohms", "nf", "weighted", "nelbo", "kl", "calls", "allowed")


@dataclass(frozen=True)
class Config:
    """Tasks with enumerable laws, seeds, tiles, ohms, moves, others at `one` resistance, the rule's budget."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("small/Markov chain", "small/copied pairs")
    seeds: tuple[int, ...] = tuple(range(20))
    tiles: tuple[str, ...] = tuple(TILES)
    ohms: tuple[float, ...] = (1.0, 2.5, 5.0, 20.0)
    moves: tuple[str, ...] = ("none", "both")
    at_one: tuple[str, ...] = ("reversal", "sort")
    one: float = 5.0
    budget: float = 0.2


PRESETS = {
    "smoke": Config("smoke", ("small/copied pairs",), (0, 1), ("128x8",), (2.5,), at_one=()),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10))),
    "gpu": Config("gpu"),
}


parts = trained_models.runs
"""One run for each task and seed."""

models = trained_models.specs
"""The models of a config: the denoiser of each task and seed."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Put one denoiser on every crossbar."""
    import pandas as pd

    from synthetic.models import trained
    from synthetic.tasks import task as build

    (task,), (seed,) = config.tasks, config.seeds
    world = build(task).world
    assert world is not None
    network = trained(trained_models.spec(task, config.scale, seed), progress)
    rows = [{"task": task, "seed": seed, **row} for row in measured(network, world, config, progress)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {}


def measured(network: Transformer, world: World, config: Config, progress: Progress) -> Iterator[dict[str, Any]]:
    """Yield the measures of every crossbar."""
    from synthetic.crossbars import on_crossbars
    from theory.crossbar.mesh import equal_wires
    from theory.crossbar.tiles import Device

    cases = [("64x64", "ideal", 0.0)]
    for tile in config.tiles:
        cases += [(tile, move, ohms) for move in config.moves for ohms in config.ohms]
        cases += [(tile, move, config.one) for move in config.at_one]
    for tile, move, ohms in progress.track(cases, "crossbars"):
        device = Device(wires=equal_wires(ohms))
        changed = on_crossbars(network, TILES[tile], move="none" if move == "ideal" else move, device=device)
        yield {"tile": tile, "move": move, "ohms": ohms, "nf": changed.nf, "weighted": changed.weighted,
               **qualities(changed.network, world, config.budget)}  # fmt: skip


def qualities(network: Transformer, world: World, budget: float) -> dict[str, float]:
    """Return the exact NELBO of a network, and what samples of the entropy-bounded rule are worth."""
    from synthetic.denoisers import exact
    from theory.training.loss_table import loss_table
    from theory.unmasking.rules.sets import EntropyBounded
    from theory.unmasking.walks import walk
    from theory.worlds.table import table_of

    denoiser, law = exact(network.eval()), table_of(world)
    table = loss_table(world, denoiser)
    found = walk(EntropyBounded(budget), law, denoiser)
    return {
        "nelbo": float(table.mean(table.nelbo())), "kl": float(found.divergence), "calls": float(found.calls),
        "allowed": float(found.output.law()[law.law() > 0].sum()),
    }  # fmt: skip
