"""The best unmasking rules that exist, by dynamic programming over states; the best order and mixture of orders.

Turok et al. (DUEL, arXiv 2603.01367): V(z) = max_i E_{v ~ q(. | z)}[ln p(v | z) + V(z + (i, v))] is the best
deterministic singleton rule. Here the same over all nonempty sets A of masked positions, at a price per
denoiser call: W(z) = min_A price + KL(q(x_A | z) || prod p(x_i | z)) + E_q W(z + x_A). Values are path KL
under the data, in nats; with deterministic rules that is KL(q || output law) = -H(q) - E_q log p^F.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.tolerance import SLACK
from theory.unmasking.kernels import Layer, reveal_kernel
from theory.unmasking.likelihood import along, best_order, only_choice
from theory.unmasking.rules.base import SetRule, ask
from theory.worlds import TableWorld, World, information, states
from theory.worlds.table import table_of


@dataclass(frozen=True)
class TabulatedRule(SetRule):
    """A deterministic rule given by its set at every state: `sets[index of z]` marks the positions revealed."""

    name: str
    sets: Bool[Tensor, "states n"]
    d: int

    def __post_init__(self) -> None:
        count, n = self.sets.shape
        if count != (self.d + 1) ** n:
            raise InvalidInput(
                f"rule {self.name!r}: a table of {count} states for n = {n}; expected {(self.d + 1) ** n}"
            )

    def for_states(self, z: Int[Tensor, "batch n"]) -> SetRule:
        """Return the rule with its rows for these states looked up."""
        return _Rows(self.name, self.sets[states.index_of(z, self.d)])

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Raise: conditionals and masks do not say which state this is."""
        raise InvalidInput(f"rule {self.name!r} is a table over states; ask rule.for_states(z).select(log_p, masked)")


@dataclass(frozen=True)
class _Rows(SetRule):
    name: str
    sets: Bool[Tensor, "batch n"]

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        return self.sets


@dataclass(frozen=True, repr=False, eq=False)
class Optimum(Shown):
    """The best rule at a price: its path KL under the data (nats) and E[NFE] under the data."""

    rule: TabulatedRule
    price: float
    divergence: float
    calls: float

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the rule
        """Return the rule's name."""
        return self.rule.name

    def _facts(self) -> dict[str, object]:
        return {"price (nats a call)": self.price, "path KL (nats)": self.divergence, "calls": self.calls}

    @property
    def cost(self) -> float:
        """What was minimised: divergence + price * calls."""
        return self.at(self.price)

    def at(self, price: float) -> float:
        """Return the rule's cost at any price."""
        return self.divergence + price * self.calls


@dataclass(frozen=True)
class Mixture:
    """Weights on the n! orders (lexicographic), E_q ln of their mixture, and how far below the best it can be."""

    weights: Float[Tensor, "orders"]
    value: float
    gap: float


def tabulate(rule: SetRule, denoiser: Denoiser) -> TabulatedRule:
    """Return a deterministic rule as its table over all states, under one denoiser of sequences of one length."""
    n, d = denoiser.n, denoiser.d
    if n is None:
        raise InvalidInput(f"{denoiser!r} takes sequences of any length; give it n to tabulate {rule.name!r}")
    z = states.all_states(n, d)
    hidden = z == d
    sets = torch.zeros_like(hidden)
    some = hidden.any(-1)
    sets[some] = only_choice(rule, z[some], ask(denoiser, z[some]), hidden[some])
    return TabulatedRule(rule.name, sets, d)


def best_rule(world: World, price: float = 0.0, denoiser: Any = None, largest: int | None = None) -> Optimum:
    """Return the deterministic value-free rule of least path KL + price * E[NFE], both under the data.

    The world's exact conditionals unless a denoiser is given. `largest` limits the sets: 1 gives DUEL's V(z). States
    that the data never visit cost nothing; there the rule reveals as much as it may, leftmost first.
    """
    return _Programme(world, denoiser, largest).solve(price)


