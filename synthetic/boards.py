"""Sudoku boards of 4 x 4 cells: all solved ones, puzzles with one solution, and a network that knows rows and boxes.

Boards are rows of 16 digits 1..4, read line by line; 0 is a blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from synthetic.denoisers import Architecture, Linear, Transformer, members, stacked
from synthetic.edits import Transitions, labelled, seeded
from synthetic.optimisation import Optimiser, Schedule
from synthetic.progress import Progress
from synthetic.tasks.sudoku4 import random_sets
from synthetic.training import nelbo_objective, step_generator
from theory.errors import InvalidInput
from theory.power import generation, sudoku
from theory.power.generation import Process, Run
from theory.power.transition import Edit, Strings, apply
from theory.training.estimators import draw, named
from theory.worlds import sudoku4

SIDE, CELLS = 4, 16
CLUES = (4, 5, 6)
LONGEST = 3000
"""More steps than any depth-first search of such a puzzle takes."""


def solved() -> Int[Tensor, "288 16"]:
    """Return all solved boards."""
    return sudoku4().support + 1


def puzzles(
    solutions: Int[Tensor, "some 16"], count: int, generator: Generator, clues: Sequence[int] = CLUES
) -> tuple[Int[Tensor, "count 16"], Int[Tensor, "count 16"]]:
    """Draw puzzles with one solution, and return them with it.

    A number of clues, their cells and a solution are uniform, and all three are drawn again where another board has
    the same clues. Raises InvalidInput for numbers of clues outside 4..16: three clues never determine a board.
    """
    if not clues or min(clues) < SIDE or max(clues) > CELLS:
        raise InvalidInput(f"clues {tuple(clues)}; expected numbers from 4 to 16")
    kept, found, everything = [], 0, solved()
    while found < count:
        number = torch.tensor(clues)[torch.randint(len(clues), (count,), generator=generator)]
        shown = random_sets(number, CELLS, generator)
        boards = solutions[torch.randint(len(solutions), (count,), generator=generator)]
        agreeing = ((everything == boards[:, None]) | ~shown[:, None]).all(-1).sum(-1)
        kept.append(torch.stack((torch.where(shown, boards, 0), boards))[:, agreeing == 1])
        found += kept[-1].shape[1]
    drawn = torch.cat(kept, 1)[:, :count]
    return drawn[0], drawn[1]


class BoardTransformer(Transformer):
    """A denoiser of boards with `slots` symbols a cell, all first symbols first.

    It works on the 16 cells: what stands in a cell's slots enters as a sum of embeddings, one of each slot and symbol,
    beside those of the cell's place, row, column and box; at the end a map gives each slot its own features.
    """

    def __init__(self, architecture: Architecture, slots: int, d: int) -> None:
        super().__init__(architecture, (CELLS,), d)
        width = architecture.width
        self.slots, self.n = slots, slots * CELLS
        self.symbols = nn.Parameter(0.02 * torch.randn(slots * (d + 1), width))
        self.parts = nn.Parameter(0.02 * torch.randn(3 * SIDE, width))
        self.apart = Linear(width, slots * width, bias=False) if slots > 1 else nn.Identity()
        cell = torch.arange(CELLS)
        row, column = cell // SIDE, cell % SIDE
        marks = [nn.functional.one_hot(part, SIDE) for part in (row, column, row // 2 * 2 + column // 2)]
        self.register_buffer("belongs", torch.cat(marks, -1).to(self.parts.dtype), persistent=False)
        self.belongs: Tensor

    def _rows(self, z: Int[Tensor, "*members batch n"]) -> Float[Tensor, "*members rows width"]:
        width, cells = self.architecture.width, z.unflatten(-1, (self.slots, CELLS)).mT
        shown = cells[..., None] == torch.arange(self.d + 1, device=z.device)
        rows = shown.flatten(-2).to(self.symbols.dtype).flatten(-3, -2) @ self.symbols
        hidden = (rows.unflatten(-2, (-1, CELLS)) + self._places()[..., None, :, :]).flatten(-3, -2)
        for block in self.blocks:
            hidden = block(hidden, CELLS)
        apart = self.apart(self.normalise(hidden)).unflatten(-1, (self.slots, width))
        return apart.unflatten(-3, (-1, CELLS)).transpose(-3, -2).flatten(-4, -2)

    def _places(self) -> Float[Tensor, "*members 16 width"]:
        return super()._places() + self.belongs @ self.parts


@dataclass(frozen=True, eq=False)
class Puzzles:
    """Puzzles (0 where blank) and their solutions, rows of digits 1..4."""

    boards: Int[Tensor, "count 16"]
    solutions: Int[Tensor, "count 16"]


def divided(seed: int, counts: tuple[int, int]) -> tuple[Puzzles, Puzzles]:
    """Return so many puzzles to train on and to test with; a random third of the 288 solutions is for tests alone."""
    generator = Generator().manual_seed(seed)
    boards = solved()
    boards = boards[torch.randperm(len(boards), generator=generator)]
    first, second = boards[: 2 * len(boards) // 3], boards[2 * len(boards) // 3 :]
    return Puzzles(*puzzles(first, counts[0], generator)), Puzzles(*puzzles(second, counts[1], generator))


def masked_blanks(which: Puzzles, batch: int, generator: Generator, left_to_right: bool) -> tuple[Tensor, ...]:
    """Draw states of a masked model in training: z, solutions as tokens, the places scored, the weight of each state.

    In any order a uniform number of blanks is masked at random. From left to right all blanks but a uniform number of
    the first ones are, and the first of them is scored.
    """
    index = torch.randint(len(which.boards), (batch,), generator=generator)
    given, tokens = which.boards[index] > 0, which.solutions[index] - 1
    if left_to_right:
        free = (~given).sum(-1)
        done = (torch.rand(batch, generator=generator) * free).long()
        rank = (~given).cumsum(-1) - done[:, None]
        masked, scored, weight = ~given & (rank > 0), ~given & (rank == 1), free.float()
    else:
        draws = draw(named("count"), given, generator)
        masked, weight = draws.masked[0], draws.weight[0]
        scored = masked
    return torch.where(masked, SIDE, tokens), tokens, scored, weight


def trained_denoisers(
    size: Architecture,
    data: Sequence[Puzzles],
    seeds: Sequence[int],
    schedule: Schedule,
    batch: int,
    left_to_right: bool,
    progress: Progress,
    label: str,
) -> list[Transformer]:
    """Return averaged denoisers, each trained on the puzzles of its seed, all together."""
    stack = stacked(seeded(lambda: BoardTransformer(size, 1, SIDE), seeds))
    optimiser = Optimiser(stack, nelbo_objective, schedule, stack=True)
    for step in progress.track(range(schedule.steps), label):
        drawn = [
            masked_blanks(mine, batch, step_generator(seed, step), left_to_right)
            for mine, seed in zip(data, seeds, strict=True)
        ]
        optimiser.step(step, *(torch.stack(parts) for parts in zip(*drawn, strict=True)))
    averaged = optimiser.average
    assert isinstance(averaged, Transformer)
    return [one.eval() for one in members(averaged)]


def search_steps(which: Puzzles) -> tuple[Run, Transitions]:
    """Return the depth-first search of every puzzle, and all its steps with labels, the last one to stop."""
    process = sudoku.search(2)
    run = generation.run(process, sudoku.start(which.boards, 2), LONGEST)
    states = [state.rows((run.steps >= step).nonzero()[:, 0]) for step, state in enumerate(run.states)]
    return run, labelled(states, process)


def of_one_length(process: Process) -> Process:
    """Return a process without its insertions and deletions: a board keeps its places, whatever a model asks for."""

    def edit(state: Strings) -> Edit:
        asked = process(state)
        no = torch.zeros_like(asked.insert)
        return Edit(asked.write, asked.remask, no, no)

    return edit


def wrong_steps(run: Run, model: Process) -> Int[Tensor, " puzzles"]:
    """Return how many steps of each search a model gets wrong: where its next state is another one."""
    process = sudoku.search(2)
    wrong = torch.zeros_like(run.steps)
    for step, state in enumerate(run.states):
        rows = (run.steps >= step).nonzero()[:, 0]
        before = state.rows(rows)
        wrong[rows] += ~apply(before, process(before)).same(apply(before, model(before)))
    return wrong
