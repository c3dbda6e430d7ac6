"""Sudoku by depth-first search with any-process steps: two slots a cell, length and memory constant.

Slot A of a cell holds its digit or a mask; slot B holds GIVEN for a given cell, a mask for an empty one, or the digit
that failed there last while A is masked. Blanks are filled in reading order, the least legal digit first; where none is
left the digit of the blank before is parked in its slot B and masked in A, in one step, and the next larger one is
tried. Digits are tokens 0..size-1. Source: arXiv 2510.06190 describes four slots a cell; two suffice.
"""

from __future__ import annotations

import functools

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.power.generation import Process
from theory.power.transition import Edit, Strings


def start(puzzles: Int[Tensor, "batch cells"], side: int) -> Strings:
    """Return the strings of puzzles with digits 1..size and 0 for blanks: all slots A, then all slots B.

    Raises InvalidInput for boards of another size or with other digits.
    """
    size = side * side
    if puzzles.ndim != 2 or puzzles.shape[1] != size * size or puzzles.min() < 0 or puzzles.max() > size:
        raise InvalidInput(f"puzzles of shape {tuple(puzzles.shape)}; expected (batch, {size**2}) digits 0..{size}")
    mask = size + 1
    blank = puzzles == 0
    digits = torch.where(blank, mask, puzzles - 1)
    marks = torch.where(blank, mask, size)
    length = torch.full((len(puzzles),), 2 * size * size, dtype=torch.int64, device=puzzles.device)
    return Strings(torch.cat((digits, marks), -1), length, mask)


def boards(state: Strings, side: int) -> Int[Tensor, "batch cells"]:
    """Return the digits 1..size of slots A, 0 where masked."""
    digits = state.tokens[:, : side**4]
    return torch.where(digits == state.d, 0, digits + 1)


def search(side: int) -> Process:
    """Return the process. A solved board is a fixed point; so is one without a solution, its first blank empty."""
    size = side * side
    cells = size * size

    def process(state: Strings) -> Edit:
        digits, marks = state.tokens[:, :cells], state.tokens[:, cells:]
        blank = marks != size
        retrying = blank & (marks != state.d)
        retry = retrying.any(-1)
        place = torch.where(retry, retrying.int().argmax(-1), (digits == state.d).int().argmax(-1))
        active = retry | (digits == state.d).any(-1)
        rows = torch.arange(len(digits), device=digits.device)
        failed = torch.where(retry, marks[rows, place], -1)
        options = legal(digits, side)[rows, place] & (torch.arange(size, device=digits.device) > failed[:, None])
        some = options.any(-1)
        before = blank & (torch.arange(cells, device=digits.device) < place[:, None])
        back = active & ~some & before.any(-1)
        previous = cells - 1 - before.flip(-1).int().argmax(-1)
        write, remask = torch.zeros_like(state.tokens), state.masked.clone()
        fill, leave = rows[active & some], rows[back]
        write[fill, place[fill]] = options.int().argmax(-1)[fill]
        remask[fill, place[fill]] = False
        done = rows[retry & (some | back)]
        remask[done, cells + place[done]] = True
        write[leave, cells + previous[leave]] = digits[leave, previous[leave]]
        remask[leave, cells + previous[leave]] = False
        remask[leave, previous[leave]] = True
        no = torch.zeros_like(remask)
        return Edit(write, remask, no, no)

    return process


def legal(digits: Int[Tensor, "batch cells"], side: int) -> Bool[Tensor, "batch cells size"]:
    """Return which digits occur in no other cell of each cell's row, column and box; masked cells hold size + 1."""
    size = side * side
    shown = torch.nn.functional.one_hot(digits.clamp(max=size), size + 1)[..., :size].float()
    used: Tensor = torch.einsum("ij,bjd->bid", peers(side).to(digits.device), shown)
    return used == 0


@functools.lru_cache(maxsize=4)
def peers(side: int) -> Tensor:
    """Return the matrix that is one where two different cells share a row, a column or a box."""
    size = side * side
    cell = torch.arange(size * size)
    row, column = cell // size, cell % size
    box = row // side * side + column // side
    shared = [part[:, None] == part for part in (row, column, box)]
    return ((shared[0] | shared[1] | shared[2]) & (cell[:, None] != cell)).float()
