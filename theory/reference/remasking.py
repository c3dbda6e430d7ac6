"""Remasking written out literally: every draft, every next state, every order of drawing, every label. Slow.

A state is a tuple of tokens, d the mask; any number type, so that `Fraction` conditionals give exact laws. Nothing
here is shared with the engine.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Conditional, Law, State

Fill = Callable[[State], Iterable[tuple[State, Any]]]
"""From a state to completed drafts with their chances."""

Weights = Callable[[State], Sequence[Any]]
"""From a draft to the Plackett-Luce weight of each position."""

LogLoss = Callable[[State, int, bool], float]
"""From a draft, a position and its label to a loss."""


def independent(conditional: Conditional, d: int) -> Fill:
    """Return the fill that draws every masked token by itself; visible tokens are carried over."""

    def fill(z: State) -> Iterator[tuple[State, Any]]:
        for y in reference.sequences(len(z), d):
            if reference.agrees(y, z, d):
                yield y, math.prod(conditional(z, i, y[i]) for i in reference.masked(z, d))

    return fill


def together(law: Law, d: int) -> Fill:
    """Return the fill that draws the masked tokens from their joint conditional."""

    def fill(z: State) -> Iterator[tuple[State, Any]]:
        context = reference.marginal(law, z, d)
        for y, q in law.items():
            if reference.agrees(y, z, d):
                yield y, q / context

    return fill


def token_law(token: int, target: int, now: Any, after: Any, sigma: Any, d: int) -> dict[int, Any]:
    """Return ReMDM's q(z_s | z_t, x) at one position, the two cases as printed in arXiv 2503.00307."""
    if token != d:
        return {target: 1 - sigma, d: sigma}
    shown = (after - (1 - sigma) * now) / (1 - now)
    return {target: shown, d: (1 - after - sigma * now) / (1 - now)}


def corrector_law(token: int, target: int, alpha: Any, sigma: Any, d: int) -> dict[int, Any]:
    """Return the corrector of Thm 4.1 at one position, the two cases as printed in arXiv 2503.00307."""
    if token != d:
        return {target: 1 - sigma, d: sigma}
    return {target: sigma * alpha / (1 - alpha), d: (1 - (1 + sigma) * alpha) / (1 - alpha)}


def state_law(z: State, target: State, now: Any, after: Any, sigma: Any, d: int) -> Iterator[tuple[State, Any]]:
    """Yield q(z_s | z_t, x) over all next states, a product over positions."""
    rows = [token_law(a, b, now, after, sigma, d) for a, b in zip(z, target, strict=True)]
    for outcome in itertools.product(*(row.items() for row in rows)):
        yield tuple(token for token, _ in outcome), math.prod(p for _, p in outcome)


def posterior_step(law: Law, fill: Fill, now: Any, after: Any, sigma: Any, d: int) -> dict[State, Any]:
    """Return the law of the next state, summed over states, drafts and the posterior's outcomes."""
    found: dict[State, Any] = {}
    for z, mass in law.items():
        for y, chance in fill(z):
            for state, p in state_law(z, y, now, after, sigma, d):
                found[state] = found.get(state, 0) + mass * chance * p
    return {state: p for state, p in found.items() if p}


def draft_law(law: Law, fill: Fill) -> dict[State, Any]:
    """Return the law of the completed draft."""
    found: dict[State, Any] = {}
    for z, mass in law.items():
        for y, chance in fill(z):
            found[y] = found.get(y, 0) + mass * chance
    return found


def counted_step(
    law: Law, fill: Fill, weights: Weights, counts: Mapping[int, Any], d: int, greatest: bool = False
) -> dict[State, Any]:
    """Return the law after filling all masks and masking N drawn positions, N from `counts`.

    They are drawn one after the other with the weights, or with `greatest` they are those of the greatest weights.
    """
    draw = greatest_law if greatest else subset_law
    found: dict[State, Any] = {}
    for y, mass in draft_law(law, fill).items():
        for count, share in counts.items():
            for subset, p in draw(weights(y), count).items():
                state = tuple(d if i in subset else token for i, token in enumerate(y))
                found[state] = found.get(state, 0) + mass * share * p
    return found


def subset_law(weights: Sequence[Any], count: int) -> dict[frozenset[int], Any]:
    """Return the law of the first `count` draws without replacement, by all orders (Plackett-Luce)."""
    found: dict[frozenset[int], Any] = {}
    for order in itertools.permutations(range(len(weights)), count):
        left, p = set(range(len(weights))), 1
        for i in order:
            p = p * weights[i] / sum(weights[j] for j in left)
            left.remove(i)
        found[frozenset(order)] = found.get(frozenset(order), 0) + p
    return found


def greatest_law(scores: Sequence[Any], count: int) -> dict[frozenset[int], Fraction]:
    """Return the law of the `count` greatest scores, all orders among ties equally likely."""
    found: dict[frozenset[int], int] = {}
    for order in itertools.permutations(range(len(scores))):
        if all(scores[a] >= scores[b] for a, b in itertools.pairwise(order)):
            key = frozenset(order[:count])
            found[key] = found.get(key, 0) + 1
    total = sum(found.values())
    return {subset: Fraction(ways, total) for subset, ways in found.items()}


def error_table(law: Law, fill: Fill, mask_weights: Sequence[Any], n: int, d: int) -> dict[State, list[Any]]:
    """Return P(x^_i differs from x_i | x^) by its definition: every original, masked set, draft and label.

    `mask_weights[m]` is the chance of each set of m masked positions.
    """
    seen: dict[State, Any] = {}
    wrong: dict[State, list[Any]] = {}
    for x, q in law.items():
        for flags in itertools.product((False, True), repeat=n):
            z = tuple(d if masked else token for token, masked in zip(x, flags, strict=True))
            for y, chance in fill(z):
                mass = q * mask_weights[sum(flags)] * chance
                seen[y] = seen.get(y, 0) + mass
                row = wrong.setdefault(y, [0] * n)
                wrong[y] = [row[i] + mass * (y[i] != x[i]) for i in range(n)]
    return {y: [e / seen[y] for e in row] for y, row in wrong.items() if seen[y]}


