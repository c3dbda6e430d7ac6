"""Rational certificates of entropy inequalities: nonnegative combinations of elemental Shannon inequalities.

A linear form in the joint entropies H(X_S) of n variables that equals sum_k lambda_k * (elemental form k)
with lambda >= 0 is nonnegative for every law (Yeung 1997). HiGHS finds the multipliers, they are rounded
to fractions, and the identity is checked exactly. Sets are bit masks, bit i for X_i.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import optimize, sparse

from theory.errors import InvalidInput
from theory.ledger import Evidence, at_least, undecided

Form = Mapping[int, Fraction]
"""A linear form in entropies: bit mask of S -> coefficient of H(X_S)."""

LARGEST_DENOMINATOR = 10**6


@dataclass(frozen=True)
class Proof:
    """Multipliers of the elemental inequalities, by name; their combination equals the form exactly."""

    multipliers: Mapping[str, Fraction]


def elemental(n: int) -> dict[str, Form]:
    """Return the elemental Shannon inequalities: H(X_i | rest) >= 0 and I(X_i; X_j | X_K) >= 0."""
    full = 2**n - 1
    found: dict[str, Form] = {}
    for i in range(n):
        found[f"H({i}|rest)"] = _form({full: 1, full & ~(1 << i): -1})
    for i, j in itertools.combinations(range(n), 2):
        others = [k for k in range(n) if k not in (i, j)]
        for size in range(n - 1):
            for chosen in itertools.combinations(others, size):
                k = sum(1 << c for c in chosen)
                a, b = 1 << i, 1 << j
                found[f"I({i};{j}|{','.join(map(str, chosen))})"] = _form({k | a: 1, k | b: 1, k | a | b: -1, k: -1})
    return found


def prove(form: Form, n: int) -> Proof | None:
    """Return an exact proof that the form is nonnegative on all entropies, or None when none was found.

    Raises InvalidInput for n > 7: the programme would have more than 2^7 rows and 10^3 columns.
    """
    if not 1 <= n <= 7:
        raise InvalidInput(f"n = {n} variables; expected 1 <= n <= 7 for an elemental certificate")
    names, matrix = _programme(n)
    target = np.array([float(form.get(mask, 0)) for mask in range(1, 2**n)])
    found = optimize.linprog(np.ones(len(names)), A_eq=matrix, b_eq=target, bounds=(0, None), method="highs")
    if found.x is None:
        return None
    for denominator in (1, 60, 5040, LARGEST_DENOMINATOR):
        guess = {
            name: value
            for name, x in zip(names, found.x, strict=True)
            if (value := Fraction(float(x)).limit_denominator(denominator)) > 0
        }
        if is_proof(guess, form, n):
            return Proof(guess)
    exact = _solve_exactly(names, found.x, form, n)
    return Proof(exact) if exact is not None and is_proof(exact, form, n) else None


def is_proof(multipliers: Mapping[str, Fraction], form: Form, n: int) -> bool:
    """Return whether the multipliers are nonnegative and combine to the form exactly."""
    inequalities = elemental(n)
    combined = combine([(value, inequalities[name]) for name, value in multipliers.items()])
    return all(v >= 0 for v in multipliers.values()) and combined == _form(form)


def certified(form: Form, n: int, note: str = "") -> Evidence:
    """Return evidence that form >= 0 for all laws of n variables.

    Margin 0 where it is proved. For n <= 3, where every polymatroid is a limit of entropies, the negative value that
    the form takes at one, in fractions. Undecided where neither is found, and where a polymatroid of four or more
    variables makes the form negative: the form is then no consequence of Shannon's inequalities, but may hold for laws.
    """
    said = note or f"elemental inequalities, n = {n}"
    if prove(form, n) is not None:
        return at_least("certificate", Fraction(0), Fraction(0), Fraction(0), note=said, proves=n)
    least = least_value(form, n)
    if least is None:
        return undecided("certificate", f"{said}: neither multipliers nor a counterexample was found in fractions")
    if n > 3:
        return undecided("certificate", f"{said}: {float(least):.3g} at a polymatroid, which need not come from a law")
    return at_least("certificate", least, Fraction(0), Fraction(0), note=said, proves=n)


def combine(parts: Sequence[tuple[Fraction | int, Form]]) -> Form:
    """Return a linear combination of forms, zero coefficients dropped."""
    total: dict[int, Fraction] = {}
    for weight, form in parts:
        for mask, value in form.items():
            total[mask] = total.get(mask, Fraction(0)) + Fraction(weight) * value
    return _form(total)


def entropy_of(subset: Sequence[int]) -> Form:
    """Return H(X_S)."""
    return _form({sum(1 << i for i in subset): 1})


@functools.cache
def mean_entropy(n: int, m: int) -> Form:
    """Return H_m, the mean of H(X_S) over |S| = m."""
    return _form({sum(1 << i for i in s): Fraction(1, math.comb(n, m)) for s in itertools.combinations(range(n), m)})


@functools.cache
def curve(n: int) -> tuple[Form, ...]:
    """Return Z_1..Z_n of the information curve as forms."""
    h = [mean_entropy(n, m) for m in range(n + 1)]
    return tuple(combine([(1, h[1]), (1, h[j - 1]), (-1, h[j])]) for j in range(1, n + 1))


def total_correlation(n: int) -> Form:
    """Return TC = n H_1 - H_n."""
    return combine([(n, mean_entropy(n, 1)), (-1, mean_entropy(n, n))])


def dual_total_correlation(n: int) -> Form:
    """Return DTC = n H_{n-1} - (n - 1) H_n."""
    return combine([(n, mean_entropy(n, n - 1)), (1 - n, mean_entropy(n, n))])


def fixed_size_error(n: int, sizes: Sequence[int]) -> Form:
    """Return E(s) as a form: sum over blocks of sum_i H(X_i | X_T) - H(X_S | X_T), averaged."""
    h = [mean_entropy(n, m) for m in range(n + 1)]
    parts: list[tuple[Fraction | int, Form]] = []
    shown = 0
    for s in sizes:
        if s:
            parts += [(s, h[shown + 1]), (-s, h[shown]), (-1, h[shown + s]), (1, h[shown])]
        shown += s
    return combine(parts)


def per_token_error(n: int, grid: Sequence[Fraction]) -> Form:
    """Return E_iid of a rational grid as a form, by the Bernstein coefficients of the smoothed curve."""
    z = curve(n)
    parts: list[tuple[Fraction | int, Form]] = [(1, total_correlation(n))]
    for low, high in itertools.pairwise(map(Fraction, grid)):
        for m in range(n):
            weight = math.comb(n - 1, m) * low**m * (1 - low) ** (n - 1 - m)
            parts.append((-n * (high - low) * weight, z[m]))
    return combine(parts)


def _form(coefficients: Mapping[int, Fraction | int]) -> Form:
    return {mask: Fraction(v) for mask, v in sorted(coefficients.items()) if mask and v != 0}


@functools.cache
def _programme(n: int) -> tuple[list[str], sparse.csc_array]:
    inequalities = elemental(n)
    entries = [
        (mask - 1, column, float(value))
        for column, form in enumerate(inequalities.values())
        for mask, value in form.items()
    ]
    rows, columns, values = zip(*entries, strict=True)
    shape = (2**n - 1, len(inequalities))
    return list(inequalities), sparse.csc_array((values, (rows, columns)), shape=shape)


def least_value(form: Form, n: int) -> Fraction | None:
    """Return the form's value at a polymatroid with H(X_1..X_n) <= 1 on which it is negative; None if none is found.

    HiGHS finds the vertex of least value, its entries are rounded to fractions, and every elemental inequality is
    checked exactly there, so the value is that of a true polymatroid.
    """
    _, matrix = _programme(n)
    target = np.array([float(form.get(mask, 0)) for mask in range(1, 2**n)])
    found = optimize.linprog(target, A_ub=-matrix.T, b_ub=np.zeros(matrix.shape[1]), bounds=(0, 1), method="highs")
    if found.x is None:
        return None
    for denominator in (1, 2, 3, 4, 6, 12, 60, 5040, LARGEST_DENOMINATOR):
        point = {m + 1: Fraction(float(x)).limit_denominator(denominator) for m, x in enumerate(found.x)}
        value = at_point(form, point)
        if value < 0 and all(at_point(inequality, point) >= 0 for inequality in elemental(n).values()):
            return value
    return None


def at_point(form: Form, entropies: Form) -> Fraction:
    """Return the form's value at the entropies given by mask."""
    return sum((value * entropies.get(mask, Fraction(0)) for mask, value in form.items()), Fraction(0))


