"""The world of any table of d^n probabilities; leading axes are a batch of worlds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.worlds import information, states
from theory.worlds.base import World, draw_cells, number
from theory.worlds.states import ZeroRule

FEW = 32
"""Weights or probabilities that a repr lists."""

UNNAMED = "table"
"""What a table is called that was given no name: its repr then lists its probabilities."""


class TableWorld(World):
    """A law given by all its probabilities, first position most significant.

    `law` is an array of any kind (tensor, NumPy, nested lists), either of shape (d,) * n, from which n and d are read,
    or of shape (*worlds, d^n) with n or d (or both) beside it. Raises InvalidInput, saying what was given.
    """

    def __init__(
        self,
        law: Any,
        n: int | None = None,
        d: int | None = None,
        name: str = "table",
        zero_rule: ZeroRule = "uniform",
    ) -> None:
        cells, self.n, self.d = _read(law, n, d)
        self.name, self.zero_rule = name, zero_rule
        self._law = states.check_law(cells, self.n, self.d)
        self._table: Tensor | None = None
        self.weights: tuple[int | Fraction, ...] | None = None

    @classmethod
    def from_weights(
        cls, weights: Sequence[Any], n: int | None = None, d: int | None = None, name: str = "table"
    ) -> TableWorld:
        """Return the law proportional to d^n nonnegative weights; whole numbers and fractions are kept as they are.

        `weights` on the result are then exact, for checks in rational arithmetic.
        """
        found = cls(states.normalised(weights), n, d, name)
        if len(found._law) == len(weights) and all(isinstance(w, int | Fraction) for w in weights):
            found.weights = tuple(weights)
        return found

    @property
    def worlds(self) -> tuple[int, ...]:
        """Return the shape of the batch, () for one law."""
        return tuple(self._law.shape[:-1])

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a table of the same probabilities."""
        return (
            isinstance(other, TableWorld)
            and (self.n, self.d) == (other.n, other.d)
            and torch.equal(self._law, other._law)
        )

    __hash__ = None  # type: ignore[assignment]  # compared by value

    def __len__(self) -> int:
        if not self.worlds:
            raise TypeError("one law has no length; a batch of laws has")
        return self.worlds[0]

    def __getitem__(self, k: int) -> TableWorld:
        """Return world k of a batch."""
        if not self.worlds:
            raise TypeError("one law cannot be indexed; a batch of laws can")
        return TableWorld(self._law[k], self.n, self.d, self.name, self.zero_rule)

    @property
    def table(self) -> Float[Tensor, "*worlds states"]:
        """Return the marginal table over all (d + 1)^n states, built at first use."""
        if self._table is None:
            self._table = states.marginal_table(self._law, self.n, self.d)
        return self._table

    def sample(self, count: int, generator: Generator | None = None) -> Int[Tensor, "count n"]:
        """Draw sequences of one law by inverting its cumulative law."""
        if self.worlds:
            raise InvalidInput(f"{self.worlds} laws; sample from one of them: world[k].sample(...)")
        return states.digits(draw_cells(self._law, count, generator), self.n, self.d)

    def log_marginal(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*worlds_and_batch"]:
        """Return ln q(z_UM), read off the marginal table; worlds first, then states."""
        tokens, batch = self._check(z)
        return self.table[..., states.index_of(tokens, self.d)].log().reshape(*self.worlds, *batch)

    def conditionals(self, z: Int[Tensor, "*batch n"]) -> Float[Tensor, "*worlds_and_batch n d"]:
        """Return q(x_i = v | z_UM), quotients of the marginal table; worlds first, then states."""
        tokens, batch = self._check(z)
        found = states.table_conditionals(self.table, tokens, self.d, self.zero_rule)
        return found.reshape(*self.worlds, *batch, self.n, self.d)

    def rows(self, which: Int[Tensor, "r"], z: Int[Tensor, "r n"]) -> Float[Tensor, "r n d"]:
        """Return the log-conditionals of row r's state in world which[r]; a single law serves every row."""
        return self.row_conditionals(which, z).log()

    def row_conditionals(self, which: Int[Tensor, "r"], z: Int[Tensor, "r n"]) -> Float[Tensor, "r n d"]:
        """Return the conditionals of row r's state in world which[r]; a single law serves every row."""
        flat = self.table.reshape(-1, self.table.shape[-1])
        which = which if len(flat) > 1 else torch.zeros_like(which)
        index, places = states.index_of(z, self.d), states.place_values(self.n, self.d)
        neighbours = index[:, None, None] + (torch.arange(self.d) - z[..., None]) * places[:, None]
        context = flat[which, index]
        found = flat[which[:, None, None], neighbours] / context[:, None, None]
        return states.finish_conditionals(found, context, z, self.d, self.zero_rule)

    def entropy(self) -> float | Tensor:
        """Return H(X) in nats."""
        return number(information.entropy(self._law))

    def law(self) -> Float[Tensor, "*worlds cells"]:
        """Return the table itself."""
        return self._law

    def given(self, state: Sequence[int] | Int[Tensor, "n"]) -> TableWorld:
        """Return the law conditioned on the revealed tokens of a state, as a table."""
        z = self._one_state(state)
        x = states.all_sequences(self.n, self.d)
        agrees = ((z == self.d) | (x == z)).all(-1)
        kept = torch.where(agrees, self._law, 0.0)
        mass = kept.sum(-1, keepdim=True)
        if not bool((mass > 0).all()):
            raise InvalidInput(f"state {z.tolist()} has probability zero under {self.name}; give a possible one")
        shown = int((z != self.d).sum())
        return TableWorld(kept / mass, self.n, self.d, f"{self.name} given {shown} of {self.n} tokens", self.zero_rule)

    def _facts(self) -> dict[str, object]:
        facts = super()._facts()
        if self.weights is not None and len(self.weights) <= FEW:
            return {**facts, "weights": f"[{', '.join(map(str, self.weights))}]"}
        if self.name == UNNAMED and self._law.numel() <= FEW:
            return {**facts, "law": f"[{', '.join(f'{p:.3g}' for p in self._law.flatten().tolist())}]"}
        return facts

    def set_entropies(self) -> Float[Tensor, "*worlds sets"]:
        """Return H(X_S) of all 2^n revealed sets, in the order of `information.set_entropies`."""
        return information.set_entropies(self.table, self.n, self.d)


def _read(law: Any, n: int | None, d: int | None) -> tuple[Tensor, int, int]:
    """Return the cells, n and d that the arguments mean."""
    if isinstance(law, World):
        return law.law(), law.n, law.d
    try:
        q = torch.as_tensor(law, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"law of type {type(law).__name__}; expected an array of probabilities ({error})") from error
    cube = len(set(q.shape)) == 1 and q.ndim >= 1
    if n is None and d is None:
        if cube and q.ndim > 1:
            return q.reshape(-1), q.ndim, q.shape[0]
        raise InvalidInput(
            f"law of shape {tuple(q.shape)}; expected shape (d,) * n, or d^n probabilities with n or d beside them: "
            "um.world(law, d=2)"
        )
    if q.ndim < 1:
        raise InvalidInput("law is a single number; expected d^n probabilities")
    if cube and (n is None or n == q.ndim) and (d is None or d == q.shape[0]) and q.ndim > 1:
        return q.reshape(-1), q.ndim, q.shape[0]
    n, d = _completed(q.shape[-1], n, d)
    if n < 1 or d < 1:
        raise InvalidInput(f"n = {n}, d = {d}; expected n >= 1 positions and d >= 1 symbols")
    if q.shape[-1] != d**n and q.shape[-1] == n**d:
        raise InvalidInput(
            f"law of shape {tuple(q.shape)} with n = {n}, d = {d} (d^n = {d**n}); n = {d}, d = {n} would fit: swapped?"
        )
    return q, n, d


def _completed(cells: int, n: int | None, d: int | None) -> tuple[int, int]:
    """Return n and d where one of them is known."""
    if n is not None and d is not None:
        return n, d
    if d is not None:
        n = round(math.log(cells) / math.log(d)) if d > 1 and cells > 1 else 1
    elif n is not None and n > 0:
        d = round(cells ** (1 / n))
    return n or 0, d or 0


def table_of(world: World) -> TableWorld:
    """Return a world as a table of all its probabilities.

    Raises InvalidInput when they do not fit in memory and for anything that is no world.
    """
    if not isinstance(world, World):
        raise InvalidInput(f"{type(world).__name__} where a world belongs; make one: TableWorld(law, n, d)")
    return (
        world
        if isinstance(world, TableWorld)
        else TableWorld(world.law(), world.n, world.d, world.name, world.zero_rule)
    )
