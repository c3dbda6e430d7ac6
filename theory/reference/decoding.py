"""The samplers that people run, written out: every draw of every masked position, in fractions and plain loops.

Temperatures are given as the power 1 / T to which probabilities are raised, a whole number that keeps fractions exact,
or None for temperature 0. A *step* maps a state to the law of the next state; `output` runs it to the end.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Conditional, Law, State

Step = Callable[[State], dict[State, Any]]
TokenRow = Callable[[Sequence[Any]], list[Any]]
Choose = Callable[[dict[int, list[Any]]], list[int]]
"""The conditionals of the positions that may be revealed, to the positions that are."""


def token_row(
    row: Sequence[Any], power: int | None = 1, top_k: int | None = None, nucleus: Any = None, above: bool = False
) -> list[Any]:
    """Return the law that a token is drawn from; with `above` the mass of the nucleus must exceed its share."""
    best = sorted(range(len(row)), key=lambda v: (-row[v], v))
    if power is None:
        return [Fraction(v == best[0]) for v in range(len(row))]
    kept = _normalised([p**power for p in row])
    if top_k is not None:
        least = sorted(kept, reverse=True)[min(top_k, len(row)) - 1]
        kept = _normalised([p if p >= least else 0 * p for p in kept])
    if nucleus is not None:
        inside: list[int] = []
        mass = Fraction(0)
        for v in best:
            if not inside or (mass <= nucleus if above else mass < nucleus):
                inside.append(v)
            mass += kept[v]
        kept = _normalised([p if v in inside else 0 * p for v, p in enumerate(kept)])
    return kept


def _normalised(row: Sequence[Any]) -> list[Any]:
    return [p / sum(row) for p in row]


def low_confidence(
    denoiser: Conditional, d: int, count: int, tokens: TokenRow = list, drawn: bool = True, worst: bool = False
) -> Step:
    """Return the step that draws a token at every masked position and keeps the `count` most probable draws.

    Probabilities are the denoiser's own; `drawn=False` takes those of the likeliest tokens and `worst` keeps the least
    probable draws.
    """

    def step(z: State) -> dict[State, Any]:
        rows = {i: [denoiser(z, i, v) for v in range(d)] for i in reference.masked(z, d)}
        law: dict[State, Any] = {}
        for values in itertools.product(range(d), repeat=len(rows)):
            y = dict(zip(rows, values, strict=True))
            chance: Any = 1
            for i, row in rows.items():
                chance = chance * tokens(row)[y[i]]
            trust = {i: row[y[i]] if drawn else max(row) for i, row in rows.items()}
            kept = sorted(rows, key=lambda i: (trust[i] if worst else -trust[i], i))[:count]
            after = tuple(y[i] if i in kept else v for i, v in enumerate(z))
            law[after] = law.get(after, 0) + chance
        return law

    return step


def blind(denoiser: Conditional, d: int, choose: Choose, tokens: TokenRow = list) -> Step:
    """Return the step of a rule that chooses positions by their conditionals, blind to the tokens that are drawn."""

    def step(z: State) -> dict[State, Any]:
        rows = {i: [denoiser(z, i, v) for v in range(d)] for i in reference.masked(z, d)}
        block, found = choose(rows), {z: 1}
        for i in block:
            law = tokens(rows[i])
            found = {
                reference.with_token(x, i, v): p * law[v] for x, p in found.items() for v in range(d) if law[v] > 0
            }
        return found

    return step


def most_confident(count: int) -> Choose:
    """Return the choice of the `count` positions with the largest probability of a token, smaller index first."""
    return lambda rows: sorted(rows, key=lambda i: (-max(rows[i]), i))[:count]


def in_blocks(step_within: Callable[[Conditional], Step], denoiser: Conditional, d: int, size: int, first: int) -> Step:
    """Return the step of a sampler that is run on the first block with masks, as if the sequence were that block.

    `step_within` makes the step of a sampler from the denoiser of the block's positions alone, numbered from 0.
    """

    def step(z: State) -> dict[State, Any]:
        places = next(block for block in blocks(len(z), size, first) if any(z[i] == d for i in block))

        def alone(part: State, i: int, v: int) -> Any:
            return denoiser(_filled(z, places, part), places[i], v)

        return {_filled(z, places, part): p for part, p in step_within(alone)(tuple(z[i] for i in places)).items()}

    return step


def blocks(n: int, size: int, first: int) -> list[list[int]]:
    """Return the positions before `first`, where there are any, and then blocks of `size` of them."""
    whole = [list(range(first))] if first else []
    return [*whole, *(list(range(start, min(start + size, n))) for start in range(first, n, size))]


def _filled(z: State, places: Sequence[int], part: State) -> State:
    tokens = list(z)
    for i, v in zip(places, part, strict=True):
        tokens[i] = v
    return tuple(tokens)


def padded(z: State, d: int, end: int, within: int | None = None, first: int = 0) -> State:
    """Return the state with end marks behind the first end mark that stops it."""
    for i in range(first, len(z)):
        until = i if within is None else first + ((i - first) // within + 1) * within
        if z[i] == end and d not in z[:until]:
            return (*z[: i + 1], *[end] * (len(z) - i - 1))
    return z


def stopped(step: Step, d: int, end: int, within: int | None = None, first: int = 0) -> Step:
    """Return the step that pads what another step leads to."""

    def both(z: State) -> dict[State, Any]:
        law: dict[State, Any] = {}
        for x, p in step(z).items():
            whole = padded(x, d, end, within, first)
            law[whole] = law.get(whole, 0) + p
        return law

    return both


def output(step: Step, start: State, d: int) -> tuple[dict[State, Any], Any]:
    """Return the law of the complete sequences and the expected number of steps."""
    now: dict[State, Any] = {start: Fraction(1)}
    done: dict[State, Any] = {}
    steps = Fraction(0)
    while now:
        after: dict[State, Any] = {}
        for z, mass in now.items():
            if d not in z:
                done[z] = done.get(z, 0) + mass
                continue
            steps += mass
            for x, p in step(z).items():
                if p != 0:
                    after[x] = after.get(x, 0) + mass * p
        now = after
    return done, steps


def pushed(law: Law, d: int, end: int, first: int = 0) -> dict[State, Any]:
    """Return the law of sequences padded behind their first end mark."""
    image: dict[State, Any] = {}
    for x, p in law.items():
        whole = padded(x, d, end, None, first)
        image[whole] = image.get(whole, 0) + p
    return image


def likely_path(denoiser: Conditional, start: State, d: int, choose: Choose) -> State:
    """Return where a rule leads that takes the likeliest token, the smallest in ties, at every chosen position."""
    z = start
    while d in z:
        rows = {i: [denoiser(z, i, v) for v in range(d)] for i in reference.masked(z, d)}
        block = choose(rows)
        z = tuple(rows[i].index(max(rows[i])) if i in block else v for i, v in enumerate(z))
    return z


def ones_law(n: int, chance: Any) -> list[Any]:
    """Return the law of a sum of independent bits, bit m = 1, ..., n with probability chance^m of a 1."""
    law: list[Any] = [1 + 0 * chance]
    for m in range(1, n + 1):
        p = chance**m
        law = [(1 - p) * a + p * b for a, b in zip([*law, 0], [0, *law], strict=True)]
    return law


def count_law(law: Law, token: int) -> list[Any]:
    """Return the law of the number of positions that show a token."""
    n = len(next(iter(law)))
    chances: list[Any] = [0] * (n + 1)
    for x, p in law.items():
        chances[sum(v == token for v in x)] += p
    return chances


def surprise_of_cut(
    law: Law, denoiser: Conditional, n: int, d: int, choose: Choose, tokens: TokenRow
) -> tuple[float, Any]:
    """Return KL(data || output) of a rule that reveals one position a step, and the mass of the data that is cut.

    Sequence by sequence: a value-free rule reaches x by one path only, whose probability is a product.
    """
    total, cut = 0.0, Fraction(0)
    for x, q in law.items():
        z, chance = (d,) * n, Fraction(1)
        while d in z:
            rows = {i: [denoiser(z, i, v) for v in range(d)] for i in reference.masked(z, d)}
            (i,) = choose(rows)
            chance *= tokens(rows[i])[x[i]]
            z = reference.with_token(z, i, x[i])
        cut += q if chance == 0 else 0
        total += math.inf if chance == 0 else float(q) * math.log(q / chance)
    return total, cut


def floats(law: Law, sequences: Iterable[State]) -> list[float]:
    """Return a law's probabilities in the order of the given sequences."""
    return [float(law.get(x, 0)) for x in sequences]
