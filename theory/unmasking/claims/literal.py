"""What the claims on rules compare the engines with: rules, paths and nodes written out, in fractions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.tolerance import SLACK
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import TableWorld

Node = tuple[float, float, float, float]
"""Model error, joint dependence error, sum of entropies minus the largest, entropy of the rest given the largest."""


def literal(rule: SetRule) -> reference_paths.LiteralRule:
    """Return the same rule written out over rows of Python numbers. Raises InvalidInput for a rule not written out."""
    match rule:
        case RandomOne():
            return reference_paths.random_one
        case TopK(k, by):
            return reference_paths.top_k(k, by)
        case EntropyBounded(budget, by):
            return reference_paths.entropy_bounded(budget, by)
        case LeftToRight(k):
            return lambda rows: [(1, tuple(sorted(rows)[:k]))]
        case Threshold(limit, by):
            return _threshold(limit, by)
        case Dilated(stride):
            return _dilated(stride)
    raise InvalidInput(f"rule {rule.name!r} is not written out; expected one of the set rules of rules.sets")


def exact_conditionals(world: TableWorld, denoiser: TableDenoiser | None) -> reference.Conditional:
    """Return a denoiser's conditionals in fractions, the world's own unless a denoiser is given."""
    return reference.exact_conditionals(world if denoiser is None else denoiser)


def paths(world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule) -> list[reference_paths.Path]:
    """Return every path of the rule in fractions, under the true conditionals unless a denoiser is given."""
    model = exact_conditionals(world, denoiser)
    return list(reference_paths.paths(reference.exact(world), model, literal(rule), world.n, world.d))


def calls(found: Sequence[reference_paths.Path], data: bool = False) -> Fraction:
    """Return E[NFE], the mean number of blocks of a path, under the sampler or under the data."""
    return sum(((p.data if data else p.sampler) * Fraction(len(p.partition)) for p in found), Fraction(0))


def several(found: Sequence[reference_paths.Path]) -> Fraction:
    """Return the expected number of blocks of two tokens or more, under the data."""
    return sum((p.data * Fraction(sum(len(b) > 1 for b in p.partition)) for p in found), Fraction(0))


def nodes(world: TableWorld, denoiser: TableDenoiser | None, rule: SetRule) -> dict[reference.State, Node]:
    """Return what the rule's step costs at every state that the data can reach, a mean over the rule's choices."""
    law, model, d, choose = reference.exact(world), exact_conditionals(world, denoiser), world.d, literal(rule)
    found: dict[reference.State, Node] = {}
    waiting = [(d,) * world.n]
    while waiting:
        z = waiting.pop()
        if z in found or not reference.masked(z, d):
            continue
        parts = []
        for weight, block in choose(reference_paths.rows_at(model, z, d)):
            gap, dependence, bound = reference_paths.node_errors(law, model, z, block, d)
            parts.append([float(weight) * v for v in (gap, dependence, bound, entropy_of_the_rest(law, z, block, d))])
            waiting += {_shown(z, x, block) for x in law if reference.agrees(x, z, d)}
        found[z] = tuple(math.fsum(column) for column in zip(*parts, strict=True))  # type: ignore[assignment]  # four
    return found


def entropy_of_the_rest(law: reference.Law, z: reference.State, block: Sequence[int], d: int) -> float:
    """Return H(X_A | X_a, z), a the position of a block A of largest entropy given z."""
    given = conditioned(law, z, d)
    largest = max(block, key=lambda i: reference.subset_entropy(given, [i]))
    return reference.subset_entropy(given, block) - reference.subset_entropy(given, [largest])


def conditioned(law: reference.Law, z: reference.State, d: int) -> dict[reference.State, Any]:
    """Return the law of the sequences that show the revealed tokens of z."""
    context = reference.marginal(law, z, d)
    return {x: p / context for x, p in law.items() if reference.agrees(x, z, d)}


def peeking(model: reference.Conditional, x: reference.State, d: int) -> Fraction:
    """Return the product along the position whose *hidden* token is likeliest, time after time: no rule may do this."""
    z, product = (d,) * len(x), Fraction(1)
    while hidden := reference.masked(z, d):
        i = max(hidden, key=lambda i: model(z, i, x[i]))
        product *= model(z, i, x[i])
        z = reference.with_token(z, i, x[i])
    return product


def sample_then_select(rows: Sequence[Sequence[Fraction]]) -> dict[reference.State, Fraction]:
    """Return the law of revealing, step by step, the independent bit whose drawn token is the most probable one."""
    now: dict[reference.State, Fraction] = {(2,) * len(rows): Fraction(1)}
    for _ in rows:
        after: dict[reference.State, Fraction] = {}
        for z, mass in now.items():
            hidden = reference.masked(z, 2)
            for tokens in reference.sequences(len(hidden), 2):
                chances = [rows[i][v] for i, v in zip(hidden, tokens, strict=True)]
                k = max(range(len(hidden)), key=lambda k: (chances[k], -k))
                x = reference.with_token(z, hidden[k], tokens[k])
                after[x] = after.get(x, Fraction(0)) + mass * math.prod(chances, start=Fraction(1))
        now = after
    return now


def listed(law: Mapping[reference.State, Any], world: TableWorld) -> list[float]:
    """Return a law as floats in the order of a world's table."""
    return [float(law.get(x, 0)) for x in reference.sequences(world.n, world.d)]


def _threshold(limit: float, by: str) -> reference_paths.LiteralRule:
    def rule(rows: reference_paths.Rows) -> list[tuple[Any, reference_paths.Block]]:
        error = {i: reference_paths.proxy_error(rows[i], by) * SLACK for i in rows}
        most = min(rows, key=lambda i: (error[i], i))
        return [(1, tuple(i for i in sorted(rows) if i == most or error[i] <= limit + SLACK * max(1.0, abs(limit))))]

    return rule


def _dilated(stride: int) -> reference_paths.LiteralRule:
    def steps() -> Iterator[int]:
        step = stride
        while step >= 1:
            yield step
            step //= 2

    def rule(rows: reference_paths.Rows) -> list[tuple[Any, reference_paths.Block]]:
        return [(1, next(b for step in steps() if (b := tuple(i for i in sorted(rows) if i % step == 0))))]

    return rule


def _shown(z: reference.State, x: reference.State, block: Sequence[int]) -> reference.State:
    return tuple(x[i] if i in block else v for i, v in enumerate(z))
