"""Definitions written out literally, over any number type: the slow reference that the engines are tested with.

A law is a mapping from sequences (tuples of tokens 0..d-1) of positive probability to numbers. With
`Fraction` values every identity in probabilities alone can be checked with zero tolerance.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theory.errors import InvalidInput

State = tuple[int, ...]
Law = Mapping[State, Any]
Conditional = Callable[[State, int, int], Any]
"""A denoiser: p(x_i = v | z) as (z, i, v)."""


def sequences(n: int, d: int) -> Iterator[State]:
    """Yield all d^n sequences, last position fastest."""
    return itertools.product(range(d), repeat=n)


def states(n: int, d: int) -> Iterator[State]:
    """Yield all (d + 1)^n partially masked states; token d is the mask."""
    return itertools.product(range(d + 1), repeat=n)


def masked(z: State, d: int) -> tuple[int, ...]:
    """Return the masked positions of z."""
    return tuple(i for i, token in enumerate(z) if token == d)


def exact(world: Any) -> dict[State, Fraction]:
    """Return a small world as a law in fractions, support only: its exact weights where it keeps them, else its floats.

    `world` has n, d and either `weights` (whole numbers or fractions) or `law()`, all d^n probabilities. Raises
    InvalidInput for a batch of laws.
    """
    if world.worlds:
        raise InvalidInput(f"a batch of {world.worlds} laws; expected one: take world[k]")
    weights = getattr(world, "weights", None)
    cells = [Fraction(w) for w in (world.law().tolist() if weights is None else weights)]
    total = sum(cells)
    return {x: w / total for x, w in zip(sequences(world.n, world.d), cells, strict=True) if w > 0}


def floats(world: Any) -> dict[State, float]:
    """Return a small world as a law in floats, support only."""
    return {x: float(p) for x, p in exact(world).items()}


def agrees(x: State, z: State, d: int) -> bool:
    """Return whether the sequence x shows the revealed tokens of z."""
    return all(b in (d, a) for a, b in zip(x, z, strict=True))


def marginal(law: Law, z: State, d: int) -> Any:
    """Return q(z_UM), the probability of the revealed part of z."""
    return sum(q for x, q in law.items() if agrees(x, z, d))


def with_token(z: State, i: int, v: int) -> State:
    """Return z with token v at position i."""
    return (*z[:i], v, *z[i + 1 :])


def conditional(law: Law, z: State, i: int, v: int, d: int) -> Any:
    """Return q(x_i = v | z_UM); uniform, 1 / d, where the revealed part has probability zero."""
    context = marginal(law, z, d)
    if context == 0:
        return Fraction(1, d)
    return marginal(law, with_token(z, i, v), d) / context


def conditionals_of(law: Law, d: int) -> Conditional:
    """Return the exact conditionals of a law as a denoiser, remembered between calls."""
    known: dict[tuple[State, int, int], Any] = {}

    def found(z: State, i: int, v: int) -> Any:
        if (z, i, v) not in known:
            known[z, i, v] = conditional(law, z, i, v, d)
        return known[z, i, v]

    return found


def rational_conditionals(denoiser: Any) -> Conditional:
    """Return a denoiser of known n as exact conditionals: the nearest fractions to its probabilities, normalised.

    `denoiser` has n, d and returns log-probabilities of all states. Denominators go up to 10^12, so that fractions of
    small whole numbers are found again as they are, and any other probability is met to 1e-12.
    """
    import torch

    listed = list(states(denoiser.n, denoiser.d))
    rows = dict(zip(listed, denoiser(torch.tensor(listed)).exp().tolist(), strict=True))
    known: dict[tuple[State, int], list[Fraction]] = {}

    def found(z: State, i: int, v: int) -> Fraction:
        if (z, i) not in known:
            row = [Fraction(p).limit_denominator(10**12) for p in rows[z][i]]
            known[z, i] = [p / sum(row) for p in row]
        return known[z, i][v]

    return found


def exact_conditionals(source: Any) -> Conditional:
    """Return a small world's conditionals in exact fractions, or a table's by `rational_conditionals`."""
    if hasattr(source, "log_p"):
        return rational_conditionals(source)
    return conditionals_of(exact(source), source.d)


def float_conditionals(world: Any) -> Conditional:
    """Return a small world's conditionals in floats."""
    return conditionals_of(floats(world), world.d)


def entropy(probabilities: Iterable[Any]) -> float:
    """Return -sum p ln p in nats, 0 ln 0 = 0."""
    return -math.fsum(float(p) * math.log(p) for p in probabilities if p > 0)


def subset_entropy(law: Law, subset: Sequence[int]) -> float:
    """Return H(X_S) in nats."""
    parts: dict[State, Any] = {}
    for x, q in law.items():
        key = tuple(x[i] for i in subset)
        parts[key] = parts.get(key, 0) + q
    return entropy(parts.values())


def kullback_leibler(law: Law, other: Law) -> float:
    """Return KL(law || other) in nats; infinite where `other` misses support."""
    if any(other.get(x, 0) == 0 for x in law):
        return math.inf
    return math.fsum(float(q) * math.log(q / other[x]) for x, q in law.items())
