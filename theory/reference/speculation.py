"""The speculative samplers written out literally: one path at a time, every draft enumerated. Slow on purpose.

The masked sampler takes any number type, so that `Fraction` conditionals give exact laws.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from theory.reference import laws as reference
from theory.reference.laws import Conditional, State

Vector = list[float]
Drift = Callable[[int, Vector], Vector]
Order = Callable[[State], tuple[int, ...]]
"""The masked positions of a state, the one revealed next first."""

Residual = Literal["residual", "target"]


def mixture_drift(
    weights: Sequence[float], means: Sequence[float], scales: Sequence[float], steps: int, churn: float, horizon: float
) -> Drift:
    """Return the drift of the reversed diffusion of a one-dimensional mixture, each coordinate a copy of it."""

    def score(y: float, time: float) -> float:
        shrink = math.exp(-time)
        spreads = [(shrink * s) ** 2 + 1 - shrink**2 for s in scales]
        logs = [
            math.log(w / math.sqrt(v)) - (y - shrink * m) ** 2 / (2 * v)
            for w, m, v in zip(weights, means, spreads, strict=True)
        ]
        parts = [math.exp(a - max(logs)) for a in logs]
        pulls = [p * (shrink * m - y) / v for p, m, v in zip(parts, means, spreads, strict=True)]
        return math.fsum(pulls) / math.fsum(parts)

    return lambda k, y: [a + (1 + churn**2) * score(a, horizon * (1 - k / steps)) for a in y]


@dataclass
class Path:
    """One run of the pseudocode: the states visited, each batch's size, each round's advance, the rejections."""

    states: list[Vector]
    batches: list[int] = field(default_factory=list)
    advances: list[int] = field(default_factory=list)
    rejections: int = 0


def spec_diffusion(
    drift: Drift,
    gamma: Sequence[float],
    sigma: Sequence[float],
    window: int,
    start: Vector,
    z: Sequence[Vector],
    log_uniform: Sequence[float],
    lookahead: bool = True,
) -> Path:
    """Run the windows of arXiv 2501.05370 with the frozen draft on the noise of each step, given in advance.

    A step drafted again after a rejection uses its own noise again: the discarded draft was never looked at.
    """
    path, n, total = Path([start]), 0, len(gamma)
    known: Vector | None = None
    while n < total:
        y, width = path.states[-1], min(window, total - n)
        if known is None:
            path.batches.append(1)
        b = known or drift(n, y)
        drafts, means = [y], []
        for j in range(width):
            means.append([a + gamma[n + j] * c for a, c in zip(drafts[j], b, strict=True)])
            drafts.append([m + sigma[n + j] * e for m, e in zip(means[j], z[n + j], strict=True)])
        last = width if lookahead and n + width < total else width - 1
        batch = [drift(n + j, drafts[j]) for j in range(1, last + 1)]
        if batch:
            path.batches.append(len(batch))
        slopes = [b, *batch]
        advance = 0
        known = slopes[width] if last == width else None
        for j in range(width):
            mean = [a + gamma[n + j] * c for a, c in zip(drafts[j], slopes[j], strict=True)]
            delta = [(p - q) / sigma[n + j] for p, q in zip(means[j], mean, strict=True)]
            square, along = math.fsum(d * d for d in delta), _dot(z[n + j], delta)
            advance += 1
            if square == 0 or log_uniform[n + j] <= -along - square / 2:
                path.states.append(drafts[j + 1])
                continue
            mirrored = [e - 2 * along / square * d for e, d in zip(z[n + j], delta, strict=True)]
            path.states.append([m + sigma[n + j] * e for m, e in zip(mean, mirrored, strict=True)])
            path.rejections += 1
            known = None
            break
        path.advances.append(advance)
        n += advance
    return path


def fixed_order(order: Sequence[int], d: int) -> Order:
    """Return the order that follows a permutation of the positions."""
    return lambda z: tuple(i for i in order if z[i] == d)


def confidence_order(conditional: Conditional, d: int) -> Order:
    """Return the order by the largest conditional, the surest first, ties by index; remembered between calls."""
    known: dict[State, tuple[int, ...]] = {}

    def order(z: State) -> tuple[int, ...]:
        if z not in known:
            sure = {i: max(conditional(z, i, v) for v in range(d)) for i in reference.masked(z, d)}
            known[z] = tuple(sorted(sure, key=lambda i: (-sure[i], i)))
        return known[z]

    return order


def sequential_law(conditional: Conditional, order: Order, n: int, d: int) -> dict[State, Any]:
    """Return the law of the target chain: one token a call, at the order's first position."""
    now: dict[State, Any] = {(d,) * n: Fraction(1)}
    for _ in range(n):
        after: dict[State, Any] = {}
        for z, mass in now.items():
            i = order(z)[0]
            for v in range(d):
                _add(after, reference.with_token(z, i, v), mass * conditional(z, i, v))
        now = after
    return now


