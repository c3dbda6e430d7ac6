"""PUNT and Info-Gain written out from their pseudocode, over any number type: the reference of the torch rules.

Dictionaries, one state and one vector of candidates at a time. With `Fraction` laws and an exact `passes`
the output laws are exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Conditional, State
from theory.tolerance import SLACK

Row = tuple[Any, ...]
Passes = Callable[[Row, Row], bool]
Order = Callable[[dict[int, Row], State], list[int]]


@dataclass(frozen=True)
class Sampled:
    """An exact output law, the expected errors of the kept tokens, the expected steps and denoiser calls."""

    law: dict[State, Any]
    errors: float
    steps: float
    calls: float


def row(denoiser: Conditional, z: State, i: int, d: int) -> Row:
    """Return the conditional of position i."""
    return tuple(denoiser(z, i, v) for v in range(d))


def divergence(p: Row, q: Row) -> float:
    """Return KL(p || q) in nats."""
    return reference.kullback_leibler({(v,): a for v, a in enumerate(p) if a > 0}, {(v,): b for v, b in enumerate(q)})


def within(eps: float) -> Passes:
    """Return the test KL(p || q) <= eps up to the slack of `theory.tolerance`; a negative eps passes nothing."""
    return lambda p, q: eps >= 0 and divergence(p, q) <= eps + SLACK * max(1, eps)


def ranked(by: str) -> Order:
    """Return the order of the masked positions: by index, confidence, entropy, or the drawn token's probability."""

    def order(rows: dict[int, Row], y: State) -> list[int]:
        error: dict[str, Callable[[int], float]] = {
            "index": float,
            "confidence": lambda i: -float(max(rows[i])),
            "entropy": lambda i: reference.entropy(rows[i]),
            "drawn": lambda i: -float(rows[i][y[i]]),
        }
        return sorted(rows, key=lambda i: (round(error[by](i) / SLACK), i))

    return order


def shown(z: State, y: State, positions: Sequence[int]) -> State:
    """Return z with the candidates y revealed at some positions."""
    return tuple(y[i] if i in positions else z[i] for i in range(len(z)))


def punt_step(denoiser: Conditional, z: State, y: State, d: int, order: Order, passes: Passes) -> tuple[list[int], int]:
    """Return the positions kept by the binary-coded tests, in rank order, and the calls."""
    rows = {i: row(denoiser, z, i, d) for i in reference.masked(z, d)}
    ranking = order(rows, y)
    width = math.ceil(math.log2(len(ranking)))
    code = {i: format(r, f"0{width}b") if width else "" for r, i in enumerate(ranking)}
    kept, calls = list(ranking), 1
    for b in range(width):
        anchors = [i for i in kept if code[i][b] == "0"]
        tested = [i for i in kept if code[i][b] == "1"]
        if anchors and tested:
            calls += 1
            after = shown(z, y, anchors)
            dropped = [i for i in tested if not passes(rows[i], row(denoiser, after, i, d))]
            kept = [i for i in kept if i not in dropped]
    return kept, calls


def in_order_step(
    denoiser: Conditional, z: State, y: State, d: int, order: Order, passes: Passes
) -> tuple[list[int], int]:
    """Return the positions kept by testing each rank against all kept before it, and the calls."""
    rows = {i: row(denoiser, z, i, d) for i in reference.masked(z, d)}
    kept: list[int] = []
    prefixes = set()
    for i in order(rows, y):
        if kept:
            prefixes.add(tuple(kept))
        if not kept or passes(rows[i], row(denoiser, shown(z, y, kept), i, d)):
            kept.append(i)
    return kept, 1 + len(prefixes)


def step_errors(denoiser: Conditional, z: State, y: State, kept: Sequence[int], d: int) -> float:
    """Return the sum over the kept tokens, in order, of KL(p_i || p_i(. | those before it))."""
    pairs = [(row(denoiser, z, i, d), row(denoiser, shown(z, y, kept[:k]), i, d)) for k, i in enumerate(kept) if k]
    return math.fsum(divergence(p, q) for p, q in pairs)


