"""Energy rate of MDM's marginal rate against the optimal rates on three graphs (arXiv 2509.13866, App. D.6).

Table: n, d, draw, rate ("MDM" or the graph), energy in units of alpha'^2 / (alpha (1 - alpha)), gap (the
largest primal-dual gap of the draw). Scalars: the largest gap, and per "n,d" MDM's closed form n (d+1)^(n-1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """The sizes (n, d), how many Dirichlet(1) laws are drawn for each, and the reveal probability alpha."""

    sizes: tuple[tuple[int, int], ...] = ((1, 3), (2, 2), (2, 3), (3, 2), (3, 3), (4, 2))
    draws: int = 8
    alpha: float = 0.4
    seed: int = 1


PRESETS = {
    "smoke": Config(sizes=((1, 3), (2, 2), (2, 3)), draws=2),
    "laptop": Config(),
    "gpu": Config(draws=64),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Solve the quadratic programmes of every law."""
    import numpy as np
    import pandas as pd

    from theory.energy.closed_forms import full_support_constant
    from theory.energy.rates import GRAPHS, rate_table
    from theory.worlds import TableWorld

    rng = np.random.default_rng(config.seed)
    rows = []
    for n, d in progress.track(config.sizes, "rates"):
        laws = rng.dirichlet(np.ones(d**n), size=config.draws)
        drawn = [TableWorld(law, n, d) for law in laws.reshape(-1, d**n)]
        for draw, found in enumerate(rate_table(drawn, config.alpha)):
            rows += [
                {"n": n, "d": d, "draw": draw, "rate": rate, "energy": found[rate], "gap": found["gap"]}
                for rate in ("MDM", *GRAPHS)
            ]
    table = pd.DataFrame(rows)
    constants = {f"{n},{d}/MDM": float(full_support_constant(n, d)) for n, d in config.sizes}
    return table, {"gap": float(table["gap"].max()), **constants}
