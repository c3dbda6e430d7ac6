"""Wire losses of a crossbar to first order in the wire resistance, Manhattan distances, and bounds on the exact losses.

To first order every segment carries the currents of wires without resistance. The loss of a column is then a sum over
pairs of cells that share a wire, and for active cells of one resistance R and one drive it is a sum of squared tail
counts. The pairs of a cell with itself sum to the Manhattan distances; the others are the interactions that the
Manhattan hypothesis of arXiv 2511.04798 leaves out.

Among patterns with a active cells each other cell is active with probability s = (a - 1) / (n m - 1) given that one
is, and row wires contribute r s (m^2 - 1) / 3 to the mean for each active cell beside the distances. At one positive
drive of all rows the exact nonideality factor lies between NF1^2 / (NF1 + q) and NF1 / (1 + NF1), NF1 its first order
and q the conductance-weighted mean squared drop at ideal currents. These statements are ours; their arguments are in
docs/derivations.md, crossbar.2order to crossbar.4density.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray

from theory.crossbar.mesh import Wires, check_conductances, check_pattern, quotient
from theory.errors import InvalidInput

Number = float | Fraction


def distances(n: int, m: int) -> Int[ndarray, "n m"]:
    """Return the segments on the shortest way from driver to sense amplifier through each cell: (j + 1) + (k + 1).

    Raises InvalidInput for a tile without rows or columns.
    """
    if n < 1 or m < 1:
        raise InvalidInput(f"a tile of {n} rows and {m} columns; expected at least one of each")
    return np.add.outer(np.arange(1, n + 1), np.arange(1, m + 1))


def summed_distance(pattern: Num[ndarray, "*tiles n m"]) -> Int[ndarray, "*tiles"]:
    """Return the sum of the distances of a pattern's active cells. Raises InvalidInput unless it is of 0 and 1."""
    check_pattern(pattern)
    return np.asarray((pattern.astype(np.int64) * distances(*pattern.shape[-2:])).sum((-2, -1)))


def drops(
    conductances: Float[ndarray, "*tiles n m"], voltages: Float[ndarray, "inputs n"], wires: Wires
) -> tuple[Float[ndarray, "*tiles inputs n m"], Float[ndarray, "*tiles inputs n m"]]:
    """Return the row and column drops in volts at the currents of wires without resistance.

    A segment carries the currents of all cells beyond it, and a node's drop is the sum over the segments before it.
    Raises InvalidInput for conductances that are negative or not finite, and for voltages of another number of rows.
    """
    check_conductances(conductances)
    if voltages.shape[-1] != conductances.shape[-2]:
        raise InvalidInput(f"voltages for {voltages.shape[-1]} rows; the conductances have {conductances.shape[-2]}")
    current = conductances[..., None, :, :] * voltages[..., None]

    def along(axis: int) -> ndarray:
        carried = np.flip(np.cumsum(np.flip(current, axis), axis), axis)
        return np.asarray(np.cumsum(carried, axis))

    return wires.row * along(-1), wires.column * along(-2)


def losses(
    conductances: Float[ndarray, "*tiles n m"], voltages: Float[ndarray, "inputs n"], wires: Wires
) -> Float[ndarray, "*tiles inputs m"]:
    """Return each column's loss in amperes to first order in the wire resistances. Raises InvalidInput as `drops`."""
    rows, columns = drops(conductances, voltages, wires)
    return np.asarray((conductances[..., None, :, :] * (rows + columns)).sum(-2))


def tail_squares(
    pattern: Num[ndarray, "*tiles n m"],
) -> tuple[Int[ndarray, "*tiles"], Int[ndarray, "*tiles"]]:
    """Return the squared numbers of active cells beyond each row segment, summed, and the same for column segments.

    Raises InvalidInput for other numbers than 0 and 1.
    """
    check_pattern(pattern)
    active = pattern.astype(np.int64)

    def squares(axis: int) -> ndarray:
        return np.asarray((np.cumsum(np.flip(active, axis), axis) ** 2).sum((-2, -1)))

    return squares(-1), squares(-2)


def nf(pattern: Num[ndarray, "*tiles n m"], wires: Wires, on: float = 1e5) -> Float[ndarray, "*tiles"]:
    """Return the nonideality factor of a pattern to first order, for one drive, from tail counts.

    Active cells have `on` ohm and the others do not conduct; the factor is wire power over ideal power, and NaN where
    no cell is active. Raises InvalidInput for other numbers than 0 and 1.
    """
    rows, columns = tail_squares(pattern)
    return quotient((wires.row * rows + wires.column * columns) / on, pattern.sum((-2, -1)))


def mean_nf(n: int, m: int, pair_share: Number, row: Number, column: Number) -> Number:
    """Return the mean of the first-order nonideality factor over random patterns of an n x m tile, exactly.

    `row` and `column` are wire resistances over the resistance of an active cell. `pair_share` is the probability that
    another cell is active given that one is: see `pair_share_of_count` and `pair_share_of_density`. With Fractions the
    result is a Fraction.
    """
    distance = (row * (m + 1) + column * (n + 1)) / 2
    interaction = pair_share * (row * (m * m - 1) + column * (n * n - 1)) / 3
    return distance + interaction


def pair_share_of_count(active: int, cells: int) -> Fraction:
    """Return the share (active - 1) / (cells - 1) for patterns with a fixed number of active cells, uniform among them.

    Raises InvalidInput unless 1 <= active <= cells.
    """
    if not 1 <= active <= cells:
        raise InvalidInput(f"{active} active cells of {cells}; expected at least one and at most all")
    return Fraction(active - 1, max(cells - 1, 1))


def pair_share_of_density(density: Number, cells: int) -> Number:
    """Return the share for cells that are active independently with probability `density`, given that one is active.

    It is (E[active | at least one] - 1) / (cells - 1), which is the density itself only in the limit of many cells.
    Raises InvalidInput for a density outside (0, 1].
    """
    if not 0 < density <= 1:
        raise InvalidInput(f"density {density}; expected more than 0 and at most 1")
    if cells == 1:
        return 0 * density
    return (cells * density / (1 - (1 - density) ** cells) - 1) / (cells - 1)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Bounds on the nonideality factor for one positive drive, with the first order and the mean squared drop."""

    lower: Float[ndarray, "*tiles"]
    upper: Float[ndarray, "*tiles"]
    first: Float[ndarray, "*tiles"]
    squared_drop: Float[ndarray, "*tiles"]


def nf_bounds(conductances: Float[ndarray, "*tiles n m"], wires: Wires) -> Bounds:
    """Return NF1^2 / (NF1 + q) <= NF <= NF1 / (1 + NF1) for one positive drive of all rows; equal for a single cell.

    Both are NaN where no cell conducts. Raises InvalidInput for conductances that are negative or not finite.
    """
    rows, columns = drops(conductances, np.ones((1, conductances.shape[-2])), wires)
    drop = (rows + columns)[..., 0, :, :]
    whole = conductances.sum((-2, -1))
    first, squared = (quotient((conductances * drop**power).sum((-2, -1)), whole) for power in (1, 2))
    lower = np.where(first > 0, quotient(first**2, first + squared), first)
    return Bounds(lower, np.asarray(first / (1 + first)), first, squared)
