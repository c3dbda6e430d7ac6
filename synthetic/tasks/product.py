"""Multiplication a x b = c of two-digit numbers; n = 8 decimal digits: two of a, two of b, four of c.

All 10,000 products are split by the unordered pair {a, b}: where a x b is tested, b x a is not trained.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import streams
from theory.worlds import multiplication

HELD_OUT_SHARE = 0.2


def correct(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where the last four digits are the product of the first two and the second two."""
    a, b, c = (number(part) for part in (tokens[:, :2], tokens[:, 2:4], tokens[:, 4:]))
    return (a * b == c).double()


def build(seed: int = 0) -> Task:
    """Return the task of finding c, with a and b given: every digit of c is certain, its computation is not easy."""
    return _build("product", seed, given=4)


def build_free(seed: int = 0) -> Task:
    """Return the task of writing a, b and c from nothing; here the digits of c depend on those of a and b."""
    return _build("product free", seed, given=0)


def _build(name: str, seed: int, given: int) -> Task:
    """Return the task; `world` is uniform on all 10,000 products, of which training lacks the held-out fifth."""
    world = multiplication(2)
    (generator,) = streams(seed, 1)
    rows = world.support[torch.randperm(len(world.support), generator=generator)]
    out = held_out_pairs(rows, generator)
    shown = torch.arange(world.n) < given
    seen, unseen = (Examples(part, shown.expand_as(part).clone()) for part in (rows[~out], rows[out]))
    return Task(
        name=name,
        shape=(world.n,),
        d=world.d,
        symbols=tuple("0123456789"),
        train=seen,
        test=unseen,
        metric="product correct",
        success=strict(correct, world.d),
        world=world,
        split="no test row's factors are those of a training row, in either order",
    )


def held_out_pairs(rows: Int[Tensor, "rows n"], generator: torch.Generator) -> Bool[Tensor, " rows"]:
    """Return which rows have an unordered pair {a, b} among those drawn for the test."""
    a, b = number(rows[:, :2]), number(rows[:, 2:4])
    pair = torch.minimum(a, b) * 100 + torch.maximum(a, b)
    return (torch.rand(100 * 100, generator=generator) < HELD_OUT_SHARE)[pair]


def number(digits: Int[Tensor, "rows k"]) -> Int[Tensor, " rows"]:
    """Return the number that decimal digits write, most significant first."""
    return (digits * 10 ** torch.arange(digits.shape[1] - 1, -1, -1)).sum(-1)
