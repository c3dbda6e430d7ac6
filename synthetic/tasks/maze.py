"""Mazes made by depth-first search: walls and two end points are given, the shortest path is to be marked.

r x c cells on a grid of (2r - 1) x (2c - 1) sites: cells at even places, between neighbours either a wall or
an opening. The maze is perfect (a spanning tree of the cells), so exactly one path joins the end points.
"""

from __future__ import annotations

import hashlib
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
HELD_OUT = 32
"""Of 256 wall layouts this many belong to the test, by their hash: layouts that training never meets."""
SYMBOLS = ("#", " ", "o", ".")


def exact_path(tokens: Int[Tensor, "rows n"], examples: Examples) -> Float[Tensor, " rows"]:
    """Return 1 where every site is right: the path is unique, so nothing else joins the ends at this length."""
    return (tokens == examples.tokens).all(-1).double()


def build(seed: int = 0, rows: int = 5, columns: int = 5, train: int = 4096, test: int = 512) -> Task:
    """Return the task on rows x columns cells; half a second for 5 x 5, a few for 10 x 10 with 8,192 mazes.

    No wall layout of the test, turned or mirrored, occurs in training. End points are two different cells,
    uniform.
    """
    seen, unseen = _mazes(seed, rows, columns, train, test)
    return Task(
        name=f"maze{rows}" if rows == columns else f"maze{rows}x{columns}",
        shape=(2 * rows - 1, 2 * columns - 1),
        d=4,
        symbols=SYMBOLS,
        train=_examples(seen),
        test=_examples(unseen),
        metric="exact shortest path",
        success=strict(exact_path, 4),
        world=None,
        split="no test maze has the walls of a training maze, turned or mirrored",
    )


build3x4 = partial(build, rows=3, columns=4, train=16384)
build10 = partial(build, rows=10, columns=10, train=8192)


def maze(rows: int, columns: int, source: random.Random) -> Int[np.ndarray, "height width"]:
    """Return one maze with its path marked."""
    parent = spanning_tree(rows, columns, source)
    grid = np.full((2 * rows - 1, 2 * columns - 1), WALL, dtype=np.int64)
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


def spanning_tree(rows: int, columns: int, source: random.Random) -> dict[Cell, Cell]:
    """Return each cell's parent in a random depth-first search; the root is its own parent."""
    root = (source.randrange(rows), source.randrange(columns))
    parent, stack = {root: root}, [root]
    while stack:
        r, c = stack[-1]
        around = ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1))
        fresh = [p for p in around if 0 <= p[0] < rows and 0 <= p[1] < columns and p not in parent]
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


def layout(grid: Int[np.ndarray, "height width"]) -> bytes:
    """Return the walls in a form that turning and mirroring do not change: the least of the eight images."""
    walls = grid == WALL
    turned = [np.rot90(walls, k) for k in range(4)]
    return min(image.tobytes() for w in turned for image in (w, w.T))


def _mazes(seed: int, rows: int, columns: int, train: int, test: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return mazes to train on and mazes to test on, whose layouts are held out."""
    if min(rows, columns) < 3 or rows * columns < 12:
        raise InvalidInput(f"{rows} x {columns} cells; expected 3 x 4 at least: smaller mazes have too few layouts")
    source = random.Random(seed)
    parts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    while len(parts[0]) < train or len(parts[1]) < test:
        grid = maze(rows, columns, source)
        parts[hashlib.sha256(layout(grid)).digest()[0] < HELD_OUT].append(grid)
    return parts[0][:train], parts[1][:test]


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
