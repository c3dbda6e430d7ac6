"""The entropy of a law from the distances between neighbours in a sample of it, as arXiv 2505.23489 estimates it.

With Lambda the sum over n points of the distances to the k nearest others, and d the dimension of the set that they
lie on,

    S = (d / g) (ln Lambda - (d - g) / d ln n),        g = 1.

It estimates the Rényi entropy of order (d - g) / d up to a constant that depends on d, g and k alone: only differences
of two estimates mean something. Moving all points changes nothing, and scaling them by c adds d ln c exactly.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.spatial import cKDTree

from theory.errors import InvalidInput

FEW = 12
"""Up to this dimension a tree of the points is searched; beyond, all pairs of points are compared."""


def neighbour_distances(points: Float[ndarray, "n P"], k: int) -> Float[ndarray, "n k"]:
    """Return the distances from each point to its k nearest others, nearest first.

    All pairs are compared by products of the centred points, so that distances below 1e-8 of the largest have few
    correct digits in dimensions above `FEW`. Raises InvalidInput unless 1 <= k < n and all coordinates are finite.
    """
    x = np.asarray(points, dtype=float)
    if x.ndim != 2 or not np.isfinite(x).all():
        raise InvalidInput(f"points of shape {x.shape}; expected (n, P) finite numbers")
    if not 1 <= k < len(x):
        raise InvalidInput(f"{k} neighbours in a sample of {len(x)}; expected between 1 and {len(x) - 1}")
    if x.shape[1] <= FEW:
        return np.asarray(cKDTree(x).query(x, k + 1)[0][:, 1:])
    x = x - x.mean(0)
    length = (x * x).sum(1)
    square = length[:, None] + length - 2 * (x @ x.T)
    np.fill_diagonal(square, np.inf)
    nearest = np.sort(np.partition(square, k - 1, axis=1)[:, :k], axis=1)
    return np.asarray(np.sqrt(np.clip(nearest, 0, None)))


def neighbour_entropy(points: Float[ndarray, "n P"], d: int, k: int = 50, power: float = 1.0) -> float:
    """Return the estimate, in nats and up to a constant of d, k and `power`, of the law's entropy.

    `d` is the dimension of what the points lie on: P - 1 for points on a sphere. Raises InvalidInput unless 1 <= k < n,
    0 < power < d, and for points that coincide with their neighbours, whose estimate is minus infinity.
    """
    if not 0 < power < d:
        raise InvalidInput(f"power {power} in dimension {d}; expected it between 0 and the dimension")
    total = float((neighbour_distances(points, k) ** power).sum())
    if total == 0:
        raise InvalidInput("all points coincide with their neighbours; expected a sample of a law with a density")
    return d / power * (math.log(total) - (d - power) / d * math.log(len(points)))