def noised(x: State, alpha: Any, d: int) -> Iterator[tuple[State, Any]]:
    """Yield q(z | x), each token shown with chance alpha."""
    for flags in itertools.product((False, True), repeat=len(x)):
        z = tuple(d if masked else token for token, masked in zip(x, flags, strict=True))
        yield z, math.prod(1 - alpha if masked else alpha for masked in flags)


def noised_law(law: Law, alpha: Any, d: int) -> dict[State, Any]:
    """Return the law of the noised data: each token of x from the law shown with chance alpha."""
    found: dict[State, Any] = {}
    for x, q in law.items():
        for z, p in noised(x, alpha, d):
            if p:
                found[z] = found.get(z, 0) + q * p
    return found


def label_loss(law: Law, fill: Fill, mask_weights: Sequence[Any], log_loss: LogLoss, n: int, d: int) -> float:
    """Return a predictor's expected loss by its definition: every original, masked set, draft and label.

    `log_loss(y, i, e)` is its loss at position i of the draft y under the label e.
    """
    terms = []
    for x, q in law.items():
        for flags in itertools.product((False, True), repeat=n):
            z = tuple(d if masked else token for token, masked in zip(x, flags, strict=True))
            for y, chance in fill(z):
                mass = float(q * mask_weights[sum(flags)] * chance)
                terms += [mass * log_loss(y, i, y[i] != x[i]) for i in range(n)] if mass else []
    return math.fsum(terms)


def errors_by_draft(law: Law, fill: Fill, mask_weights: Sequence[Any], n: int, d: int) -> Any:
    """Return the expected number of tokens of a training draft that differ from the original, by counting them."""
    total: Any = 0
    for x, q in law.items():
        for flags in itertools.product((False, True), repeat=n):
            z = tuple(d if masked else token for token, masked in zip(x, flags, strict=True))
            for y, chance in fill(z):
                total += q * mask_weights[sum(flags)] * chance * sum(a != b for a, b in zip(x, y, strict=True))
    return total


def refined_law(
    fill: Fill, weights: Weights, steps: int, first: int, n: int, d: int, greatest: bool = False
) -> dict[State, Any]:
    """Return the output of refinement on a uniform grid of T = `steps` steps, in the number type of the fill.

    Masked diffusion up to step `first`; from then on all masks are filled and ceil((1 - k / T) n) positions masked.
    """
    law: dict[State, Any] = {(d,) * n: Fraction(1)}
    for k in range(steps):
        if k < first:
            now, after = Fraction(k, steps), Fraction(k + 1, steps)
            law = posterior_step(law, fill, now, after, Fraction(0), d)
        else:
            count = -((-n * (steps - k - 1)) // steps)
            law = counted_step(law, fill, weights, {count: Fraction(1)}, d, greatest)
    return law


def divergence_bound(x: State, fill: Fill, steps: Iterable[tuple[Any, Any, Any]], d: int) -> float:
    """Return the bound on -ln p(x): E KL(q(z' | z, x) || p(z' | z)) over states, a sum over (now, after, sigma)."""
    total = 0.0
    for now, after, sigma in steps:
        for z, mass in noised(x, now, d):
            model = posterior_step({z: 1.0}, fill, now, after, sigma, d)
            for state, p in state_law(z, x, now, after, sigma, d):
                if mass > 0 and p > 0:
                    total += mass * p * math.log(p / model[state])
    return total


def output_law(fill: Fill, steps: Iterable[tuple[Any, Any, Any]], n: int, d: int) -> dict[State, Any]:
    """Return the law of the sampled states after all posterior steps, from all masks."""
    law: dict[State, Any] = {(d,) * n: 1}
    for now, after, sigma in steps:
        law = posterior_step(law, fill, now, after, sigma, d)
    return law


def confident_law(
    conditional: Conditional, steps: Iterable[tuple[float, float, float]], n: int, d: int
) -> dict[State, float]:
    """Return the law of ReMDM-conf's states: paths carry psi, the probability of each token when it was revealed."""
    paths: dict[tuple[State, tuple[float, ...]], float] = {((d,) * n, (math.inf,) * n): 1.0}
    for now, after, sigma in steps:
        moved: dict[tuple[State, tuple[float, ...]], float] = {}
        for (z, psi), mass in paths.items():
            shown = [i for i in range(n) if z[i] != d]
            total = math.fsum(math.exp(-psi[i]) for i in shown)
            options = []
            for i in range(n):
                if i in shown:
                    s = sigma * math.exp(-psi[i]) / total
                    options.append([(z[i], psi[i], 1 - s), (d, math.inf, s)])
                else:
                    r = (after - now) / (1 - now)
                    tokens = [(v, float(conditional(z, i, v))) for v in range(d)]
                    options.append([*((v, p, r * p) for v, p in tokens), (d, math.inf, 1 - r)])
            for outcome in itertools.product(*options):
                key = (tuple(v for v, _, _ in outcome), tuple(p for _, p, _ in outcome))
                moved[key] = moved.get(key, 0.0) + mass * math.prod(p for _, _, p in outcome)
        paths = {key: p for key, p in moved.items() if p > 0}
    found: dict[State, float] = {}
    for (z, _), mass in paths.items():
        found[z] = found.get(z, 0.0) + mass
    return found
