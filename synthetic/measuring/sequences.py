"""The sequences that a model is measured on, each with its prompt, and the groups of equal length they are asked in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.showing import brief


@dataclass(frozen=True, eq=False)
class Sequences:
    """Complete sequences of tokens 0..d-1, of one length or of several, and which tokens of each are its prompt.

    Make them with `sequences`, which checks them.
    """

    tokens: tuple[Int[Tensor, " n"], ...]
    given: tuple[Bool[Tensor, " n"], ...]
    d: int

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def free(self) -> list[int]:
        """Return the number of tokens of each sequence that are not its prompt."""
        return [int((~given).sum()) for given in self.given]

    def groups(self, size: int) -> Iterator[list[int]]:
        """Yield the numbers of at most `size` sequences of equal length at a time, all of them in turn."""
        by_length: dict[int, list[int]] = {}
        for index, tokens in enumerate(self.tokens):
            by_length.setdefault(len(tokens), []).append(index)
        for members in by_length.values():
            for first in range(0, len(members), size):
                yield members[first : first + size]

    def rows(self, members: Sequence[int]) -> tuple[Int[Tensor, "rows n"], Bool[Tensor, "rows n"]]:
        """Return the tokens and prompts of sequences of equal length as two arrays."""
        return torch.stack([self.tokens[i] for i in members]), torch.stack([self.given[i] for i in members])


def sequences(tokens: Any, d: int, prompts: Any = None) -> Sequences:
    """Return sequences of tokens 0..d-1, from an array (rows, n) or a list of sequences of any lengths.

    `prompts` says which tokens are given and not measured: the number of first tokens, one for all or one a sequence,
    or a Boolean for each token. Raises InvalidInput for no sequences, masks or foreign tokens in them, prompts of
    another shape, and prompts that leave nothing to measure.
    """
    if not hasattr(tokens, "__iter__"):
        raise InvalidInput(
            f"{brief(tokens)} where sequences belong; expected an array (rows, n) or a list of sequences"
        )
    rows = [_row(number, row) for number, row in enumerate(tokens)]
    if not rows:
        raise InvalidInput("no sequences; expected at least one")
    for number, row in enumerate(rows):
        if bool((row == d).any()):
            raise InvalidInput(f"sequence {number} holds the mask, {d}; expected complete sequences of 0..{d - 1}")
        if bool(((row < 0) | (row > d)).any()):
            raise InvalidInput(
                f"sequence {number} holds a token outside 0..{d - 1}, a denoiser's tokens "
                "(model.vocabulary.states(ids) makes them of a model's own ids)"
            )
    given = [_given(number, row, prompts, len(rows)) for number, row in enumerate(rows)]
    for number, each in enumerate(given):
        if bool(each.all()):
            raise InvalidInput(f"the prompt of sequence {number} leaves none of its {len(each)} tokens to measure")
    return Sequences(tuple(rows), tuple(given), d)


def _row(number: int, row: Any) -> Tensor:
    tokens = np.asarray(row.cpu() if isinstance(row, Tensor) else row)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu" or not len(tokens):
        raise InvalidInput(f"sequence {number} has shape {tokens.shape}, {tokens.dtype}; expected (n,), whole numbers")
    return torch.from_numpy(tokens.astype(np.int64))


def _given(number: int, row: Tensor, prompts: Any, count: int) -> Bool[Tensor, " n"]:
    if prompts is None:
        return torch.zeros(len(row), dtype=torch.bool)
    whole = np.asarray(prompts.cpu() if isinstance(prompts, Tensor) else prompts, dtype=object)
    if whole.ndim and len(prompts) != count:
        raise InvalidInput(f"{len(prompts)} prompts for {count} sequences; give one number for all, or one a sequence")
    own = np.asarray(prompts[number] if whole.ndim else whole.item())
    if own.ndim == 0 and own.dtype.kind in "iu" and 0 <= int(own) <= len(row):
        return torch.arange(len(row)) < int(own)
    if own.dtype == bool and own.shape == tuple(row.shape):
        return torch.from_numpy(own.copy())
    raise InvalidInput(
        f"prompt of sequence {number}: {brief(own.tolist())}; expected a number of its first tokens, 0..{len(row)}, or "
        f"a Boolean for each of {len(row)}"
    )
