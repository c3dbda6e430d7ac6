"""The loss of every sequence of a small world under every masked set: what all exact statements on training rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.unmasking.kernels import conditionals
from theory.worlds import World, states
from theory.worlds.table import table_of


@dataclass(frozen=True, eq=False)
class LossTable:
    """L(S, x) = sum over i in S of -ln q(x_i | the tokens of x outside S), in nats, and the law of x.

    `values[s, c]` belongs to set s of `masked_sets(n)` and to the c-th sequence of positive probability, `law[c]`.
    A table of one sequence alone (`at`) keeps its number in `cell`. The difference of two tables on one law is a table
    again: of the losses' difference, as in preference scores.
    """

    n: int
    values: Float[Tensor, "sets cells"]
    law: Float[Tensor, " cells"]
    cell: int | None = None

    def __sub__(self, other: LossTable) -> LossTable:
        if (self.n, self.cell) != (other.n, other.cell) or not torch.equal(self.law, other.law):
            raise InvalidInput(
                f"two loss tables on different worlds or sequences ({self.cell} and {other.cell}); compare two "
                "denoisers on one world, or on one sequence of it"
            )
        return LossTable(self.n, self.values - other.values, self.law, self.cell)

    def at(self, cell: int) -> LossTable:
        """Return the table of one sequence alone, which `cell` names."""
        return LossTable(self.n, self.values[:, cell : cell + 1], torch.ones(1, dtype=torch.float64), cell)

    def by_count(self) -> tuple[Float[Tensor, "counts cells"], Float[Tensor, "counts cells"]]:
        """Return the mean and the mean square of L(S, x) over the sets of each size 0..n."""
        mean, square = self._averaged(self.values), self._averaged(self.values**2)
        return mean, square

    def nelbo(self) -> Float[Tensor, " cells"]:
        """Return the negative ELBO of each sequence: sum over k of the mean of L(S, x) over k-sets, over k."""
        mean = self._averaged(self.values)
        return (mean[1:] / torch.arange(1, self.n + 1)[:, None]).sum(0)

    def mean(self, values: Float[Tensor, "*rows cells"]) -> Float[Tensor, "*rows"]:
        """Return the mean over sequences."""
        return values @ self.law

    def _averaged(self, values: Float[Tensor, "sets cells"]) -> Float[Tensor, "counts cells"]:
        count = masked_sets(self.n).sum(-1)
        total = values.new_zeros(self.n + 1, values.shape[-1]).index_add_(0, count, values)
        return total / count.bincount(minlength=self.n + 1)[:, None]


def masked_sets(n: int) -> Bool[Tensor, "sets n"]:
    """Return all 2^n sets of positions; set s masks position i where the i-th of the n binary digits of s is one."""
    return states.digits(torch.arange(2**n), n, 2).bool()


def loss_table(world: World, denoiser: Any = None) -> LossTable:
    """Return the loss table of a denoiser on a small world; the world's own conditionals unless given.

    Raises InvalidInput where it does not fit in memory, and where a token of a possible sequence has probability zero:
    the loss is then infinite.
    """
    data = table_of(world)
    n, d = data.n, data.d
    states.require_memory((2 * d) ** n, f"loss table for n = {n}, d = {d}")
    surprise = -conditionals(data, denoiser)(states.all_states(n, d)).log().reshape(*[d + 1] * n, n, d)
    values = surprise.new_zeros(2**n, *[d] * n)
    for total, hidden in zip(values, masked_sets(n).tolist(), strict=True):
        context = surprise[tuple(d if masked else slice(0, d) for masked in hidden)]
        for i in (i for i in range(n) if hidden[i]):
            axes = [1 if masked and j != i else d for j, masked in enumerate(hidden)]
            before = i - sum(hidden[:i])
            total += context[..., i, :].movedim(-1, before).reshape(axes)
    law = data.law()
    possible = law > 0
    found = values.reshape(2**n, -1)[:, possible]
    if not bool(found.isfinite().all()):
        raise InvalidInput(
            "the denoiser gives probability zero to a token of a possible sequence; its loss is infinite"
        )
    return LossTable(n, found, law[possible])
