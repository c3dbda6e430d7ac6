"""What the crossbar claims share: sources, strategies of meshes, patterns and rows, and the tolerance of the solver.

Meshes are in units in which an active cell has conductance 1, so that wire resistances are fractions of a cell's.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy
from numpy import ndarray

from theory.crossbar.mesh import Wires
from theory.ledger import rounding

MAPPING = "Farias, Martins, Kung, arXiv 2511.04798"
READING = f"{MAPPING}, abstract and introduction"
EXACT = "zero: fractions and integers"
SOLVER = (
    "rounding: 8 eps for each of 4 n m terms, times the largest currents and 2 + r G, which bounds the condition of every"
    " block that the elimination inverts"
)

Table = list[list[int]]


def derived(place: str) -> str:
    """Return the source of a statement of our own that docs/derivations.md derives."""
    return f"ours, on {MAPPING}; docs/derivations.md, crossbar.{place}"


def ours(module: str, subject: str) -> str:
    """Name a statement of our own on the paper's setting, and the module whose docstring derives it."""
    return f"ours, on {MAPPING}; derived in theory/crossbar/{module}.py: {subject}"


def solver(cells: ndarray, drive: ndarray, wires: Wires) -> float:
    """Return the rounding error of currents, in units of a cell's conductance times volts.

    Every block S of the elimination has eigenvalues between 1 and 2 + r G, so that a step multiplies the errors it is
    given by at most 1 and adds a few roundings of its own, relative to the currents and times the block's condition.
    There are n steps of m x m blocks, in each of two sweeps, for rows and columns: 4 n m terms.
    """
    strength = 2 + max(wires.row, wires.column) * float(cells.max(initial=0))
    return rounding(4 * cells.size) * strength * max(1.0, float((np.abs(drive) @ cells).sum()))


@st.composite
def wire(draw: DrawFn, smallest: int = -5, largest: int = 0) -> Fraction:
    """Draw a wire resistance: one digit and a power of ten, as a fraction of an active cell's resistance."""
    return draw(st.integers(1, 9)) * Fraction(10) ** draw(st.integers(smallest, largest))


@st.composite
def meshes(draw: DrawFn, side: int = 8, signed: bool = False, smallest: int = -5, largest: int = 0) -> dict[str, Any]:
    """Draw cells of conductance 0 to 3, at least one of them conducting, wires, and the drive of each row."""
    n, m = draw(st.integers(1, side)), draw(st.integers(1, side))
    cells = [draw(st.lists(st.integers(0, 3), min_size=m, max_size=m)) for _ in range(n)]
    cells[draw(st.integers(0, n - 1))][draw(st.integers(0, m - 1))] += 1
    return {
        "cells": cells, "row": draw(wire(smallest, largest)), "column": draw(wire(smallest, largest)),
        "drive": draw(st.lists(st.integers(-3 if signed else 0, 3), min_size=n, max_size=n)),
    }  # fmt: skip


@st.composite
def uniform_meshes(draw: DrawFn, side: int = 8, smallest: int = -5, largest: int = 1) -> dict[str, Any]:
    """Draw cells and wires, for one volt at every row."""
    mesh = dict(draw(meshes(side, smallest=smallest, largest=largest)))
    del mesh["drive"]
    return mesh


@st.composite
def patterns(draw: DrawFn, rows: int = 6, columns: int = 6) -> Table:
    """Draw zeros and ones with at least one cell active."""
    n, m = draw(st.integers(1, rows)), draw(st.integers(1, columns))
    pattern = [draw(st.lists(st.integers(0, 1), min_size=m, max_size=m)) for _ in range(n)]
    pattern[draw(st.integers(0, n - 1))][draw(st.integers(0, m - 1))] = 1
    return pattern


def every_pattern(n: int, m: int) -> ndarray:
    """Return all patterns of an n x m tile with at least one active cell."""
    numbers = np.arange(1, 2 ** (n * m))
    return (numbers[:, None] >> np.arange(n * m) & 1).reshape(-1, n, m)


def small_tiles(cells: int) -> SearchStrategy[tuple[int, int]]:
    """Draw the sides of a tile with so many cells at most."""
    return st.tuples(st.integers(1, cells), st.integers(1, cells)).filter(lambda side: side[0] * side[1] <= cells)


def arrays(cells: Table, row: Fraction, column: Fraction) -> tuple[ndarray, Wires]:
    """Return drawn cells and wires as the engine takes them."""
    return np.array(cells, dtype=np.float64), Wires(float(row), float(column))
