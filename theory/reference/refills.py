"""What refilling masked positions does to a law, in exact fractions: stationary laws, and how large the bias is.

A *refill* at a set S of positions draws each of them independently from its conditional given the positions off S. At a
single position it is a Gibbs step, which leaves the law q as it is; at two positions it does not, unless they are
independent given the rest. Matrices have a row for each sequence from and a column for each sequence to. See
docs/derivations.md, gstar.6 and gstar.7.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from flint import fmpq, fmpq_mat

from theory.reference import laws as reference
from theory.reference.laws import Conditional, Law, State

Rows = list[list[Fraction]]


def refill(conditional: Conditional, positions: Sequence[int], n: int, d: int) -> Rows:
    """Return the matrix of drawing the given positions independently from their conditionals given the others."""
    sequences, rows = list(reference.sequences(n, d)), []
    for x in sequences:
        z = tuple(d if i in positions else token for i, token in enumerate(x))
        chance = {
            y: math.prod((conditional(z, i, y[i]) for i in positions), start=Fraction(1))
            for y in sequences
            if reference.agrees(y, z, d)
        }
        rows.append([chance.get(y, Fraction(0)) for y in sequences])
    return rows


def redrafting(conditional: Conditional, alpha: Fraction, n: int, d: int) -> Rows:
    """Return the matrix of masking each position with chance 1 - alpha and refilling all masked ones at once."""
    total = [[Fraction(0)] * d**n for _ in range(d**n)]
    for flags in itertools.product((False, True), repeat=n):
        weight = math.prod(1 - alpha if flag else alpha for flag in flags)
        part = refill(conditional, [i for i, flag in enumerate(flags) if flag], n, d)
        total = [[a + weight * b for a, b in zip(*rows, strict=True)] for rows in zip(total, part, strict=True)]
    return total


def one_chosen(conditional: Conditional, chance: Callable[[State], Mapping[Any, Any]], n: int, d: int) -> Rows:
    """Return the matrix of refilling one position, drawn by `chance`, which maps a sequence to chances of {i}."""
    single = [refill(conditional, [i], n, d) for i in range(n)]
    rows = []
    for k, x in enumerate(reference.sequences(n, d)):
        drawn = chance(x)
        rows.append([sum((p * single[min(s)][k][j] for s, p in drawn.items()), Fraction(0)) for j in range(d**n)])
    return rows


def moved(law: Sequence[Fraction], rows: Rows) -> list[Fraction]:
    """Return the law after one step of a matrix."""
    return [sum((p * row[j] for p, row in zip(law, rows, strict=True)), Fraction(0)) for j in range(len(rows))]


def stationary(rows: Rows) -> list[Fraction]:
    """Return the only law that an irreducible matrix leaves as it is, by exact elimination."""
    generator = [[p - (i == j) for j, p in enumerate(row)] for i, row in enumerate(rows)]
    return _solved(generator, [Fraction(0)] * len(rows), Fraction(1))


def variation(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    """Return the total variation between two laws in one order."""
    return sum((abs(a - b) for a, b in zip(left, right, strict=True)), Fraction(0)) / 2


def ordered(law: Law, n: int, d: int) -> list[Fraction]:
    """Return a law as a list over all sequences, last position fastest."""
    return [Fraction(law.get(x, 0)) for x in reference.sequences(n, d)]


def pair_bias(law: Law, n: int, d: int) -> list[Fraction]:
    """Return b = sum over pairs of positions of (q refilled at both at once) - q: zero for independent positions."""
    q, conditional = ordered(law, n, d), reference.conditionals_of(law, d)
    found = [Fraction(0)] * d**n
    for pair in itertools.combinations(range(n), 2):
        after = moved(q, refill(conditional, pair, n, d))
        found = [f + a - p for f, a, p in zip(found, after, q, strict=True)]
    return found


def gibbs_generator(law: Law, n: int, d: int) -> Rows:
    """Return G = sum over positions of (refill at it) - identity, whose left kernel is q for full support."""
    conditional, size = reference.conditionals_of(law, d), d**n
    total = [[Fraction(-n * (i == j)) for j in range(size)] for i in range(size)]
    for i in range(n):
        part = refill(conditional, [i], n, d)
        total = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(total, part, strict=True)]
    return total


def plateau_slope(law: Law, n: int, d: int) -> Fraction:
    """Return lim TV(stationary drafts, q) / (1 - alpha) as alpha -> 1: half the 1-norm of the p with p G = -b, sum 0.

    The law has full support.
    """
    p = _solved(gibbs_generator(law, n, d), [-b for b in pair_bias(law, n, d)], Fraction(0))
    return sum((abs(v) for v in p), Fraction(0)) / 2


def whole_run_constant(law: Law, n: int, d: int) -> float:
    """Return lim sqrt(T) TV of the star with independent masks: sqrt(pi / 2) / 2 times the 1-norm of b (-G)^(-3/2).

    G is self-adjoint with respect to q, which has full support; its power is taken in floats, on laws of sum zero.
    """
    root = np.sqrt(np.array([float(p) for p in ordered(law, n, d)]))
    generator = np.array([[float(p) for p in row] for row in gibbs_generator(law, n, d)])
    symmetric = -root[:, None] * generator / root
    values, vectors = np.linalg.eigh((symmetric + symmetric.T) / 2)
    power = np.concatenate(([0.0], values[1:] ** -1.5))
    bias = np.array([float(b) for b in pair_bias(law, n, d)]) / root
    drift = ((bias @ vectors) * power) @ vectors.T * root
    return math.sqrt(math.pi / 2) * float(np.abs(drift).sum()) / 2


def standard_constant(law: Law, n: int, d: int) -> Fraction:
    """Return lim T TV of masked diffusion on a uniform grid: what two tokens revealed in one step cost, to first order.

    A Beta integral for each set S of tokens shown before and each pair revealed at once.
    """
    conditional = reference.conditionals_of(law, d)
    total = dict.fromkeys(reference.sequences(n, d), Fraction(0))
    for size in range(n - 1):
        weight = Fraction(math.factorial(size) * math.factorial(n - size - 2), math.factorial(n - 1))
        for shown in itertools.combinations(range(n), size):
            rest = [i for i in range(n) if i not in shown]
            for (i, j), x in itertools.product(itertools.combinations(rest, 2), total):
                z = tuple(token if k in shown else d for k, token in enumerate(x))
                both = tuple(token if k in (*shown, i, j) else d for k, token in enumerate(x))
                drawn = reference.marginal(law, z, d) * conditional(z, i, x[i]) * conditional(z, j, x[j])
                total[x] += weight * (drawn * law[x] / reference.marginal(law, both, d) - law[x])
    return sum((abs(v) for v in total.values()), Fraction(0)) / 2


def _solved(rows: Rows, right: Sequence[Fraction], total: Fraction) -> list[Fraction]:
    """Return p with p rows = right and entries that sum to `total`, which takes the last column's place."""
    size = len(rows)
    columns = [[rows[i][j] for i in range(size)] for j in range(size - 1)] + [[Fraction(1)] * size]
    matrix = fmpq_mat(size, size, [fmpq(v.numerator, v.denominator) for column in columns for v in column])
    wanted = fmpq_mat(size, 1, [fmpq(v.numerator, v.denominator) for v in (*right[:-1], total)])
    found = matrix.solve(wanted)
    return [Fraction(int(found[k, 0].p), int(found[k, 0].q)) for k in range(size)]
