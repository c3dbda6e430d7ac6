"""Provably optimal K-step schedules: block sizes by dynamic programming, grids by the same and Newton's method.

For sizes the points of the Riemann sum (`theory.unmasking.riemann`) count tokens and its heights are -Z, or a model's
cross-entropy; for grids the points are values of alpha and the heights -Z~.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import interpolate, linalg
from torch import Tensor

from theory.errors import InvalidInput
from theory.tolerance import SLACK
from theory.unmasking.curves import per_token_error
from theory.unmasking.riemann import least_nodes, least_riemann_sums
from theory.worlds.information import check_curve, smoothed_curve
from theory.worlds.smoothing import mean, with_derivatives

LATTICE = 192
"""Cells of the lattice on which a grid is first sought; three a step where there are more steps."""

ROUGH, FINE = (20.0, 1e-9), (30.0, 1e-14)
"""What the lattice and its spline, and then Newton's method on Z~ itself, leave out: of the binomial weights e^-20 and
e^-30, and as relative gain of a last step 1e-9 and 1e-14. The error itself is computed in full."""

ROUNDS = 60
"""Newton steps at most; they converge quadratically, mostly in fewer than ten."""

Smooth = Callable[[Float[ndarray, "K"]], tuple[ndarray, ...]]
"""Points to a smooth curve's values, slopes and second derivatives there."""


@dataclass(frozen=True)
class Sizes:
    """Block sizes with their exact error E(s) in nats."""

    sizes: tuple[int, ...]
    error: float


class Grid(NamedTuple):
    """The best per-token grid found, alpha_0 = 0 to alpha_K = 1, and its exact error E_iid in nats."""

    grid: Float[ndarray, "nodes"]
    error: float


