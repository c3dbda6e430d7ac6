"""Least left Riemann sums by dynamic programming: the problem that optimal sizes and optimal grids share.

Choose nodes 0 = a_0 < ... < a_K of given points x to minimise sum_k (x[a_{k+1}] - x[a_k]) g[a_k]. With g nonincreasing
the cost is Monge, so the best node moves right with the end point and divide and conquer needs O(K n log n).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from theory.errors import InvalidInput

FIRST_ROWS = 32
LayerSearch = Callable[[ndarray, ndarray, ndarray, int], tuple[ndarray, ndarray]]


def least_riemann_sums(
    points: Float[ndarray, "counts"], heights: Float[ndarray, "n"], steps: int
) -> tuple[Float[ndarray, "K"], list[Int[ndarray, "nodes"]]]:
    """Return for each k = 1..K the least left Riemann sum with k cells and its nodes.

    Raises InvalidInput unless 1 <= K <= n. Heights that are not nonincreasing are not Monge: then every
    candidate is tried, O(K n^2).
    """
    search = _monotone_layer if (np.diff(heights) <= 0).all() else _dense_layer
    return _programme(points, heights, steps, search)


def least_riemann_sums_densely(
    points: Float[ndarray, "counts"], heights: Float[ndarray, "n"], steps: int
) -> Float[ndarray, "K"]:
    """Return the same least sums by trying every node for every end point, O(K n^2): the reference route."""
    return _programme(points, heights, steps, _dense_layer)[0]


def _programme(
    points: Float[ndarray, "counts"], heights: Float[ndarray, "n"], steps: int, search: LayerSearch
) -> tuple[Float[ndarray, "K"], list[Int[ndarray, "nodes"]]]:
    n = len(heights)
    _check_steps(steps, n)
    value = np.full(n + 1, np.inf)
    value[1:] = (points[1:] - points[0]) * heights[0]
    best, back = [value[n]], [np.zeros(n + 1, dtype=np.intp)]
    for k in range(2, steps + 1):
        intercept = value[:-1] - points[:-1] * heights
        value, chosen = search(intercept, heights, points, k)
        best.append(value[n])
        back.append(chosen)
    return np.array(best), [_trace(back[: k + 1], n) for k in range(steps)]


def least_nodes(points: Float[ndarray, "counts"], heights: Float[ndarray, "n"], steps: int) -> Int[ndarray, "nodes"]:
    """Return the nodes of the least left Riemann sum with exactly K cells, for few points: O(K (n - K)^2).

    After k cells the end point is one of k, ..., n - K + k. Raises InvalidInput unless 1 <= K <= n.
    """
    n = len(heights)
    _check_steps(steps, n)
    left = n - steps
    cost = (points[None, :] - points[:-1, None]) * heights[:, None]
    cost[np.arange(n)[:, None] >= np.arange(n + 1)] = np.inf
    values, sums = [cost[0, 1 : left + 2]], np.empty((left + 1, left + 1))
    for k in range(1, steps):
        np.add(values[-1][:, None], cost[k : k + left + 1, k + 1 : k + left + 2], out=sums)
        values.append(sums.min(0))
    nodes = [n]
    for k in range(steps - 1, 0, -1):
        nodes.append(k + int((values[k - 1] + cost[k : k + left + 1, nodes[-1]]).argmin()))
    return np.array([0, *nodes[::-1]])


def _check_steps(steps: int, cells: int) -> None:
    if not 1 <= steps <= cells:
        raise InvalidInput(f"K = {steps} steps for {cells} cells; expected 1 <= K <= {cells}")


def _monotone_layer(
    intercept: Float[ndarray, "n"], slope: Float[ndarray, "n"], points: Float[ndarray, "counts"], k: int
) -> tuple[Float[ndarray, "counts"], Int[ndarray, "counts"]]:
    """Return min and argmin over a in [k - 1, b - 1] of intercept[a] + points[b] slope[a], for every b >= k."""
    n = len(slope)
    value, chosen = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=np.intp)
    stride = 1 << max(0, ((n - k) // FIRST_ROWS).bit_length())
    rows = np.arange(n, k - 1, -stride)[::-1]
    table = intercept[k - 1 :] + points[rows, None] * slope[k - 1 :]
    table[np.arange(k - 1, n) >= rows[:, None]] = np.inf
    chosen[rows] = table.argmin(1) + k - 1
    value[rows] = table.min(1)
    while stride > 1:
        half = stride // 2
        rows = np.arange(n - half, k - 1, -stride)[::-1]
        below = np.where(rows - half >= k, chosen[np.maximum(rows - half, 0)], k - 1)
        above = np.minimum(chosen[rows + half], rows - 1)
        value[rows], chosen[rows] = _ragged_minimum(intercept, slope, points[rows], below, above)
        stride = half
    return value, chosen


def _ragged_minimum(
    intercept: ndarray, slope: ndarray, x: ndarray, low: ndarray, high: ndarray
) -> tuple[ndarray, ndarray]:
    """Return min and first argmin of intercept[a] + x slope[a] over a in [low, high], a row for each x."""
    lengths = high - low + 1
    ends = lengths.cumsum()
    starts = ends - lengths
    candidates = np.arange(ends[-1]) + (low - starts).repeat(lengths)
    values = intercept[candidates] + x.repeat(lengths) * slope[candidates]
    least = np.minimum.reduceat(values, starts)
    hits = np.flatnonzero(values == least.repeat(lengths))
    return least, candidates[hits[hits.searchsorted(starts)]]


def _dense_layer(
    intercept: Float[ndarray, "n"], slope: Float[ndarray, "n"], points: Float[ndarray, "counts"], k: int
) -> tuple[Float[ndarray, "counts"], Int[ndarray, "counts"]]:
    table = np.where(np.isinf(intercept), np.inf, intercept) + points[:, None] * slope
    table[np.arange(len(slope)) >= np.arange(len(points))[:, None]] = np.inf
    return table.min(1), table.argmin(1)


def _trace(back: list[Int[ndarray, "counts"]], end: int) -> Int[ndarray, "nodes"]:
    nodes = [end]
    for chosen in reversed(back):
        nodes.append(int(chosen[nodes[-1]]))
    return np.array(nodes[::-1])
