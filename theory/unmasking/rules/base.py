"""What an unmasking rule is, what it must declare, and what a selection must satisfy.

A *set rule* sees the denoiser's conditionals and the masked positions and names the positions revealed
next; the tokens are then drawn independently. That is the family phi of Ben-Hamu et al. (arXiv 2505.24857,
section 5): blind to hidden and to just-drawn values. A *value rule* looks at drawn tokens before it
decides; the theorems do not cover it, and its law is computed all the same.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput

Denoise = Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n d"]]
"""States to log-conditionals, one row for each; revealed rows are ignored."""


class SetRule(ABC):
    """A rule of the theorems' family: one denoiser call a step, value-free.

    `name` is what tables print. `choices` lists the sets that a stochastic rule may pick; a deterministic
    rule has one.
    """

    name: str
    value_free = True

    def for_states(self, z: Int[Tensor, "batch n"]) -> SetRule:
        """Return the rule to ask at these states: itself, unless the rule is a table over states."""
        return self

    @abstractmethod
    def select(
        self,
        log_p: Float[Tensor, "batch n d"],
        masked: Bool[Tensor, "batch n"],
        generator: Generator | None = None,
    ) -> Bool[Tensor, "batch n"]:
        """Return the positions to reveal, a nonempty subset of the (permitted) masked ones in every row."""

    def choices(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Bool[Tensor, "batch c n"]]:
        """Return all sets the rule may pick with their probabilities."""
        weight = torch.ones(len(masked), 1, dtype=torch.float64, device=masked.device)
        return weight, self.select(log_p, masked)[:, None]


class ValueRule(ABC):
    """A rule that looks at drawn tokens: outside the theorems, exact law by listing its outcomes."""

    name: str
    value_free = False

    @abstractmethod
    def outcomes(
        self, denoise: Denoise, z: Int[Tensor, "batch n"], d: int
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """Return for each state the next states with their probabilities and the denoiser calls spent."""


Rule = SetRule | ValueRule


def check_selection(
    name: str, chosen: Tensor, masked: Bool[Tensor, "batch n"], z: Int[Tensor, "batch n"] | None = None
) -> Bool[Tensor, "batch n"]:
    """Return the selection; InvalidInput naming rule, state (where given) and positions when it is not allowed."""
    if chosen.shape != masked.shape or chosen.dtype != torch.bool:
        raise InvalidInput(
            f"rule {name!r} returned {chosen.dtype} of shape {tuple(chosen.shape)}; "
            f"expected bool of shape {tuple(masked.shape)}"
        )
    wrong = chosen & ~masked
    if bool(wrong.any()):
        row, position = wrong.nonzero()[0].tolist()
        raise InvalidInput(
            f"rule {name!r}{_at(z, row)} reveals position {position}, which is not masked or not permitted, where only "
            f"{masked[row].nonzero()[:, 0].tolist()} are; return a subset of the masked positions"
        )
    empty = ~chosen.any(-1) & masked.any(-1)
    if bool(empty.any()):
        row = int(empty.nonzero()[0, 0])
        raise InvalidInput(
            f"rule {name!r}{_at(z, row)} reveals nothing where positions "
            f"{masked[row].nonzero()[:, 0].tolist()} are masked; reveal at least one"
        )
    return chosen


def _at(z: Tensor | None, row: int) -> str:
    return "" if z is None else f" at state {z[row].tolist()}"


def check_conditionals(
    log_p: Float[Tensor, "batch n d"], z: Int[Tensor, "batch n"], d: int, who: str = "denoiser"
) -> Float[Tensor, "batch n d"]:
    """Return the log-conditionals; InvalidInput for NaN, mass on the mask or rows that do not sum to one."""
    if log_p.shape[-1] != d or log_p.shape[:-1] != z.shape:
        extra = "; drop the mask's column and renormalise" if log_p.shape[-1] == d + 1 else ""
        raise InvalidInput(f"{who} returned shape {tuple(log_p.shape)}; expected {(*z.shape, d)}{extra}")
    hidden = z == d
    rows = log_p[hidden]
    bad = torch.isnan(rows).any(-1) | ((rows.exp().sum(-1) - 1).abs() > 1e-6)
    if bool(bad.any()):
        row = hidden.nonzero()[bad.nonzero()[0, 0]].tolist()
        total = float(log_p[tuple(row)].exp().sum())
        raise InvalidInput(
            f"{who} at state {z[row[0]].tolist()}, position {row[1]}: probabilities sum to {total:.6g}; "
            "expected 1 without NaN: apply log_softmax over the d tokens"
        )
    return log_p
