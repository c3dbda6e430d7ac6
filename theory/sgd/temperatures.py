"""At which temperatures each of several learning rates has the least free energy U - T S (arXiv 2505.23489).

Each learning rate gives a point (S, U): entropy and expected loss. Rate i has the least free energy at T, up to eps,
iff T lies in [T-, T+] with

    T- = max over points of less entropy of (U_i - U_j - eps) / (S_i - S_j),
    T+ = min over points of more entropy of (U_j - U_i + eps) / (S_j - S_i).

At eps = 0 the interval is not empty exactly where the point lies on the lower convex hull of all points.
The intervals, the smoothing and eps are those of the authors' code; the statement on the hull is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from theory.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class Temperatures:
    """The temperatures [low, high] at which each of m learning rates has the least free energy.

    `low` of the point of least entropy is minus infinity and `high` of that of most entropy infinity.
    """

    low: Float[ndarray, "*batch m"]
    high: Float[ndarray, "*batch m"]

    @property
    def feasible(self) -> Bool[ndarray, "*batch m"]:
        """Return for which learning rates there is such a temperature."""
        return np.asarray(self.low <= self.high)

    @property
    def point(self) -> Float[ndarray, "*batch m"]:
        """Return sqrt(T- T+) where 0 < T- <= T+ < infinity, and nan elsewhere.

        On a grid of learning rates of ratio q with U = a eta and S = b ln eta this lies above T = a eta / b by the
        factor (sqrt(q) - 1 / sqrt(q)) / ln q.
        """
        sound = (self.low > 0) & self.feasible & np.isfinite(self.high)
        product = np.where(sound, self.low, 1.0) * np.where(sound, self.high, 1.0)
        return np.where(sound, np.sqrt(product), np.nan)


def temperatures(
    loss: Float[ndarray, "*batch m"], entropy: Float[ndarray, "*batch m"], slack: float = 0.0
) -> Temperatures:
    """Return the intervals [T-, T+] of points (S, U), with `slack` the eps by which a free energy may miss the least.

    Raises InvalidInput for shapes that differ, numbers that are not finite, a negative slack, and entropies that do not
    rise strictly along the last axis: points of equal entropy have no slope between them.
    """
    u, s = np.asarray(loss, dtype=float), np.asarray(entropy, dtype=float)
    if u.shape != s.shape or u.ndim < 1 or not (np.isfinite(u).all() and np.isfinite(s).all()) or not slack >= 0:
        raise InvalidInput(
            f"losses {u.shape}, entropies {s.shape}, slack {slack}; expected equal shapes of finite numbers"
        )
    if not (np.diff(s) > 0).all():
        raise InvalidInput("the entropies do not rise along the learning rates; sort the points or leave some out")
    rise, run = u[..., :, None] - u[..., None, :], s[..., :, None] - s[..., None, :]
    m = u.shape[-1]
    below = np.tril(np.ones((m, m), dtype=bool), -1)
    width = np.where(run == 0, 1.0, run)
    low = np.where(below, (rise - slack) / width, -np.inf).max(-1)
    high = np.where(below.T, (rise - slack) / width, np.inf).min(-1)
    return Temperatures(low, high)


def minimiser(loss: Float[ndarray, "*batch m"], entropy: Float[ndarray, "*batch m"], temperature: float) -> ndarray:
    """Return the index of the least U - T S along the last axis."""
    return np.asarray((np.asarray(loss) - temperature * np.asarray(entropy)).argmin(-1))


def smoothed(
    values: Float[ndarray, "*batch m"], rates: Float[ndarray, " m"], half_width: float = 0.3
) -> Float[ndarray, "*batch m"]:
    """Return values averaged over ln eta with a triangular kernel; the two ends are left as they are.

    The half width 0.3 is that of the authors' code. Raises InvalidInput for rates that are not positive.
    """
    eta = np.asarray(rates, dtype=float)
    if not (eta > 0).all() or not half_width > 0:
        raise InvalidInput(f"learning rates from {eta.min()}, half width {half_width}; expected positive numbers")
    away = np.abs(np.log(eta)[:, None] - np.log(eta)) / half_width
    kernel = np.clip(1 - away, 0, None)
    mean = np.asarray(values) @ (kernel / kernel.sum(0)[None, :])
    mean[..., [0, -1]] = np.asarray(values)[..., [0, -1]]
    return np.asarray(mean)
