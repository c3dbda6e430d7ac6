"""Manhattan distance mapping (arXiv 2511.04798): reversed columns and reordered rows, and how to undo them.

The paper names two moves; by which key it orders rows is our reading. `by_count` puts rows with many active cells next
to the sense amplifiers, which is optimal for the summed distance; `by_distance` sorts by the summed column distance of
a row's cells; `by_tails` builds an order from the far end that keeps the squared tail counts small.

Row j contributes (j + 1) times its number of active cells to the summed distance, so that sorting is optimal by the
rearrangement inequality, and column distances do not depend on the order. Reversal moves column k of m to m - 1 - k and
lowers the sum by 2 k - (m - 1) for each active cell. First-order losses depend on rows through squared tail counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray

from theory.crossbar.first_order import summed_distance
from theory.crossbar.mesh import check_pattern
from theory.errors import InvalidInput, unknown

MOVES = ("none", "reversal", "sort", "both")
"""Which of the paper's two moves are made; rows are sorted by count."""

MOST_ROWS_TO_ENUMERATE = 7


@dataclass(frozen=True, eq=False)
class Mapping:
    """A placement of a tile's rows and columns: position j holds row rows[j], position k holds column columns[k].

    Rows may differ between tiles, columns not. Raises InvalidInput for lists that are no permutations.
    """

    rows: Int[ndarray, "*tiles n"]
    columns: Int[ndarray, "m"]

    def __post_init__(self) -> None:
        for name, order in (("rows", self.rows), ("columns", self.columns)):
            length = order.shape[-1]
            if not np.array_equal(np.sort(order, -1), np.broadcast_to(np.arange(length), order.shape)):
                raise InvalidInput(f"{name} {order.tolist()!s:.60} are no permutation of 0..{length - 1}")

    def apply(self, cells: Num[ndarray, "... n m"]) -> Num[ndarray, "... n m"]:
        """Return cells, patterns or conductances, at their new places. Raises InvalidInput for other shapes."""
        expected = (self.rows.shape[-1], len(self.columns))
        if cells.shape[-2:] != expected or (self.rows.ndim > 1 and cells.shape[:-2] != self.rows.shape[:-1]):
            raise InvalidInput(
                f"cells of shape {cells.shape} for a mapping of tiles {(*self.rows.shape[:-1], *expected)}"
            )
        rows = np.broadcast_to(self.rows, cells.shape[:-1])
        return np.take_along_axis(cells, rows[..., None], -2)[..., self.columns]

    def apply_to_inputs(self, voltages: Float[ndarray, "inputs n"]) -> Float[ndarray, "*tiles inputs n"]:
        """Return the voltage of each position for the same inputs. Raises InvalidInput for another number of rows."""
        if voltages.shape[-1] != self.rows.shape[-1]:
            raise InvalidInput(f"voltages for {voltages.shape[-1]} rows; the mapping has {self.rows.shape[-1]}")
        return np.moveaxis(voltages[:, self.rows], 0, -2)

    def restore(self, columns: Float[ndarray, "... m"]) -> Float[ndarray, "... m"]:
        """Return output currents in the order that the columns had before the mapping.

        Raises InvalidInput for another number of columns.
        """
        if columns.shape[-1] != len(self.columns):
            raise InvalidInput(f"{columns.shape[-1]} columns; the mapping has {len(self.columns)}")
        return columns[..., np.argsort(self.columns)]

    @property
    def inverse(self) -> Mapping:
        """Return the mapping that puts rows and columns back."""
        return Mapping(np.argsort(self.rows, -1), np.argsort(self.columns))


def choose(move: str, pattern: Num[ndarray, "*tiles n m"]) -> Mapping:
    """Return the mapping that a move makes for tiles with these active cells.

    Raises InvalidInput for an unknown move and for a pattern of other numbers than 0 and 1.
    """
    if move not in MOVES:
        raise unknown("move", move, MOVES)
    check_pattern(pattern)
    m = pattern.shape[-1]
    rows = by_count(pattern) if move in ("sort", "both") else unsorted(pattern)
    columns = np.arange(m)
    return Mapping(rows, columns[::-1].copy() if move in ("reversal", "both") else columns)


def unsorted(pattern: Num[ndarray, "*tiles n m"]) -> Int[ndarray, "*tiles n"]:
    """Return the order of rows as they are."""
    return np.broadcast_to(np.arange(pattern.shape[-2]), pattern.shape[:-1]).copy()


def by_count(pattern: Num[ndarray, "*tiles n m"]) -> Int[ndarray, "*tiles n"]:
    """Return the rows by falling number of active cells, the densest nearest the sense amplifiers; ties as they are."""
    return np.argsort(-pattern.sum(-1, dtype=np.int64), axis=-1, kind="stable")


def by_distance(pattern: Num[ndarray, "*tiles n m"]) -> Int[ndarray, "*tiles n"]:
    """Return the rows by falling sum of the column distances k + 1 of their active cells; ties as they are."""
    score = pattern.astype(np.int64) @ np.arange(1, pattern.shape[-1] + 1)
    return np.argsort(-score, axis=-1, kind="stable")


def by_tails(pattern: Num[ndarray, "n m"]) -> Int[ndarray, "n"]:
    """Return an order built from the far end: each next row leaves the least sum of squared tail counts.

    The sum over columns of squared counts of active cells beyond a segment is what the rows' order contributes to the
    first-order nonideality factor. Choosing greedily is no proof that the order is the best. Ties go to the last row.
    """
    check_pattern(pattern)
    active = pattern.astype(np.int64)
    left, tail, order = list(range(len(active))), np.zeros(active.shape[1], dtype=np.int64), []
    while left:
        growth = 2 * (active[left] @ tail) + active[left].sum(-1)
        chosen = left.pop(len(left) - 1 - int(np.argmin(growth[::-1])))
        tail += active[chosen]
        order.append(chosen)
    return np.array(order[::-1])


def best_rows(
    pattern: Num[ndarray, "n m"], cost: Callable[[ndarray], ndarray] = summed_distance
) -> tuple[Int[ndarray, "n"], float]:
    """Return an order of rows of least cost among all orders, and the cost; by default the summed distance.

    `cost` takes patterns (orders, n, m) and returns one number for each. Raises InvalidInput for more than 7 rows.
    """
    check_pattern(pattern)
    if len(pattern) > MOST_ROWS_TO_ENUMERATE:
        raise InvalidInput(f"{len(pattern)} rows; all orders are tried of at most {MOST_ROWS_TO_ENUMERATE}")
    orders = np.array(list(itertools.permutations(range(len(pattern)))))
    costs = cost(pattern[orders])
    least = int(np.argmin(costs))
    return orders[least], float(costs[least])
