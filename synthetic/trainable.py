"""What training asks of a task, and the checks of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput

if TYPE_CHECKING:
    from theory.worlds import World


class Sequences(Protocol):
    """Sequences with the positions that are given, never masked."""

    @property
    def tokens(self) -> Int[Tensor, "rows n"]: ...
    @property
    def given(self) -> Bool[Tensor, "rows n"]: ...


class Trainable(Protocol):
    """What training asks of a task."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def d(self) -> int: ...
    @property
    def train(self) -> Sequences: ...
    @property
    def test(self) -> Sequences: ...
    @property
    def world(self) -> World | None: ...


def entropy(task: Trainable) -> float | None:
    """Return the entropy of the task's world in nats; None where unknown, or where some tokens are given."""
    return None if task.world is None or bool(task.test.given.any()) else task.world.entropy()


def check(examples: Sequences, n: int, d: int) -> None:
    """Raise InvalidInput for rows of another shape, with tokens outside 0..d-1, or with nothing to predict."""
    tokens, given = examples.tokens, examples.given
    if tokens.ndim != 2 or not len(tokens) or tokens.shape[1] != n or given.shape != tokens.shape:
        raise InvalidInput(
            f"tokens of shape {tuple(tokens.shape)}, given of shape {tuple(given.shape)}; expected (rows, {n}) for both"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= d:
        raise InvalidInput(f"tokens from {low} to {high}; expected 0..{d - 1}, without the mask: train on whole rows")
    if bool(given.all()):
        raise InvalidInput("every token is given; leave some to predict")
