"""Stochastic gradient descent written out in exact fractions: stationary second moments, steps on a sphere, hulls.

Matrices are lists of rows of fractions. Linear systems are solved by elimination, one row after the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

Matrix = list[list[Fraction]]
Vector = list[Fraction]
ZERO, ONE = Fraction(0), Fraction(1)


def fractions(matrix: Sequence[Sequence[int | Fraction]]) -> Matrix:
    """Return a matrix of fractions."""
    return [[Fraction(value) for value in row] for row in matrix]


def product(a: Matrix, b: Matrix) -> Matrix:
    """Return the product of two matrices."""
    return [
        [sum((x * y for x, y in zip(row, column, strict=True)), ZERO) for column in zip(*b, strict=True)] for row in a
    ]


def combine(a: Matrix, b: Matrix, factor: Fraction = ONE) -> Matrix:
    """Return a + factor b."""
    return [[x + factor * y for x, y in zip(r, s, strict=True)] for r, s in zip(a, b, strict=True)]


def scaled(a: Matrix, factor: Fraction) -> Matrix:
    """Return factor a."""
    return [[factor * x for x in row] for row in a]


def transposed(a: Matrix) -> Matrix:
    """Return the transpose."""
    return [list(column) for column in zip(*a, strict=True)]


def identity(d: int) -> Matrix:
    """Return the identity."""
    return [[Fraction(int(i == j)) for j in range(d)] for i in range(d)]


def trace(a: Matrix) -> Fraction:
    """Return the sum of the diagonal."""
    return sum((a[i][i] for i in range(len(a))), ZERO)


def solve(a: Matrix, b: Matrix) -> Matrix:
    """Return x with a x = b by Gaussian elimination; ZeroDivisionError for a singular matrix."""
    rows = [list(left) + list(right) for left, right in zip(a, b, strict=True)]
    n = len(rows)
    for k in range(n):
        pivot = next((i for i in range(k, n) if rows[i][k] != 0), k)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(n):
            if i != k and rows[i][k] != 0:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[n:] for row in rows]


def positive_definite(a: Matrix) -> bool:
    """Return whether all pivots of elimination without exchanges are positive."""
    rows = [list(row) for row in a]
    for k in range(len(rows)):
        if rows[k][k] <= 0:
            return False
        for i in range(k + 1, len(rows)):
            share = rows[i][k] / rows[k][k]
            rows[i] = [x - share * y for x, y in zip(rows[i], rows[k], strict=True)]
    return True


def fixed_point(step: Matrix, added: Matrix) -> Matrix:
    """Return X with X = step X stepᵀ + added, by solving for all its entries at once."""
    d = len(step)
    places = list(itertools.product(range(d), repeat=2))
    system = [[Fraction(int((i, j) == (k, m))) - step[i][k] * step[j][m] for k, m in places] for i, j in places]
    entries = solve(system, [[added[i][j]] for i, j in places])
    return [[entries[i * d + j][0] for j in range(d)] for i in range(d)]


def stationary(hessian: Matrix, noise: Matrix, rate: Fraction) -> Matrix:
    """Return the second moments that a step w - eta (H w + xi) leaves as they are."""
    step = combine(identity(len(hessian)), hessian, -rate)
    return fixed_point(step, scaled(noise, rate**2))


def temperature(hessian: Matrix, noise: Matrix, rate: Fraction) -> Fraction:
    """Return U' / S' from the derivative of the stationary equation in the learning rate.

    With A = I - eta H and X' the derivative of X: X' = A X' Aᵀ + 2 eta C - H X Aᵀ - A X H, U' = tr(H X') / 2 and
    S' = tr(X⁻¹ X') / 2.
    """
    x = stationary(hessian, noise, rate)
    step = combine(identity(len(hessian)), hessian, -rate)
    moved = product(product(hessian, x), transposed(step))
    added = combine(combine(scaled(noise, 2 * rate), moved, -ONE), transposed(moved), -ONE)
    slope = fixed_point(step, added)
    return trace(product(hessian, slope)) / trace(solve(x, slope))


def feasible(points: Sequence[tuple[Fraction, Fraction]], index: int) -> bool:
    """Return whether no chord between two other points (S, U) passes strictly below a point."""
    s, u = points[index]
    left = [p for p in points if p[0] < s]
    right = [p for p in points if p[0] > s]
    return all(a[1] + (b[1] - a[1]) * (s - a[0]) / (b[0] - a[0]) >= u for a in left for b in right)


def dot(a: Vector, b: Vector) -> Fraction:
    """Return the inner product."""
    return sum((x * y for x, y in zip(a, b, strict=True)), ZERO)


def gradient(a: Vector, x: Vector) -> Vector:
    """Return the gradient of (a . x)² along the unit sphere at x: 2 p a less its part along x."""
    full = [2 * dot(a, x) * value for value in a]
    along = dot(full, x)
    return [g - along * value for g, value in zip(full, x, strict=True)]


def signal_to_noise_squared(directions: Sequence[Vector], x: Vector) -> Fraction:
    """Return |mean gradient|² over the mean squared distance of the gradients from their mean."""
    rows = [gradient(a, x) for a in directions]
    mean = [sum(column, ZERO) / len(rows) for column in zip(*rows, strict=True)]
    spread = sum((dot(d, d) for d in ([g - m for g, m in zip(row, mean, strict=True)] for row in rows)), ZERO)
    return dot(mean, mean) / (spread / len(rows))


def orthogonal_part(directions: Sequence[Vector], x: Vector) -> Vector:
    """Return x less its projection on the span of independent directions."""
    gram = [[dot(a, b) for b in directions] for a in directions]
    weights = solve(gram, [[dot(a, x)] for a in directions])
    projection = [sum((w[0] * a[k] for w, a in zip(weights, directions, strict=True)), ZERO) for k in range(len(x))]
    return [value - p for value, p in zip(x, projection, strict=True)]


def growth(directions: Sequence[Vector], batch: Sequence[int], x: Vector, rate: Fraction) -> Fraction:
    """Return how one step with the mean gradient of a batch multiplies the squared length of the orthogonal part.

    The step is x - eta g, divided by its length.
    """
    rows = [gradient(directions[i], x) for i in batch]
    mean = [sum(column, ZERO) / len(rows) for column in zip(*rows, strict=True)]
    moved = [value - rate * g for value, g in zip(x, mean, strict=True)]
    before, after = orthogonal_part(directions, x), orthogonal_part(directions, moved)
    return dot(after, after) / dot(moved, moved) / dot(before, before)


def on_sphere(numbers: Sequence[Fraction]) -> Vector:
    """Return the rational point of the unit sphere that stereographic projection takes to the numbers."""
    square = sum((v * v for v in numbers), ZERO)
    return [*(2 * v / (square + 1) for v in numbers), (square - 1) / (square + 1)]


def second_moments(
    pairs: Sequence[tuple[Fraction, Fraction]], rate: Fraction, start: Fraction, steps: int
) -> list[Fraction]:
    """Return E[delta²] of 1-D least squares after 0, 1, ... steps from a fixed error, from those of the error.

    delta becomes (1 - eta x²) delta - eta x e; E[delta] and E[delta²] follow from those before and E over pairs (x, e).
    """
    mean, square = start, start**2
    listed = [square]
    n = len(pairs)
    for _ in range(steps):
        keep = [1 - rate * x * x for x, _ in pairs]
        push = [-rate * x * e for x, e in pairs]
        square = (
            sum((k * k for k in keep), ZERO) / n * square
            + 2 * sum((k * p for k, p in zip(keep, push, strict=True)), ZERO) / n * mean
            + sum((p * p for p in push), ZERO) / n
        )
        mean = sum(keep, ZERO) / n * mean + sum(push, ZERO) / n
        listed.append(square)
    return listed
