"""9x9 Sudoku with unique solutions, for GPU runs; n = 81, d = 9, cells row by row.

Base puzzles are dug from random grids with an exact solver, then multiplied by the symmetries of the rules:
renaming symbols, permuting rows in a band, bands, columns in a stack, stacks, and transposition (1.2e12 copies
of most puzzles). A symmetry maps solutions to solutions, so copies keep their uniqueness. Training and test
have bases of their own, and no test base is a symmetric copy of a training base.
"""

from __future__ import annotations

import random

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from synthetic.tasks.base import Examples, Task, strict
from synthetic.tasks.draws import streams
from synthetic.tasks.solver import dig, random_grid

BASES_PER_TEST_BASE = 4


def build(seed: int = 0, train: int = 1600, test: int = 400, bases: int = 400, clues: int = 28) -> Task:
    """Return the task; `bases` training bases at some 5 ms each, a quarter as many for the test.

    Copies are cheap (100,000 puzzles take about a second); most puzzles have `clues` clues, few have one or two
    more. Given clues, success is a grid that obeys the rules and keeps them, which only the solution does.
    """
    source = random.Random(seed)
    known = set[tuple[int, ...]]()
    seen = _bases(bases, clues, source, known)
    unseen = _bases(max(1, bases // BASES_PER_TEST_BASE), clues, source, known)
    first, second = streams(seed, 2)
    return Task(
        name="sudoku9",
        shape=(9, 9),
        d=9,
        symbols=tuple("123456789"),
        train=copies(seen, train, first),
        test=copies(unseen, test, second),
        metric="solved, clues kept",
        success=strict(obeys_rules, 9),
        world=None,
        split="no test grid is a training grid renamed, permuted or transposed",
    )


def obeys_rules(tokens: Int[Tensor, "rows n"], _: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every row, column and box holds nine different symbols."""
    grids = tokens.reshape(-1, 9, 9)
    boxes = grids.reshape(-1, 3, 3, 3, 3).transpose(2, 3).reshape(-1, 9, 9)
    units = torch.cat((grids, grids.transpose(1, 2), boxes), dim=1)
    return (units.sort(-1).values == torch.arange(9)).all(-1).all(-1).double()


def copies(bases: Examples, count: int, generator: Generator) -> Examples:
    """Return random symmetric copies of the bases, each base as often as any other up to one copy."""
    chosen = torch.randperm(count, generator=generator) % len(bases)
    grids, given = (part[chosen].reshape(-1, 9, 9) for part in (bases.tokens, bases.given))
    names = _permutations(count, 9, generator)
    rows, columns = _line_order(count, generator), _line_order(count, generator)
    turned = torch.rand(count, generator=generator) < 0.5
    renamed = names.gather(1, grids.flatten(1)).reshape(-1, 9, 9)
    return Examples(_moved(renamed, rows, columns, turned), _moved(given, rows, columns, turned))


def invariant(grid: list[int]) -> tuple[int, ...]:
    """Return numbers that every symmetry leaves alone, so that grids with different ones are no copies.

    Two rows make a permutation of the symbols: from what stands in one to what stands below it in the other.
    Renaming and moving keep its cycle lengths and whether both lie in one band; columns likewise.
    """
    cells = [grid[9 * r : 9 * r + 9] for r in range(9)]
    sides = []
    for lines in (cells, [list(column) for column in zip(*cells, strict=True)]):
        near, far = list[int](), list[int]()
        for i in range(9):
            for j in range(i):
                (near if i // 3 == j // 3 else far).append(_cycle_code(lines[i], lines[j]))
        sides.append((*sorted(near), *sorted(far)))
    return (*min(sides), *max(sides))


def _bases(count: int, clues: int, source: random.Random, known: set[tuple[int, ...]]) -> Examples:
    """Return puzzles whose invariants differ from all known ones and from each other."""
    puzzles, grids = list[list[int]](), list[list[int]]()
    while len(grids) < count:
        grid = random_grid(source)
        mark = invariant(grid)
        if mark not in known:
            known.add(mark)
            grids.append(grid)
            puzzles.append(dig(grid, clues, source))
    return Examples(torch.tensor(grids) - 1, torch.tensor(puzzles) > 0)


def _cycle_code(upper: list[int], lower: list[int]) -> int:
    """Return the cycle lengths of upper -> lower, shortest first, as digits of a number."""
    onto = dict(zip(upper, lower, strict=True))
    lengths = []
    while onto:
        symbol, length = next(iter(onto)), 0
        while symbol in onto:
            symbol, length = onto.pop(symbol), length + 1
        lengths.append(length)
    return int("".join(map(str, sorted(lengths))))


def _permutations(count: int, size: int, generator: Generator) -> Int[Tensor, "count size"]:
    return torch.rand(count, size, dtype=torch.float64, generator=generator).argsort(-1)


def _line_order(count: int, generator: Generator) -> Int[Tensor, "count 9"]:
    """Return orders of nine lines that permute the three bands and the three lines of each."""
    bands = _permutations(count, 3, generator)
    inside = _permutations(count * 3, 3, generator).reshape(count, 3, 3)
    return (3 * bands[:, :, None] + inside).reshape(count, 9)


def _moved(
    grids: Int[Tensor, "m 9 9"] | Bool[Tensor, "m 9 9"],
    rows: Int[Tensor, "m 9"],
    columns: Int[Tensor, "m 9"],
    turned: Bool[Tensor, " m"],
) -> Int[Tensor, "m n"] | Bool[Tensor, "m n"]:
    grids = grids.gather(1, rows[:, :, None].expand(-1, 9, 9)).gather(2, columns[:, None].expand(-1, 9, 9))
    return torch.where(turned[:, None, None], grids.transpose(1, 2), grids).flatten(1)
