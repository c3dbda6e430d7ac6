"""Rounds of speculative masked decoding by order and window, exactly (speculation of arXiv 2501.05370, masked chains).

Table: world, n, order ("left to right", "random": a fixed permutation, "confidence": surest position first, "unsure":
least sure first), window (L), rounds (E rounds; the verification that follows a round's first call makes it two
sequential calls at most), coins and mismatches (E rejections by the coin, and because the order moved on to another
position than the drafted one), acceptance (share of drafts kept, without the first of each round, which is kept for
certain; 1 where there are no others), gap (greatest difference of the output law from that of sequential decoding),
low and high (least and greatest E rounds among the laws and permutations averaged over).
Exact conditionals, so that every order decodes the data law itself. "random" is the mean over sampled permutations;
"dense laws" and "sparse laws" are means over Dirichlet(1) and Dirichlet(0.05) laws of five bits.
Scalars per world at L = n: extra (E rounds of the confidence order beyond left to right), share (of its rejections
that are mismatches); and gap, the greatest of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator

    from theory.denoisers import TableDenoiser
    from theory.speculation.masked import Priority
    from theory.worlds import TableWorld

RANDOM = {"dense laws": 1.0, "sparse laws": 0.05}
"""Concentration of the Dirichlet laws of five bits, by name."""


@dataclass(frozen=True)
class Config:
    """The worlds; random laws of each concentration; permutations averaged over."""

    worlds: tuple[str, ...] = (
        "Markov chain", "copied pairs", "even parity", "digit patches", "six atoms", "dense laws", "sparse laws",
    )  # fmt: skip
    laws: int = 12
    permutations: int = 4
    seed: int = 0


PRESETS = {
    "smoke": Config(worlds=("six atoms", "copied pairs", "dense laws"), laws=3, permutations=2),
    "laptop": Config(),
    "gpu": Config(laws=200, permutations=24),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Sweep every world in every order and window."""
    import pandas as pd
    import torch

    generator = torch.Generator().manual_seed(config.seed)
    rows = []
    for name in progress.track(config.worlds, "worlds"):
        laws = worlds(config, name, generator)
        rows += [{"world": name, **row} for row in measured(config, laws, generator)]
    table = pd.DataFrame(rows)
    scalars = {"gap": float(table["gap"].max())}
    for name, mine in table[table["window"] == table["n"]].groupby("world", sort=False):
        wide = mine.set_index("order")
        sure = wide.loc["confidence"]
        refused = sure["coins"] + sure["mismatches"]
        scalars[f"{name}/extra"] = float(sure["rounds"] - wide.loc["left to right", "rounds"])
        scalars[f"{name}/share"] = float(sure["mismatches"] / refused) if refused else 0.0
    return table, scalars


def worlds(config: Config, name: str, generator: Generator) -> list[TableWorld]:
    """Return the law of a named world, or the random laws of a family."""
    from synthetic.small_worlds import small
    from theory.worlds import dirichlet

    if name in RANDOM:
        return [dirichlet(5, 2, RANDOM[name], generator) for _ in range(config.laws)]
    return [small(name)]


def measured(config: Config, laws: list[TableWorld], generator: Generator) -> Iterator[dict[str, Any]]:
    """Yield one row for each order and window: means over laws and permutations."""
    import numpy as np

    from theory.denoisers import tabulated

    n, tables = laws[0].n, [tabulated(law) for law in laws]
    for order, priorities in orders(config, n, generator).items():
        for window in range(1, n + 1):
            found = np.array([swept(table, window, priority) for table in tables for priority in priorities])
            rounds, coins, mismatches = found[:, :3].mean(0)
            tried = n - rounds
            yield {
                "n": n, "order": order, "window": window, "rounds": rounds, "coins": coins, "mismatches": mismatches,
                "acceptance": 1 - (coins + mismatches) / tried if tried > 1e-9 else 1.0, "gap": found[:, 3].max(),
                "low": found[:, 0].min(), "high": found[:, 0].max(),
            }  # fmt: skip


def orders(config: Config, n: int, generator: Generator) -> dict[str, list[Priority]]:
    """Return the orders by name, the random one as several permutations."""
    import torch

    from theory.speculation import masked

    shuffled = [torch.randperm(n, generator=generator).tolist() for _ in range(config.permutations)]
    return {
        "left to right": [masked.left_to_right],
        "random": [masked.fixed(order) for order in shuffled],
        "confidence": [masked.confidence],
        "unsure": [lambda log_p: -masked.confidence(log_p)],
    }


def swept(denoiser: TableDenoiser, window: int, priority: Priority) -> tuple[float, float, float, float]:
    """Return E rounds, E rejections by coin and by order, and the distance of the law from sequential decoding."""
    from theory.speculation import masked

    found = masked.sweep(denoiser, window, priority)
    gap = float((found.output.law() - masked.sequential_law(denoiser, priority).law()).abs().max())
    return found.rounds, found.coins, found.mismatches, gap