def candidate_vectors(denoiser: Conditional, z: State, d: int) -> Iterator[tuple[State, Any]]:
    """Yield every vector of candidates of positive probability."""
    hidden = reference.masked(z, d)
    for tokens in itertools.product(range(d), repeat=len(hidden)):
        weight: Any = 1
        y = list(z)
        for i, v in zip(hidden, tokens, strict=True):
            weight, y[i] = weight * denoiser(z, i, v), v
        if weight > 0:
            yield tuple(y), weight


def punt(
    denoiser: Conditional, n: int, d: int, by: str, passes: Passes, in_order: bool = False, errors: bool = True
) -> Sampled:
    """Run PUNT over all candidates of all states it reaches."""
    step, order = in_order_step if in_order else punt_step, ranked(by)
    now: dict[State, Any] = {(d,) * n: 1}
    done: dict[State, Any] = {}
    total = steps = calls = 0.0
    while now:
        after: dict[State, Any] = {}
        for z, mass in now.items():
            steps += float(mass)
            for y, weight in candidate_vectors(denoiser, z, d):
                kept, spent = step(denoiser, z, y, d, order, passes)
                share = mass * weight
                calls += float(share) * spent
                total += float(share) * step_errors(denoiser, z, y, kept, d) if errors else 0.0
                x = shown(z, y, kept)
                target = after if d in x else done
                target[x] = target.get(x, 0) + share
        now = after
    return Sampled(done, total, steps, calls)


def uncertainty(denoiser: Conditional, z: State, d: int, form: str) -> float:
    """Return the potential of Info-Gain: mean (or sum) of the masked positions' entropies, 0 when complete."""
    h = [reference.entropy(row(denoiser, z, i, d)) for i in reference.masked(z, d)]
    return math.fsum(h) / (1 if form == "sum" else max(1, len(h)))


def action_value(denoiser: Conditional, z: State, i: int, v: int, d: int, form: str) -> float:
    """Return J of revealing token v at position i."""
    gain = uncertainty(denoiser, z, d, form) - uncertainty(denoiser, reference.with_token(z, i, v), d, form)
    return gain if form == "look-ahead" else gain - reference.entropy(row(denoiser, z, i, d))


def best_of_drawn(proposal: Sequence[Any], values: Sequence[float], count: int, first: int | None = None) -> list[Any]:
    """Return the law of the best of `count` drawn actions by listing all vectors of draws; ties to the earliest."""
    law: list[Any] = [0 * p for p in proposal]
    head = [] if first is None else [first]
    for drawn in itertools.product(range(len(proposal)), repeat=count - len(head)):
        vector = [*head, *drawn]
        best = next(a for a in vector if values[a] >= max(values[b] for b in vector) - SLACK)
        law[best] = law[best] + math.prod(proposal[a] for a in drawn)
    return law


def likely(p: Row) -> int:
    """Return the most probable token, the smaller one where two are equal up to rounding."""
    return max(range(len(p)), key=lambda v: (round(float(p[v]) / SLACK), -v))


def least_entropy_order(denoiser: Conditional, z: State, d: int) -> float:
    """Return the least cumulative entropy over all m! orders with argmax tokens, order by order."""

    def cost(order: Sequence[int]) -> float:
        state, total = z, 0.0
        for i in order:
            p = row(denoiser, state, i, d)
            total += reference.entropy(p)
            state = reference.with_token(state, i, likely(p))
        return total

    return min(cost(order) for order in itertools.permutations(reference.masked(z, d)))


def expected_entropy(
    denoiser: Conditional, n: int, d: int, choose: Callable[[State], Sequence[int]]
) -> tuple[float, dict[State, float]]:
    """Return E[cumulative entropy] and the output law of a position rule whose tokens are drawn after its choice."""
    now: dict[State, float] = {(d,) * n: 1.0}
    done: dict[State, float] = {}
    total = 0.0
    while now:
        after: dict[State, float] = {}
        for z, mass in now.items():
            block = choose(z)
            total += mass * math.fsum(reference.entropy(row(denoiser, z, i, d)) for i in block)
            for tokens in itertools.product(range(d), repeat=len(block)):
                share, x = mass, z
                for i, v in zip(block, tokens, strict=True):
                    share, x = share * float(denoiser(z, i, v)), reference.with_token(x, i, v)
                target = after if d in x else done
                target[x] = target.get(x, 0) + share
        now = {z: mass for z, mass in after.items() if mass > 0}
    return total, done
