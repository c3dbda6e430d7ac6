"""Info-Gain with several positions a step and its bypass, written out from the pseudocode: the torch rules' reference.

One state at a time, dictionaries over any number type; actions, orders of drawing and vectors of candidates
are listed one by one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

from theory.reference import laws as reference
from theory.reference import lookahead as reference_lookahead
from theory.reference.laws import Conditional, State
from theory.reference.lookahead import Row, likely, row
from theory.tolerance import SLACK

Law = dict[State, Any]
Step = Callable[[State], Law]


def with_block(z: State, block: Sequence[int], tokens: Sequence[int]) -> State:
    """Return z with tokens revealed at the positions of a block."""
    for i, v in zip(block, tokens, strict=True):
        z = reference.with_token(z, i, v)
    return z


def block_cost(denoiser: Conditional, z: State, block: Sequence[int], d: int) -> float:
    """Return the sum of the block's entropies in nats."""
    return math.fsum(reference.entropy(row(denoiser, z, i, d)) for i in block)


def block_value(
    denoiser: Conditional, z: State, block: Sequence[int], tokens: Sequence[int], d: int, form: str
) -> float:
    """Return J of revealing a block with its tokens."""
    after = reference_lookahead.uncertainty(denoiser, with_block(z, block, tokens), d, form)
    gain = reference_lookahead.uncertainty(denoiser, z, d, form) - after
    return gain if form == "look-ahead" else gain - block_cost(denoiser, z, block, d)


def permitted_blocks(z: State, d: int, k: int) -> list[tuple[int, ...]]:
    """Return all k-subsets of the masked positions; all of these at once where they are at most k."""
    hidden = reference.masked(z, d)
    return list(itertools.combinations(hidden, min(k, len(hidden))))


def expected_value(denoiser: Conditional, z: State, block: Sequence[int], d: int, form: str) -> float:
    """Return the expectation of J over independently drawn tokens."""
    rows = [row(denoiser, z, i, d) for i in block]
    drawn = [t for t in itertools.product(range(d), repeat=len(block)) if _chance(rows, t) > 0]
    return math.fsum(float(_chance(rows, t)) * block_value(denoiser, z, block, t, d, form) for t in drawn)


def best_block(denoiser: Conditional, z: State, d: int, k: int, form: str, tokens: str) -> tuple[int, ...]:
    """Return the block of the best objective, the first in lexicographic order where several are."""

    def value(block: tuple[int, ...]) -> float:
        if tokens == "drawn":
            return expected_value(denoiser, z, block, d, form)
        top = [likely(row(denoiser, z, i, d)) for i in block]
        return block_value(denoiser, z, block, top, d, form)

    return max(permitted_blocks(z, d, k), key=lambda b: (round(value(b) / SLACK), [-i for i in b]))


def bypassed(denoiser: Conditional, z: State, d: int, k: int, level: float | None) -> State | None:
    """Return the state after the bypass: up to k positions of top probability >= level; None where there is none."""
    top = {i: float(max(row(denoiser, z, i, d))) for i in reference.masked(z, d)}
    if level is None or level > 1 or max(top.values()) < level - SLACK:
        return None
    sure = sorted((i for i in top if top[i] >= level - SLACK), key=lambda i: (round(-top[i] / SLACK), i))[:k]
    return with_block(z, sure, [likely(row(denoiser, z, i, d)) for i in sure])


def info_gain_step(
    denoiser: Conditional, z: State, d: int, form: str, tokens: str, k: int = 1, level: float | None = None
) -> Law:
    """Return the law of the next state when all blocks are candidates."""
    sure = bypassed(denoiser, z, d, k, level)
    if sure is not None:
        return {sure: 1}
    block = best_block(denoiser, z, d, k, form, tokens)
    rows = [row(denoiser, z, i, d) for i in block]
    if tokens == "argmax":
        return {with_block(z, block, [likely(p) for p in rows]): 1}
    return {with_block(z, block, t): _chance(rows, t) for t in itertools.product(range(d), repeat=len(block))}


def successive_draws(weights: dict[int, float], k: int) -> dict[tuple[int, ...], float]:
    """Return the law of the sorted set of k positions drawn one by one without replacement, draw by draw."""
    if k == 0 or not weights:
        return {(): 1.0}
    found: dict[tuple[int, ...], float] = {}
    for i, w in weights.items():
        rest = {j: u for j, u in weights.items() if j != i}
        for block, p in successive_draws(rest, k - 1).items():
            key = tuple(sorted((i, *block)))
            found[key] = found.get(key, 0.0) + w / math.fsum(weights.values()) * p
    return found


def sampled_step(
    denoiser: Conditional,
    z: State,
    d: int,
    form: str,
    count: int,
    tau_position: float,
    tau_token: float,
    greedy: bool = False,
    k: int = 1,
    level: float | None = None,
) -> Law:
    """Return the law of the next state under `count` drawn candidates, trust being minus the entropy."""
    sure = bypassed(denoiser, z, d, k, level)
    if sure is not None:
        return {sure: 1}
    rows = {i: row(denoiser, z, i, d) for i in reference.masked(z, d)}
    error = {i: reference.entropy(p) for i, p in rows.items()}
    cooled = {i: _powered(p, 1 / tau_token) for i, p in rows.items()}
    drawn = successive_draws({i: math.exp(-h / tau_position) for i, h in error.items()}, k)
    acts = [(b, t) for b in drawn for t in itertools.product(range(d), repeat=len(b))]
    proposal = [drawn[b] * _chance([cooled[i] for i in b], t) for b, t in acts]
    # an action of probability 0 is never drawn, and its state need not be possible
    values = [
        block_value(denoiser, z, b, t, d, form) if p > 0 else -math.inf
        for (b, t), p in zip(acts, proposal, strict=True)
    ]
    first = None
    if greedy:
        top = tuple(sorted(sorted(rows, key=lambda i: (round(error[i] / SLACK), i))[:k]))
        first = acts.index((top, tuple(likely(rows[i]) for i in top)))
    won = reference_lookahead.best_of_drawn(proposal, values, count, first)
    return {with_block(z, *a): p for a, p in zip(acts, won, strict=True)}


def run(step: Step, n: int, d: int) -> tuple[Law, float]:
    """Return the output law of a step repeated until nothing is masked, and the expected number of steps."""
    now: Law = {(d,) * n: 1.0}
    done: Law = {}
    steps = 0.0
    while now:
        after: Law = {}
        for z, mass in now.items():
            steps += mass
            for x, p in step(z).items():
                target = after if d in x else done
                target[x] = target.get(x, 0.0) + mass * float(p)
        now = {z: mass for z, mass in after.items() if mass > 0}
    return done, steps


def _chance(rows: Sequence[Row], tokens: Sequence[int]) -> Any:
    return math.prod(p[v] for p, v in zip(rows, tokens, strict=True))


def _powered(p: Row, power: float) -> Row:
    raised = [float(v) ** power for v in p]
    return tuple(v / math.fsum(raised) for v in raised)
