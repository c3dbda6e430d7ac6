"""Even parity, n = 16: bits with an even sum; every proper subset of positions is uniform."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import HELD_OUT, held_out_draws
from theory.worlds.long import long_parity


def even(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where the sum is even."""
    return (tokens.sum(-1) % 2 == 0).double()


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task; the law has 2^15 = 32,768 sequences, and no test row occurs in training."""
    world = long_parity(16)
    seen, unseen = held_out_draws(world, train, test, seed)
    return Task(
        name="parity",
        shape=(world.n,),
        d=world.d,
        symbols=tuple("01"),
        train=seen,
        test=unseen,
        metric="even sum",
        success=strict(even, world.d),
        world=world,
        split=HELD_OUT,
    )
