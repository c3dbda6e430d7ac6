"""Estimators of the NELBO written out: every mask, every pair of masks, every order, in any number type.

Losses are a mapping from a sequence to a mapping from masked sets (frozensets of positions) to numbers; fractions give
fractions. Levels are integrated in closed form, by values of the Beta function that are rational.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from theory.reference.laws import State, floats, states

Masked = frozenset[int]
Losses = Mapping[Any, Mapping[Masked, Any]]


@dataclass(frozen=True)
class Sources:
    """Mean and the three parts of the variance of one draw: mask, level and data."""

    mean: Any
    mask: Any
    level: Any
    data: Any

    @property
    def variance(self) -> Any:
        return self.mask + self.level + self.data


def losses(denoiser: Any, world: Any) -> dict[State, dict[Masked, float]]:
    """Return sum over i in S of -ln q(x_i | x outside S) for every possible sequence and masked set."""
    import torch

    listed = list(states(world.n, world.d))
    rows = dict(zip(listed, denoiser(torch.tensor(listed)).double().tolist(), strict=True))
    found: dict[State, dict[Masked, float]] = {}
    for x in floats(world):
        found[x] = {}
        for masked in subsets(world.n):
            z = tuple(world.d if i in masked else v for i, v in enumerate(x))
            found[x][masked] = -math.fsum(rows[z][i][x[i]] for i in masked)
    return found


def subsets(n: int) -> Iterator[Masked]:
    """Yield all sets of positions."""
    for size in range(n + 1):
        yield from map(frozenset, itertools.combinations(range(n), size))


def by_count(found: Losses, law: Mapping[Any, Any], n: int) -> Sources:
    """Return the sources for a uniform count k in 1..n, a uniform set of that size, and the weight n / k."""
    levels = {k: Fraction(1, n) for k in range(1, n + 1)}

    def draws(x: Any, k: int) -> list[tuple[Any, Any]]:
        sets = [s for s in subsets(n) if len(s) == k]
        return [(Fraction(1, len(sets)), Fraction(n, k) * found[x][s]) for s in sets]

    return discrete(law, levels, draws)


def discrete(
    law: Mapping[Any, Any], levels: Mapping[Any, Any], draws: Callable[[Any, Any], list[tuple[Any, Any]]]
) -> Sources:
    """Return the sources for finitely many levels: `draws`(x, level) lists chances and losses."""
    mean = {(x, t): sum(p * v for p, v in draws(x, t)) for x in law for t in levels}
    spread = {(x, t): sum(p * (v - mean[x, t]) ** 2 for p, v in draws(x, t)) for x in law for t in levels}
    inner = {x: sum(w * mean[x, t] for t, w in levels.items()) for x in law}
    overall = sum(q * inner[x] for x, q in law.items())
    return Sources(
        overall,
        sum(q * w * spread[x, t] for x, q in law.items() for t, w in levels.items()),
        sum(q * w * (mean[x, t] - inner[x]) ** 2 for x, q in law.items() for t, w in levels.items()),
        sum(q * (inner[x] - overall) ** 2 for x, q in law.items()),
    )


def by_root_level(found: Losses, law: Mapping[Any, Any], n: int) -> Sources:
    """Return the sources for independent masks, t of density t^(-1/2) / 2 and the weight 1 / (t p(t)): all rational.

    The mean integrates t^(k - 1) (1 - t)^(n - k); squares bring another 1 / (t p(t)) = 2 t^(-1/2).
    """
    mask = level = overall = square = Fraction(0)
    for x, q in law.items():
        sizes = {s: len(s) for s in subsets(n) if s}
        inner = sum(beta(k, n - k) * found[x][s] for s, k in sizes.items())
        second = sum(2 * beta(Fraction(2 * k - 1, 2), n - k) * found[x][s] ** 2 for s, k in sizes.items())
        pairs = itertools.product(sizes.items(), repeat=2)
        g2 = sum(
            2 * beta(Fraction(2 * (j + k) - 1, 2), 2 * n - j - k) * found[x][a] * found[x][b]
            for (a, j), (b, k) in pairs
        )
        mask, level = mask + q * (second - g2), level + q * (g2 - inner**2)
        overall, square = overall + q * inner, square + q * inner**2
    return Sources(overall, mask, level, square - overall**2)


def beta(a: Any, b: int) -> Fraction:
    """Return the integral of t^(a - 1) (1 - t)^b, b! / (a (a + 1) ... (a + b)), for a fraction a > 0 and whole b."""
    return Fraction(math.factorial(b)) / math.prod((Fraction(a) + i for i in range(b + 1)), start=Fraction(1))


def mirrored(found: Mapping[Masked, Any], n: int, t: Any) -> tuple[Any, Any]:
    """Return E[L] and E[L L'] for the masks {u < t} and {u > 1 - t} of one sequence, by every pair of masks."""
    both = max(2 * t - 1, 0 * t)
    one = t - both
    neither = 1 - both - 2 * one
    single, together = 0 * t, 0 * t
    for first, second in itertools.product(subsets(n), repeat=2):
        shared, apart = len(first & second), len(first ^ second)
        chance = both**shared * one**apart * neither ** (n - shared - apart)
        single, together = single + chance * found[first], together + chance * found[first] * found[second]
    return single, together