def optimal_sizes(curve: object, steps: int) -> list[Sizes]:
    """Return the provably optimal sizes for every k = 1..K (schedules.8): least E(s) over all compositions.

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


def optimal_grid(curve: object, steps: int, cells: int | None = None) -> Grid:
    """Return the per-token grid of least E_iid and its error: dynamic programming, then Newton's method.

    The programme is exact on a lattice of `cells` cells (192, and at least three a step, unless given), which lie
    closer together where Z~ rises (`_lattice`). Newton's method then moves the nodes off the lattice, first on a spline
    through the lattice, then on Z~ itself; the result is never worse than the lattice's. Raises InvalidInput.
    """
    z = check_curve(curve)
    height = float(z.max())
    scaled = z / height if height > 0 else z
    points = _lattice(scaled, max(LATTICE, 3 * steps) if cells is None else cells)
    heights = _heights(scaled, points)
    nodes = least_nodes(points, -heights[:-1], steps)
    grid = points[nodes]
    if steps > 1 and height > 0:
        grid = _polished(scaled, points, heights, nodes)
    return Grid(grid, float(per_token_error(z, grid)))


def least_error_bound(curve: object, steps: int, cells: int = 20_000) -> float:
    """Return a lower bound on E_iid of every grid of K cells, by the programme on an optimistic lattice.

    Move every node of a grid down to the lattice point before it and give it the height Z~ of the next point: the left
    Riemann sum does not fall. So the largest sum with shifted heights, minus its rounding, bounds every grid's from
    above. The bound is about n Z_n / `cells` below the least error.
    """
    z = check_curve(curve)
    points = _lattice(z / float(z.max()) if float(z.max()) > 0 else z, cells)
    heights = np.maximum.accumulate(smoothed_curve(z, torch.from_numpy(points)).numpy())
    largest = -float(least_riemann_sums(points, -heights[1:], steps)[0][-1])
    slack = SLACK * len(z) * float(z.max())
    return float(z.sum()) - len(z) * largest - slack


def _polished(
    curve: Float[Tensor, "n"],
    points: Float[ndarray, "counts"],
    heights: Float[ndarray, "counts"],
    nodes: Int[ndarray, "nodes"],
) -> Float[ndarray, "nodes"]:
    """Return the lattice's grid after Newton's method on a cubic spline and then on the curve itself."""
    spline = interpolate.CubicSpline(points, heights)

    def exactly(alpha: Float[ndarray, "K"]) -> tuple[ndarray, ...]:
        return tuple(part.numpy() for part in with_derivatives(curve, torch.from_numpy(alpha), FINE[0]))

    grid = points[nodes]
    near = _newton(lambda alpha: tuple(spline(alpha, order) for order in range(3)), grid, ROUGH[1])[0]
    found, gain = _newton(exactly, near, FINE[1])
    return found if gain >= float(np.diff(grid) @ heights[nodes[:-1]]) else _newton(exactly, grid, FINE[1])[0]


def _heights(curve: Float[Tensor, "n"], points: Float[ndarray, "counts"]) -> Float[ndarray, "counts"]:
    """Return Z~ at the points, nondecreasing, up to e^-20."""
    return np.maximum.accumulate(mean(curve, torch.from_numpy(points), ROUGH[0]).numpy())


def _lattice(curve: Float[Tensor, "n"], cells: int) -> Float[ndarray, "counts"]:
    """Return a lattice of [0, 1], half of its density that of arcsin sqrt(alpha) and half that of int sqrt Z~'.

    Z~ varies on the first scale at any curve; the second is the density of the best grid of many steps (schedules.8).
    """
    share = np.linspace(0, 1, cells // 3 + 1)
    coarse = np.sin(share * np.pi / 2) ** 2
    coarse[-1] = 1.0
    rise = np.diff(_heights(curve, coarse))
    clock = np.concatenate(([0.0], np.cumsum(np.sqrt(rise * np.diff(coarse)))))
    mixed = (share + clock / clock[-1]) / 2 if clock[-1] > 0 else share
    angle = np.interp(np.linspace(0, 1, cells + 1), mixed, share)
    points = np.sin(angle * np.pi / 2) ** 2
    points[0], points[-1] = 0.0, 1.0
    return points


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


def _newton(z: Smooth, grid: Float[ndarray, "nodes"], settled: float) -> tuple[Float[ndarray, "nodes"], float]:
    """Maximise sum_k (alpha_{k+1} - alpha_k) Z~(alpha_k) over the inner nodes by damped Newton steps; return both.

    The Hessian is tridiagonal. Damping grows until minus the damped Hessian is positive definite and the step, cut
    short so that no cell loses more than nine tenths of its width, does not lose. It ends when a step promises less
    than the share `settled` of the sum.
    """
    alpha, state, damping = grid, _gain(z, grid), 0.0
    for _ in range(ROUNDS):
        gain, gradient, diagonal, beside = state
        floor = 1e-3 * float(np.abs(diagonal).max()) or 1.0
        step = _ascent(gradient, diagonal + damping, beside)
        if step is not None and damping == 0 and gradient @ step <= 2 * settled * gain:
            break
        trial = None if step is None else _moved(alpha, step)
        after = None if trial is None else _gain(z, trial)
        if trial is not None and after is not None and after[0] >= gain:
            alpha, state = trial, after
            damping = damping / 10 if damping > floor else 0.0
        elif damping > 1e12 * floor:
            break
        else:
            damping = max(10 * damping, floor)
    return alpha, state[0]


def _gain(
    z: Smooth, alpha: Float[ndarray, "nodes"]
) -> tuple[float, Float[ndarray, "inner"], Float[ndarray, "inner"], Float[ndarray, "between"]]:
    """Return the Riemann sum, its gradient at the inner nodes, and both diagonals of minus its Hessian."""
    value, slope, bend = z(alpha[:-1])
    width = np.diff(alpha)
    gradient = value[:-1] - value[1:] + width[1:] * slope[1:]
    return float(width @ value), gradient, 2 * slope[1:] - width[1:] * bend[1:], -slope[1:-1]


def _ascent(
    gradient: Float[ndarray, "inner"], diagonal: Float[ndarray, "inner"], beside: Float[ndarray, "between"]
) -> Float[ndarray, "inner"] | None:
    """Solve the tridiagonal system, or return None where it is not positive definite."""
    banded = np.stack((np.concatenate(([0.0], beside)), diagonal))[-min(2, len(diagonal)) :]
    try:
        return np.asarray(linalg.solveh_banded(banded, gradient, check_finite=False))
    except (linalg.LinAlgError, ValueError):
        return None


def _moved(alpha: Float[ndarray, "nodes"], step: Float[ndarray, "inner"]) -> Float[ndarray, "nodes"] | None:
    """Return the nodes moved by the step, or by the share of it that keeps a tenth of every cell."""
    shift = np.concatenate(([0.0], step, [0.0]))
    width, change = np.diff(alpha), np.diff(shift)
    if not np.isfinite(change).all():
        return None
    shrinking = change < 0
    share = min(1.0, 0.9 * float((width[shrinking] / -change[shrinking]).min())) if shrinking.any() else 1.0
    return np.asarray(alpha + share * shift)
