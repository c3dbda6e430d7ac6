"""Which ids of a model are tokens, which is the mask, and what stands around a sequence.

The project's states have tokens 0..d-1 and the mask d. A model of somebody else's has its own ids: the mask anywhere,
special and forbidden tokens between the others, and marks before and after each sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from theory.errors import InvalidInput


@dataclass(frozen=True)
class Vocabulary:
    """The ids of the d tokens in order, of the mask, and of what stands before and after every sequence.

    Token v is the id allowed[v]. Raises InvalidInput for no tokens, ids that are negative or twice there, and a mask
    among the tokens.
    """

    allowed: tuple[int, ...]
    mask_id: int
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.allowed or len(set(self.allowed)) != len(self.allowed):
            raise InvalidInput(
                f"{len(self.allowed)} allowed ids, {len(set(self.allowed))} different; expected each once"
            )
        if min(*self.allowed, self.mask_id, *self.before, *self.after) < 0:
            raise InvalidInput("an id is negative; expected ids of the model, from 0 on")
        if self.mask_id in self.allowed:
            raise InvalidInput(f"the mask, id {self.mask_id}, is among the allowed tokens; leave it out")

    @property
    def d(self) -> int:
        """Return the number of tokens."""
        return len(self.allowed)

    @property
    def largest(self) -> int:
        """Return the largest id."""
        return max(*self.allowed, self.mask_id, *self.before, *self.after)

    def ids(self, z: Int[Tensor, "batch n"]) -> Int[Tensor, "batch ids"]:
        """Return states as the model's ids, with the marks before and after."""
        own = torch.tensor([*self.allowed, self.mask_id], device=z.device)[z]
        marks = [
            torch.tensor(mark, dtype=own.dtype, device=z.device).expand(len(z), -1)
            for mark in (self.before, self.after)
        ]
        return torch.cat([marks[0], own, marks[1]], 1)

    def states(self, ids: Sequence[Sequence[int]] | Tensor) -> Int[Tensor, "batch n"]:
        """Return sequences of the model's ids, without marks, as states. Raises InvalidInput for other ids."""
        rows = torch.as_tensor(ids)
        known = torch.full((max(self.largest, int(rows.max()) if rows.numel() else 0) + 1,), -1)
        known[torch.tensor([*self.allowed, self.mask_id])] = torch.arange(self.d + 1)
        if rows.numel() and (int(rows.min()) < 0 or bool((known[rows] < 0).any())):
            wrong = rows[(rows < 0) | (known[rows.clamp(min=0)] < 0)][0]
            raise InvalidInput(f"id {int(wrong)} is neither an allowed token nor the mask; allow it or leave it out")
        return known[rows]
