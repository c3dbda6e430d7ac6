"""Provably optimal K-step schedules: block sizes and grids by dynamic programming; the best Beta schedule.

Both problems are one: choose nodes 0 = a_0 < ... < a_K of given points x to minimise the left Riemann sum
sum_k (x[a_{k+1}] - x[a_k]) g[a_k]. For sizes x counts tokens and g = -Z (or a model's cross-entropy); for
grids x = alpha and g = -Z~. With g nonincreasing the cost is Monge, so the best node moves right with the
end point and divide and conquer needs O(K n log n).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import optimize, special
from torch import Tensor

from theory.errors import InvalidInput
from theory.unmasking.curves import fixed_size_error, per_token_error, total
from theory.worlds.information import check_curve, smoothed_curve, smoothed_curve_derivative

FIRST_ROWS = 32
LayerSearch = Callable[[ndarray, ndarray, ndarray, int], tuple[ndarray, ndarray]]


@dataclass(frozen=True)
class Sizes:
    """Block sizes with their exact error E(s) in nats."""

    sizes: tuple[int, ...]
    error: float


@dataclass(frozen=True)
class BetaFit:
    """The best Beta(a, b) mask schedule found for K steps, its grid and its exact error in nats."""

    a: float
    b: float
    grid: Float[ndarray, "nodes"]
    error: float


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
    if not 1 <= steps <= n:
        raise InvalidInput(f"K = {steps} steps for {n} cells; expected 1 <= K <= {n}")
    value = np.full(n + 1, np.inf)
    value[1:] = (points[1:] - points[0]) * heights[0]
    best, back = [value[n]], [np.zeros(n + 1, dtype=np.intp)]
    for k in range(2, steps + 1):
        intercept = value[:-1] - points[:-1] * heights
        value, chosen = search(intercept, heights, points, k)
        best.append(value[n])
        back.append(chosen)
    return np.array(best), [_trace(back[: k + 1], n) for k in range(steps)]


def optimal_sizes(curve: object, steps: int) -> list[Sizes]:
    """Return the provably optimal sizes for every k = 1..K (section 8): least E(s) over all compositions.

    Each error is summed anew as the gap between the curve and its steps, so it is never negative.
    """
    z = np.maximum.accumulate(check_curve(curve).numpy())
    _, nodes = least_riemann_sums(np.arange(len(z) + 1.0), -z, steps)
    found = [np.diff(a) for a in nodes]
    gaps = [z - z[a[:-1]].repeat(s) for a, s in zip(nodes, found, strict=True)]
    return [Sizes(tuple(int(b) for b in s), float(gap.sum())) for s, gap in zip(found, gaps, strict=True)]


def optimal_sizes_learned(cross_entropy: Float[Tensor, "n"], entropy: float, steps: int) -> list[Sizes]:
    """Return the sizes of least sum_k s_k CE_{N_{k-1}} - H(X), the path KL of a learned denoiser.

    `entropy` is H(X) in nats; it shifts the errors only, so 0 serves where it is unknown.
    """
    ce = torch.as_tensor(cross_entropy, dtype=torch.float64).numpy()
    if not (np.isfinite(ce).all() and (ce >= 0).all()):
        raise InvalidInput(
            f"cross-entropies from {ce.min():.3g} to {ce.max():.3g}; expected finite numbers >= 0, in nats"
        )
    sums, nodes = least_riemann_sums(np.arange(len(ce) + 1.0), ce, steps)
    return [Sizes(tuple(int(s) for s in np.diff(a)), float(v) - entropy) for v, a in zip(sums, nodes, strict=True)]


def optimal_grid(curve: object, steps: int, cells: int = 2000) -> tuple[Float[ndarray, "nodes"], float]:
    """Return the per-token grid of least E_iid and its error: dynamic programming, then polishing.

    The programme is exact on `cells` equal cells; SLSQP with the closed-form gradient then moves the
    nodes off that lattice. The better of the two is returned, so the result is never worse than the first.
    """
    z = check_curve(curve)
    points = np.linspace(0.0, 1.0, cells + 1)
    heights = -np.maximum.accumulate(smoothed_curve(z, torch.from_numpy(points[:-1])).numpy())
    nodes = least_riemann_sums(points, heights, steps)[1][-1]
    grids = [points[nodes]]
    if steps > 1:
        grids.append(_polish(z, points[nodes]))
    errors = [float(per_token_error(z, g)) for g in grids]
    k = int(np.argmin(errors))
    return grids[k], errors[k]


def greedy_sizes(curve: object, steps: int) -> list[Sizes]:
    """Return for k = 1..K the sizes found by inserting, one at a time, the node that helps most.

    This is the hierarchical splitting of Jump Your Steps (arXiv 2410.07761) in the exact-oracle case.
    """
    z = check_curve(curve).numpy()
    n, nodes, found = len(z), [0, len(z)], []
    error = float(z.sum()) - n * float(z[0])
    for _ in range(steps):
        found.append(Sizes(tuple(int(s) for s in np.diff(nodes)), error))
        gains = [((c - b) * (z[b] - z[a]), b) for a, c in itertools.pairwise(nodes) for b in range(a + 1, c)]
        if not gains:
            break
        gain, node = max(gains)
        nodes, error = sorted([*nodes, node]), error - float(gain)
    return found


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


def _polish(curve: Float[Tensor, "n"], grid: Float[ndarray, "nodes"]) -> Float[ndarray, "nodes"]:
    def loss(inner: ndarray) -> tuple[float, ndarray]:
        alpha = torch.from_numpy(np.concatenate(([0.0], inner, [1.0])))
        z, slope = smoothed_curve(curve, alpha), smoothed_curve_derivative(curve, alpha)
        value = -(alpha.diff() * z[:-1]).sum()
        gradient = z[1:-1] - z[:-2] - (alpha[2:] - alpha[1:-1]) * slope[1:-1]
        return float(value), gradient.numpy()

    steps = len(grid) - 1
    ordered = {"type": "ineq", "fun": lambda x: np.diff(np.concatenate(([0.0], x, [1.0])))}
    found = optimize.minimize(
        loss, grid[1:-1], jac=True, method="SLSQP", bounds=[(0, 1)] * (steps - 1), constraints=[ordered],
        options={"ftol": 1e-16, "maxiter": 500},
    )  # fmt: skip
    inner = np.maximum.accumulate(np.clip(found.x, 0.0, 1.0))
    return np.concatenate(([0.0], inner, [1.0]))
