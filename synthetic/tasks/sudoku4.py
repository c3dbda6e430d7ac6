"""4x4 Sudoku, solved from clues or written freely; n = 16, d = 4, cells row by row.

There are 288 grids: 12 classes of 24 under relabelling of the four symbols. For solving, whole classes are
held out. Rows, columns and transposition link the classes further (two orbits in all), so symmetric
copies of a test grid other than relabellings are in training; with two orbits none can be kept out.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import NOT_HELD_OUT, independent_draws, streams
from theory.worlds import sudoku4

SHAPE, SYMBOLS = (4, 4), tuple("1234")
HELD_OUT_CLASSES = 3
FEWEST_CLUES, MOST_CLUES = 4, 10


def solved(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every row, column and box holds four different symbols (any completion counts)."""
    grids = tokens.reshape(-1, 4, 4)
    boxes = grids.reshape(-1, 2, 2, 2, 2).transpose(2, 3).reshape(-1, 4, 4)
    units = torch.cat((grids, grids.transpose(1, 2), boxes), dim=1)
    return (units.sort(-1).values == torch.arange(4)).all(-1).all(-1).double()


def build(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task of completing 4 to 10 given cells, their number and places uniform.

    Three of the twelve classes are test grids: no test grid is a training grid with its symbols renamed.
    A puzzle may have several solutions; each one counts. `world` is uniform on all 288 grids, which given
    the clues is the law of the solutions; training sees the 216 grids of nine classes.
    """
    world = sudoku4()
    split, first, second = streams(seed, 3)
    classes = relabelling_class(world.support)
    out = torch.randperm(12, generator=split)[:HELD_OUT_CLASSES]
    held_out = torch.isin(classes, out)
    return Task(
        name="sudoku4",
        shape=SHAPE,
        d=4,
        symbols=SYMBOLS,
        train=_puzzles(world.support[~held_out], train, first),
        test=_puzzles(world.support[held_out], test, second),
        metric="solved, clues kept",
        success=strict(solved, 4),
        world=world,
        split="no test grid is a training grid with its symbols renamed",
    )


def build_free(seed: int = 0, train: int = 8192, test: int = 1024) -> Task:
    """Return the task of writing a grid from nothing; the law, uniform on 288 grids, is the reference."""
    world = sudoku4()
    seen, unseen = independent_draws(world, train, test, seed)
    return Task(
        name="sudoku4 free",
        shape=SHAPE,
        d=4,
        symbols=SYMBOLS,
        train=seen,
        test=unseen,
        metric="valid grid",
        success=strict(solved, 4),
        world=world,
        split=NOT_HELD_OUT,
    )


def relabelling_class(grids: Int[Tensor, "rows n"]) -> Int[Tensor, " rows"]:
    """Return for each grid the rank (0..11 over all grids) of its class under renaming of symbols.

    The representative names the symbols in the order in which the first row shows them.
    """
    names = grids[:, :4].argsort(-1)
    return torch.unique(names.gather(1, grids), dim=0, return_inverse=True)[1]


def _puzzles(grids: Int[Tensor, "m n"], count: int, generator: Generator) -> Examples:
    rows = grids[torch.randint(len(grids), (count,), generator=generator)]
    clues = torch.randint(FEWEST_CLUES, MOST_CLUES + 1, (count,), generator=generator)
    return Examples(rows, random_sets(clues, rows.shape[1], generator))


def random_sets(sizes: Int[Tensor, " rows"], n: int, generator: Generator) -> Bool[Tensor, "rows n"]:
    """Return in each row a uniformly random set of positions of the given size."""
    ranks = torch.rand(len(sizes), n, dtype=torch.float64, generator=generator).argsort(-1).argsort(-1)
    return ranks < sizes[:, None]
