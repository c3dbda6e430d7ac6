"""What the claims on any-process generation share: sources, strategies of strings, edits, tapes, lists and graphs."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from theory.power.transition import Edit

ANY_PROCESS = "Yang, Zhou, Wipf, Li, arXiv 2510.06190"
OURS = "ours, see docs/derivations.md"
NONE = 0
"""The tolerance of everything here: symbols and counts are equal or they are not."""


@st.composite
def edited(draw: DrawFn, longest: int = 6, most: int = 4) -> dict[str, Any]:
    """Draw a batch of strings over d tokens, each with an edit of every position."""
    d = draw(st.integers(1, 3))
    row = st.lists(
        st.tuples(st.integers(0, d), st.integers(0, d - 1), st.booleans(), st.booleans(), st.booleans()),
        max_size=longest,
    )
    return {"rows": draw(st.lists(row, min_size=1, max_size=most)), "d": d}


def edit_of(rows: list[list[Any]], width: int) -> Edit:
    """Return the edits of drawn rows as one batch."""
    parts = []
    for part in range(1, 5):
        padded = [[place[part] for place in row] + [0] * (width - len(row)) for row in rows]
        parts.append(torch.tensor(padded, dtype=torch.int64).reshape(len(rows), width))
    write, remask, insert, delete = parts
    return Edit(write, remask.bool(), insert.bool(), delete.bool())


@st.composite
def tapes(draw: DrawFn, longest: int = 12) -> dict[str, Any]:
    """Draw an elementary rule, cells, and what lies beyond them: nothing (a ring), zeros or ones."""
    return {
        "rule": draw(st.integers(0, 255)), "cells": draw(st.lists(st.integers(0, 1), min_size=1, max_size=longest)),
        "outside": draw(st.sampled_from((None, 0, 1))),
    }  # fmt: skip


@st.composite
def lists(draw: DrawFn, longest: int = 40) -> dict[str, Any]:
    """Draw a linked list as the order of its elements."""
    return {"order": draw(st.permutations(range(draw(st.integers(2, longest)))))}


@st.composite
def graphs(draw: DrawFn, largest: int = 6) -> dict[str, Any]:
    """Draw a directed graph with at most one edge between two nodes: none, up or down for each pair."""
    n = draw(st.integers(2, largest))
    return {
        "n": n,
        "directions": draw(st.lists(st.integers(0, 2), min_size=n * (n - 1) // 2, max_size=n * (n - 1) // 2)),
    }


@st.composite
def puzzles(draw: DrawFn) -> dict[str, Any]:
    """Draw a 4x4 puzzle with at least one solution: some cells of a solved board, its digits, rows, columns renamed."""
    digits = draw(st.permutations((1, 2, 3, 4)))
    swap_rows, swap_columns, transposed = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    board = [[1, 2, 3, 4], [3, 4, 1, 2], [2, 1, 4, 3], [4, 3, 2, 1]]
    board = board[1::-1] + board[2:] if swap_rows else board
    board = [row[1::-1] + row[2:] for row in board] if swap_columns else board
    board = [list(row) for row in zip(*board, strict=True)] if transposed else board
    kept = draw(st.lists(st.integers(0, 15), min_size=3, max_size=8, unique=True))
    cells = [digits[digit - 1] for row in board for digit in row]
    return {"puzzle": [digit if k in kept else 0 for k, digit in enumerate(cells)]}


def bit_strings(longest: int, shortest: int = 0) -> SearchStrategy[list[int]]:
    """Draw a string of bits."""
    return st.lists(st.integers(0, 1), min_size=shortest, max_size=longest)
