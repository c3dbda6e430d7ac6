"""All 4x4 Sudoku puzzles of four to six clues with one solution: how long depth-first search takes, exactly."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from numpy import ndarray

from theory.power import sudoku
from theory.power.generation import run
from theory.worlds import sudoku4

PEERS = np.array([torch.nonzero(row)[:, 0].tolist() for row in sudoku.peers(2)])
"""The seven other cells that share a row, a column or a box with each cell."""


def unique(clues: int) -> ndarray:
    """Return all puzzles of so many clues that determine one of the 288 boards, 0 where blank."""
    boards = (sudoku4().support + 1).numpy().astype(np.int8)
    found = []
    for kept in itertools.combinations(range(16), clues):
        shown = boards[:, kept] @ 5 ** np.arange(clues)
        _, first, counts = np.unique(shown, return_index=True, return_counts=True)
        alone = boards[first[counts == 1]]
        puzzle = np.zeros_like(alone)
        puzzle[:, kept] = alone[:, kept]
        found.append(puzzle)
    return np.concatenate(found)


def search_steps(puzzles: ndarray) -> ndarray:
    """Return the steps of a search of each puzzle, written and taken back alike: blanks in reading order, least first.

    A second implementation: one board a row, a pointer to its current blank, and the digits there now.
    """
    board, count = puzzles.copy(), np.zeros(len(puzzles), dtype=np.int64)
    order = np.argsort(puzzles > 0, axis=1, kind="stable")  # blanks in reading order, then clues
    blanks, at = (puzzles == 0).sum(1), np.zeros(len(puzzles), dtype=np.int64)
    rows = np.arange(len(puzzles))
    while len(rows):
        cell = order[rows, at[rows]]
        now = board[rows, cell].astype(np.int64)
        used = np.bitwise_or.reduce(1 << board[rows[:, None], PEERS[cell]].astype(np.int64), axis=1)
        options = ~used & 0b11110 & -(2 << now)  # digits above the present one; bit v stands for digit v
        least = np.log2((options & -options).clip(min=1)).astype(np.int8)
        board[rows, cell] = least  # 0 where none is left
        at[rows] += np.where(least > 0, 1, -1)
        count[rows] += 1
        rows = rows[at[rows] < blanks[rows]]
    return count


@pytest.fixture(scope="module")
def searched() -> dict[int, tuple[ndarray, ndarray]]:
    """Return all puzzles by number of clues, and the steps of their searches."""
    found = {clues: unique(clues) for clues in (4, 5, 6)}
    return {clues: (puzzles, search_steps(puzzles)) for clues, puzzles in found.items()}


def test_the_share_of_searches_that_go_back_and_their_mean_length(searched: dict[int, tuple[ndarray, ndarray]]) -> None:
    """Clues, places and solutions uniform, all drawn again where the solution is not unique: fractions, no sampling."""
    assert len(searched[4][0]) == 25_728
    total, back, steps = Fraction(0), Fraction(0), Fraction(0)
    for clues, (puzzles, taken) in searched.items():
        weight = Fraction(1, math.comb(16, clues))
        total += weight * len(puzzles)
        back += weight * int((taken > (puzzles == 0).sum(1)).sum())
        steps += weight * int(taken.sum())
    assert back / total == Fraction(5303261, 8377856)
    assert float(steps / total) == pytest.approx(15.84, abs=0.005)


def test_the_process_takes_the_same_steps(searched: dict[int, tuple[ndarray, ndarray]]) -> None:
    """On 300 puzzles of each number of clues, drawn at random, and on the longest search of all."""
    for puzzles, taken in searched.values():
        some = np.random.default_rng(0).integers(len(puzzles), size=300)
        some[0] = taken.argmax()
        result = run(sudoku.search(2), sudoku.start(torch.from_numpy(puzzles[some]).long(), 2), 3000)
        assert result.steps.tolist() == taken[some].tolist()
        assert set(result.endings()) == {"fixed point"}
        assert bool((sudoku.boards(result.last, 2) > 0).all())
