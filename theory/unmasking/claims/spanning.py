"""Proofs by extreme cases: what holds on the steps that span all information curves holds for every law."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from theory.ledger import Evidence, at_least, at_most, equal
from theory.reference import curves as reference

Functional = Callable[[Sequence[Any]], Any]


def least_constant(n: int, error: Functional, area: Functional) -> Fraction:
    """Return the least c with error <= c area on every curve of length n: the largest ratio on a step."""
    ratios = [Fraction(0)]
    for m in range(2, n + 1):
        curve = reference.step(n, m)
        if area(curve) == 0:
            assert error(curve) == 0, f"no constant bounds the error at step {m}"
        else:
            ratios.append(Fraction(error(curve)) / area(curve))
    return max(ratios)


def bounded_on_steps(
    constant: Fraction, n: int, error: Functional, area: Functional, attained: bool = False
) -> Iterator[Evidence]:
    """Prove error <= constant * area for all curves of length n; where `attained`, that no less would do."""
    least = least_constant(n, error, area)
    yield at_most("certificate", least, constant, 0, proves=n, note=f"on each of the {n - 1} steps")
    if attained:
        yield at_least("certificate", least, constant, 0, note="a step attains it")


def bounded_on_thresholds(
    grid: Sequence[Fraction], bound: Callable[[Fraction], Fraction], attained: bool = False
) -> Iterator[Evidence]:
    """Prove E_iid / (n Z_n) <= bound for all curves of every length, `bound` linear in each cell of the grid.

    Z~ / Z_n rises from 0 to 1, so it is a mixture of thresholds 1[alpha > tau] over tau in [0, 1]. A threshold in the
    cell (a, b] costs b - tau, its TC / (n Z_n) is 1 - tau and its DTC / (n Z_n) is tau: `bound` is a function of tau.
    Both sides are linear in each cell, so its two ends decide. Thresholds are limits of curves as n grows.
    """
    margins = [bound(tau) - (b - tau) for a, b in itertools.pairwise(grid) for tau in (a, b)]
    yield at_least("certificate", min(margins), Fraction(0), 0, proves=math.inf, note="on each threshold of Z~")
    if attained:
        yield equal("certificate", min(margins), Fraction(0), 0, note="a threshold attains it")