def frontier(world: World, prices: Sequence[float] | None = None, denoiser: Any = None) -> list[Optimum]:
    """Return the optimal rules by ascending E[NFE]: the lower convex hull of (E[NFE], path KL) over all rules.

    With `prices` the optima at those; without, every vertex of the hull, found by asking at the slope of
    each chord. No deterministic value-free rule lies below it, nor the path KL of a stochastic one.
    """
    programme = _Programme(world, denoiser, None)
    if prices is not None:
        return _distinct([programme.solve(price) for price in prices])
    left, right = programme.at_once(), programme.solve(0.0)
    if not math.isfinite(left.divergence):
        raise InvalidInput("one step over all positions has infinite KL under this denoiser; give prices instead")
    return _distinct([left, *_between(programme, left, right), right])


def best_fixed_order(terms: Float[Tensor, "cells sets n"], world: World) -> tuple[float, list[int]]:
    """Return max over x-independent orders of E_q l and the order; terms of all sequences (`order_terms`)."""
    law = _one_table(world).law()
    mean = torch.where(law[:, None, None] > 0, law[:, None, None] * terms, 0.0).sum(0, keepdim=True)
    value, order = best_order(mean)
    return float(value), [int(i) for i in order[0]]


def best_mixture(terms: Float[Tensor, "cells sets n"], world: World, gap: float = 1e-6, rounds: int = 20000) -> Mixture:
    """Return the mixture of all n! orders of greatest E_q ln sum_s w_s exp l_s, by expectation maximisation.

    The programme is concave, so value <= optimum <= value + max_s E_q[p_s / p_w] - 1; `gap` is that excess.
    """
    n = terms.shape[-1]
    if n > 5:
        raise InvalidInput(f"n = {n}: {math.factorial(n)} orders; expected n <= 5")
    law, orders = _one_table(world).law(), itertools.permutations(range(n))
    chances = torch.stack([along(terms, torch.tensor(order)) for order in orders]).exp()[:, law > 0]
    q = law[law > 0]
    weights = torch.full((len(chances),), 1 / len(chances), dtype=torch.float64)
    excess = math.inf
    for _ in range(rounds):
        ratios = (chances / (weights @ chances)) @ q
        excess = float(ratios.max()) - 1
        if excess <= gap:
            break
        weights = weights * ratios
    return Mixture(weights, float(q @ (weights @ chances).log()), max(excess, 0.0))


class _Programme:
    """One law and denoiser: costs of revealing every set at every state, layer by layer of equally many masks."""

    def __init__(self, world: World, denoiser: Any, largest: int | None) -> None:
        if largest is not None and largest < 1:
            raise InvalidInput(f"largest = {largest}; expected at least one position a step")
        data = _one_table(world)
        self.n, self.d, self.largest = data.n, data.d, largest or data.n
        self.table = data.table
        self.kernel = reveal_kernel(data, denoiser)
        self.costs = [self._costs(layer) for layer in self.kernel.layers]

    def _costs(self, layer: Layer) -> Float[Tensor, "s sets"]:
        """Return q(z) KL(q(x_A | z) || prod p(x_i | z)) for all states of a layer and all codes of A."""
        before, after = self.table[layer.source][:, None], self.table[layer.target]
        ratio = torch.where(after > 0, after / torch.where(after > 0, before * layer.weight, 1.0), 1.0)
        return self._by_set(layer, torch.xlogy(after, ratio))

    def _by_set(self, layer: Layer, values: Float[Tensor, "s c"]) -> Float[Tensor, "s sets"]:
        codes = _codes(layer.masks, self.d)
        return values.new_zeros(len(values), 2**layer.masks).index_add(1, codes, values)

    def solve(self, price: float) -> Optimum:
        if not (price >= 0 and math.isfinite(price)):
            raise InvalidInput(f"price {price}; expected a finite number >= 0, in nats a denoiser call")
        divergence, calls = torch.zeros_like(self.table), torch.zeros_like(self.table)
        sets = torch.zeros(len(self.table), self.n, dtype=torch.bool)
        for layer, cost in zip(reversed(self.kernel.layers), reversed(self.costs), strict=True):
            candidates = _candidates(layer.masks, self.largest)
            mass = self.table[layer.source]
            ahead = (cost + self._by_set(layer, divergence[layer.target]))[:, candidates]
            spent = (mass[:, None] + self._by_set(layer, calls[layer.target]))[:, candidates]
            chosen = _least(ahead + price * spent, spent, SLACK * max(1.0, price) * mass)
            rows = torch.arange(len(chosen))
            divergence[layer.source], calls[layer.source] = ahead[rows, chosen], spent[rows, chosen]
            self._mark(sets, layer, candidates[chosen])
        name = f"optimal, price {price:g}" if self.largest > 1 else "optimal, one token"
        return Optimum(TabulatedRule(name, sets, self.d), price, float(divergence[-1]), float(calls[-1]))

    def at_once(self) -> Optimum:
        """Return the rule that reveals everything in one call: the optimum at a high enough price."""
        hidden = states.all_states(self.n, self.d) == self.d
        return Optimum(TabulatedRule("all at once", hidden, self.d), math.inf, float(self.costs[0][0, -1]), 1.0)

    def _mark(self, sets: Tensor, layer: Layer, codes: Tensor) -> None:
        z = states.digits(layer.source, self.n, self.d + 1)
        positions = (z == self.d).nonzero()[:, 1].reshape(-1, layer.masks)
        sets[layer.source[:, None], positions] = states.digits(codes, layer.masks, 2).bool()


