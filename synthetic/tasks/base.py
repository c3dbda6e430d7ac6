"""A task: examples to train on and to test on, how tokens are printed, when a sample succeeds, the exact law."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.worlds import World
from theory.worlds.states import check_states


@dataclass(frozen=True)
class Examples:
    """Rows of data and the positions that each is conditioned on.

    `tokens` are int64 in 0..d-1; a `given` position is never masked. Raises InvalidInput for other shapes
    or types.
    """

    tokens: Int[Tensor, "rows n"]
    given: Bool[Tensor, "rows n"]

    def __post_init__(self) -> None:
        if self.tokens.ndim != 2 or self.given.shape != self.tokens.shape:
            raise InvalidInput(
                f"tokens of shape {tuple(self.tokens.shape)}, given of shape {tuple(self.given.shape)}; "
                "expected one shape (rows, n) for both"
            )
        if self.tokens.dtype != torch.int64 or self.given.dtype != torch.bool:
            raise InvalidInput(f"tokens {self.tokens.dtype}, given {self.given.dtype}; expected int64 and bool")

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, index: Tensor | slice) -> Examples:
        """Return the chosen rows: a slice, an integer or a boolean index."""
        return Examples(self.tokens[index], self.given[index])


Success = Callable[[Int[Tensor, "rows n"], Examples], Float[Tensor, " rows"]]
"""From samples and the examples they were conditioned on to values in [0, 1], float64 on the CPU."""


@dataclass(frozen=True)
class Task:
    """A data set with its vocabulary, its measure of success and, where one is known, its exact law.

    `shape` is the layout of the n positions: (n,) for a line, (rows, columns) for a grid, read row by row.
    `d` counts the tokens without the mask, which is token d; `symbols` prints the d tokens. `metric` names
    `success` in tables. `world` is the exact law of unconditional data, None where there is none. `split`
    says in one sentence what the test rows share with no training row.
    """

    name: str
    shape: tuple[int, ...]
    d: int
    symbols: tuple[str, ...]
    train: Examples
    test: Examples
    metric: str
    success: Success
    world: World | None
    split: str = ""

    @property
    def n(self) -> int:
        """Return the number of positions."""
        return math.prod(self.shape)


def unconditional(tokens: Int[Tensor, "rows n"]) -> Examples:
    """Return rows of data with nothing given."""
    return Examples(tokens, torch.zeros_like(tokens, dtype=torch.bool))


def strict(judge: Success, d: int) -> Success:
    """Return `judge` behind the rules of every task.

    A row that still holds a mask, or that changed a given token, has success 0 and is not shown to the
    judge. Raises InvalidInput where samples and examples differ in shape or a token lies outside 0..d.
    """

    def success(samples: Int[Tensor, "rows n"], examples: Examples) -> Float[Tensor, " rows"]:
        if samples.shape != examples.tokens.shape:
            raise InvalidInput(
                f"samples of shape {tuple(samples.shape)} for examples of shape {tuple(examples.tokens.shape)}; "
                "expected one sample for each example: pass unconditional(samples) where nothing was given"
            )
        tokens = check_states(samples.detach().cpu(), samples.shape[-1], d)
        held = Examples(examples.tokens.cpu(), examples.given.cpu())
        fit = (tokens < d).all(-1) & ((tokens == held.tokens) | ~held.given).all(-1)
        values = torch.zeros(len(tokens), dtype=torch.float64)
        if bool(fit.any()):
            values[fit] = judge(tokens[fit], held.rows(fit))
        return values

    return success
