"""Training and test rows drawn from an exact law, and the two measures that several tasks share."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Generator, Tensor

from synthetic.tasks.base import Examples, Success, Task, strict, unconditional
from theory.errors import InvalidInput
from theory.worlds import World

TAIL = 0.01
"""Share of true data that the measure `typical` turns away."""
ROUNDS = 64
TYPICAL = f"typical, as {1 - TAIL:.0%} of data"
HELD_OUT = "no test row equals a training row; training rows are independent draws from the exact law"
NOT_HELD_OUT = "independent draws from one small law: nothing is held out, and the law itself is the reference"


def held_out_task(
    name: str,
    world: World,
    symbols: str,
    seed: int,
    train: int,
    test: int,
    metric: str = TYPICAL,
    success: Success | None = None,
) -> Task:
    """Return the task of sequences drawn from a law, judged as `typical` unless a measure is given."""
    seen, unseen = held_out_draws(world, train, test, seed)
    return Task(
        name, (world.n,), world.d, tuple(symbols), seen, unseen, metric,
        success or typical(world, seen.tokens), world, HELD_OUT,
    )  # fmt: skip


def held_out_draws(world: World, train: int, test: int, seed: int) -> tuple[Examples, Examples]:
    """Return training rows drawn from the law, and test rows drawn from it given that training lacks them.

    Training follows the law exactly. The test rows follow the law restricted to unseen sequences, which is
    the law itself up to the mass that training covers. Raises InvalidInput where too little mass is unseen.
    """
    _check_counts(train, test)
    first, second = streams(seed, 2)
    seen = world.sample(train, first)
    fresh: list[Tensor] = []
    for _ in range(ROUNDS):
        drawn = world.sample(test, second)
        fresh.append(drawn[~shared_rows(drawn, seen)])
        if sum(map(len, fresh)) >= test:
            return unconditional(seen), unconditional(torch.cat(fresh)[:test])
    raise InvalidInput(
        f"{train} training rows of {world.name} leave too few unseen sequences for {test} test rows; "
        "take fewer training rows, or independent_draws"
    )


def independent_draws(world: World, train: int, test: int, seed: int) -> tuple[Examples, Examples]:
    """Return training and test rows drawn from the law, independently; a small law gives both the same rows."""
    _check_counts(train, test)
    first, second = streams(seed, 2)
    return unconditional(world.sample(train, first)), unconditional(world.sample(test, second))


def streams(seed: int, count: int) -> list[Generator]:
    """Return generators whose seeds are drawn from `seed`, so that no two parts of a task share one."""
    source = torch.Generator().manual_seed(seed)
    seeds = torch.randint(2**62, (count,), generator=source)
    return [torch.Generator().manual_seed(int(s)) for s in seeds]


def shared_rows(rows: Int[Tensor, "m n"], others: Int[Tensor, "k n"]) -> Bool[Tensor, " m"]:
    """Return which rows occur among the others."""
    known = {row.tobytes() for row in others.cpu().numpy()}
    return torch.tensor([row.tobytes() in known for row in rows.cpu().numpy()], dtype=torch.bool)


def typical(world: World, data: Int[Tensor, "rows n"]) -> Success:
    """Return the measure that is 1 where q(x) reaches the TAIL quantile of q over true data.

    True data pass with probability 1 - TAIL, samples of dependent tokens drawn independently mostly do not;
    for a uniform law it is membership in the support. It does not see a lack of variety: a sampler that
    always returns the likeliest sequence passes.
    """
    floor = world.log_prob(data).quantile(TAIL, interpolation="lower") - 1e-9
    return strict(lambda tokens, _: (world.log_prob(tokens) >= floor).double(), world.d)


def _check_counts(train: int, test: int) -> None:
    if train < 1 or test < 1:
        raise InvalidInput(f"{train} training rows, {test} test rows; expected at least one of each")
