"""Unmasking rules and their paths written out literally: the slow reference of the rules and of the walk.

A rule is a function from a state and its conditionals (rows of Python numbers, masked positions only) to
weighted blocks. Every ordered partition that the rule can produce is followed for every sequence. Works in
floats and, where the blocks do not depend on logarithms of them, in fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Conditional, Law, State
from theory.tolerance import SLACK

Rows = Mapping[int, Sequence[Any]]
Block = tuple[int, ...]
LiteralRule = Callable[[Rows], list[tuple[Any, Block]]]


@dataclass(frozen=True)
class Path:
    """One sequence revealed in one ordered partition: its probability under sampler and data, and its blocks."""

    x: State
    partition: tuple[Block, ...]
    sampler: Any
    data: Any


def entropy_bounded(budget: float, by: str = "entropy") -> LiteralRule:
    """Return EB by counting: sort, extend while the sum minus the largest entropy stays within the budget."""

    def rule(rows: Rows) -> list[tuple[Any, Block]]:
        order = sorted(rows, key=lambda i: (proxy_error(rows[i], by), i))
        best = 1
        for k in range(1, len(order) + 1):
            h = [reference.entropy(rows[i]) for i in order[:k]]
            if math.fsum(h) - max(h) > budget + SLACK * max(1, budget):
                break
            best = k
        return [(1, tuple(sorted(order[:best])))]

    return rule


def top_k(k: int, by: str = "confidence") -> LiteralRule:
    """Return Top-k by sorting."""
    return lambda rows: [(1, tuple(sorted(sorted(rows, key=lambda i: (proxy_error(rows[i], by), i))[:k])))]


def random_one(rows: Rows) -> list[tuple[Any, Block]]:
    """Return every single position with equal weight."""
    from fractions import Fraction

    return [(Fraction(1, len(rows)), (i,)) for i in rows]


def proxy_error(row: Sequence[Any], by: str) -> float:
    """Return the error proxy of one conditional, in whole slacks: minus confidence, entropy, or minus margin."""
    ranked = sorted((float(p) for p in row), reverse=True)
    if by == "confidence":
        return round(-ranked[0] / SLACK)
    if by == "margin":
        return round((ranked[1] - ranked[0]) / SLACK)
    return round(reference.entropy(row) / SLACK)


def paths(law: Law, denoiser: Conditional, rule: LiteralRule, n: int, d: int) -> Iterator[Path]:
    """Yield every path of every sequence, p_phi(x, z) of eq. (5) beside q_phi(x, z) of eq. (6)."""

    def follow(x: State, z: State, partition: tuple[Block, ...], sampler: Any, data: Any) -> Iterator[Path]:
        hidden = reference.masked(z, d)
        if not hidden:
            yield Path(x, partition, sampler, data)
            return
        for weight, block in rule(rows_at(denoiser, z, d)):
            after, drawn = z, 1
            for i in block:
                drawn = drawn * denoiser(z, i, x[i])
                after = reference.with_token(after, i, x[i])
            context = reference.marginal(law, z, d)
            joint = reference.marginal(law, after, d) / context if context > 0 else 0
            yield from follow(x, after, (*partition, block), sampler * weight * drawn, data * weight * joint)

    for x in reference.sequences(n, d):
        yield from follow(x, (d,) * n, (), 1, 1)


def rows_at(denoiser: Conditional, z: State, d: int) -> dict[int, list[Any]]:
    """Return the conditionals of the masked positions of z."""
    return {i: [denoiser(z, i, v) for v in range(d)] for i in reference.masked(z, d)}


def joint_divergence(found: Sequence[Path]) -> float:
    """Return KL(q_phi || p_phi) over sequences and partitions together."""
    return math.fsum(float(p.data) * math.log(p.data / p.sampler) for p in found if p.data > 0)


def output(found: Sequence[Path]) -> dict[State, Any]:
    """Return the sampler's output law."""
    law: dict[State, Any] = {}
    for path in found:
        law[path.x] = law.get(path.x, 0) + path.sampler
    return law


def node_errors(law: Law, denoiser: Conditional, z: State, block: Block, d: int) -> tuple[float, float, float]:
    """Return model error, joint dependence error and entropy bound of a block where q(z_UM) > 0."""
    context = reference.marginal(law, z, d)
    exact = {i: [reference.marginal(law, reference.with_token(z, i, v), d) / context for v in range(d)] for i in block}
    gap = math.fsum(float(q) * math.log(q / denoiser(z, i, v)) for i in block for v, q in enumerate(exact[i]) if q > 0)
    joint = []
    for values in reference.sequences(len(block), d):
        after = z
        for i, v in zip(block, values, strict=True):
            after = reference.with_token(after, i, v)
        joint.append(reference.marginal(law, after, d) / context)
    h = [reference.entropy(exact[i]) for i in block]
    return gap, math.fsum(h) - reference.entropy(joint), math.fsum(h) - max(h)
