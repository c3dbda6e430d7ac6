"""Public training losses as estimators of the NELBO: bias, variance and its sources, exactly (arXiv 2511.18159).

Table: world, part, name and numbers in nats or nats squared, nan where a part has none. Denoisers are the exact
conditionals with every logarithm moved by a normal error of `noise`. Parts: "loss", a loss of `theory.training.zoo`:
passes (of the denoiser), share (mean over NELBO), mask, level, data (the sources of the variance), growth (of an
infinite mask noise, for each unit of ln(1 / least level)); "method", the same for a way to lower the variance, at
`passes` passes; "density", a method's variance at each level t, as densities in ln t: mask, level, data.
Scalars per world: nelbo, and the least mask and level noise of any density of levels at one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.training.estimators import Estimator
    from theory.training.loss_table import LossTable

COLUMNS = ("world", "part", "name", "passes", "t", "share", "mask", "level", "data", "growth")


@dataclass(frozen=True)
class Config:
    """Worlds by name, the error of the denoisers (nats), passes an estimate, points of the curves over the level."""

    worlds: tuple[str, ...] = ("Markov chain", "copied pairs", "Dirichlet(1)")
    noise: float = 0.5
    passes: tuple[int, ...] = (1, 2, 4, 8, 16)
    points: int = 60
    seed: int = 0


PRESETS = {
    "smoke": Config(("copied pairs",), passes=(1, 2), points=10),
    "laptop": Config(),
    "gpu": Config(passes=(1, 2, 4, 8, 16, 32, 64), points=200),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the moments of every loss and method on every world."""
    import pandas as pd
    import torch

    from synthetic.experiments.duel_elbo import perturbed
    from synthetic.small_worlds import small
    from theory.training import variance
    from theory.training.loss_table import loss_table
    from theory.training.zoo import ZOO

    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {}
    for name in progress.track(list(config.worlds), "worlds"):
        world = small(name)
        table = loss_table(world, perturbed(world, config.noise, torch.Generator().manual_seed(config.seed)))
        rows += [{"world": name, "part": "loss", "name": loss, **numbers(each, table)} for loss, each in ZOO.items()]
        for method, estimator in methods(table, config.passes):
            rows.append({"world": name, "part": "method", "name": method, **numbers(estimator, table)})
            if "count" not in method and estimator.levels == 1:
                found = densities(estimator, table, config.points)
                rows += [{"world": name, "part": "density", "name": method, **row} for row in found]
        curves = variance.curves(table)
        best = variance.split(curves, curves.second.sqrt())
        scalars |= {f"{name}/nelbo": float(table.mean(table.nelbo())), f"{name}/least": best.mask + best.level}
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def numbers(estimator: Estimator, table: LossTable) -> dict[str, float]:
    """Return the columns of an estimator's exact moments."""
    from theory.training.moments import moments

    found = moments(estimator, table)
    return {
        "passes": float(estimator.draws), "share": found.mean / found.nelbo, "mask": found.mask, "level": found.level,
        "data": found.data, "growth": found.mask_growth,
    }  # fmt: skip


def methods(table: LossTable, passes: tuple[int, ...]) -> Iterator[tuple[str, Estimator]]:
    """Yield name and estimator of every way to lower the variance, where the number of passes allows it."""
    from dataclasses import replace

    from theory.training import variance
    from theory.training.estimators import BY_COUNT, Estimator, Exactly, clipped

    best = variance.best_level(table)
    level, count = Estimator("standard", level=clipped(1e-3)), Estimator("by count", Exactly(), BY_COUNT)
    potts = Estimator("P-POTS", level=best)
    kinds: dict[str, tuple[Estimator, Any, Any]] = {
        "standard": (level, "none", "none"), "standard, mirrored masks": (level, "none", "mirrored mask"),
        "P-POTS": (potts, "none", "none"), "P-POTS, mirrored masks": (potts, "none", "mirrored mask"),
        "by count": (count, "none", "none"), "by count, strata": (count, "draws", "none"),
        "by count, strata, opposite": (count, "draws", "complement"),
    }  # fmt: skip
    for name, (estimator, strata, partner) in kinds.items():
        for total in passes:
            each = total // (1 if partner == "none" else 2)
            if each:
                yield name, replace(estimator, name=name, levels=each, strata=strata, partner=partner)


def densities(estimator: Estimator, table: LossTable, points: int) -> Iterator[dict[str, float]]:
    """Yield, at levels spread evenly in ln t, what each source adds to the variance there, for each unit of ln t.

    Mask noise adds E_x v / p, level noise E_x (g / p - mean)^2 p and data noise its own p, all times t; v is that of a
    mirrored pair where masks are mirrored.
    """
    import torch

    from theory.training import variance

    t = torch.logspace(-3, 0, points, dtype=torch.float64)[:-1]
    means, noises = variance.at_levels(table, t, mirrored=estimator.partner == "mirrored mask")
    density = estimator.level.density(t)
    mean = table.nelbo()
    noise = float(table.mean((mean - table.mean(mean)) ** 2))
    for k in range(len(t)):
        p, here = float(density[k]), float(t[k])
        gap = means[k] / p - mean
        yield {
            "t": here, "mask": here * float(table.mean(noises[k])) / p,
            "level": here * p * float(table.mean(gap**2)), "data": here * p * noise,
        }  # fmt: skip
