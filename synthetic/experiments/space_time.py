"""Constructions of computational power, step by step: what stands at every place, and how it came there.

Sources: arXiv 2510.06190 (rewriting in two lanes, two-sided Dyck words, depth-first search, erasing brackets) and
2510.13117 (products on a balanced tree); a write-once log of the same automaton beside the two lanes.
Table: program, step, place, token (1 where a token stands, 0 for a mask), mark: "start", "kept", "written" (a mask that
became a token), "remasked" (a token that became a mask), "inserted" (a new mask); a mask that the next step deletes has
a second row with the mark "deleted". Scalars: none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.power.generation import Process
    from theory.power.transition import Edit, Strings

COLUMNS = ("program", "step", "place", "token", "mark")
PUZZLE = "1200000030400000"
"""A 4x4 puzzle whose search goes back."""


@dataclass(frozen=True)
class Config:
    """Cells and steps of Rule 110, cells of its log, pairs inserted, letters of the product, the seed."""

    cells: int = 16
    steps: int = 24
    logged: int = 8
    pairs: int = 6
    letters: int = 16
    seed: int = 1


PRESETS = {
    "smoke": Config(4, 3, 3, 2, 4),
    "laptop": Config(),
    "gpu": Config(64, 96, 12, 20, 64),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run every program and list its states."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for name, part in progress.track(
        [
            ("two lanes", lanes),
            ("log", log),
            ("Dyck words", words),
            ("search", search),
            ("brackets", brackets),
            ("tree", tree),
        ],
        "programs",
    ):
        rows += [{"program": name, **row} for row in part(config)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {}


def lanes(config: Config) -> Iterator[dict[str, Any]]:
    """Yield Rule 110 from a single one in two lanes."""
    import torch

    from theory.power import lanes

    cells = torch.zeros(1, config.cells, dtype=torch.int64)
    cells[0, -1] = 1
    process = lanes.two_lanes(lanes.cellular(lanes.elementary(110)))
    yield from of_process(process, lanes.start(cells, 2), config.steps)


def log(config: Config) -> Iterator[dict[str, Any]]:
    """Yield Rule 110 written once: every step writes the next row behind the last."""
    n, steps = config.logged, config.logged
    for step in range(steps + 1):
        for place in range(n * (steps + 1)):
            token = place < n * (step + 1)
            fresh = token and place >= n * step and step > 0
            mark = "start" if step == 0 else "written" if fresh else "kept"
            yield {"step": step, "place": place, "token": int(token), "mark": mark}


def words(config: Config) -> Iterator[dict[str, Any]]:
    """Yield a two-sided Dyck word that grows by insertions at drawn places."""
    import torch

    from theory.power import dyck
    from theory.power.transition import strings

    generator = torch.Generator().manual_seed(config.seed)
    state, step = strings([[dyck.beginning(2)]], 5), 0
    yield from first(state)
    for _ in range(config.pairs):
        place = torch.randint(int(state.length[0]), (1,), generator=generator)
        token = torch.randint(4, (1,), generator=generator)
        for _ in range(3):
            edit, step = dyck.inserting(state, 2, place, token), step + 1
            state, rows = after(state, edit, step)
            yield from rows


def search(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the depth-first search for a 4x4 Sudoku, slots A then slots B."""
    import torch

    from theory.power import sudoku

    puzzle = torch.tensor([[int(c) for c in PUZZLE]])
    yield from of_process(sudoku.search(2), sudoku.start(puzzle, 2), 2 * config.steps)


def brackets(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the recognition of a bracket word."""
    from theory.power import dyck, programs

    program = programs.named("brackets")
    yield from of_process(dyck.recognise(2), program.read("([][()])[]([[]()])"), config.steps)


def tree(config: Config) -> Iterator[dict[str, Any]]:
    """Yield the products of letters on the balanced tree."""
    import torch

    from theory.power import monoids, planners, trees

    monoid = monoids.transition_monoid(monoids.word_problem(3))
    program = trees.products_of(trees.balanced_tree(config.letters), monoid.products)
    letters = torch.zeros(1, config.letters, dtype=torch.int64)
    strings = planners.run(program.machine, letters, program.steps, keep=True).strings
    mask = program.machine.d
    for step, string in enumerate(strings):
        for place, symbol in enumerate(string[0].tolist()):
            before = mask if step == 0 else int(strings[step - 1][0, place])
            mark = "start" if step == 0 else "written" if before == mask != symbol else "kept"
            yield {"step": step, "place": place, "token": int(symbol != mask), "mark": mark}


def of_process(process: Process, state: Strings, cap: int) -> Iterator[dict[str, Any]]:
    """Yield the states of one string up to its fixed point or the cap."""
    yield from first(state)
    for step in range(1, cap + 1):
        edit = process(state)
        new, rows = after(state, edit, step)
        if bool(state.same(new)[0]):
            return
        yield from rows
        state = new


def first(state: Strings) -> list[dict[str, Any]]:
    """Return the rows of the first state."""
    symbols = state.lists()[0]
    return [{"step": 0, "place": k, "token": int(s != state.d), "mark": "start"} for k, s in enumerate(symbols)]


def after(state: Strings, edit: Edit, step: int) -> tuple[Strings, list[dict[str, Any]]]:
    """Return the next state and its rows, each with how it came there, after those that it deletes."""
    from theory.power.transition import apply

    new = apply(state, edit)
    rows: list[dict[str, Any]] = []
    place = 0
    for k, symbol in enumerate(state.lists()[0]):
        masked = symbol == state.d
        if masked and bool(edit.delete[0, k]):
            rows.append({"step": step - 1, "place": k, "token": 0, "mark": "deleted"})
            continue
        now = int(new.tokens[0, place])
        mark = "kept" if (now == state.d) == masked else "written" if masked else "remasked"
        rows.append({"step": step, "place": place, "token": int(now != state.d), "mark": mark})
        place += 1
        if bool(edit.insert[0, k]):
            rows.append({"step": step, "place": place, "token": 0, "mark": "inserted"})
            place += 1
    return new, rows
