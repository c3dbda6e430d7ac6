"""Beta schedules against the optimum: E_iid over the (a, b) plane, the best shapes, the sizes that they round to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy import optimize, special

from theory.unmasking.curves import fixed_size_error, per_token_error, total
from theory.unmasking.optimal import Sizes
from theory.worlds.information import check_curve, smoothed_curve


@dataclass(frozen=True)
class BetaFit:
    """The best Beta(a, b) mask schedule found for K steps, its grid and its exact error in nats."""

    a: float
    b: float
    grid: Float[ndarray, "nodes"]
    error: float


def beta_grids(a: object, b: object, times: Float[ndarray, "T"]) -> Float[ndarray, "*plane T"]:
    """Return sin^2(pi BetaCDF(t; a, b) / 2) for all pairs of shapes and all times."""
    shape_a, shape_b = (np.asarray(x, dtype=float)[..., None] for x in (a, b))
    return np.asarray(np.sin(np.pi / 2 * special.betainc(shape_a, shape_b, times)) ** 2)


def beta_plane(curve: object, a: object, b: object, steps: Iterable[int]) -> dict[int, Float[ndarray, "*plane"]]:
    """Return E_iid of the Beta(a, b) schedules for every K: one distribution-function call per distinct time."""
    z = check_curve(curve)
    wanted = sorted(set(steps))
    times = sorted({Fraction(k, count) for count in wanted for k in range(count + 1)})
    place = {t: i for i, t in enumerate(times)}
    alpha = beta_grids(a, b, np.array([float(t) for t in times]))
    alpha[..., 0], alpha[..., -1] = 0.0, 1.0
    heights = smoothed_curve(z, torch.from_numpy(alpha)).numpy()
    errors = {}
    for count in wanted:
        columns = [place[Fraction(k, count)] for k in range(count + 1)]
        cells = np.diff(alpha[..., columns], axis=-1)
        kept = np.einsum("...k,...k->...", cells, heights[..., columns[:-1]])
        errors[count] = np.asarray(float(total(z)) - len(z) * kept)
    return errors


def best_beta(curve: object, steps: int, low: float = 0.1, high: float = 12.0, resolution: int = 40) -> BetaFit:
    """Return the best Beta(a, b) in [low, high]^2: a logarithmic plane, then Nelder-Mead from its best point."""
    z = check_curve(curve)
    axis = np.geomspace(low, high, resolution)
    plane = beta_plane(z, axis[:, None], axis[None, :], [steps])[steps]
    i, j = np.unravel_index(int(np.argmin(plane)), plane.shape)
    bounds = [(np.log(low), np.log(high))] * 2

    def objective(logs: ndarray) -> float:
        return float(beta_plane(z, np.exp(logs[0]), np.exp(logs[1]), [steps])[steps])

    found = optimize.minimize(
        objective,
        np.log([axis[i], axis[j]]),
        method="Nelder-Mead",
        bounds=bounds,
        options={"xatol": 1e-6, "fatol": 1e-13},
    )
    shapes = np.exp(found.x) if found.fun <= plane[i, j] else np.array([axis[i], axis[j]])
    grid = beta_grids(shapes[0], shapes[1], np.arange(steps + 1) / steps)
    grid[0], grid[-1] = 0.0, 1.0
    return BetaFit(float(shapes[0]), float(shapes[1]), grid, float(per_token_error(z, grid)))


def rounded_beta_family(n: int, steps: int, axis: Float[ndarray, "r"]) -> set[tuple[int, ...]]:
    """Return the block sizes that Beta(a, b) schedules, a and b on `axis`, round to (zeros dropped)."""
    alpha = beta_grids(axis[:, None], axis[None, :], np.arange(steps + 1) / steps)
    alpha[..., 0], alpha[..., -1] = 0.0, 1.0
    nodes = np.unique(np.floor(n * alpha + 0.5).astype(int).reshape(-1, steps + 1), axis=0)
    return {tuple(int(s) for s in np.diff(row) if s) for row in nodes}


def best_rounded_beta(curve: object, steps: int, axis: Float[ndarray, "r"] | None = None) -> Sizes:
    """Return the best sizes among those that Beta schedules round to, searched over a plane of shapes."""
    z = check_curve(curve)
    shapes = np.geomspace(0.1, 12.0, 120) if axis is None else axis
    found = [Sizes(s, float(fixed_size_error(z, s))) for s in rounded_beta_family(len(z), steps, shapes)]
    return min(found, key=lambda candidate: candidate.error)
