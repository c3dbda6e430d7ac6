"""Worlds on trees by message passing: product laws, Markov chains, hidden Markov models, any rooted tree.

Cost per state is linear in the number of nodes, so conditionals are exact at n = 1000 too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.worlds import curves, information, states
from theory.worlds.base import World
from theory.worlds.states import ZeroRule


class TreeWorld(World):
    """A Markov random field on a forest whose observed nodes are the n positions.

    `parents[k]` is the parent of node k, or -1 for a root; parents come before children. `factors[k]` is
    the law of a root, shape (s_k,), or the transition matrix from the parent, shape (s_parent, s_k), rows
    summing to one. `observed` lists the node of each position; every other node is hidden.
    """

    def __init__(
        self,
        parents: Sequence[int],
        factors: Sequence[Tensor],
        observed: Sequence[int] | None = None,
        name: str = "tree",
        zero_rule: ZeroRule = "uniform",
    ) -> None:
        self.name, self.zero_rule = name, zero_rule
        self.parents = list(parents)
        self.observed = list(range(len(parents)) if observed is None else observed)
        self.factors = [torch.as_tensor(f, dtype=torch.float64) for f in factors]
        self.n = len(self.observed)
        self.widths = [f.shape[-1] for f in self.factors]
        self._check_factors()
        self.d = self.widths[self.observed[0]]

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw every node given its parent."""
        drawn: list[Tensor] = []
        for parent, factor in zip(self.parents, self.factors, strict=True):
            rows = factor.expand(count, -1) if parent < 0 else factor[drawn[parent]]
            u = torch.rand(count, 1, dtype=torch.float64, generator=generator)
            drawn.append((rows.cumsum(-1) < u).sum(-1).clamp(max=factor.shape[-1] - 1))
        return torch.stack([drawn[k] for k in self.observed], dim=-1)

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
        """Return ln q(z_UM) from one upward pass."""
        tokens, batch = self._check(z)
        return self._upward(tokens)[2].reshape(batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*batch n d"]:
        """Return q(x_i = v | z_UM) from one upward and one downward pass (sum-product)."""
        tokens, batch = self._check(z)
        upward, collected, log_mass = self._upward(tokens)
        beliefs: list[Tensor] = []
        for k, parent in enumerate(self.parents):
            if parent < 0:
                above = self.factors[k].expand(len(tokens), -1)
            else:
                above = _divide(beliefs[parent], upward[k]) @ self.factors[k]
            beliefs.append(_scaled(above * collected[k])[0])
        found = torch.stack([beliefs[k] for k in self.observed], dim=-2)
        found = states.finish_conditionals(found, (log_mass > -torch.inf).double(), tokens, self.d, self.zero_rule)
        return found.reshape(*batch, self.n, self.d)

    def entropy(self) -> float | None:
        """Return H(X) by the chain rule; None when some node is hidden."""
        if len(self.observed) != len(self.parents):
            return None
        total, singles = 0.0, list[Tensor]()
        for parent, factor in zip(self.parents, self.factors, strict=True):
            rows = information.entropy(factor)
            total += float(rows if parent < 0 else singles[parent] @ rows)
            singles.append(factor if parent < 0 else singles[parent] @ factor)
        return total

    def information_curve(self) -> Float[Tensor, "n"]:
        """Return Z_1..Z_n: on chains exactly at any length, on other trees by enumeration where that fits in memory.

        Raises InvalidInput for a tree with hidden or branching nodes that is too large to enumerate.
        """
        if curves.is_path(self):
            return curves.chain_curve(self)
        if max(self.d**self.n * self.n, (self.d + 1) ** self.n) * 8 > states.MEMORY_LIMIT:
            raise InvalidInput(
                f"{self.name} has hidden or branching nodes and {self.d}^{self.n} sequences, too many to enumerate; "
                "sampled_information_curve(samples) estimates its curve with standard errors"
            )
        return super().information_curve()

    def _upward(self, z: Int[Tensor, "m n"]) -> tuple[list[Tensor], list[Tensor], Float[Tensor, "m"]]:
        """Return each node's message to its parent, its evidence from below, and ln q(z_UM)."""
        ones = torch.ones(len(z), 1, dtype=torch.float64)
        collected = [ones.expand(-1, width) for width in self.widths]
        eye = torch.cat((torch.eye(self.d), torch.ones(1, self.d))).double()
        for position, k in enumerate(self.observed):
            collected[k] = eye[z[:, position]]
        upward = list[Tensor](collected)
        log_mass = torch.zeros(len(z), dtype=torch.float64)
        for k in range(len(self.parents) - 1, -1, -1):
            parent, factor = self.parents[k], self.factors[k]
            if parent < 0:
                log_mass = log_mass + (collected[k] @ factor).log()
                continue
            upward[k], scale = _scaled(collected[k] @ factor.T)
            collected[parent] = collected[parent] * upward[k]
            log_mass = log_mass + scale.log()
        return upward, collected, log_mass

    def _check_factors(self) -> None:
        if len(self.factors) != len(self.parents) or not self.parents:
            raise InvalidInput(f"{len(self.factors)} factors for {len(self.parents)} nodes; expected one a node")
        for k, (parent, factor) in enumerate(zip(self.parents, self.factors, strict=True)):
            if parent >= k:
                raise InvalidInput(f"parent {parent} of node {k} comes after it; list parents before children")
            expected = (self.widths[k],) if parent < 0 else (self.widths[parent], self.widths[k])
            if tuple(factor.shape) != expected:
                raise InvalidInput(f"factor of node {k} has shape {tuple(factor.shape)}; expected {expected}")
            for row in factor.reshape(-1, self.widths[k]):
                states.check_law(row, 1, self.widths[k])
        if len({self.widths[k] for k in self.observed}) != 1:
            raise InvalidInput("observed nodes differ in vocabulary; expected the same d at every position")


def product(rows: Any, name: str = "product") -> TreeWorld:
    """Return independent positions with the given laws, an array (n, d)."""
    laws = torch.as_tensor(rows, dtype=torch.float64)
    return TreeWorld([-1] * len(laws), list(laws), name=name)


def markov_chain(transition: Any, n: int, start: Any = None, name: str = "Markov chain") -> TreeWorld:
    """Return a homogeneous Markov chain of length n.

    `transition` is an array (d, d), rows the law of the next token; the start is uniform unless given. The two may come
    in either order.
    """
    matrix, length = _matrix_and_length(transition, n)
    first = _start(start, len(matrix))
    return TreeWorld(list(range(-1, length - 1)), [first, *[matrix] * (length - 1)], name=name)


def sticky_chain(n: int, stay: float = 0.9, d: int = 2) -> TreeWorld:
    """Return the uniform-start chain that keeps its token with probability `stay`."""
    if n < 1 or d < 2 or not 0 <= stay <= 1:
        raise InvalidInput(f"n = {n}, d = {d}, stay = {stay}; expected n >= 1, d >= 2 and 0 <= stay <= 1")
    move = (1 - stay) / (d - 1)
    matrix = torch.full((d, d), move, dtype=torch.float64).fill_diagonal_(stay)
    return markov_chain(matrix, n, name=f"Markov chain, stay {stay:g}")


def hidden_markov_model(
    transition: Any, emission: Any, n: int, start: Any = None, name: str = "hidden Markov model"
) -> TreeWorld:
    """Return a hidden Markov model with n emissions; uniform start unless given.

    `transition` is an array (h, h) over hidden states, `emission` an array (h, d) from them to tokens.
    """
    matrix, length = _matrix_and_length(transition, n)
    first, shown = _start(start, len(matrix)), torch.as_tensor(emission, dtype=torch.float64)
    parents, factors = list[int](), list[Tensor]()
    for i in range(length):
        parents += [2 * i - 2 if i else -1, 2 * i]
        factors += [first if i == 0 else matrix, shown]
    return TreeWorld(parents, factors, observed=range(1, 2 * length, 2), name=name)


def _matrix_and_length(transition: Any, n: Any) -> tuple[Tensor, int]:
    """Return the matrix and the length, in whichever order they were given."""
    if isinstance(transition, int) and not isinstance(n, int):
        transition, n = n, transition
    matrix = torch.as_tensor(transition, dtype=torch.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not isinstance(n, int) or n < 1:
        raise InvalidInput(
            f"transition of shape {tuple(matrix.shape)}, length {n!r}; expected a square matrix and a length n >= 1"
        )
    return matrix, n


def _start(start: Any, states_: int) -> Tensor:
    if start is None:
        return torch.full((states_,), 1 / states_, dtype=torch.float64)
    return torch.as_tensor(start, dtype=torch.float64)


def _scaled(message: Float[Tensor, "m s"]) -> tuple[Tensor, Tensor]:
    total = message.sum(-1, keepdim=True)
    return message / torch.where(total > 0, total, 1.0), total[:, 0]


def _divide(belief: Float[Tensor, "m s"], message: Float[Tensor, "m s"]) -> Tensor:
    """Return belief / message, 0 where the message is 0 (the belief is 0 there too)."""
    return torch.where(message > 0, belief / torch.where(message > 0, message, 1.0), 0.0)
