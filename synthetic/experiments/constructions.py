"""The schedules of Theorem 9, built from TC or from DTC alone, beside the provably best sizes (arXiv 2511.04647).

Table: world, n, method ("best sizes", "from TC" or "from DTC"), zeta (the construction's parameter, 0 for the best
sizes), steps K, error E(s) (nats; the path KL), guarantee (nats: what Theorem 9 promises, TC / (zeta - 1) or DTC /
(zeta - 1); nan for the best sizes). A construction that would need more than n steps reveals tokens one by one, without
error. Scalars: TC and DTC of every world, in nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

HARMONIC, CHAIN = "harmonic curve", "long Markov chain"


@dataclass(frozen=True)
class Config:
    """The worlds by name, lengths of the long chain and the harmonic curve, and how many values of zeta are tried."""

    worlds: tuple[str, ...] = (
        "Markov chain", "copied pairs", "repetition", "even parity", "MDS code", "Dirichlet", "digit patches",
        "hidden Markov model", "4x4 Sudoku", "logit-like curve", CHAIN, HARMONIC,
    )  # fmt: skip
    chain: int = 256
    harmonic: int = 1024
    most: int = 128
    zetas: int = 24


PRESETS = {
    "smoke": Config(("Markov chain", "repetition", "logit-like curve", HARMONIC), harmonic=64, most=16, zetas=8),
    "laptop": Config(),
    "gpu": Config(chain=1024, harmonic=4096, most=512, zetas=64),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Read every error off the information curve."""
    import pandas as pd

    from theory.unmasking.curves import dual_total, total

    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {}
    for world in progress.track(config.worlds, "worlds"):
        curve = information_curve(config, world)
        rows += [{"world": world, "n": len(curve), **row} for row in schedules(curve, config)]
        scalars |= {f"{world}/TC": float(total(curve)), f"{world}/DTC": float(dual_total(curve))}
    return pd.DataFrame(rows), scalars


def information_curve(config: Config, world: str) -> Tensor:
    """Return Z_1..Z_n of a world that the figures share, of a long chain that stays with 0.9, or the harmonic curve."""
    import torch

    from synthetic.worlds import curve
    from theory.unmasking.bounds import harmonic_curve
    from theory.worlds.tree import sticky_chain

    if world == HARMONIC:
        return torch.from_numpy(harmonic_curve(config.harmonic))
    return sticky_chain(config.chain).information_curve() if world == CHAIN else curve(world)


def schedules(curve: Tensor, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the best sizes of every K, and both constructions for values of zeta from 2 to n, spread evenly in ln."""
    import numpy as np

    from theory.unmasking.bounds import doubling_sizes
    from theory.unmasking.curves import dual_total, fixed_size_error, total
    from theory.unmasking.optimal import optimal_sizes

    n = len(curve)
    for steps, best in enumerate(optimal_sizes(curve, min(n, config.most)), start=1):
        yield {
            "method": "best sizes", "zeta": 0, "steps": steps, "error": best.error, "guarantee": float("nan"),
        }  # fmt: skip
    for zeta in np.unique(np.geomspace(2, n, config.zetas).round().astype(int)):
        for regime, bounding in (("TC", total), ("DTC", dual_total)):
            sizes = doubling_sizes(n, int(zeta), "TC" if regime == "TC" else "DTC")
            error = max(0.0, float(fixed_size_error(curve, sizes)))
            yield {
                "method": f"from {regime}", "zeta": int(zeta), "steps": len(sizes), "error": error,
                "guarantee": float(bounding(curve)) / (int(zeta) - 1),
            }  # fmt: skip
