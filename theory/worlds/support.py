"""The world of a list of supported sequences."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.worlds import information, states
from theory.worlds.base import World, draw_cells
from theory.worlds.states import ZeroRule

MATCH_ENTRIES = 2**25


class SupportWorld(World):
    """The world of a list of supported sequences; conditionals by matching, so n may be large.

    `support` lists distinct rows of n tokens, `probabilities` one number for each (equal unless given).
    """

    def __init__(
        self,
        support: Any,
        probabilities: Any = None,
        d: int | None = None,
        name: str = "support",
        zero_rule: ZeroRule = "uniform",
    ) -> None:
        rows = torch.as_tensor(support)
        if rows.ndim != 2 or not len(rows) or rows.is_floating_point():
            given = f"{rows.dtype} of shape {tuple(rows.shape)}"
            raise InvalidInput(f"support of {given}; expected whole tokens, at least one row of n of them")
        self.name, self.zero_rule = name, zero_rule
        self.support = rows.long()
        self.n = rows.shape[1]
        self.d = int(self.support.max()) + 1 if d is None else d
        states.check_states(self.support, self.n, self.d - 1)
        if len(torch.unique(self.support, dim=0)) != len(rows):
            raise InvalidInput("support lists a sequence twice; expected distinct rows: add their probabilities")
        uniform = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
        self.probabilities = states.check_law(uniform if probabilities is None else probabilities, 1, len(rows))
        self._shown = torch.nn.functional.one_hot(self.support, self.d).to(torch.float64).reshape(len(rows), -1)

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw rows of the support."""
        return self.support[draw_cells(self.probabilities, count, generator)]

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln of the total probability of the matching rows."""
        tokens, batch = self._check(z)
        return torch.cat([weights.sum(-1) for _, weights in self._matches(tokens)]).log().reshape(batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return token frequencies among the matching rows."""
        tokens, batch = self._check(z)
        found = [self._among(part, weights) for part, weights in self._matches(tokens)]
        return torch.cat(found).reshape(*batch, self.n, self.d)

    def entropy(self) -> float:
        """Return H(X) in nats."""
        return float(information.entropy(self.probabilities))

    def law(self) -> Float[Tensor, "cells"]:
        """Return all d^n probabilities."""
        states.require_memory(self.d**self.n, f"law of {self.name} (n = {self.n}, d = {self.d})")
        places = torch.tensor([self.d ** (self.n - 1 - i) for i in range(self.n)])
        q = torch.zeros(self.d**self.n, dtype=torch.float64)
        return q.index_add(0, (self.support * places).sum(-1), self.probabilities)

    def given(self, state: Sequence[int] | Int[Tensor, "n"]) -> SupportWorld:
        """Return the law conditioned on the revealed tokens of a state: the rows that show them."""
        z = self._one_state(state)
        kept = ((z == self.d) | (self.support == z)).all(-1)
        mass = self.probabilities[kept].sum()
        if not float(mass) > 0:
            raise InvalidInput(f"state {z.tolist()} has probability zero under {self.name}; give a possible one")
        name = f"{self.name} given {int((z != self.d).sum())} of {self.n} tokens"
        return SupportWorld(self.support[kept], self.probabilities[kept] / mass, self.d, name, self.zero_rule)

    def set_entropies(self) -> Float[Tensor, "sets"]:
        """Return H(X_S) of all 2^n revealed sets by splitting the rows into classes, one position at a time."""
        rows = len(self.support)
        states.require_memory(2**self.n * rows, f"row classes of {self.name} (n = {self.n}, {rows} rows)")
        classes = torch.zeros(1, rows, dtype=torch.long)
        for i in range(self.n):
            classes = torch.stack((_dense_rank(classes * self.d + self.support[:, i]), classes), 1).flatten(0, 1)
        mass = torch.zeros(classes.shape, dtype=torch.float64)
        mass.scatter_add_(1, classes, self.probabilities.expand(classes.shape))
        return information.entropy(mass)

    def _matches(self, z: Int[Tensor, "m n"]) -> list[tuple[Int[Tensor, "k n"], Float[Tensor, "k rows"]]]:
        found = []
        for part in torch.split(z, max(1, MATCH_ENTRIES // max(len(self.support), self.n * self.d))):
            shown = torch.nn.functional.one_hot(part, self.d + 1)[..., : self.d].to(torch.float64)
            hits = shown.flatten(1) @ self._shown.T
            agree = hits == (part != self.d).sum(-1, keepdim=True)
            found.append((part, agree * self.probabilities))
        return found

    def _among(self, z: Int[Tensor, "m n"], weights: Float[Tensor, "m rows"]) -> Float[Tensor, "m n d"]:
        context = weights.sum(-1)
        found = (weights @ self._shown).reshape(len(z), self.n, self.d) / context[:, None, None]
        return states.finish_conditionals(found, context, z, self.d, self.zero_rule)


def support_of(world: World) -> SupportWorld:
    """Return a small world as the list of its supported sequences: the two must agree everywhere."""
    law = world.law()
    cells = law.nonzero()[:, 0]
    return SupportWorld(states.digits(cells, world.n, world.d), law[cells], world.d, world.name)


def _dense_rank(keys: Int[Tensor, "sets rows"]) -> Int[Tensor, "sets rows"]:
    """Return in each row the rank of every key among the distinct ones."""
    ordered, order = keys.sort(dim=1)
    fresh = torch.zeros_like(keys)
    fresh[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]).cumsum(1)
    return torch.empty_like(keys).scatter_(1, order, fresh)


def distinct(rows: itertools.chain[tuple[int, ...]] | list[tuple[int, ...]]) -> Int[Tensor, "m n"]:
    """Return the distinct rows, sorted, as a tensor."""
    return torch.tensor(sorted(set(rows)))
