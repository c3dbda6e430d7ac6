"""The grids that a sampler steps through, alpha_0 = 0 to alpha_K = 1, and the reveal probability of each step."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput


def uniform_grid(steps: int) -> Float[ndarray, "nodes"]:
    """Return k / K for k = 0..K. Raises InvalidInput for K < 1."""
    if steps != int(steps) or steps < 1:
        raise InvalidInput(f"K = {steps} steps; expected a whole number K >= 1: a sampler needs at least one step")
    return np.arange(steps + 1) / steps


def geometric_grid(steps: int, ratio: float, ending: str = "masked") -> Float[ndarray, "nodes"]:
    """Return a geometric grid (docs/derivations.md, schedules.11b).

    `ending="masked"`: the masked fraction shrinks by `ratio` a step, 1 - alpha_k = r^k for k < K (TC regime).
    `ending="revealed"`: the revealed fraction grows by 1 / r a step, alpha_k = r^(K-k) for k >= 1 (DTC regime).
    """
    k = np.arange(steps + 1) if steps >= 1 else uniform_grid(steps)
    if not 0.0 < ratio < 1.0:
        raise InvalidInput(f"geometric ratio r = {ratio}; expected 0 < r < 1")
    if ending not in ("masked", "revealed"):
        raise InvalidInput(f"ending {ending!r}; expected 'masked' or 'revealed'")
    grid = 1.0 - ratio**k if ending == "masked" else ratio ** (steps - k)
    grid[0], grid[-1] = 0.0, 1.0
    return np.asarray(grid, dtype=float)


def check_grid(grid: object) -> Float[ndarray, "*batch nodes"]:
    """Return the grid as float64; raise InvalidInput unless it climbs from exactly 0 to exactly 1."""
    alpha = np.asarray(grid, dtype=float)
    if alpha.ndim < 1 or alpha.shape[-1] < 2:
        raise InvalidInput(f"grid of shape {alpha.shape}; expected K + 1 >= 2 points on the last axis")
    if not np.isfinite(alpha).all():
        raise InvalidInput("grid holds NaN or infinity; expected numbers from 0 to 1")
    if (alpha[..., 0] != 0).any() or (alpha[..., -1] != 1).any():
        ends = (float(alpha[..., 0].flat[0]), float(alpha[..., -1].flat[0]))
        raise InvalidInput(f"grid runs from {ends[0]} to {ends[1]}; expected exactly 0 to exactly 1")
    steps = np.diff(alpha, axis=-1)
    if (steps < 0).any():
        worst = int(np.argmin(steps.reshape(-1, steps.shape[-1]).min(0)))
        raise InvalidInput(f"grid out of order at step {worst}: it falls by {-steps.min():.3g}; sort it")
    return alpha


def step_reveal_probabilities(
    grid: object, complement: Float[ndarray, "*batch nodes"] | None = None
) -> Float[ndarray, "*batch K"]:
    """Return (alpha_{k+1} - alpha_k) / (1 - alpha_k), the last one exactly 1.

    With `complement` = 1 - alpha the difference is taken from the smaller of the two numbers, so no
    digits are lost at either end.
    """
    alpha = check_grid(grid)
    hidden = 1.0 - alpha if complement is None else np.asarray(complement, dtype=float)
    step = np.where(alpha[..., 1:] <= 0.5, np.diff(alpha, axis=-1), -np.diff(hidden, axis=-1))
    reveal = np.ones_like(step)
    np.divide(step, hidden[..., :-1], out=reveal, where=hidden[..., :-1] > 0)
    reveal = np.clip(reveal, 0.0, 1.0)
    reveal[..., -1] = 1.0
    return reveal
