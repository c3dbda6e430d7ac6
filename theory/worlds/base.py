"""World: a data law with exact conditionals; any table of probabilities, any list of supported sequences."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory import information, states
from theory.errors import InvalidInput
from theory.states import ZeroRule

MATCH_ENTRIES = 2**25


class World(ABC):
    """A law q on sequences of n tokens from 0..d-1.

    States of probability zero follow one rule: uniform conditionals at masked positions, or an error with
    `zero_rule="raise"`. Revealed positions always carry a point mass on their token.
    """

    name: str
    n: int
    d: int
    zero_rule: ZeroRule = "uniform"

    @abstractmethod
    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw sequences from q."""

    @abstractmethod
    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM), the log-probability of the revealed part; -inf where it is impossible."""

    @abstractmethod
    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return q(x_i = v | z_UM) at every position."""

    @abstractmethod
    def entropy(self) -> float | None:
        """Return H(X) in nats, or None where no closed form is known."""

    def log_prob(self, x: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(x) of complete sequences. Raises InvalidInput for a masked token."""
        if bool((x == self.d).any()):
            raise InvalidInput("log_prob takes complete sequences; for masked states use log_marginal")
        return self.log_marginal(x)

    def __call__(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return the log-conditionals: a world is a denoiser."""
        return self.conditionals(z).log()

    def law(self) -> Float[Tensor, "cells"]:
        """Return all d^n probabilities. Raises InvalidInput when they do not fit in memory."""
        states.require_memory(self.d**self.n * self.n, f"law of {self.name} (n = {self.n}, d = {self.d})")
        return self.log_marginal(states.all_sequences(self.n, self.d)).exp()

    def set_entropies(self) -> Float[Tensor, "sets"]:
        """Return H(X_S) of all 2^n revealed sets, in the order of `information.set_entropies`."""
        table = states.marginal_table(self.law(), self.n, self.d)
        return information.set_entropies(table, self.n, self.d)

    def information_curve(self) -> Float[Tensor, "n"]:
        """Return Z_1..Z_n."""
        return information.information_curve(information.mean_entropies(self.set_entropies()))

    def _check(self, z: Tensor) -> tuple[Int[Tensor, "m n"], tuple[int, ...]]:
        tokens = states.check_states(z, self.n, self.d)
        return tokens.reshape(-1, self.n), tuple(tokens.shape[:-1])


class TableWorld(World):
    """The world of any table of d^n probabilities, first position most significant."""

    def __init__(self, law: object, n: int, d: int, name: str = "table", zero_rule: ZeroRule = "uniform") -> None:
        self.name, self.n, self.d, self.zero_rule = name, n, d, zero_rule
        self._law = states.check_law(law, n, d)
        if self._law.ndim != 1:
            raise InvalidInput(f"law of shape {tuple(self._law.shape)}; expected one world, shape ({d**n},)")
        self._table: Tensor | None = None

    @property
    def table(self) -> Float[Tensor, "states"]:
        """Return the marginal table over all (d + 1)^n states, built at first use."""
        if self._table is None:
            self._table = states.marginal_table(self._law, self.n, self.d)
        return self._table

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw sequences by inverting the cumulative law."""
        cells = _draw(self._law, count, generator)
        return states.digits(cells, self.n, self.d)

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM), read off the marginal table."""
        tokens, batch = self._check(z)
        return self.table[states.index_of(tokens, self.d)].log().reshape(batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return q(x_i = v | z_UM), quotients of the marginal table."""
        tokens, batch = self._check(z)
        found = states.table_conditionals(self.table, tokens, self.d, self.zero_rule)
        return found.reshape(*batch, self.n, self.d)

    def entropy(self) -> float:
        """Return H(X) in nats."""
        return float(information.entropy(self._law))

    def law(self) -> Float[Tensor, "cells"]:
        """Return the table itself."""
        return self._law


class SupportWorld(World):
    """The world of a list of supported sequences; conditionals by matching, so n may be large."""

    def __init__(
        self,
        support: Int[Tensor, "m n"],
        probabilities: Float[Tensor, "m"] | None = None,
        d: int | None = None,
        name: str = "support",
        zero_rule: ZeroRule = "uniform",
    ) -> None:
        if support.ndim != 2 or not len(support):
            raise InvalidInput(f"support of shape {tuple(support.shape)}; expected at least one row of n tokens")
        self.name, self.zero_rule = name, zero_rule
        self.support = support.long()
        self.n = support.shape[1]
        self.d = int(support.max()) + 1 if d is None else d
        states.check_states(self.support, self.n, self.d - 1)
        if len(torch.unique(self.support, dim=0)) != len(support):
            raise InvalidInput("support lists a sequence twice; expected distinct rows: add their probabilities")
        uniform = torch.full((len(support),), 1 / len(support), dtype=torch.float64)
        self.probabilities = states.check_law(uniform if probabilities is None else probabilities, 1, len(support))
        self._shown = torch.nn.functional.one_hot(self.support, self.d).to(torch.float64).reshape(len(support), -1)

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw rows of the support."""
        return self.support[_draw(self.probabilities, count, generator)]

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln of the total probability of the matching rows."""
        tokens, batch = self._check(z)
        return torch.cat([w.sum(-1) for _, w in self._matches(tokens)]).log().reshape(batch)

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
            hits = shown.reshape(len(part), -1) @ self._shown.T
            agree = hits == (part != self.d).sum(-1, keepdim=True)
            found.append((part, agree * self.probabilities))
        return found

    def _among(self, z: Int[Tensor, "m n"], weights: Float[Tensor, "m rows"]) -> Float[Tensor, "m n d"]:
        context = weights.sum(-1)
        found = (weights @ self._shown).reshape(len(z), self.n, self.d) / context[:, None, None]
        return states.finish_conditionals(found, context, z, self.d, self.zero_rule)


def support_of(law: Float[Tensor, "cells"], n: int, d: int, name: str = "support") -> SupportWorld:
    """Return the support world of a table: the two must agree everywhere."""
    cells = law.nonzero()[:, 0]
    return SupportWorld(states.digits(cells, n, d), law[cells], d, name)


def _draw(law: Float[Tensor, "cells"], count: int, generator: Generator | None) -> Int[Tensor, "count"]:
    cumulative = law.cumsum(0)
    u = torch.rand(count, dtype=torch.float64, generator=generator) * cumulative[-1]
    return torch.searchsorted(cumulative, u, right=True).clamp(max=len(law) - 1)


def _dense_rank(keys: Int[Tensor, "sets rows"]) -> Int[Tensor, "sets rows"]:
    """Return in each row the rank of every key among the distinct ones."""
    ordered, order = keys.sort(dim=1)
    fresh = torch.zeros_like(keys)
    fresh[:, 1:] = (ordered[:, 1:] != ordered[:, :-1]).cumsum(1)
    return torch.empty_like(keys).scatter_(1, order, fresh)


def distinct(rows: itertools.chain[tuple[int, ...]] | list[tuple[int, ...]]) -> Int[Tensor, "m n"]:
    """Return the distinct rows, sorted, as a tensor."""
    return torch.tensor(sorted(set(rows)))
