"""The two samplers written out literally: every partition, every chain of states, every path.

Slow and small on purpose; any number type, so that `Fraction` laws give exact laws. `fixed size`: sizes
s_1..s_K and a uniformly random ordered partition. `per token`: at step k each masked token is revealed
with probability r_k. Revealed tokens are drawn independently from the denoiser's conditionals.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from theory.reference import laws as reference
from theory.reference.laws import Law, State

Denoiser = Callable[[State, int, int], Any]
Partition = tuple[tuple[int, ...], ...]


def oracle(law: Law, d: int) -> Denoiser:
    """Return the exact conditionals of a law, remembered between calls."""
    known: dict[tuple[State, int, int], Any] = {}

    def conditional(z: State, i: int, v: int) -> Any:
        if (z, i, v) not in known:
            known[z, i, v] = reference.conditional(law, z, i, v, d)
        return known[z, i, v]

    return conditional


def exact(source: Any) -> Denoiser:
    """Return the conditionals of a small world, or those of a table, in fractions.

    `source` has n and d, and either `log_p`, log-conditionals of all states in index order, or what `reference.exact`
    takes. The rows of a table are divided by their sums, so that they sum to one exactly; they are the table's up to
    the rounding of its logarithms.
    """
    n, d = source.n, source.d
    if not hasattr(source, "log_p"):
        return oracle(reference.exact(source), d)
    table: dict[tuple[State, int], list[Fraction]] = {}
    for z, rows in zip(reference.states(n, d), source.log_p.exp().tolist(), strict=True):
        for i in reference.masked(z, d):
            row = [Fraction(p) for p in rows[i]]
            table[z, i] = [p / sum(row) for p in row]
    return lambda z, i, v: table[z, i][v]


def floats(world: Any) -> Denoiser:
    """Return the conditionals of a small world in floats."""
    return oracle(reference.floats(world), world.d)


def ordered_partitions(n: int, sizes: Sequence[int]) -> Iterator[Partition]:
    """Yield every ordered partition of the positions 0..n-1 into blocks of the given sizes."""

    def extend(rest: tuple[int, ...], k: int) -> Iterator[Partition]:
        if k == len(sizes):
            yield ()
            return
        for block in itertools.combinations(rest, sizes[k]):
            left = tuple(i for i in rest if i not in block)
            for tail in extend(left, k + 1):
                yield (block, *tail)

    return extend(tuple(range(n)), 0)


def partition_law(denoiser: Denoiser, partition: Partition, n: int, d: int) -> dict[State, Any]:
    """Return nu_S, the output law given the ordered partition S."""
    result = {}
    for x in reference.sequences(n, d):
        z, probability = (d,) * n, 1
        for block in partition:
            for i in block:
                probability = probability * denoiser(z, i, x[i])
            for i in block:
                z = reference.with_token(z, i, x[i])
        result[x] = probability
    return result


def mixture(laws: Sequence[tuple[Any, dict[State, Any]]]) -> dict[State, Any]:
    """Return the weighted sum of laws."""
    total: dict[State, Any] = {}
    for weight, law in laws:
        for x, p in law.items():
            total[x] = total.get(x, 0) + weight * p
    return total


def fixed_size_law(denoiser: Denoiser, sizes: Sequence[int], n: int, d: int) -> dict[State, Any]:
    """Return the mixed law, the mean of nu_S over all ordered partitions."""
    parts = list(ordered_partitions(n, sizes))
    return mixture([(Fraction(1, len(parts)), partition_law(denoiser, s, n, d)) for s in parts])


def fixed_size_error(law: Law, denoiser: Denoiser, sizes: Sequence[int], n: int, d: int) -> float:
    """Return E(s), the mean of KL(mu || nu_S) over all ordered partitions."""
    parts = list(ordered_partitions(n, sizes))
    errors = [reference.kullback_leibler(law, partition_law(denoiser, s, n, d)) for s in parts]
    return math.fsum(errors) / len(parts)


def chain_law(denoiser: Denoiser, reveal: Sequence[Any], n: int, d: int) -> dict[State, Any]:
    """Return the per-token sampler's output law, one sweep over all states and their successors a step."""
    now: dict[State, Any] = {(d,) * n: 1}
    for r in reveal:
        after: dict[State, Any] = {}
        for z, mass in now.items():
            for x, p in successors(denoiser, z, r, d):
                after[x] = after.get(x, 0) + mass * p
        now = after
    return now


def successors(denoiser: Denoiser, z: State, r: Any, d: int) -> Iterator[tuple[State, Any]]:
    """Yield every state reachable from z in one step with its probability."""
    hidden = reference.masked(z, d)
    for tokens in itertools.product(range(d + 1), repeat=len(hidden)):
        x, p = z, 1
        for i, v in zip(hidden, tokens, strict=True):
            p = p * ((1 - r) if v == d else r * denoiser(z, i, v))
            x = reference.with_token(x, i, v)
        if p != 0:
            yield x, p


def uniform_times_law(denoiser: Denoiser, grid: Sequence[Any], n: int, d: int) -> dict[State, Any]:
    """Return the per-token law by the U-representation: token i is revealed in the cell that holds U_i."""
    widths = [b - a for a, b in itertools.pairwise(grid)]
    parts = []
    for cells in itertools.product(range(len(widths)), repeat=n):
        weight = math.prod(widths[k] for k in cells)
        partition = tuple(tuple(i for i in range(n) if cells[i] == k) for k in range(len(widths)))
        parts.append((weight, partition_law(denoiser, partition, n, d)))
    return mixture(parts)


def path_divergence(law: Law, denoiser: Denoiser, reveal: Sequence[Any], n: int, d: int) -> float:
    """Return the KL between paths z_0..z_K that reveal true tokens and paths that reveal drawn ones.

    Under the data the revealed tokens come from their true *joint* conditional given z.
    """
    paths: dict[tuple[State, ...], tuple[float, float]] = {((d,) * n,): (1.0, 1.0)}
    for r in reveal:
        longer: dict[tuple[State, ...], tuple[float, float]] = {}
        for path, (true, drawn) in paths.items():
            z = path[-1]
            for x, p in successors(denoiser, z, r, d):
                count = len(reference.masked(z, d)) - len(reference.masked(x, d))
                kept = len(reference.masked(x, d))
                joint = reference.marginal(law, x, d) / reference.marginal(law, z, d) if true > 0 else 0
                step = float(joint) * float(r) ** count * (1 - float(r)) ** kept
                longer[(*path, x)] = (true * step, drawn * float(p))
        paths = longer
    return math.fsum(t * math.log(t / s) for t, s in paths.values() if t > 0)
