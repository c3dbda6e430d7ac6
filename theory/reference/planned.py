"""P2, path planning (arXiv 2502.03540), written out: every draft, every order of drawing. Slow, in fractions.

A state is a tuple of tokens, d the mask. Nothing here is shared with the engine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from theory.reference import laws as reference
from theory.reference.laws import Conditional, State

Trust = Callable[[State, State], Sequence[Fraction]]
"""From a state and its completed draft to the planner's probability of each token."""

Kept = Callable[[State, State, Sequence[int], int], dict[frozenset[int], Fraction]]
"""From a state, its draft, its free positions and a number to the law of the set of so many kept free positions."""


def own(conditional: Conditional, d: int) -> Trust:
    """Return the denoiser's probability of a candidate, and 1 for a shown token: shown tokens are carried over."""

    def trust(z: State, y: State) -> list[Fraction]:
        return [conditional(z, i, y[i]) if z[i] == d else Fraction(1) for i in range(len(z))]

    return trust


def others(conditional: Conditional, d: int) -> Trust:
    """Return the denoiser's probability of each token where it is masked and the other shown tokens are not."""

    def trust(z: State, y: State) -> list[Fraction]:
        return [conditional((*z[:i], d, *z[i + 1 :]), i, y[i]) for i in range(len(z))]

    return trust


def of_draft(conditional: Conditional, law: Conditional, d: int) -> Trust:
    """Return the denoiser's probability of a candidate, and a law's of a shown token given all others of the draft."""

    def trust(z: State, y: State) -> list[Fraction]:
        return [conditional(z, i, y[i]) if z[i] == d else law((*y[:i], d, *y[i + 1 :]), i, y[i]) for i in range(len(z))]

    return trust


def greatest(trust: Trust, eta: Fraction, d: int) -> Kept:
    """Return the rule that keeps the greatest of u (masked) and u^eta (shown); of equal ones shown ones, then by index.

    With eta = a / b the comparison is that of u^b and u^a, in fractions.
    """

    def kept(z: State, y: State, free: Sequence[int], count: int) -> dict[frozenset[int], Fraction]:
        u, up, down = trust(z, y), eta.numerator, eta.denominator
        key = {i: (u[i] ** down, 0, -i) if z[i] == d else (u[i] ** up, 1, -i) for i in free}
        chosen: list[int] = []
        while len(chosen) < count:
            chosen.append(max((i for i in free if i not in chosen), key=key.__getitem__))
        return {frozenset(chosen): Fraction(1)}

    return kept


def race(eta: Fraction, d: int) -> Kept:
    """Return the rule of uniform numbers: kept positions are drawn one after the other, weights 1 and 1 / eta.

    At eta = 0 the shown positions come first.
    """

    def kept(z: State, y: State, free: Sequence[int], count: int) -> dict[frozenset[int], Fraction]:
        law: dict[frozenset[int], Fraction] = {}
        for order in itertools.permutations(free, count):
            left, chance = list(free), Fraction(1)
            for i in order:
                shown = [j for j in left if z[j] != d]
                if eta == 0 and shown:
                    chance *= Fraction(i in shown, len(shown))
                else:
                    weight = {j: Fraction(1) if z[j] == d else 1 / eta for j in left}
                    chance *= weight[i] / sum(weight.values())
                left.remove(i)
            law[frozenset(order)] = law.get(frozenset(order), Fraction(0)) + chance
        return law

    return kept


def output_law(
    conditional: Conditional, kept: Kept, kappas: Sequence[Fraction], start: State, d: int
) -> dict[State, Fraction]:
    """Return the law of the state after steps that keep the fractions `kappas` of the start's masked positions."""
    free = reference.masked(start, d)
    law: dict[State, Fraction] = {start: Fraction(1)}
    for kappa in kappas:
        count = len(free) - math.floor((1 - kappa) * len(free))
        after: dict[State, Fraction] = {}
        for z, mass in law.items():
            hidden = reference.masked(z, d)
            for y in reference.sequences(len(z), d):
                if not reference.agrees(y, z, d):
                    continue
                chance = mass * math.prod((conditional(z, i, y[i]) for i in hidden), start=Fraction(1))
                for chosen, share in kept(z, y, free, count).items() if chance else ():
                    state = tuple(v if i in chosen or i not in free else d for i, v in enumerate(y))
                    after[state] = after.get(state, Fraction(0)) + chance * share
        law = after
    return law


def independent_law(
    conditional: Conditional, kappas: Sequence[Fraction], start: State, d: int
) -> dict[State, Fraction]:
    """Return the law of masked diffusion: each masked token is revealed by itself with (after - now) / (1 - now)."""
    law: dict[State, Fraction] = {start: Fraction(1)}
    for now, then in itertools.pairwise((Fraction(0), *kappas)):
        reveal = (then - now) / (1 - now)
        after: dict[State, Fraction] = {}
        for z, mass in law.items():
            rows = [
                [(z[i], Fraction(1))]
                if z[i] != d
                else [(d, 1 - reveal), *((v, reveal * conditional(z, i, v)) for v in range(d))]
                for i in range(len(z))
            ]
            for outcome in itertools.product(*rows):
                chance = mass * math.prod((p for _, p in outcome), start=Fraction(1))
                state = tuple(v for v, _ in outcome)
                if chance:
                    after[state] = after.get(state, Fraction(0)) + chance
        law = after
    return law
