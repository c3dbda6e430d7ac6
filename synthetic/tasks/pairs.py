"""Copied pairs, n = 16: eight uniform tokens, each written twice; one reveal in a pair settles the other."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import HELD_OUT, held_out_draws
from theory.worlds.long import long_pairs


def copied(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every pair agrees."""
    return (tokens[:, 0::2] == tokens[:, 1::2]).all(-1).double()


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; the law has 4^8 = 65,536 sequences, and no test row occurs in training."""
    world = long_pairs(8, 4)
    seen, unseen = held_out_draws(world, train, test, seed)
    return Task(
        name="pairs",
        shape=(world.n,),
        d=world.d,
        symbols=tuple("abcd"),
        train=seen,
        test=unseen,
        metric="all pairs agree",
        success=strict(copied, world.d),
        world=world,
        split=HELD_OUT,
    )
