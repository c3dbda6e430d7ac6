"""Excess energy of schedules against their excess sampling error, across worlds (arXiv 2509.13866, 2511.04647).

Table: world, kind ("named", "random" or "curve"), n, schedule (a named one, or "Beta" with its shapes a, b; not
for random laws), energy (J / pi^2 - 1 for the weight gamma = t; infinite for linear), step_energy (the same for
the K-step energy, finite), error (E_iid / E_iid(best grid) - 1). Scalars: K; per world "world/sign", the error
of squared sine, the energy-optimal schedule, over linear's minus one (its sign is claim 20's verdict); how many
worlds there are, and in how many squared sine is worse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class Config:
    """K; shared worlds; how many Dirichlet laws of each size (n, d) and concentration; the plane of shapes."""

    steps: int = 8
    worlds: tuple[str, ...] = (
        "Markov chain", "hidden Markov model", "copied pairs", "repetition", "even parity", "MDS code",
        "4x4 Sudoku", "a x b = c", "digit patches", "English 4-grams", "logit-like curve",
    )  # fmt: skip
    sizes: tuple[tuple[int, int], ...] = ((4, 3), (6, 2), (8, 2))
    concentrations: tuple[float, ...] = (0.1, 1.0)
    draws: int = 6
    low: float = 0.3
    high: float = 3.0
    resolution: int = 19
    seed: int = 2


PRESETS = {
    "smoke": Config(
        worlds=("Markov chain", "copied pairs", "repetition", "logit-like curve"),
        sizes=((4, 2),), draws=2, resolution=5,
    ),
    "laptop": Config(),
    "gpu": Config(sizes=((4, 3), (6, 2), (8, 2), (10, 2)), draws=64, resolution=61),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compare every schedule's energy and error on every world."""
    import numpy as np
    import pandas as pd

    from theory.unmasking.curves import per_token_error
    from theory.unmasking.optimal import optimal_grid

    parts: list[pd.DataFrame] = []
    scalars: dict[str, float] = {"steps": config.steps}
    family = schedules(config)
    for world, kind, curve in progress.track(list(curves(config)), "worlds"):
        rows = family[family["schedule"] != "Beta"] if kind == "random" else family
        errors = per_token_error(curve, np.stack(rows["grid"].tolist())).numpy()
        table = rows.drop(columns="grid").assign(world=world, kind=kind, n=len(curve))
        parts.append(table.assign(error=errors / optimal_grid(curve, config.steps)[1] - 1))
        named = parts[-1].set_index("schedule")["error"].drop("Beta", errors="ignore")
        scalars[f"{world}/sign"] = float((1 + named["squared sine"]) / (1 + named["linear"]) - 1)
    signs = pd.Series({name: value for name, value in scalars.items() if name.endswith("/sign")})
    scalars |= {"worlds": len(signs), "squared sine worse": int((signs > 1e-12).sum())}
    return pd.concat(parts, ignore_index=True), scalars


def schedules(config: Config) -> pd.DataFrame:
    """Return every schedule compared with its energies, one row each, and its grid.

    A named schedule that leaves an end point with positive speed has infinite energy under gamma = t.
    """
    import numpy as np
    import pandas as pd

    from theory.energy.closed_forms import LEAST, beta_landscape, step_energy
    from theory.schedules import NAMED
    from theory.unmasking.beta_fit import beta_grids

    axis = np.geomspace(config.low, config.high, config.resolution)
    a, b = (plane.ravel() for plane in np.meshgrid(axis, axis, indexing="ij"))
    grids = beta_grids(a, b, np.arange(config.steps + 1) / config.steps)
    grids[:, 0], grids[:, -1] = 0.0, 1.0
    beta = pd.DataFrame({"schedule": "Beta", "a": a, "b": b, "energy": beta_landscape(a, b, 1, 1) / LEAST - 1})
    ends = np.array([0.0, 1.0])
    leaves_fast = [bool(mask.derivative(ends).max() > 0) for mask in NAMED.values()]
    rows = [
        {"schedule": name, "a": np.nan, "b": np.nan, "energy": np.inf if fast else 0.0}
        for name, fast in zip(NAMED, leaves_fast, strict=True)
    ]
    found = pd.concat((pd.DataFrame(rows), beta), ignore_index=True)
    found["grid"] = [*(mask.grid(config.steps) for mask in NAMED.values()), *grids]
    found["step_energy"] = step_energy(np.stack(found["grid"].tolist())) / LEAST - 1
    return found


def curves(config: Config) -> Iterator[tuple[str, str, Tensor]]:
    """Yield name, kind and information curve of every world, the random ones last."""
    import torch

    from synthetic.worlds import LOGIT_LIKE, curve
    from theory import worlds

    for name in config.worlds:
        yield name, "curve" if name == LOGIT_LIKE else "named", curve(name)
    generator = torch.Generator().manual_seed(config.seed)
    for n, d in config.sizes:
        for concentration in config.concentrations:
            for draw in range(config.draws):
                world = worlds.dirichlet(n, d, concentration, generator)
                yield f"{world.name} {n},{d} #{draw}", "random", world.information_curve()