def _solve_exactly(names: Sequence[str], x: np.ndarray, form: Form, n: int) -> dict[str, Fraction] | None:
    """Solve for the multipliers on the support of the numerical solution in rational arithmetic."""
    from flint import fmpq, fmpq_mat

    inequalities = elemental(n)
    support = [name for name, value in zip(names, x, strict=True) if value > 1e-9]
    if not support:
        return None
    dense = np.array([[float(inequalities[s].get(mask, 0)) for s in support] for mask in range(1, 2**n)])
    if np.linalg.matrix_rank(dense) < len(support):
        return None
    normal = fmpq_mat(len(support), len(support))
    right = fmpq_mat(len(support), 1)
    for i, a in enumerate(support):
        for j, b in enumerate(support):
            value = sum(
                (v * inequalities[b].get(mask, Fraction(0)) for mask, v in inequalities[a].items()),
                Fraction(0),
            )
            normal[i, j] = fmpq(value.numerator, value.denominator)
        value = sum((v * form.get(mask, Fraction(0)) for mask, v in inequalities[a].items()), Fraction(0))
        right[i, 0] = fmpq(value.numerator, value.denominator)
    solved = normal.solve(right)
    return {s: Fraction(int(solved[i, 0].p), int(solved[i, 0].q)) for i, s in enumerate(support)}
