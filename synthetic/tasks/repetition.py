"""Repetition, n = 32: a uniform block of eight tokens written four times."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import HELD_OUT, held_out_draws
from theory.worlds.long import long_repetition

BLOCK, TIMES = 8, 4


def repeats(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every block equals the first."""
    blocks = tokens.reshape(len(tokens), -1, BLOCK)
    return (blocks == blocks[:, :1]).flatten(1).all(-1).double()


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; the law has 4^8 = 65,536 sequences, and no test row occurs in training."""
    world = long_repetition(BLOCK, TIMES, 4)
    seen, unseen = held_out_draws(world, train, test, seed)
    return Task(
        name="repetition",
        shape=(world.n,),
        d=world.d,
        symbols=tuple("abcd"),
        train=seen,
        test=unseen,
        metric="all blocks agree",
        success=strict(repeats, world.d),
        world=world,
        split=HELD_OUT,
    )
