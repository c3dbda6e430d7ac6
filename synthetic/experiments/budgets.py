"""EB over its budget: the six atoms where E[NFE] and KL do not move one way, and how often that happens.

Table: part, family, budget (nats), nfe (E[NFE] under the sampler), nfe_data (under the data), kl (nats), above and
below (shares of laws, of those where 1 < E[NFE] < n, on which EB lies above or below the lower convex hull of all
Top-k points; 0 in part "sweep"). Part "sweep": the six atoms, one row a budget; part "rates": means over the random
laws of a family. Exact conditionals, entropy order. Scalars per family: laws, nfe rises and kl falls (shares of laws
on which that happens somewhere on the grid), above hull and below hull (shares of law-budget pairs); of the six
atoms: values at budgets .40 and .45.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.worlds import TableWorld


@dataclass(frozen=True)
class Config:
    """The sweep's largest budget and resolution; laws per family and their budgets (nats)."""

    largest: float = 1.5
    resolution: int = 300
    laws: int = 100
    budgets: tuple[float, ...] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5)
    seed: int = 0


PRESETS = {
    "smoke": Config(resolution=30, laws=20, budgets=(0.1, 0.3, 0.5, 0.7)),
    "laptop": Config(),
    "gpu": Config(resolution=3000, laws=5000, budgets=tuple(k / 50 for k in range(1, 80))),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Sweep the fixture, then the families."""
    import numpy as np
    import pandas as pd

    from synthetic.small_worlds import six_atoms

    fixture = six_atoms()
    grid = sorted({*np.linspace(0, config.largest, config.resolution + 1).round(6).tolist(), 0.4, 0.45})
    rows: list[dict[str, Any]] = []
    scalars = {}
    for budget in progress.track(grid, "budgets"):
        nfe, kl = measured(fixture, budget)
        found = {"nfe": float(nfe[0]), "nfe_data": float(nfe[1]), "kl": float(kl)}
        rows.append({"part": "sweep", "family": "six atoms", "budget": budget, **found, "above": 0.0, "below": 0.0})
        if budget in (0.4, 0.45):
            scalars |= {f"{budget:.2f}/{name}": value for name, value in found.items()}
    for name, worlds in progress.track(families(config).items(), "families"):
        found, summary = rates(config, worlds)
        rows += [{"part": "rates", "family": name, **row} for row in found]
        scalars |= {f"{name}/{what}": value for what, value in summary.items()}
    return pd.DataFrame(rows), scalars


def measured(worlds: TableWorld, budget: float) -> tuple[Tensor, Tensor]:
    """Return E[NFE] under the sampler and under the data, and KL(q || output law), of EB on a batch of laws."""
    import torch

    from theory.unmasking.rules.sets import EntropyBounded
    from theory.unmasking.walks import walk

    found = walk(EntropyBounded(budget), worlds)
    calls = torch.stack([torch.as_tensor(c, dtype=torch.float64) for c in (found.calls, found.calls_of_data)])
    return calls, torch.as_tensor(found.divergence, dtype=torch.float64).clamp(min=0)


def families(config: Config) -> dict[str, TableWorld]:
    """Return batches of random laws by family."""
    import torch

    from theory import worlds

    generator = torch.Generator().manual_seed(config.seed)

    def stacked(concentration: float, support: int | None = None) -> TableWorld:
        made = (worlds.dirichlet(5, 2, concentration, generator, support) for _ in range(config.laws))
        return worlds.TableWorld(torch.stack([world.law() for world in made]), 5, 2)

    return {
        "Dirichlet(1)": stacked(1.0),
        "Dirichlet(0.1)": stacked(0.1),
        "six random atoms": stacked(1.0, 6),
    }


def rates(config: Config, worlds: TableWorld) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Return mean calls and KL by budget with the share above the Top-k hull; the rates over the whole grid."""
    import torch

    from theory.tolerance import SLACK
    from theory.unmasking.rules.sets import TopK
    from theory.unmasking.walks import walk

    n = worlds.n
    found = [measured(worlds, budget) for budget in config.budgets]
    nfe, kl = torch.stack([pair[0] for pair in found]), torch.stack([pair[1] for pair in found])
    tops = [walk(TopK(k, "entropy"), worlds) for k in range(1, n + 1)]
    points = [(torch.as_tensor(top.calls), torch.as_tensor(top.divergence)) for top in tops]
    corners, calls = torch.stack([torch.stack(point) for point in points]), nfe[:, 0]
    inside = (calls > 1 + SLACK) & (calls < n - SLACK)
    gap = torch.where(inside, kl - heights(corners, calls), 0.0)
    above, below, count = gap > SLACK, gap < -SLACK, inside.sum(-1).clamp(min=1)
    rows = [
        {"budget": budget, "nfe": float(calls[k].mean()), "nfe_data": float(nfe[k, 1].mean()),
         "kl": float(kl[k].mean()), "above": float(above[k].sum() / count[k]),
         "below": float(below[k].sum() / count[k])}
        for k, budget in enumerate(config.budgets)
    ]  # fmt: skip
    return rows, {
        "laws": float(len(worlds)),
        "nfe rises": float((calls.diff(dim=0) > SLACK).any(0).double().mean()),
        "kl falls": float((kl.diff(dim=0) < -SLACK).any(0).double().mean()),
        "above hull": float(above.sum() / inside.sum().clamp(min=1)),
        "below hull": float(below.sum() / inside.sum().clamp(min=1)),
    }


def heights(corners: Tensor, calls: Tensor) -> Tensor:
    """Return the lower convex hull of the points (k, 2, laws) at the calls (budgets, laws), law by law."""
    import numpy as np
    import torch

    from theory.unmasking.hull import lower_hull

    out = torch.empty_like(calls)
    for law in range(calls.shape[1]):
        hull = lower_hull([(float(x), float(y)) for x, y in corners[:, :, law]])
        out[:, law] = torch.from_numpy(np.interp(calls[:, law].numpy(), *zip(*hull, strict=True)))
    return out
