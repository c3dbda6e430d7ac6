"""Upper bounds on the error of parallel unmasking, with the least constants, and the schedules that they are for.

A bound is a constant times TC, DTC or the last value Z_n of the information curve, in nats. The constants are exact
fractions: the least ones that hold for every law (docs/derivations.md says why), at the given length or, where the
docstring says so, at every length. The schedules of Theorem 9 and the geometric grids need no knowledge of the law.
"""

from __future__ import annotations

import itertools
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
    """Return the sizes of Theorem 9 (Chen, Cong, Li), whose error `doubling_constant` bounds.

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


def doubling_constant(n: int, zeta: int, regime: Regime = "TC") -> Fraction:
    """Return c with E <= c TC, or c DTC, for the sizes of Theorem 9; the least where zeta divides n.

    (n - zeta) / (zeta (n - 1)) < 1 / zeta for TC and (n - zeta) / (n (zeta - 1) + zeta) < 1 / (zeta - 1) for DTC; the
    paper has 1 / (zeta - 1) in both.
    """
    if zeta >= n:
        return Fraction(0)
    return Fraction(n - zeta, zeta * (n - 1) if regime == "TC" else n * (zeta - 1) + zeta)


def doubling_steps(n: int, zeta: int) -> float:
    """Return the bound of Theorem 9 on the number of steps, 2 + zeta (1 + ln n)."""
    return 2 + zeta * (1 + math.log(n))


def singles_then_blocks(n: int, singles: int, blocks: int) -> list[int]:
    """Return the sizes of Theorem 10: `singles` unit steps, then `blocks` nearly equal blocks."""
    if not (0 <= singles < n and 1 <= blocks <= n - singles):
        raise InvalidInput(f"{singles} singles and {blocks} blocks; expected singles < n = {n}, blocks <= n - singles")
    return [1] * singles + balanced_sizes(n - singles, blocks)


def austin_constant(n: int, singles: int, blocks: int) -> Fraction:
    """Return n / (k l), with E <= DTC n / (k l) for k singles and l blocks: Theorem 10 / Corollary 34 after Austin."""
    return Fraction(n, blocks * singles)


def singles_constant(n: int, singles: int, blocks: int) -> Fraction:
    """Return the least c with E <= c DTC for k singles and l equal blocks: (ceil((n - k) / l) - 1) / (k + 1)."""
    return Fraction(-(-(n - singles) // blocks) - 1, singles + 1)


def balanced_sizes(n: int, steps: int) -> list[int]:
    """Return K sizes that differ by at most one, larger ones first."""
    if not 1 <= steps <= n:
        raise InvalidInput(f"K = {steps} steps for n = {n}; expected 1 <= K <= n")
    return [n // steps + (k < n % steps) for k in range(steps)]


def block_constant(sizes: Sequence[int]) -> int:
    """Return the least c with E(s) <= c Z_n: s_max - 1."""
    return max(sizes) - 1


def li_cai_constant(sizes: Sequence[int]) -> int:
    """Return 2^ceil(log2 s_max) - 1, which Theorem 1 of Li and Cai has for c: sum_i I(X_i; X_-i) / n is Z_n."""
    return int((1 << (max(sizes) - 1).bit_length()) - 1)


def halving_constant(sizes: Sequence[int]) -> int:
    """Return the least c with E(s) <= E(halved s) + c Z_n: floor(s_max / 2)."""
    return max(sizes) // 2


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
    rise = np.diff(curve)
    total = 0.0
    for m in 2 + np.flatnonzero(rise):
        hit = below[m : n + 1] - below[m - 1]
        total += rise[m - 2] * float(np.sum(np.clip(1 - hit, 0, 1) ** (steps - 1)))
    return total


def random_breakpoint_constant(n: int, steps: int, regime: Regime) -> Fraction | None:
    """Return c with E <= c TC for rho ~ 1 / (n - j + 1): h / (h + K - 1), h = sum_{i<n} 1 / i.

    Or c with E <= c DTC for rho ~ 1 / (j - 1): h / (K - 1 - h), None where K - 1 <= h. Neither can be improved by a
    factor at every n.
    """
    h = sum((Fraction(1, i) for i in range(1, n)), Fraction(0))
    if regime == "TC":
        return h / (h + steps - 1)
    return h / (steps - 1 - h) if steps - 1 > h else None


def grid_constant(grid: Sequence[Fraction]) -> Fraction:
    """Return the least c with E_iid <= c (TC + DTC) at every n: the widest cell of the grid, 1 / K for equal ones."""
    return max(Fraction(b) - Fraction(a) for a, b in itertools.pairwise(grid))


def geometric_constants(steps: int, ratio: Fraction, regime: Regime = "TC") -> tuple[Fraction, Fraction]:
    """Return (c, e) with E_iid <= c TC + e (TC + DTC) for geometric grids: 1 - r and r^K.

    In the regime "DTC", for grids that grow, E_iid <= c DTC + e (TC + DTC) with (1 - r) / r and r^(K-1). Given c, the
    least e at every n. With one step c is 0 in the first term and the whole error is TC.
    """
    r = Fraction(ratio)
    return (1 - r, r**steps) if regime == "TC" else ((1 - r) / r, r ** (steps - 1))


def regime_grid(steps: int, ratio: float, regime: Regime = "TC") -> Float[ndarray, "nodes"]:
    """Return the geometric grid that `geometric_constants` bounds."""
    return geometric_grid(steps, ratio, "masked" if regime == "TC" else "revealed")


def harmonic_curve(n: int) -> Float[ndarray, "n"]:
    """Return Z_j = 1 / (n + 1 - j) shifted to Z_1 = 0: the curve that makes ln n necessary (Theorem 30)."""
    j = np.arange(1, n + 1)
    return np.asarray(1 / (n + 1 - j) - 1 / n)


def support_error_bound(divergence: float) -> float:
    """Return 1 - e^-KL, the data-processing bound on the mass an output law puts outside the support."""
    return -math.expm1(-divergence)