def _least(score: Tensor, spent: Tensor, slip: Tensor) -> Int[Tensor, "s"]:
    """Return the first candidate of least score, fewest calls among those that tie."""
    tied = score <= score.amin(-1, keepdim=True) + slip[:, None]
    few = torch.where(tied, spent, torch.inf)
    return (few <= few.amin(-1, keepdim=True) + slip[:, None]).int().argmax(-1)


@functools.lru_cache(maxsize=64)
def _codes(masks: int, d: int) -> Int[Tensor, "c"]:
    """Return the set revealed by every successor of a state, in binary over its masked positions."""
    tokens = states.digits(torch.arange((d + 1) ** masks - 1), masks, d + 1)
    return ((tokens != d).long() * 2 ** torch.arange(masks - 1, -1, -1)).sum(-1)


@functools.lru_cache(maxsize=64)
def _candidates(masks: int, largest: int) -> Int[Tensor, "sets"]:
    """Return the codes of the permitted sets, large before small, then leftmost first."""
    codes = [code for code in range(1, 2**masks) if code.bit_count() <= largest]
    return torch.tensor(sorted(codes, key=lambda code: (-code.bit_count(), -code)))


def _one_table(world: World) -> TableWorld:
    table = table_of(world)
    if table.worlds:
        raise InvalidInput(f"a batch of {table.worlds} laws; give one of them: world[k]")
    return table


def _between(programme: _Programme, left: Optimum, right: Optimum) -> list[Optimum]:
    """Return the vertices strictly below the chord from left to right."""
    if right.calls - left.calls < SLACK or left.divergence - right.divergence < SLACK:
        return []
    price = (left.divergence - right.divergence) / (right.calls - left.calls)
    new = programme.solve(price)
    if new.cost > left.at(price) - SLACK * max(1.0, price):
        return []
    return [*_between(programme, left, new), new, *_between(programme, new, right)]


def _distinct(found: list[Optimum]) -> list[Optimum]:
    """Return optima by ascending calls, of equal calls the one of least divergence, dominated ones dropped."""
    kept: list[Optimum] = []
    for new in sorted(found, key=lambda optimum: (optimum.calls, optimum.divergence)):
        if not kept or (new.calls > kept[-1].calls + SLACK and new.divergence < kept[-1].divergence - SLACK):
            kept.append(new)
    return kept


def expected_log_likelihood(optimum: Optimum, world: World) -> float:
    """Return E_q log p^F = -H(q) - KL of a deterministic rule: for singleton rules DUEL's V(all masked)."""
    return -float(information.entropy(_one_table(world).law())) - optimum.divergence
