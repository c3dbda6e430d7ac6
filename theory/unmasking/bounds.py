"""Bounds on the error of parallel unmasking and the schedules that attain them, sections A, B, C and 7. Nats.

Every bound takes TC, DTC or the curve's last value Z_n, and a schedule; names follow the papers. The
schedules of Theorem 9 and the geometric grids need no knowledge of the law.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput
from theory.schedules import geometric_grid

Regime = Literal["TC", "DTC"]


def doubling_sizes(n: int, zeta: int, regime: Regime = "TC") -> list[int]:
    """Return the sizes of Theorem 9 (Chen, Cong, Li): E <= TC / (zeta - 1) or DTC / (zeta - 1).

    TC version: N_i = floor(N_{i-1} + (n - N_{i-1}) / zeta), large blocks first, then unit steps. DTC
    version: the mirror image, N'_i = ceil(N'_{i-1} (1 - 1 / zeta)) from n down, large blocks last.
    """
    if n < 1 or zeta < 2:
        raise InvalidInput(f"n = {n}, zeta = {zeta}; expected n >= 1 and zeta >= 2")
    if zeta > n:
        return [1] * n
    rounds = math.floor(math.log(n - zeta + 1) / -math.log1p(-1 / zeta)) + 2
    left, sizes = n, []
    for _ in range(rounds):
        if left < zeta:
            break
        sizes.append(left // zeta)
        left -= left // zeta
    sizes += [1] * left
    return sizes if regime == "TC" else sizes[::-1]


def doubling_steps(n: int, zeta: int) -> float:
    """Return the bound of Theorem 9 on the number of steps, 2 + zeta (1 + ln n)."""
    return 2 + zeta * (1 + math.log(n))


def singles_then_blocks(n: int, singles: int, blocks: int) -> list[int]:
    """Return the sizes of Theorem 10: `singles` unit steps, then `blocks` nearly equal blocks."""
    if not (0 <= singles < n and 1 <= blocks <= n - singles):
        raise InvalidInput(f"{singles} singles and {blocks} blocks; expected singles < n = {n}, blocks <= n - singles")
    return [1] * singles + balanced_sizes(n - singles, blocks)


def austin_bound(n: int, singles: int, blocks: int, dual_total: float) -> float:
    """Return (n / l)(DTC / k), the bound of Theorem 10 / Corollary 34 after Austin."""
    return n / blocks * dual_total / singles


def balanced_sizes(n: int, steps: int) -> list[int]:
    """Return K sizes that differ by at most one, larger ones first."""
    if not 1 <= steps <= n:
        raise InvalidInput(f"K = {steps} steps for n = {n}; expected 1 <= K <= n")
    return [n // steps + (k < n % steps) for k in range(steps)]


def largest_block_bound(sizes: Sequence[int], last: float) -> float:
    """Return (s_max - 1) Z_n."""
    return (max(sizes) - 1) * last


def li_cai_bound(sizes: Sequence[int], last: float) -> float:
    """Return (2^ceil(log2 s_max) - 1) Z_n, Theorem 1 of Li and Cai: sum_i I(X_i; X_-i) / n is Z_n."""
    doubled = 1 << (max(sizes) - 1).bit_length()
    return (doubled - 1) * last


def halved(sizes: Sequence[int]) -> list[int]:
    """Return the sizes with every block split into its two halves, the larger first."""
    return [half for s in sizes for half in ((s + 1) // 2, s // 2) if half]


def refined_quantity(curve: Float[ndarray, "n"]) -> float:
    """Return sum_i sum_j 2^-j E I(X_i; X_{W_j}) of Li and Cai's Theorem 2, read with |W_j| = (1 - 2^-j) n."""
    n = len(curve)
    depth = math.ceil(math.log2(n)) + 1
    sizes = [min(n - 1, math.floor((1 - 2.0**-j) * n)) for j in range(depth)]
    return float(sum(2.0**-j * n * curve[size] for j, size in enumerate(sizes)))


def breakpoint_law(n: int, regime: Regime) -> list[Fraction]:
    """Return rho on {2, ..., n}: proportional to 1 / (n - j + 1) (TC) or 1 / (j - 1) (DTC); section C."""
    weights = [Fraction(1, n - j + 1 if regime == "TC" else j - 1) for j in range(2, n + 1)]
    return [w / sum(weights) for w in weights]


def random_breakpoint_error(curve: Float[ndarray, "n"], rho: Sequence[float], steps: int) -> float:
    """Return E = sum_m dZ_m sum_{j >= m} (1 - rho{m..j})^(K - 1) for K - 1 breakpoints drawn from rho."""
    n = len(curve)
    below = np.concatenate(([0.0, 0.0], np.cumsum(np.asarray(rho, dtype=float))))
    total = 0.0
    for m in range(2, n + 1):
        hit = below[m : n + 1] - below[m - 1]
        total += (curve[m - 1] - curve[m - 2]) * float(np.sum(np.clip(1 - hit, 0, 1) ** (steps - 1)))
    return total


def random_breakpoint_bound(n: int, steps: int, total: float, dual: float, regime: Regime) -> float:
    """Return 2 TC h / (h + K - 1), or DTC h / (K - 1 - h) where K - 1 > h (else inf); h = sum_{i<n} 1 / i."""
    h = sum(1 / i for i in range(1, n))
    if regime == "TC":
        return 2 * total * h / (h + steps - 1)
    return dual * h / (steps - 1 - h) if steps - 1 > h else math.inf


def uniform_grid_bound(steps: int, total: float, dual: float) -> float:
    """Return (TC + DTC) / K, the bound for the uniform grid (section 7, iii)."""
    return (total + dual) / steps


def geometric_grid_bound(steps: int, ratio: float, total: float, dual: float, regime: Regime = "TC") -> float:
    """Return ((1 - r) / r) TC + r^(K-1) (TC + DTC), or DTC in the first term (section 7, iv)."""
    first = total if regime == "TC" else dual
    return (1 - ratio) / ratio * first + ratio ** (steps - 1) * (total + dual)


def regime_grid(steps: int, ratio: float, regime: Regime = "TC") -> Float[ndarray, "nodes"]:
    """Return the geometric grid whose bound `geometric_grid_bound` states."""
    return geometric_grid(steps, ratio, "masked" if regime == "TC" else "revealed")


def harmonic_curve(n: int) -> Float[ndarray, "n"]:
    """Return Z_j = 1 / (n + 1 - j) shifted to Z_1 = 0: the curve that makes ln n necessary (Theorem 30)."""
    j = np.arange(1, n + 1)
    return np.asarray(1 / (n + 1 - j) - 1 / n)


def support_error_bound(divergence: float) -> float:
    """Return 1 - e^-KL, the data-processing bound on the mass an output law puts outside the support."""
    return -math.expm1(-divergence)
