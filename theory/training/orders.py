"""Masking schedules that differ from position to position, and the law over decoding orders that they imply.

Position l is masked at time t with probability F_l(t) = 1 - alpha_l(t), independently; F_l rises from 0 to 1. Going
backwards in time the position masked last is decoded first, so the decoding order sorts the masking times in
descending order (arXiv 2511.19152, Proposition 3.1, with its indices reversed as Algorithm 1 needs). For F_l(t) =
t^(w_l) the law is Plackett and Luce's: the next position is l with probability w_l over the sum of the weights not
decoded yet.

Losses enter as `terms` of `likelihood.order_terms`: terms[x, s, l] = ln q(x_l | x outside s) for a masked set s with l.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.training.loss_table import masked_sets
from theory.training.quadrature import halving
from theory.unmasking.likelihood import along

Order = tuple[int, ...]
Terms = Float[Tensor, "cells sets n"]
HALVINGS = 240
"""Panels towards t = 0: with w >= 0.2 what lies below is under 2^-48 of any probability."""
LEAST, MOST = 0.19, 50.0
"""The smallest and the largest weight that the quadrature resolves to rounding; 1/5 with room for differences."""


@dataclass(frozen=True)
class Schedules:
    """Masking probabilities F(t), (..., n) for times (...); the rates F' / F; and masking times, F(T) = u entrywise.

    F rises from 0 at t = 0 to 1 at t = 1; rates are apart since F itself underflows near 0. `times` is needed to draw
    orders only. Raises InvalidInput for schedules that miss an end, fall, or are not inverted by their times.
    """

    name: str
    chance: Callable[[Tensor], Tensor]
    rate: Callable[[Tensor], Tensor]
    times: Callable[[Tensor], Tensor] | None
    n: int

    def __post_init__(self) -> None:
        ends = self.chance(torch.tensor([0.0, 1.0], dtype=torch.float64))
        if ends.shape != (2, self.n) or float((ends[0].abs() + (ends[1] - 1).abs()).max()) > 1e-12:
            raise InvalidInput(
                f"schedules {self.name}: masking probabilities {ends.tolist()} at times 0 and 1; expected 0 and 1 at "
                f"each of {self.n} positions: a schedule that misses an end leaves tokens out or masks them for ever"
            )
        t = torch.linspace(0.05, 1, 20, dtype=torch.float64)
        chance = self.chance(t)
        if bool((chance.diff(dim=0) < 0).any()):
            raise InvalidInput(f"schedules {self.name}: a masking probability falls with t; expected rising ones")
        if self.times is not None and float((self.times(chance) - t[:, None]).abs().max()) > 1e-6:
            raise InvalidInput(f"schedules {self.name}: `times` does not invert `chance`; expected F(T) = u")


def polynomial(w: Sequence[float] | Tensor) -> Schedules:
    """Return F_l(t) = t^(w_l); a larger weight is decoded earlier.

    Raises InvalidInput for weights that are not > 0, and for those outside [.19, 50], which the quadrature does not
    resolve: the order law depends on their ratios only, so a common factor may bring them there.
    """
    weights = torch.as_tensor(w, dtype=torch.float64)
    _check_weights(weights.tolist(), LEAST)
    return Schedules(
        "t^w", lambda t: t[..., None] ** weights, lambda t: weights / t[..., None], lambda u: u ** (1 / weights),
        len(weights),
    )  # fmt: skip


def reversed_polynomial(a: Sequence[float] | Tensor) -> Schedules:
    """Return F_l(t) = 1 - (1 - t)^(a_l), a_l >= 1, the family in which a larger weight is decoded later."""
    weights = torch.as_tensor(a, dtype=torch.float64)
    _check_weights(weights.tolist(), 1.0)

    def chance(t: Tensor) -> Tensor:
        return -torch.expm1(weights * torch.log1p(-t[..., None]))

    return Schedules(
        "1 - (1 - t)^a", chance,
        lambda t: weights * (1 - t[..., None]) ** (weights - 1) / chance(t),
        lambda u: 1 - (1 - u) ** (1 / weights), len(weights),
    )  # fmt: skip


def plackett_luce(w: Sequence[Any]) -> dict[Order, Any]:
    """Return the probability of every decoding order: exactly, for weights that are fractions."""
    _check_weights(w)
    found = {}
    for order in itertools.permutations(range(len(w))):
        chance, left = 1, w[order[-1]]
        for position in reversed(order[:-1]):  # what is left is added up from its end: no cancellation
            left = left + w[position]
            chance = chance * w[position] / left
        found[order] = chance
    return found


def order_law(schedules: Schedules) -> dict[Order, float]:
    """Return the probability of every decoding order as the integral over descending masking times."""
    grid = halving(HALVINGS)
    slope = schedules.rate(grid.t) * schedules.chance(grid.t)
    found = {}
    for order in itertools.permutations(range(schedules.n)):
        earlier = torch.ones_like(grid.t)
        for position in reversed(order[1:]):  # the last to be decoded was masked first
            earlier = grid.cumulative(slope[:, position] * earlier)
        found[order] = float(grid.integral(slope[:, order[0]] * earlier))
    return found


def sample_orders(schedules: Schedules, count: int, generator: Generator) -> Tensor:
    """Return drawn decoding orders, (count, n): masking times from uniform numbers, positions by descending time."""
    if schedules.times is None:
        raise InvalidInput(f"schedules {schedules.name} have no `times`; give the inverse of `chance` to draw orders")
    u = 1 - torch.rand((count, schedules.n), generator=generator, dtype=torch.float64)
    return schedules.times(u).argsort(-1, descending=True)


def decoded_before(schedules: Schedules) -> Float[Tensor, "sets n"]:
    """Return omega[s, l], the probability that l is decoded when exactly the set s (which holds l) is masked.

    By quadrature: the integral of F_l'(t) times F_j over the other masked j times 1 - F_j over the visible ones.
    """
    grid = halving(HALVINGS)
    chance, sets = schedules.chance(grid.t), masked_sets(schedules.n)
    slope = schedules.rate(grid.t) * chance
    found = torch.zeros(len(sets), schedules.n, dtype=torch.float64)
    for s, masked in enumerate(sets):
        factors = torch.where(masked, chance, 1 - chance)
        for l in masked.nonzero()[:, 0].tolist():
            others = torch.cat((factors[:, :l], factors[:, l + 1 :]), -1).prod(-1)
            found[s, l] = grid.integral(slope[:, l] * others)
    return found


def decoded_before_by_steps(w: Sequence[float] | Tensor) -> Float[Tensor, "sets n"]:
    """Return omega[s, l] for t^w by decoding one position after the other: n 2^n operations, whatever the weights.

    From the masked set s, reached with some probability, the next position is l with probability w_l / w(s). The sum
    over l is the probability that exactly s is masked when its size is.
    """
    weights = torch.as_tensor(w, dtype=torch.float64)
    _check_weights(weights.tolist())
    n, sets = len(weights), masked_sets(len(weights))
    size, here = sets.sum(-1), torch.where(sets, weights, 0.0)
    share = here / here.sum(-1, keepdim=True).clamp(min=torch.finfo(torch.float64).tiny)
    after = torch.arange(2**n)[:, None] - 2 ** torch.arange(n - 1, -1, -1)
    reached, omega = torch.zeros(2**n, dtype=torch.float64), torch.zeros(2**n, n, dtype=torch.float64)
    reached[-1] = 1
    for count in range(n, 0, -1):
        now = size == count
        omega[now] = reached[now, None] * share[now]
        reached.index_add_(0, after[now][sets[now]], omega[now][sets[now]])
    return omega


def decoded_before_by_inclusion(w: Sequence[Any]) -> dict[tuple[int, frozenset[int]], Any]:
    """Return omega(l, S), the probability that exactly S is decoded before l, for t^w: exact for fractions.

    It is the sum over A in S of (-1)^|A| w_l / (w_l + w(R) + w(A)), R what is decoded after l.
    """
    _check_weights(w)
    found = {}
    for l, before in _pairs(len(w)):
        after = sum(w[j] for j in range(len(w)) if j != l and j not in before)
        terms = ((-1) ** len(a) * w[l] / (w[l] + after + sum(w[j] for j in a)) for a in _subsets(before))
        found[l, before] = sum(terms, 0 * w[l])
    return found


def decoded_before_by_orders(law: dict[Order, Any]) -> dict[tuple[int, frozenset[int]], Any]:
    """Return omega(l, S) by adding up the probabilities of the orders in which exactly S comes before l."""
    n = len(next(iter(law)))
    found: dict[tuple[int, frozenset[int]], Any] = dict.fromkeys(_pairs(n), 0)
    for order, chance in law.items():
        for k, l in enumerate(order):
            found[l, frozenset(order[:k])] += chance
    return found


def nelbo_by_subsets(terms: Terms, omega: Float[Tensor, "sets n"]) -> Float[Tensor, " cells"]:
    """Return the NELBO of every sequence as minus the sum over l and masked sets of omega times ln q."""
    return -(terms * omega).sum((-1, -2))


def nelbo_by_orders(terms: Terms, law: dict[Order, Any]) -> Float[Tensor, " cells"]:
    """Return the NELBO of every sequence as minus the mean log-likelihood over the law's orders."""
    return -sum((float(p) * along(terms, torch.tensor(order)) for order, p in law.items()), terms.new_zeros(len(terms)))


