"""P-POTS's density and its fit, the three sources of variance, MIRROR's correlation, growth (arXiv 2511.18159).

Table: world, part, name and numbers, nan where a part has none. Denoisers are the exact conditionals with every
logarithm moved by a normal error of `noise`; levels are cut off at `least` (see Config) but in "growth". Parts:
"density", at levels t: best (p*, proportional to the root of the second moment m2), printed (from the plug-in estimate
that leaves the spread over sequences out), fitted (the EPR family, fitted to p* by KL); "source", name of the method:
mask, level, data (nats squared, of an estimate of two passes); "mirror", at levels t: rho, the correlation of the
losses of a mirrored pair, mean over sequences weighted by mask noise, least and most (over sequences); "growth": least
(the cut-off) and mask. Scalars per world: slope (the growth of mask noise for each unit of ln(1 / least), exactly) and
divergence (KL of p* against the fit, nats).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.training.loss_table import LossTable

COLUMNS = ("world", "part", "name", "t", "best", "printed", "fitted", "mask", "level", "data", "rho", "least", "most")


@dataclass(frozen=True)
class Config:
    """Worlds by name, the error of the denoisers (nats), the cut-off of levels, further cut-offs, points of curves."""

    worlds: tuple[str, ...] = ("Markov chain", "copied pairs", "Dirichlet(1)")
    noise: float = 0.5
    least: float = 1e-3
    cuts: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    points: int = 50
    seed: int = 0


PRESETS = {
    "smoke": Config(("copied pairs",), cuts=(1e-1, 1e-3), points=8),
    "laptop": Config(),
    "gpu": Config(points=200),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute every part on every world."""
    import pandas as pd
    import torch

    from synthetic.experiments.duel_elbo import perturbed
    from synthetic.small_worlds import small
    from theory.training.loss_table import loss_table

    rows, scalars = list[dict[str, Any]](), dict[str, float]()
    for name in progress.track(list(config.worlds), "worlds"):
        world = small(name)
        table = loss_table(world, perturbed(world, config.noise, torch.Generator().manual_seed(config.seed)))
        density_rows, divergence = densities(table, config)
        parts = {"density": density_rows, "source": sources(table, config), "mirror": mirrors(table, config)}
        parts["growth"] = growth(table, config)
        rows += [{"world": name, "part": part, **row} for part, mine in parts.items() for row in mine]
        singles = [1 << i for i in range(table.n)]
        slope = float(table.mean((table.values[singles] ** 2).sum(0)))
        scalars |= {f"{name}/slope": slope, f"{name}/divergence": divergence}
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def densities(table: LossTable, config: Config) -> tuple[list[dict[str, Any]], float]:
    """Return the rows of the densities on (least, 1], and the divergence of p* from its fit."""
    import numpy as np
    import torch

    from theory.training import variance

    whole = variance.curves(table, config.least)
    grid = whole.rule
    best = whole.second.sqrt() / grid.integral(whole.second.sqrt())
    printed = whole.plug_in.sqrt() / grid.integral(whole.plug_in.sqrt())
    parameters = variance.fit_epr(grid.t.numpy(), best.numpy(), grid.share.numpy())
    fitted = torch.from_numpy(np.asarray(variance.epr(grid.t.numpy(), *parameters)))
    fitted = fitted / grid.integral(fitted)
    divergence = float(grid.integral(best * (best / fitted).log()))
    levels = np.geomspace(1.05 * config.least, 1.0, config.points)
    columns = {"best": best, "printed": printed, "fitted": fitted}
    shown = {name: np.interp(levels, grid.t.numpy(), values.numpy()) for name, values in columns.items()}
    return [
        {"t": float(t), **{name: float(values[k]) for name, values in shown.items()}} for k, t in enumerate(levels)
    ], divergence


def sources(table: LossTable, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the sources of estimates of two passes: two draws, or one mirrored pair, by uniform levels and by p*.

    Both estimates are of one sequence, so that data noise is the same; mirrored masks halve mask noise and more, and
    leave level noise as it is for a single level.
    """
    from theory.training import variance

    whole = variance.curves(table, config.least)
    mean, pair = variance.at_levels(table, whole.rule.t, mirrored=True)
    mirrored = variance.Curves(whole.rule, mean, pair, whole.law)
    for levels, density in (("standard", whole.rule.t * 0 + 1), ("P-POTS", whole.second.sqrt())):
        for name, curves, draws in ((levels, whole, 2), (f"{levels}, MIRROR", mirrored, 1)):
            own = curves.second.sqrt() if levels == "P-POTS" and draws == 1 else density
            parts_of_variance = variance.split(curves, own)
            yield {
                "name": name,
                "mask": parts_of_variance.mask / draws,
                "level": parts_of_variance.level / draws,
                "data": parts_of_variance.data,
            }


def mirrors(table: LossTable, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the correlation of mirrored pairs: total covariance over total variance, and its range over sequences."""
    import torch

    from theory.training import variance

    levels = torch.linspace(0, 1, config.points + 2, dtype=torch.float64)[1:-1]
    (_, single), (_, pair) = variance.at_levels(table, levels), variance.at_levels(table, levels, mirrored=True)
    each = torch.where(single > 1e-12, 2 * pair / single.clamp(min=1e-300) - 1, 0.0)
    seen = each[:, table.law > 0]
    total = 2 * (pair @ table.law) / (single @ table.law) - 1
    for k, t in enumerate(levels.tolist()):
        yield {"t": t, "rho": float(total[k]), "least": float(seen[k].min()), "most": float(seen[k].max())}


def growth(table: LossTable, config: Config) -> Iterator[dict[str, Any]]:
    """Yield mask noise of one draw with uniform levels above each cut-off."""
    import torch

    from theory.training import variance

    for least in config.cuts:
        whole = variance.curves(table, least)
        parts_of_variance = variance.split(whole, torch.ones_like(whole.rule.t))
        yield {"least": least, "mask": parts_of_variance.mask}
