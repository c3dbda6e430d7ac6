"""Sudoku, mazes and products: solvers against other solvers, uniqueness, symmetry, splits that a copy cannot cross."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
import pytest
import torch

from synthetic import tasks
from synthetic.tasks import Examples, maze, product, solver, sudoku4, sudoku9, unconditional
from theory import worlds
from theory.errors import InvalidInput


def exact_cover_count(grid: list[int], limit: int = 2) -> int:
    """Count solutions by Knuth's Algorithm X over the 324 constraints, in dictionaries."""
    places = {}
    for cell in range(81):
        r, c = divmod(cell, 9)
        for v in [grid[cell]] if grid[cell] else range(1, 10):
            places[cell, v] = [("cell", cell), ("row", r, v), ("column", c, v), ("box", r // 3, c // 3, v)]
    columns: dict[object, set[object]] = {}
    for place, needs in places.items():
        for need in needs:
            columns.setdefault(need, set()).add(place)
    if len(columns) < 324:
        return 0

    def search(columns: dict[object, set[object]]) -> int:
        if not columns:
            return 1
        total = 0
        for place in columns[min(columns, key=lambda need: len(columns[need]))]:
            clash = {other for need in places[place] for other in columns[need]}
            rest = {need: options - clash for need, options in columns.items() if need not in places[place]}
            total += search(rest)
            if total >= limit:
                break
        return min(total, limit)

    return search(columns)


def test_dug_puzzles_have_one_solution_and_two_are_rejected() -> None:
    source = random.Random(4)
    grid = solver.random_grid(source)
    puzzle = solver.dig(grid, 30, source)
    assert sum(v > 0 for v in puzzle) == 30
    assert list(solver.solutions(puzzle)) == [grid]
    assert exact_cover_count(puzzle) == 1
    for cell in range(81):  # the solver and Algorithm X agree on thinner, often ambiguous puzzles
        if puzzle[cell] and cell % 7 == 0:
            thinner = [0 if k == cell else v for k, v in enumerate(puzzle)]
            assert solver.count_solutions(thinner) == exact_cover_count(thinner)


def test_an_exchangeable_rectangle_has_two_solutions() -> None:
    shift = [[(3 * (r % 3) + r // 3 + c) % 9 + 1 for c in range(9)] for r in range(9)]
    grid = [v for row in shift for v in row]
    assert solver.count_solutions(grid) == 1
    for a, b in ((1, 2), (4, 7)):  # empty every a and b: exchanging the two symbols gives another solution
        puzzle = [0 if v in (a, b) else v for v in grid]
        assert solver.count_solutions(puzzle) == exact_cover_count(puzzle) == 2
    assert solver.count_solutions([1, 1] + [0] * 79) == 0
    with pytest.raises(InvalidInput, match="81 integers"):
        solver.count_solutions([0] * 80)


def test_minimal_digging_stops_before_ambiguity() -> None:
    source = random.Random(1)
    puzzle = solver.dig(solver.random_grid(source), 0, source)
    for cell in (k for k, v in enumerate(puzzle) if v):
        assert solver.count_solutions([0 if k == cell else v for k, v in enumerate(puzzle)]) == 2


@pytest.fixture(scope="module")
def big() -> tasks.Task:
    return sudoku9.build(train=200, test=60, bases=12)


def test_copies_keep_rules_and_uniqueness(big: tasks.Task) -> None:
    assert bool((big.success(big.train.tokens, big.train) == 1).all())
    for k in range(6):
        puzzle = ((big.test.tokens[k] + 1) * big.test.given[k]).tolist()
        (solution,) = solver.solutions(puzzle)
        assert solution == (big.test.tokens[k] + 1).tolist()
    assert len(torch.unique(big.train.tokens, dim=0)) == 200


def test_no_copy_crosses_the_split(big: tasks.Task) -> None:
    marks = [{sudoku9.invariant(row) for row in part.tokens.tolist()} for part in (big.train, big.test)]
    assert [len(m) for m in marks] == [12, 3]  # every copy carries the mark of its base
    assert not marks[0] & marks[1]
    planted = sudoku9.copies(big.train.rows(slice(1)), 1, torch.Generator().manual_seed(9))
    assert not torch.equal(planted.tokens, big.train.tokens[:1])
    assert sudoku9.invariant(planted.tokens[0].tolist()) in marks[0]


def test_broken_sudoku_fails(big: tasks.Task) -> None:
    samples = big.test.tokens.clone()
    free = (~big.test.given[0]).nonzero()[:, 0]
    samples[0, free[0]] = (samples[0, free[0]] + 1) % 9
    values = big.success(samples, big.test)
    assert values[0] == 0 and bool((values[1:] == 1).all())
    small = tasks.task("sudoku4")
    latin = torch.tensor([[0, 1, 2, 3, 1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2]])  # rows and columns, not boxes
    assert small.success(latin, unconditional(latin)).tolist() == [0.0]


def test_sudoku4_rule_is_the_list_of_grids() -> None:
    world = worlds.sudoku4()
    assert bool((sudoku4.solved(world.support, unconditional(world.support)) == 1).all())
    swapped = world.support.clone()
    swapped[:, [0, 1]] = swapped[:, [1, 0]]
    assert not sudoku4.solved(swapped, unconditional(swapped)).any()


def test_sudoku4_holds_out_whole_classes() -> None:
    task, grids = tasks.task("sudoku4"), worlds.sudoku4().support
    classes = sudoku4.relabelling_class(grids)
    assert torch.bincount(classes).tolist() == [24] * 12
    renamed = torch.tensor([2, 0, 3, 1])[grids]
    assert torch.equal(sudoku4.relabelling_class(renamed), classes)
    names = {tuple(row): int(c) for row, c in zip(grids.tolist(), classes, strict=True)}
    seen, unseen = ({names[tuple(row)] for row in part.tokens.tolist()} for part in (task.train, task.test))
    assert (len(seen), len(unseen)) == (9, 3)
    assert not seen & unseen
    counts = task.train.given.sum(-1)
    assert (int(counts.min()), int(counts.max())) == (4, 10)


def breadth_first(grid: np.ndarray) -> tuple[list[tuple[int, int]], int]:
    """Return the shortest route between the two ends, and how many open sites the start reaches."""
    start, goal = (tuple(map(int, p)) for p in np.argwhere(grid == maze.END))
    before, queue = {start: start}, deque([start])
    while queue:
        r, c = queue.popleft()
        for p in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            inside = 0 <= p[0] < len(grid) and 0 <= p[1] < len(grid[0])
            if inside and grid[p] != maze.WALL and p not in before:
                before[p] = (r, c)
                queue.append(p)
    route = [goal]
    while route[-1] != start:
        route.append(before[route[-1]])
    return route, len(before)


@pytest.mark.parametrize(("rows", "columns", "count"), [(2, 2, 20), (3, 4, 40), (5, 5, 60), (10, 10, 10)])
def test_marked_path_is_the_shortest_and_the_maze_a_tree(rows: int, columns: int, count: int) -> None:
    source = random.Random(rows)
    for _ in range(count):
        grid = maze.maze(rows, columns, source)
        route, reached = breadth_first(grid)
        marked = {tuple(map(int, p)) for p in np.argwhere(grid == maze.PATH)}
        assert marked == set(route[1:-1])
        assert reached == int((grid != maze.WALL).sum()) == 2 * rows * columns - 1  # connected, a tree


def test_wrong_maze_paths_fail() -> None:
    task = tasks.task("maze5")
    samples = task.test.tokens.clone()
    free = [(~given).nonzero()[:, 0] for given in task.test.given[:2]]
    path = free[0][samples[0, free[0]] == maze.PATH]
    samples[0, path[0]] = maze.OPEN  # a gap
    detour = free[1][samples[1, free[1]] == maze.OPEN]
    samples[1, detour[0]] = maze.PATH  # a spur
    values = task.success(samples, task.test)
    assert values[:2].tolist() == [0.0, 0.0] and bool((values[2:] == 1).all())


def test_no_turned_maze_crosses_the_split() -> None:
    task = tasks.task("maze5")
    seen, unseen = ({maze.layout(row.reshape(9, 9).numpy()) for row in part.tokens} for part in (task.train, task.test))
    assert not seen & unseen
    mirrored = np.rot90(task.train.tokens[7].reshape(9, 9).numpy(), 1).T[::-1]
    assert maze.layout(mirrored) in seen
    with pytest.raises(InvalidInput, match="3 x 3 cells; expected 3 x 4 at least"):
        maze.build(rows=3, columns=3)


@pytest.mark.parametrize("name", ["product", "product free"])
def test_products_are_split_by_unordered_pair(name: str) -> None:
    task = tasks.task(name)

    def pairs(part: Examples) -> set[frozenset[int]]:
        digits = part.tokens.tolist()
        return {frozenset((10 * row[0] + row[1], 10 * row[2] + row[3])) for row in digits}

    assert len(task.train) + len(task.test) == 10_000
    assert not pairs(task.train) & pairs(task.test)
    turned = task.train.tokens[:, [2, 3, 0, 1, 4, 5, 6, 7]]
    assert pairs(Examples(turned, task.train.given)) == pairs(task.train)
    assert task.train.given.sum(-1).unique().tolist() == [4 if name == "product" else 0]
    assert product.correct(torch.tensor([[1, 2, 3, 4, 0, 4, 0, 8]]), task.train).tolist() == [1.0]  # 12 x 34 = 408
    assert product.correct(torch.tensor([[1, 2, 3, 4, 0, 4, 0, 9]]), task.train).tolist() == [0.0]
