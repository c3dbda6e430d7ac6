"""DUEL written out literally: the sampler, LOGLIK, all ordered partitions, all orders, V(z). Any number type.

Turok et al., arXiv 2603.01367, Algorithms 1 and 2. A rule F is a function from states to tuples of positions.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Conditional, Law, State
from theory.reference.samplers import Partition, ordered_partitions

Blocks = Callable[[State], tuple[int, ...]]


def probability(denoiser: Conditional, rule: Blocks, x: State, d: int, within: bool = False) -> tuple[Any, int]:
    """Return LOGLIK's product and its calls; `within` scores a part's tokens one after the other instead."""
    z, product, calls = (d,) * len(x), 1, 0
    while reference.masked(z, d):
        block, calls = rule(z), calls + 1
        seen = z
        for i in block:
            product = product * denoiser(seen, i, x[i])
            z = reference.with_token(z, i, x[i])
            seen = z if within else seen
    return product, calls


def sampler(denoiser: Conditional, rule: Blocks, n: int, d: int) -> dict[tuple[State, int], Any]:
    """Return the law of (state, denoiser calls so far) over everything Algorithm 1 visits, forwards."""
    visited: dict[tuple[State, int], Any] = {}
    now: dict[State, Any] = {(d,) * n: 1}
    for calls in range(n + 1):
        visited.update({(z, calls): mass for z, mass in now.items()})
        after: dict[State, Any] = {}
        for z, mass in now.items():
            if not reference.masked(z, d):
                continue
            block = rule(z)
            for tokens in itertools.product(range(d), repeat=len(block)):
                x, p = z, mass
                for i, v in zip(block, tokens, strict=True):
                    x, p = reference.with_token(x, i, v), p * denoiser(z, i, v)
                after[x] = after.get(x, 0) + p
        now = after
    return visited


def data_visits(law: Law, rule: Blocks, n: int, d: int) -> dict[State, Any]:
    """Return the probability that teacher forcing on the data visits each state with masks left."""
    visited: dict[State, Any] = {}
    for x, q in law.items():
        z = (d,) * n
        while reference.masked(z, d):
            visited[z] = visited.get(z, 0) + q
            for i in rule(z):
                z = reference.with_token(z, i, x[i])
    return visited


def all_partitions(n: int) -> Iterator[Partition]:
    """Yield every ordered partition of 0..n-1 into nonempty parts."""
    for cuts in itertools.chain.from_iterable(itertools.combinations(range(1, n), k) for k in range(n)):
        nodes = [0, *cuts, n]
        yield from ordered_partitions(n, [b - a for a, b in itertools.pairwise(nodes)])


def follows(partition: Partition, rule: Blocks, x: State, d: int, loosely: bool = False) -> bool:
    """Return whether sigma_t = F(x_<sigma_t) for all t; `loosely` accepts any subset of F's set."""
    z = (d,) * len(x)
    for part in partition:
        wanted = set(rule(z))
        if not (set(part) <= wanted if loosely else set(part) == wanted):
            return False
        for i in part:
            z = reference.with_token(z, i, x[i])
    return True


def order_probabilities(denoiser: Conditional, x: State, d: int) -> dict[State, Any]:
    """Return the probability of x along every singleton order."""
    found = {}
    for order in itertools.permutations(range(len(x))):
        z, product = (d,) * len(x), 1
        for i in order:
            product = product * denoiser(z, i, x[i])
            z = reference.with_token(z, i, x[i])
        found[order] = product
    return found


def conditional_total_correlation(law: Law, z: State, block: Sequence[int], d: int) -> float:
    """Return TC(X_block | z) = sum_i H(X_i | z) - H(X_block | z) in nats."""
    context = reference.marginal(law, z, d)
    given = {x: q / context for x, q in law.items() if reference.agrees(x, z, d)}
    return math.fsum(reference.subset_entropy(given, [i]) for i in block) - reference.subset_entropy(given, block)


def least_cost(law: Law, denoiser: Conditional, n: int, d: int, price: float, largest: int) -> float:
    """Return W(all masked) = min over sets of price + E_q[-ln p(x_A | z) + W(z + x_A)], by recursion: nats.

    With price 0 and largest 1 this is -V of DUEL; it exceeds the path KL by H(q).
    """
    known: dict[State, float] = {}

    def ahead(z: State) -> float:
        hidden = reference.masked(z, d)
        if not hidden or reference.marginal(law, z, d) == 0:
            return 0.0
        if z not in known:
            sizes = range(1, min(largest, len(hidden)) + 1)
            sets = itertools.chain.from_iterable(itertools.combinations(hidden, size) for size in sizes)
            known[z] = min(price + step(z, block) for block in sets)
        return known[z]

    def step(z: State, block: tuple[int, ...]) -> float:
        terms, context = [], reference.marginal(law, z, d)
        for tokens in itertools.product(range(d), repeat=len(block)):
            x = z
            for i, v in zip(block, tokens, strict=True):
                x = reference.with_token(x, i, v)
            share = reference.marginal(law, x, d) / context
            if share > 0:
                drawn = math.prod(denoiser(z, i, v) for i, v in zip(block, tokens, strict=True))
                terms.append(float(share) * (ahead(x) - math.log(drawn)))
        return math.fsum(terms)

    return ahead((d,) * n)
