"""Exact 9x9 Sudoku solver: backtracking over bit masks, the most constrained cell first.

A grid is a list of 81 integers row by row, 0 for an empty cell, 1..9 for a symbol. One solve of a puzzle with
some 30 clues costs milliseconds.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from theory.errors import InvalidInput

FULL = (1 << 9) - 1
UNITS = [(r, 9 + c, 18 + 3 * (r // 3) + c // 3) for r in range(9) for c in range(9)]
"""Row, column and box of each cell, numbered 0..26."""


def solutions(grid: Sequence[int], order: Sequence[int] = range(9)) -> Iterator[list[int]]:
    """Yield every solution, symbols tried in the given order. Raises InvalidInput for a malformed grid.

    A grid that breaks a rule has none.
    """
    if len(grid) != 81 or any(not 0 <= v <= 9 for v in grid):
        raise InvalidInput("a grid is 81 integers in 0..9, 0 for an empty cell")
    free = [FULL] * 27
    for cell, value in enumerate(grid):
        if value and not _place(free, cell, 1 << (value - 1)):
            return
    yield from _search(list(grid), free, [c for c in range(81) if not grid[c]], [1 << v for v in order])


def count_solutions(grid: Sequence[int], limit: int = 2) -> int:
    """Return the number of solutions, counted up to `limit`."""
    found = 0
    for _ in solutions(grid):
        found += 1
        if found == limit:
            break
    return found


def random_grid(source: random.Random) -> list[int]:
    """Return a complete grid: three boxes on the diagonal at random, then the first solution in random order.

    Not uniform over all grids.
    """
    grid = [0] * 81
    for box in range(3):
        symbols = source.sample(range(1, 10), 9)
        for k, value in enumerate(symbols):
            grid[9 * (3 * box + k // 3) + 3 * box + k % 3] = value
    return next(solutions(grid, source.sample(range(9), 9)))


def dig(grid: Sequence[int], clues: int, source: random.Random) -> list[int]:
    """Return the grid emptied cell by cell in random order while its solution stays the only one.

    Stops at `clues` clues; where no further cell can go, more remain.
    """
    puzzle, left = list(grid), 81
    cells = list(range(81))
    source.shuffle(cells)
    for cell in cells:
        if left <= clues:
            break
        kept, puzzle[cell] = puzzle[cell], 0
        if count_solutions(puzzle) == 1:
            left -= 1
        else:
            puzzle[cell] = kept
    return puzzle


def _place(free: list[int], cell: int, bit: int) -> bool:
    a, b, c = UNITS[cell]
    if not free[a] & free[b] & free[c] & bit:
        return False
    free[a] ^= bit
    free[b] ^= bit
    free[c] ^= bit
    return True


def _search(grid: list[int], free: list[int], empty: list[int], order: list[int]) -> Iterator[list[int]]:
    if not empty:
        yield list(grid)
        return
    fewest, at, choices = 10, 0, 0
    for k, cell in enumerate(empty):
        a, b, c = UNITS[cell]
        allowed = free[a] & free[b] & free[c]
        count = allowed.bit_count()
        if count < fewest:
            fewest, at, choices = count, k, allowed
            if count <= 1:
                break
    if not choices:
        return
    cell = empty[at]
    empty[at] = empty[-1]
    empty.pop()
    for bit in order:
        if choices & bit:
            _place(free, cell, bit)
            grid[cell] = bit.bit_length()
            yield from _search(grid, free, empty, order)
            for unit in UNITS[cell]:
                free[unit] ^= bit
    grid[cell] = 0
    empty.append(cell)
    empty[at], empty[-1] = empty[-1], empty[at]