def nelbo_by_quadrature(terms: Terms, schedules: Schedules) -> Float[Tensor, " cells"]:
    """Return the NELBO of every sequence as the integral over t of E sum over masked l of F_l' / F_l (-ln q)."""
    grid = halving(HALVINGS)
    masked, sets = schedules.chance(grid.t)[:, None], masked_sets(schedules.n)
    chance = torch.where(sets, masked, 1 - masked).prod(-1)
    weight = grid.integral(chance[..., None] * torch.where(sets, schedules.rate(grid.t)[:, None], 0.0))
    return -(terms * weight).sum((-1, -2))


def mixture(terms: Terms, law: dict[Order, Any]) -> Float[Tensor, " cells"]:
    """Return ln p_mix = ln of the mean over orders of exp of the log-likelihood: what the sampler generates."""
    logs = torch.stack([math.log(p) + along(terms, torch.tensor(order)) for order, p in law.items() if p > 0])
    return logs.logsumexp(0)


def _pairs(n: int) -> Iterator[tuple[int, frozenset[int]]]:
    for l in range(n):
        for before in _subsets(frozenset(range(n)) - {l}):
            yield l, before


def _subsets(members: frozenset[int]) -> Iterator[frozenset[int]]:
    listed = sorted(members)
    for size in range(len(listed) + 1):
        yield from map(frozenset, itertools.combinations(listed, size))


def _check_weights(w: Sequence[Any], least: float = 0.0) -> None:
    if not len(w) or not all(v > 0 and (isinstance(v, int | Fraction) or math.isfinite(v)) for v in w):
        raise InvalidInput(f"weights {list(w)}; expected finite numbers > 0, one a position")
    if least and not (min(w) >= least and max(w) <= MOST):
        raise InvalidInput(
            f"weights {list(w)}; expected {least:g} to {MOST:g} for quadrature: multiply all by one factor"
        )
