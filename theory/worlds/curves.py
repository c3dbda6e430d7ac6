"""Information curves of worlds too long to enumerate: exactly on chains, by sampling with intervals elsewhere. Nats.

Z_j is the mean of I(X_i; X_S) over tokens i and sets S of j - 1 others (Chen, Cong, Li, arXiv 2511.04647).

*Chains.* Where every position is observed and has at most one child, the positions form paths, and the total
correlation of a set S is the sum of I(X_a; X_b) over pairs (a, b) of S on one path with no member of S between them.
A pair at distance g is such a pair of a uniformly random S, |S| = m, with probability C(n - g - 1, m - 2) / C(n, m), so
the mean total correlation is K_m = sum_g C(n - g - 1, m - 2) / C(n, m) i_g with i_g the sum of I(X_a; X_b) over all
pairs at distance g, and Z_j = K_j - K_(j-1) (Lemma 13: the entropies of single tokens cancel).

*Elsewhere* the mean over drawn x and random S of KL(q(x_i | x_S) || q(x_i)), averaged over all masked i by exact
conditionals: its mean is I(X_i; X_S), and no single term is negative.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.showing import Shown
from theory.worlds import information


@runtime_checkable
class Drawable(Protocol):
    """What sampling a curve asks of a world."""

    name: str
    n: int
    d: int

    def sample(self, count: int, generator: Generator | None = None) -> Tensor: ...

    def conditionals(self, z: Tensor) -> Tensor: ...


@runtime_checkable
class Forest(Protocol):
    """What an exact curve asks of a world on a forest, as `TreeWorld` says it."""

    name: str
    n: int
    d: int
    parents: list[int]
    observed: list[int]
    factors: list[Tensor]


STATES = 2**12
"""States whose conditionals are asked for in one call while a curve is sampled."""


@dataclass(frozen=True, repr=False, eq=False)
class SampledCurve(Shown):
    """An estimated information curve: the mean of each Z_j over independent sequences, with its standard error."""

    world: str
    mean: Float[Tensor, "n"]
    standard_error: Float[Tensor, "n"]
    samples: int

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the world
        """Return the world."""
        return f"information curve of {self.world}"

    def interval(self, widths: float = 1.96) -> tuple[Float[Tensor, "n"], Float[Tensor, "n"]]:
        """Return mean -+ `widths` standard errors, each count by itself."""
        return self.mean - widths * self.standard_error, self.mean + widths * self.standard_error

    def _facts(self) -> dict[str, object]:
        last = f"{float(self.mean[-1]):.4g} +- {float(self.standard_error[-1]):.1g}"
        return {"n": len(self.mean), "samples": self.samples, "Z_n (nats)": last}


def is_path(world: Forest) -> bool:
    """Return whether all nodes are observed and none has two children: the world is made of independent chains."""
    children = [parent for parent in world.parents if parent >= 0]
    return len(world.observed) == len(world.parents) and len(set(children)) == len(children)


def chain_curve(world: Forest) -> Float[Tensor, "n"]:
    """Return Z_1..Z_n of a world made of chains, in O(n^2) products of d x d matrices.

    The mean total correlations K_m are sums of nonnegative terms, taken in extended precision where the machine has it;
    each weight is a product of at most n rounded ratios, so K_m errs by at most 2 n eps K_m of that precision.
    Raises InvalidInput for a hidden or a branching node.
    """
    if not is_path(world):
        raise InvalidInput(f"{world.name} has hidden or branching nodes; use sampled_information_curve(samples)")
    shared = np.zeros(world.n + 1, dtype=np.longdouble)
    for distance, found in enumerate(_pair_informations(world), start=1):
        shared[distance] = float(found.clamp(min=0).sum())
    means = np.array([_mean_correlation(world.n, m, shared) for m in range(world.n + 1)], dtype=np.longdouble)
    return torch.from_numpy(np.diff(means).astype(float)).clamp(min=0)


def sampled_curve(world: Drawable, samples: int, generator: Generator | None = None) -> SampledCurve:
    """Estimate the curve of any world from `samples` drawn sequences, each revealed in a random order.

    Costs `samples` * n states of exact conditionals. Raises InvalidInput for fewer than two samples.
    """
    if samples < 2:
        raise InvalidInput(f"{samples} samples; expected at least 2 for a standard error")
    x = world.sample(samples, generator)
    order = torch.rand(samples, world.n, dtype=torch.float64, generator=generator).argsort(-1).argsort(-1)
    single = world.conditionals(torch.full((1, world.n), world.d))[0]
    found = torch.cat([_informations(world, a, b, single) for a, b in _parts(x, order, world.n)])
    error = found.std(0) / math.sqrt(samples)
    return SampledCurve(world.name, found.mean(0), error, samples)


def _parts(x: Tensor, order: Tensor, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    rows = max(1, STATES // n)
    return zip(torch.split(x, rows), torch.split(order, rows), strict=True)


def _informations(world: Drawable, x: Tensor, order: Tensor, single: Float[Tensor, "n d"]) -> Float[Tensor, "rows n"]:
    """Return the mean over masked i of KL(q(x_i | x_S) || q(x_i)), for every sequence and number of revealed tokens."""
    counts = torch.arange(world.n)
    hidden = order[:, None, :] >= counts[:, None]
    z = torch.where(hidden, world.d, x[:, None, :])
    found = world.conditionals(z)
    gained = information.kullback_leibler(found, single.expand_as(found))
    return (gained * hidden).sum(-1) / (world.n - counts)


def _pair_informations(world: Forest) -> Iterator[Float[Tensor, "pairs"]]:
    """Yield I(X_a; X_b) of all pairs at distance 1, 2, ... on one path."""
    singles = _single_laws(world)
    start = [k for k, parent in enumerate(world.parents) if parent >= 0]
    child = {parent: k for k, parent in enumerate(world.parents) if parent >= 0}
    first, last = [world.parents[k] for k in start], start
    step = {k: world.factors[k] for k in start}
    across = torch.stack([step[k] for k in last]) if last else torch.zeros(0, world.d, world.d, dtype=torch.float64)
    while len(last):
        before = torch.stack([singles[a] for a in first])[..., None]
        after = torch.stack([singles[b] for b in last])[:, None]
        joint = before * across
        yield torch.xlogy(joint, across / torch.where(after > 0, after, 1.0)).sum((-1, -2))
        kept = [j for j, b in enumerate(last) if b in child]
        first, last = [first[j] for j in kept], [child[last[j]] for j in kept]
        if kept:
            across = across[kept] @ torch.stack([step[b] for b in last])


def _single_laws(world: Forest) -> list[Tensor]:
    """Return the law of every node."""
    found: list[Tensor] = []
    for parent, factor in zip(world.parents, world.factors, strict=True):
        found.append(factor if parent < 0 else found[parent] @ factor)
    return found


def _mean_correlation(n: int, m: int, shared: ndarray) -> np.longdouble:
    """Return K_m, the mean total correlation of m random positions, from the sums i_g of pair informations."""
    if m < 2:
        return np.longdouble(0)
    gap = np.arange(1, n - m + 2, dtype=np.longdouble)  # the distances at which m - 2 others fit outside
    ratio = (n - gap[:-1] - m + 1) / (n - gap[:-1] - 1)  # of neighbouring weights
    weight = np.concatenate(([np.longdouble(1)], np.cumprod(ratio))) * m * (m - 1) / (np.longdouble(n) * (n - 1))
    found: np.longdouble = (weight * shared[1 : len(gap) + 1]).sum()
    return found