@dataclass
class Outcome:
    """The joint law of (sequence, rounds, rejections) of the speculative sampler, and expectations.

    `coins` and `mismatches` are the expected rejections by the coin and by the order; `variation` the expected sum
    over examined steps of TV(p, q), one where the drafted position is not the target's.
    """

    joint: dict[tuple[State, int, int], Any] = field(default_factory=dict)
    coins: Any = 0
    mismatches: Any = 0
    variation: Any = 0

    @property
    def law(self) -> dict[State, Any]:
        """Return the output law."""
        found: dict[State, Any] = {}
        for (x, _, _), mass in self.joint.items():
            _add(found, x, mass)
        return found

    @property
    def rounds(self) -> Any:
        """Return E[rounds]."""
        return sum(rounds * mass for (_, rounds, _), mass in self.joint.items())


def speculative(
    conditional: Conditional, order: Order, n: int, d: int, window: int, correct: Residual = "residual"
) -> Outcome:
    """Enumerate every window's drafts and coins: L tokens from the frozen conditionals, then accept, correct, discard.

    `correct="target"` draws the rejected token from q instead of the residual: a planted error.
    """
    found = Outcome()
    now: dict[tuple[State, int, int], Any] = {((d,) * n, 0, 0): Fraction(1)}
    while now:
        after: dict[tuple[State, int, int], Any] = {}
        for (z, rounds, rejections), start in now.items():
            listed = order(z)[:window]
            for tokens in itertools.product(range(d), repeat=len(listed)):
                mass = start
                for i, v in zip(listed, tokens, strict=True):
                    mass = mass * conditional(z, i, v)
                if mass:
                    for x, refused, p in _verify(found, conditional, order, z, listed, tokens, mass, d, correct):
                        _add(after, (x, rounds + 1, rejections + refused), p)
        for key, mass in after.items():
            if not reference.masked(key[0], d):
                _add(found.joint, key, mass)
        now = {key: mass for key, mass in after.items() if reference.masked(key[0], d)}
    return found


def _verify(
    found: Outcome,
    conditional: Conditional,
    order: Order,
    z: State,
    listed: Sequence[int],
    tokens: Sequence[int],
    mass: Any,
    d: int,
    correct: Residual,
) -> Iterator[tuple[State, int, Any]]:
    x = z
    for i, v in zip(listed, tokens, strict=True):
        target = order(x)[0]
        q = [conditional(x, target, w) for w in range(d)]
        if target != i:
            found.mismatches += mass
            found.variation += mass
            yield from ((reference.with_token(x, target, w), 1, mass * q[w]) for w in range(d) if q[w])
            return
        p = [conditional(z, i, w) for w in range(d)]
        rest = [max(0, b - a) for a, b in zip(p, q, strict=True)]
        refused = mass * (1 - min(1, q[v] / p[v]))
        found.coins += refused
        found.variation += mass * sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
        if refused:
            law = [r / sum(rest) for r in rest] if correct == "residual" else q
            yield from ((reference.with_token(x, i, w), 1, refused * law[w]) for w in range(d) if law[w])
        mass = mass - refused
        if not mass:
            return
        x = reference.with_token(x, i, v)
    yield x, 0, mass


def _add(law: dict[Any, Any], key: Any, mass: Any) -> None:
    law[key] = law.get(key, 0) + mass


def _dot(left: Vector, right: Vector) -> float:
    return math.fsum(a * b for a, b in zip(left, right, strict=True))
