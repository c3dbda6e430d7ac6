"""Exact KL(mu || nu-bar) of every Beta(a, b) schedule on the two toy targets of arXiv 2509.13866 (Fig. 4).

Table: target, a, b, kl (nats), error (E_iid, the path KL, an upper bound, nats). Scalars, per
target: the best point by kl (kl, a, b) and by error; kl, error and place of every named schedule, where place
is the Beta(a, b) with the same K-step grid (for K = 3 two shapes meet two inner grid points).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.experiments._mixed import Target


@dataclass(frozen=True)
class Config:
    """K, and a logarithmic axis for both shapes."""

    steps: int = 3
    low: float = 0.1
    high: float = 4.0
    resolution: int = 64


PRESETS = {"smoke": Config(resolution=12), "laptop": Config(), "gpu": Config(resolution=400)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Evaluate the plane for both targets and search its best point."""
    import numpy as np
    import pandas as pd

    from synthetic.experiments import _mixed
    from theory import worlds
    from theory.unmasking.beta_fit import best_beta, beta_plane

    axis = np.geomspace(config.low, config.high, config.resolution)
    a, b = (plane.ravel() for plane in np.meshgrid(axis, axis, indexing="ij"))
    parts, scalars = [], {}
    for key, factory in progress.track(_mixed.TARGETS.items(), "targets"):
        world = getattr(worlds, factory)()
        target, curve = _mixed.Target.of(world, config.steps), world.information_curve()
        plane = _mixed.beta_plane(target, axis).ravel()
        bound = beta_plane(curve, a, b, [config.steps])[config.steps]
        parts.append(pd.DataFrame({"target": key, "a": a, "b": b, "kl": plane, "error": bound}))
        best = _mixed.best_beta(target, axis)
        fit = best_beta(curve, config.steps, config.low, config.high)
        scalars |= {
            f"{key}/best/a": best.a, f"{key}/best/b": best.b, f"{key}/best/kl": best.divergence,
            f"{key}/best error/a": fit.a, f"{key}/best error/b": fit.b, f"{key}/best error/error": fit.error,
        }  # fmt: skip
        scalars |= {f"{key}/{name}": value for name, value in named(target, curve).items()}
    return pd.concat(parts, ignore_index=True), scalars


def named(target: Target, curve: Tensor) -> dict[str, float]:
    """Return kl, error and place (a, b) of every named schedule."""
    from theory.schedules import NAMED
    from theory.unmasking.curves import per_token_error

    found = {}
    for name, schedule in NAMED.items():
        grid = schedule.grid(target.steps)
        a, b = place(grid)
        found |= {
            f"{name}/kl": float(target.divergences(grid)),
            f"{name}/error": float(per_token_error(curve, grid)),
            f"{name}/a": a,
            f"{name}/b": b,
        }
    return found


def place(grid: object) -> tuple[float, float]:
    """Return the shapes (a, b) whose Beta mask schedule passes through the grid (least squares in gamma)."""
    import numpy as np
    from scipy import optimize, special

    alpha = np.asarray(grid, dtype=float)
    times = np.arange(1, len(alpha) - 1) / (len(alpha) - 1)
    gamma = 2 / np.pi * np.arcsin(np.sqrt(alpha[1:-1]))

    def residual(logs: np.ndarray) -> np.ndarray:
        return np.asarray(special.betainc(*np.exp(logs), times) - gamma)

    found = optimize.least_squares(residual, [0.0, 0.0], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return float(np.exp(found.x[0])), float(np.exp(found.x[1]))
