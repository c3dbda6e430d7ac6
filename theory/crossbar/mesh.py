"""The resistive mesh of a memristive crossbar (the setting of arXiv 2511.04798), solved for its wire drops.

Cell (j, k) joins node (j, k) of row wire j to node (j, k) of column wire k by a conductance G_jk. Neighbouring nodes of
a wire are joined by one segment, and one more segment leads from each row to its driver V_j and from each column to a
virtual ground. Row j = 0 is nearest the sense amplifiers and column k = 0 nearest the drivers.

Unknown are the drops a_jk = V_j - v_row(j, k) and b_jk = v_column(j, k), not the node voltages, because V - v would
cancel where the wires are good. With L the matrix of a chain of unit segments that is grounded at its near end,
Kirchhoff's law at the two nodes of each cell is

    L a / r_row + G (a + b) = G V along each row,    L b / r_column + G (a + b) = G V along each column.

The row wires are eliminated by closed formulas, and the columns from the far row to the near one: block j is
S_j = 2 + r_column K_j - 1 / S_(j+1), with K_j the conductances of row j as the columns see it, and 1 in place of 2 at
the far end. Every S_j has eigenvalues of at least 1, so that errors do not grow along the recursion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Num
from numpy import ndarray

from theory.errors import InvalidInput

LARGEST_BATCH = 2**18
"""How many entries of inverse rows `transfer` holds at once: 2 MiB an array, which stay near the processor."""


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
    v = np.broadcast_to(voltages, (*tiles, inputs, n)).reshape(-1, inputs, n).swapaxes(1, 2)[:, :, None]
    a, b = _drops_per_ohm(g, g[..., None] * v, wires)
    lost = (g[..., None] * (wires.row * a + wires.column * b)).sum(1)

    def by_input(x: ndarray) -> ndarray:
        return np.moveaxis(x, -1, 1).reshape(*tiles, inputs, *x.shape[1:-1])

    return Solution(
        voltages @ conductances, by_input(lost), by_input(wires.row * a), by_input(wires.column * b),
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
    batch = max(1, LARGEST_BATCH // (n * m * m))
    currents = [_unit_currents(g[k : k + batch], wires) for k in range(0, len(g), batch)]
    return np.concatenate([np.zeros((0, n, m)), *currents]).reshape(conductances.shape)


def check_conductances(conductances: Float[ndarray, "*tiles n m"]) -> None:
    """Raise InvalidInput for conductances that are no array (..., rows, columns), negative or not finite."""
    if conductances.ndim < 2 or 0 in conductances.shape[-2:]:
        raise InvalidInput(
            f"conductances of shape {conductances.shape}; expected (..., rows, columns) with at least one of each"
        )
    if not bool(((conductances >= 0) & np.isfinite(conductances)).all()):
        raise InvalidInput("conductances that are negative or not finite; expected at least 0 siemens in every cell")


def _unit_currents(g: Float[ndarray, "t n m"], wires: Wires) -> Float[ndarray, "t n m"]:
    """Return the current sensed in column k for one volt at row j alone.

    Only what reaches the near end is wanted, so each row's currents are carried to it and nothing is carried back.
    """
    rows, seen = _eliminate_rows(g, wires)
    one, carried = np.eye(g.shape[2]), np.swapaxes(g * rows[..., 0], 1, 2).copy()
    inverse = _inverse(one + seen[:, -1])
    carried[:, :, -1:] = inverse @ carried[:, :, -1:]
    for j in range(g.shape[1] - 2, -1, -1):
        inverse = _inverse(2 * one + seen[:, j] - inverse)
        carried[:, :, j:] = inverse @ carried[:, :, j:]
    return np.swapaxes(carried, 1, 2)


def _drops_per_ohm(
    g: Float[ndarray, "t n m"], sources: Float[ndarray, "t n m p"], wires: Wires
) -> tuple[Float[ndarray, "t n m p"], Float[ndarray, "t n m p"]]:
    """Return the drops of row and column nodes divided by the resistance of a segment: at a wire's end its current.

    `sources` are the currents in amperes that cells would carry without wire resistance, for p right-hand sides. The
    drops per ohm are finite where a resistance is zero. Blocks have the size of the shorter side of the mesh.
    """
    if g.shape[1] < g.shape[2]:
        b, a = _drops_per_ohm(np.swapaxes(g, 1, 2), np.swapaxes(sources, 1, 2), wires.swapped)
        return np.swapaxes(a, 1, 2), np.swapaxes(b, 1, 2)
    rows, seen = _eliminate_rows(g, wires)
    b = _columns(seen, sources - wires.row * g[..., None] * (rows @ sources))
    return rows @ (sources - wires.column * g[..., None] * b), b


def _eliminate_rows(
    g: Float[ndarray, "t n m"], wires: Wires
) -> tuple[Float[ndarray, "t n m m"], Float[ndarray, "t n m m"]]:
    """Return the inverse of L + r_row G for each row, and r_column K, the conductances that the columns see."""
    rows = _inverse_chains(wires.row * g)
    seen = (-wires.row * wires.column) * (g[..., :, None] * rows * g[..., None, :])
    diagonal = np.arange(g.shape[2])
    seen[..., diagonal, diagonal] += wires.column * g
    return rows, seen


def _columns(seen: Float[ndarray, "t n m m"], sources: Float[ndarray, "t n m p"]) -> Float[ndarray, "t n m p"]:
    """Solve the column wires, coupled inside each row, by elimination from the far row to the near one."""
    n, one = seen.shape[1], np.eye(seen.shape[2])
    inverse, carried = np.empty_like(seen), np.empty_like(sources)
    inverse[:, -1], carried[:, -1] = _inverse(one + seen[:, -1]), sources[:, -1]
    for j in range(n - 2, -1, -1):
        inverse[:, j] = _inverse(2 * one + seen[:, j] - inverse[:, j + 1])
        carried[:, j] = sources[:, j] + inverse[:, j + 1] @ carried[:, j + 1]
    solution = carried
    solution[:, 0] = inverse[:, 0] @ carried[:, 0]
    for j in range(1, n):
        solution[:, j] = inverse[:, j] @ (carried[:, j] + solution[:, j - 1])
    return solution


def _inverse_chains(x: Float[ndarray, "t n m"]) -> Float[ndarray, "t n m m"]:
    """Return the inverse of L + diag(x) for each row, without a subtraction, so that every entry is accurate.

    Seen from a node, the wire towards the driver is the conductance `near` and the wire away from it `far`. The
    response at the node is 1 / (x + near + far), and away from the source it falls by 1 / (1 + x + far) a segment.
    """
    m = x.shape[-1]
    near, far = np.ones_like(x), np.zeros_like(x)
    for k in range(1, m):
        ground = x[..., k - 1] + near[..., k - 1]
        near[..., k] = ground / (1 + ground)
        ground = x[..., m - k] + far[..., m - k]
        far[..., m - k - 1] = ground / (1 + ground)
    inverse = np.empty((*x.shape, m))
    response, fall = 1 / (x + near + far), 1 / (1 + x + far)
    for k in range(m):
        inverse[..., k, k] = response[..., k]
        inverse[..., :k, k] = inverse[..., :k, k - 1] * fall[..., k, None] if k else 0.0
        inverse[..., k, :k] = inverse[..., :k, k]
    return inverse


def _inverse(blocks: Float[ndarray, "t m m"]) -> Float[ndarray, "t m m"]:
    """Return the inverses of symmetric positive definite blocks: torch's batched routine has little overhead."""
    return np.asarray(torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(blocks))).numpy())


def quotient(part: Float[ndarray, "*shape"], whole: Float[ndarray, "*shape"]) -> Float[ndarray, "*shape"]:
    """Return part over whole, NaN where the whole is zero."""
    return np.asarray(np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole != 0))
