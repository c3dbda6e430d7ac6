"""The resistive mesh of a memristive crossbar (the setting of arXiv 2511.04798), solved for its wire drops.

Cell (j, k) joins node (j, k) of row wire j to node (j, k) of column wire k by a conductance G_jk. Neighbouring nodes of
a wire are joined by one segment, and one more segment leads from each row to its driver V_j and from each column to a
virtual ground. Row j = 0 is nearest the sense amplifiers and column k = 0 nearest the drivers.

Unknown are the drops V_j - v_row(j, k) and v_column(j, k), not the node voltages, because V - v would cancel where the
wires are good; `theory.crossbar.elimination` solves Kirchhoff's equations for them. Currents are linear in the drives
and reciprocal, as in every network of resistors, and what enters at the drivers leaves at the amplifiers. A single
active cell has one current path: (k + 1) row segments, the cell and (j + 1) column segments in series.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

from theory.crossbar.elimination import drops_per_ohm, unit_currents
from theory.errors import InvalidInput

LARGEST_BATCH = 2**18
"""How many entries of inverse rows are held at once: 2 MiB an array, which stay near the processor."""


@dataclass(frozen=True)
class Wires:
    """The resistance in ohms of one segment of a row wire and of a column wire.

    Raises InvalidInput for resistances that are negative or not finite.
    """

    row: float
    column: float

    def __post_init__(self) -> None:
        if not (0 <= self.row < math.inf and 0 <= self.column < math.inf):
            raise InvalidInput(f"wire resistances {self.row} and {self.column} ohm; expected finite ones of at least 0")

    @property
    def swapped(self) -> Wires:
        """Return the wires of the transposed mesh."""
        return Wires(self.column, self.row)


def equal_wires(resistance: float) -> Wires:
    """Return wires whose segments all have one resistance in ohms."""
    return Wires(resistance, resistance)


@dataclass(frozen=True, eq=False)
class Solution:
    """Currents in amperes and drops in volts of meshes, for each input vector.

    `driven` are the currents in the segments at the drivers and `sensed` those at the sense amplifiers, both read off
    the wires; `losses` are ideal minus actual currents, summed over the cells of each column.
    """

    ideal: Float[ndarray, "*tiles inputs m"]
    losses: Float[ndarray, "*tiles inputs m"]
    row_drops: Float[ndarray, "*tiles inputs n m"]
    column_drops: Float[ndarray, "*tiles inputs n m"]
    driven: Float[ndarray, "*tiles inputs n"]
    sensed: Float[ndarray, "*tiles inputs m"]

    @property
    def currents(self) -> Float[ndarray, "*tiles inputs m"]:
        """Return the output currents, exactly the ideal ones where the wires have no resistance."""
        return np.asarray(self.ideal - self.losses)

    @property
    def nf(self) -> Float[ndarray, "*tiles inputs"]:
        """Return the nonideality factor of all columns together, NaN where the ideal currents sum to zero."""
        return quotient(self.losses.sum(-1), self.ideal.sum(-1))

    @property
    def column_nf(self) -> Float[ndarray, "*tiles inputs m"]:
        """Return the nonideality factor of each column, NaN where its ideal current is zero."""
        return quotient(self.losses, self.ideal)


def cells(pattern: Num[ndarray, "*tiles n m"], on: float = 1e5, off: float = math.inf) -> Float[ndarray, "*tiles n m"]:
    """Return conductances in siemens from a pattern of zeros and ones and the two resistances of a cell in ohms.

    Raises InvalidInput for other entries than 0 and 1 and unless 0 < on <= off, where off may be infinite.
    """
    if not (0 < on < math.inf and on <= off):
        raise InvalidInput(f"cells of {on} ohm when on and {off} ohm when off; expected 0 < on <= off and on finite")
    check_pattern(pattern)
    return np.asarray(np.where(pattern == 1, 1 / on, 1 / off))


def check_pattern(pattern: Num[ndarray, "*tiles n m"]) -> None:
    """Raise InvalidInput for a pattern that is no array (..., rows, columns) of zeros and ones or has no cell."""
    if pattern.ndim < 2 or 0 in pattern.shape[-2:]:
        raise InvalidInput(f"pattern of shape {pattern.shape}; expected (..., rows, columns) with at least one of each")
    if not bool(((pattern == 0) | (pattern == 1)).all()):
        raise InvalidInput("a pattern holds numbers other than 0 and 1; give 1 for active cells and 0 for the others")


def solve(
    conductances: Float[ndarray, "*tiles n m"], voltages: Float[ndarray, "... inputs n"], wires: Wires
) -> Solution:
    """Return currents and drops of meshes for input vectors, with one elimination of each mesh.

    Conductances are in siemens. Voltages are in volts, with leading axes as the conductances have or without any, for
    inputs that all meshes share. Raises InvalidInput for conductances that are negative or not finite, and for voltages
    of another shape or not finite.
    """
    check_conductances(conductances)
    tiles, (n, m) = conductances.shape[:-2], conductances.shape[-2:]
    if voltages.ndim < 2 or voltages.shape[-1] != n or voltages.shape[:-2] not in ((), tiles):
        raise InvalidInput(
            f"voltages of shape {voltages.shape} for conductances {conductances.shape}; expected (inputs, {n})"
            + (f" or {(*tiles, 'inputs', n)}" if tiles else "")
        )
    if not bool(np.isfinite(voltages).all()):
        raise InvalidInput("voltages that are not finite; expected finite numbers of volts")
    inputs = voltages.shape[-2]
    g = conductances.reshape(-1, n, m)
    v = np.broadcast_to(voltages, (*tiles, inputs, n)).reshape(len(g), inputs, n).swapaxes(1, 2)[:, :, None]
    parts = [drops_per_ohm(g[k], g[k][..., None] * v[k], wires.row, wires.column) for k in _batches(g)]
    a, b = (np.concatenate(x) for x in zip(*parts, strict=True))
    losses = (g[..., None] * (wires.row * a + wires.column * b)).sum(1)

    def by_input(x: ndarray) -> ndarray:
        return np.moveaxis(x, -1, 1).reshape(*tiles, inputs, *x.shape[1:-1])

    return Solution(
        voltages @ conductances, by_input(losses), by_input(wires.row * a), by_input(wires.column * b),
        by_input(a[:, :, 0]), by_input(b[:, 0]),
    )  # fmt: skip


def transfer(conductances: Float[ndarray, "*tiles n m"], wires: Wires) -> Float[ndarray, "*tiles n m"]:
    """Return the linear map that meshes realise: the current in amperes of column k for one volt at row j alone.

    Without wire resistance it is exactly the conductances. By reciprocity it is also the current of row j for one volt
    at column k, so that a wide mesh is solved as a tall one. Raises InvalidInput as `solve` does.
    """
    check_conductances(conductances)
    n, m = conductances.shape[-2:]
    if n < m:
        return np.swapaxes(transfer(np.swapaxes(conductances, -1, -2), wires.swapped), -1, -2)
    g = conductances.reshape(-1, n, m)
    currents = [unit_currents(g[k], wires.row, wires.column) for k in _batches(g)]
    return np.asarray(np.concatenate(currents).reshape(conductances.shape))


def check_conductances(conductances: Float[ndarray, "*tiles n m"]) -> None:
    """Raise InvalidInput for conductances that are no array (..., rows, columns), negative or not finite."""
    if conductances.ndim < 2 or 0 in conductances.shape[-2:]:
        raise InvalidInput(
            f"conductances of shape {conductances.shape}; expected (..., rows, columns) with at least one of each"
        )
    if not bool(((conductances >= 0) & np.isfinite(conductances)).all()):
        raise InvalidInput("conductances that are negative or not finite; expected at least 0 siemens in every cell")


def quotient(
    part: Num[ndarray, "*shape"] | np.number, whole: Num[ndarray, "*shape"] | np.number
) -> Float[ndarray, "*shape"]:
    """Return part over whole, NaN where the whole is zero."""
    below = np.asarray(whole, dtype=np.float64)
    return np.asarray(np.divide(part, below, out=np.full_like(below, np.nan), where=below != 0))


def _batches(g: Float[ndarray, "t n m"]) -> list[slice]:
    """Return the meshes in batches, one of none where there are none."""
    _, n, m = g.shape
    size = max(1, LARGEST_BATCH // (n * m * min(n, m)))
    return [slice(k, k + size) for k in range(0, max(len(g), 1), size)]
