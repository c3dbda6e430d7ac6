"""Errors of schedules read off an information curve, written out position by position; any number type.

A curve is the list Z_1..Z_n with Z_1 = 0. Every nondecreasing one is a sum, with weights >= 0, of the n - 1 *steps*
(0, .., 0, 1, .., 1), and each step is the curve of an MDS code, so an inequality that is linear in the curve holds for
every law if and only if it holds on the steps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

Curve = Sequence[Any]


def step(n: int, m: int) -> list[Fraction]:
    """Return the curve that is 0 before position m and 1 from there on, 2 <= m <= n."""
    return [Fraction(int(j >= m)) for j in range(1, n + 1)]


def total(curve: Curve) -> Any:
    """Return TC, the area under the curve."""
    return sum(curve)


def dual_total(curve: Curve) -> Any:
    """Return DTC, the area between the curve and its last value."""
    return sum(curve[-1] - z for z in curve)


def fixed_size_error(curve: Curve, sizes: Sequence[int]) -> Any:
    """Return E(s): each position adds what the curve has risen since the first position of its block."""
    blocks = [k for k, s in enumerate(sizes) for _ in range(s)]
    return sum(curve[j] - curve[blocks.index(blocks[j])] for j in range(len(curve)))


def per_token_error(curve: Curve, grid: Sequence[Fraction]) -> Fraction:
    """Return E_iid: n times the area between Z~ and its value at the left end of each cell, in fractions.

    Z~(a) is the mean of Z_{1+B}, B binomial(n - 1, a); its area over [0, 1] is the mean of the Z_j.
    """
    n, kept = len(curve), Fraction(0)
    for a, b in itertools.pairwise(grid):
        weights = [math.comb(n - 1, m) * a**m * (1 - a) ** (n - 1 - m) for m in range(n)]
        kept += (b - a) * sum(w * z for w, z in zip(weights, curve, strict=True))
    return Fraction(sum(curve)) - n * kept


def breakpoint_error(curve: Curve, rho: Sequence[Any], steps: int) -> Any:
    """Return the mean of E over K - 1 independent breakpoints, rho the probabilities of the positions 2..n.

    The block of position j starts at or before a exactly when no breakpoint falls on a + 1..j.
    """
    n, found = len(curve), 0
    for j in range(2, n + 1):
        before = 0
        for a in range(1, j + 1):
            until = (1 - sum(rho[a - 1 : j - 1])) ** (steps - 1)
            found += (until - before) * (curve[j - 1] - curve[a - 1])
            before = until
    return found
