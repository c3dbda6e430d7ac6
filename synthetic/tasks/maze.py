"""Mazes made by depth-first search: walls and two end points are given, the shortest path is to be marked.

k x k cells on a grid of (2k - 1) x (2k - 1) sites: cells at even places, between neighbours either a wall or
an opening. The maze is perfect (a spanning tree of the cells), so exactly one path joins the end points.
"""

from __future__ import annotations

import itertools
import random
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from synthetic.tasks.base import Examples, Task, strict
from theory.errors import InvalidInput

WALL, OPEN, END, PATH = range(4)
ATTEMPTS = 20
SYMBOLS = ("#", " ", "o", ".")


def exact_path(tokens: Int[Tensor, "rows n"], examples: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every site is right: the path is unique, so nothing else joins the ends at this length."""
    return (tokens == examples.tokens).all(-1).double()


def build(seed: int = 0, cells: int = 5, train: int = 4096, test: int = 512) -> Task:
    """Return the task on cells x cells; half a second for 5 x 5, a few for 10 x 10 with 8,192 mazes.

    No wall layout of the test, turned or mirrored, occurs in training. End points are two different cells,
    uniform.
    """
    if cells < 2:
        raise InvalidInput(f"cells = {cells}; expected at least 2, so that two end points differ")
    source = random.Random(seed)
    seen = [maze(cells, source) for _ in range(train)]
    unseen = _unlike({layout(grid) for grid in seen}, test, cells, source)
    side = 2 * cells - 1
    return Task(
        name=f"maze{cells}",
        shape=(side, side),
        d=4,
        symbols=SYMBOLS,
        train=_examples(seen),
        test=_examples(unseen),
        metric="exact shortest path",
        success=strict(exact_path, 4),
        world=None,
        split="no test maze has the walls of a training maze, turned or mirrored",
    )


build10 = partial(build, cells=10, train=8192, test=512)


def maze(cells: int, source: random.Random) -> Int[np.ndarray, "side side"]:
    """Return one maze with its path marked."""
    parent = spanning_tree(cells, source)
    grid = np.full((2 * cells - 1, 2 * cells - 1), WALL, dtype=np.int64)
    grid[::2, ::2] = OPEN
    for cell, before in parent.items():
        grid[_between(cell, before)] = OPEN
    start, goal = source.sample(sorted(parent), 2)
    cells_on_path = tree_path(parent, start, goal)
    for cell, following in itertools.pairwise(cells_on_path):
        grid[_between(cell, following)] = PATH
        grid[2 * following[0], 2 * following[1]] = PATH
    for r, c in (start, goal):
        grid[2 * r, 2 * c] = END
    return grid


Cell = tuple[int, int]


def spanning_tree(cells: int, source: random.Random) -> dict[Cell, Cell]:
    """Return each cell's parent in a random depth-first search; the root is its own parent."""
    root = (source.randrange(cells), source.randrange(cells))
    parent, stack = {root: root}, [root]
    while stack:
        r, c = stack[-1]
        around = ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
        fresh = [p for p in around if 0 <= p[0] < cells and 0 <= p[1] < cells and p not in parent]
        if not fresh:
            stack.pop()
            continue
        chosen = source.choice(fresh)
        parent[chosen] = (r, c)
        stack.append(chosen)
    return parent


def tree_path(parent: dict[Cell, Cell], start: Cell, goal: Cell) -> list[Cell]:
    """Return the path between two cells of a tree, through their lowest common ancestor."""
    up, down = _ancestors(parent, start), _ancestors(parent, goal)
    while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
        up.pop()
        down.pop()
    return up + down[-2::-1]


def layout(grid: Int[np.ndarray, "side side"]) -> bytes:
    """Return the walls in a form that turning and mirroring do not change: the least of the eight images."""
    walls = grid == WALL
    turned = [np.rot90(walls, k) for k in range(4)]
    return min(image.tobytes() for w in turned for image in (w, w.T))


def _unlike(layouts: set[bytes], count: int, cells: int, source: random.Random) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for _ in range(ATTEMPTS * count):
        grid = maze(cells, source)
        if layout(grid) not in layouts:
            found.append(grid)
        if len(found) == count:
            return found
    raise InvalidInput(
        f"training holds nearly every {cells} x {cells} maze, too few are left for {count} test mazes; "
        "take more cells or fewer training mazes"
    )


def _ancestors(parent: dict[Cell, Cell], cell: Cell) -> list[Cell]:
    line = [cell]
    while parent[line[-1]] != line[-1]:
        line.append(parent[line[-1]])
    return line


def _between(a: Cell, b: Cell) -> Cell:
    return a[0] + b[0], a[1] + b[1]


def _examples(grids: list[np.ndarray]) -> Examples:
    tokens = torch.from_numpy(np.stack(grids)).reshape(len(grids), -1)
    return Examples(tokens, (tokens == WALL) | (tokens == END))
