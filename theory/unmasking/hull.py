"""The lower convex hull of (E[NFE], KL) points: what mixing rules at random between runs could attain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Point = tuple[float, float]


def lower_hull(points: Sequence[Point]) -> list[Point]:
    """Return the lower convex hull from left to right (Andrew's monotone chain)."""
    hull: list[Point] = []
    for p in sorted(points):
        while len(hull) > 1 and _turns_right(hull[-2], hull[-1], p):
            hull.pop()
        hull.append(p)
    return hull


def height(hull: Sequence[Point], x: float) -> float:
    """Return the hull's height at x, constant beyond its ends."""
    return float(np.interp(x, [a for a, _ in hull], [b for _, b in hull]))


def _turns_right(a: Point, b: Point, c: Point) -> bool:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) <= 0
