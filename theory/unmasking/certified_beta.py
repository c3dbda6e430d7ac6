"""A proof in ball arithmetic that no Beta schedule rounds to given block sizes.

alpha(k/K) = sin^2(pi F_k / 2), F_k = I_{k/K}(a, b) the Beta distribution function, which falls with a and rises with b.
So over a box of shapes F_k lies between its values at two corners, and the box is excluded as soon as one F_k cannot
fall where the sizes need it. In a = u / (1 - u), b = v / (1 - v) all shapes are the unit square. Where both are large
or both small the F_k tend to a step and to a constant, and two bounds exclude the rest:

    a + b large    the variance of Beta(a, b) is at most 1 / (4 (a + b + 1)), but with mass F_1 below 1/K and
                   1 - F_{K-1} above 1 - 1/K it is at least F_1 (1 - F_{K-1}) (1 - 2/K)^2
    a, b <= 1      the density between 1/K and 1 - 1/K is at most K^2 / B(a, b) <= 3 K^2 min(a, b), since
                   1 / B(a, b) = a b Gamma(1 + a + b) / ((a + b) Gamma(1 + a) Gamma(1 + b)) and Gamma lies in [.88, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from flint import arb

from theory.errors import InvalidInput
from theory.ledger.certificates import Ball, BallFunction, Certificate, certify_nonnegative, exact

Interval = tuple[Ball, Ball]
PRECISION = 96


def never_rounds_to(sizes: Sequence[int], max_boxes: int = 40_000) -> Certificate:
    """Prove that no Beta schedule rounds to the K sizes, zeros allowed: its nodes are floor(n alpha(k/K) + 1/2).

    Raises InvalidInput for fewer than three sizes.
    """
    return certify_nonnegative(misses(sizes), [(0, 1), (0, 1)], max_boxes=max_boxes, precision=PRECISION)


def misses(sizes: Sequence[int]) -> BallFunction:
    """Return a function of balls of (u, v), nonnegative only where no shape a = u / (1 - u), b = v / (1 - v) fits."""
    n, steps = sum(sizes), len(sizes)
    if steps < 3:
        raise InvalidInput(f"{steps} sizes; expected at least 3: two nodes are met by some Beta schedule")
    targets = [_target(sum(sizes[:k]), n) for k in range(1, steps)]

    def missed(point: Sequence[Ball]) -> Ball:
        """Return by how much the farthest F_k, or one of the two bounds, keeps the box from the sizes."""
        shapes = [_shape(u) for u in point]
        nodes = [_between(Fraction(k, steps), *shapes) for k in range(1, steps)]
        gaps = [
            gap
            for (low, high), (wanted_low, wanted_high) in zip(nodes, targets, strict=True)
            for gap in (low - wanted_high, wanted_low - high)
        ]
        return _largest([*gaps, *end_bounds(shapes, targets[0], targets[-1], steps)])

    return missed


def _target(count: int, n: int) -> Interval:
    """Return the F for which n sin^2(pi F / 2) rounds to `count`."""
    ends = (max(Fraction(0), Fraction(2 * count - 1, 2 * n)), min(Fraction(1), Fraction(2 * count + 1, 2 * n)))
    low, high = (exact(a).sqrt().asin() * 2 / arb.pi() for a in ends)
    return low, high


def _shape(u: Ball) -> Interval:
    """Return the least and largest a = u / (1 - u) on a ball, infinite at u = 1."""
    low, high = max(u.lower(), arb(0)), min(u.upper(), arb(1))
    return low / (1 - low) if low < 1 else arb("inf"), high / (1 - high) if high < 1 else arb("inf")


def _between(x: Fraction, a: Interval, b: Interval) -> Interval:
    return _distribution(x, a[1], b[0]), _distribution(x, a[0], b[1])


def _distribution(x: Fraction, a: Ball, b: Ball) -> Ball:
    """Return I_x(a, b), 0 < x < 1, with its limits at a or b zero or infinite; a ball [0, 1] where none exists."""
    large, small = (not a.is_finite(), not b.is_finite()), (a == 0, b == 0)
    if all(large) or all(small):
        return arb(0).union(arb(1))
    if large[0] or small[1]:
        return arb(0)
    if large[1] or small[0]:
        return arb(1)
    value = exact(x).beta_lower(a, b, regularized=True)
    return value if value.is_finite() else arb(0).union(arb(1))


def end_bounds(shapes: Sequence[Interval], first: Interval, last: Interval, steps: int) -> list[Ball]:
    """Return what excludes a box of shapes at the ends of the plane where positive: by variance, and by density."""
    (a_low, a_high), (b_low, b_high) = shapes
    found = []
    if a_low.is_finite() and b_low.is_finite():
        spread = first[0] * (1 - last[1]) * exact(1 - Fraction(2, steps)) ** 2
        found.append(spread - 1 / (4 * (a_low + b_low + 1)))
    if a_high <= 1 and b_high <= 1:
        found.append(last[0] - first[1] - 3 * steps**2 * min(a_high, b_high))
    return found


def _largest(values: Sequence[Ball]) -> Ball:
    """Return a value that is certainly nonnegative if one of these is; else the one with the largest middle."""
    certain = [v for v in values if v >= 0]
    return certain[0] if certain else max(values, key=lambda v: float(v.mid()))
