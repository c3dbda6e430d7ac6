"""A mask schedule beside the best that exists for a law, at equally many steps: from the information curve alone.

The error of a schedule is E_iid, the KL over whole paths of unmasking, in nats; the optimum is the least of all grids
of as many steps (docs/derivations.md, schedules.7 and schedules.8, after Chen, Cong, Li, arXiv 2511.04647). Both need
nothing but the curve, so the law may be too long to enumerate; where it is small the KL of the output laws, which the
errors bound, is exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import optimize

from theory.errors import InvalidInput
from theory.schedules import Schedule, as_schedule
from theory.showing import Shown, shown
from theory.tolerance import SLACK
from theory.unmasking.curves import per_token_error
from theory.unmasking.laws import sampler_law
from theory.unmasking.optimal import Sizes, optimal_grid, optimal_sizes
from theory.worlds import World
from theory.worlds.information import check_curve

PAIRS = 2**20
"""Pairs of states (2d + 1)^n up to which the output laws are computed too."""


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Shown):
    """A schedule and the optimum at as many steps. Errors are path KLs in nats, `divergence`s KLs of output laws.

    `grid` and `optimal_grid` run from 0 to 1. `optimal_sizes` are the provably best whole blocks, with their error: a
    sampler that reveals blocks of fixed sizes errs less than any grid. The divergences are nan where the world is too
    large to enumerate.
    """

    name: str
    world: World
    schedule: Schedule
    steps: int
    error: float
    optimum: float
    grid: Float[ndarray, "nodes"]
    optimal_grid: Float[ndarray, "nodes"]
    optimal_sizes: Sizes
    divergence: float = math.nan
    optimal_divergence: float = math.nan

    @property
    def excess(self) -> float:
        """Return the error above the optimum, in nats."""
        return max(0.0, self.error - self.optimum)

    @property
    def ratio(self) -> float:
        """Return the error over the optimum: 1 where both are zero."""
        if self.optimum > 0:
            return max(1.0, self.error / self.optimum)
        return 1.0 if self.error == 0 else math.inf

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"world": self.world.name, "steps": self.steps, "error (nats)": self.error}
        facts |= {"error of the best grid (nats)": self.optimum, "ratio": self.ratio}
        if not math.isnan(self.divergence):
            facts |= {"KL (nats)": self.divergence, "KL of the best grid (nats)": self.optimal_divergence}
        best = self.optimal_sizes
        return {**facts, "best sizes": f"{_run_lengths(best.sizes)}, error {shown(best.error)}"}


def compare(schedule: Any, world: World, steps: int, curve: Any = None) -> Comparison:
    """Compare anything that `as_schedule` takes with the optimum of K steps on a world.

    The world's own information curve is used unless one is given: numbers Z_1..Z_n, or a sampled curve, which is made
    nondecreasing first. Raises InvalidInput, for a world whose curve is not exact at its length too.

    >>> from theory.worlds import copied_pairs
    >>> found = compare("squared sine", copied_pairs(3), steps=4)
    >>> round(found.error, 3), round(found.optimum, 3), found.optimal_sizes.sizes
    (0.609, 0.52, (1, 2, 2, 1))
    """
    if world.worlds:
        raise InvalidInput(f"a batch of {world.worlds} laws; compare one of them: world[k]")
    mask = as_schedule(schedule)
    grid = mask.grid(steps)
    z = _nondecreasing(world.information_curve() if curve is None else curve, world.n)
    best = optimal_grid(z, steps)
    errors = [_settled(float(per_token_error(z, g)), z) for g in (grid, best.grid)]
    divergences = [math.nan, math.nan]
    if (2 * world.d + 1) ** world.n <= PAIRS:
        divergences = [_settled(float(sampler_law(g, world).divergence), z) for g in (grid, best.grid)]
    sizes = optimal_sizes(z, min(steps, world.n))[-1]
    name = f"{mask.name} beside the best grid of {steps} steps"
    return Comparison(name, world, mask, steps, errors[0], errors[1], grid, best.grid, sizes, *divergences)


def _nondecreasing(curve: Any, n: int) -> Float[ndarray, "n"]:
    """Return a curve from 0 upwards: an exact one without its rounding, a sampled one by isotonic regression."""
    found = np.asarray(getattr(curve, "mean", None) if hasattr(curve, "standard_error") else curve, dtype=float)
    if found.shape != (n,):
        raise InvalidInput(f"information curve of shape {found.shape}; expected Z_1, ..., Z_n, n = {n}")
    if hasattr(curve, "standard_error"):
        found = np.asarray(optimize.isotonic_regression(found).x)
        found[0] = 0.0
    return np.maximum.accumulate(check_curve(found).numpy().clip(min=0.0))


def _settled(error: float, curve: Float[ndarray, "n"]) -> float:
    """Return an error without what rounding left of zero."""
    return 0.0 if error <= SLACK * max(1.0, float(curve.sum())) else error


def _run_lengths(sizes: tuple[int, ...]) -> str:
    """Return sizes with repetitions counted: 4, twice 3, 1."""
    runs: list[list[int]] = []
    for size in sizes:
        if runs and runs[-1][0] == size:
            runs[-1][1] += 1
        else:
            runs.append([size, 1])
    words = {1: "", 2: "twice "}
    return ", ".join(f"{words.get(count, f'{count} times ')}{size}" for size, count in runs)
