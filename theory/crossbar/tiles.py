"""What a mapping does to a crossbar that holds weights (arXiv 2511.04798): losses, output errors, effective weights.

Lower losses are no better product by themselves: reversing columns puts the high-order digits farthest from the
drivers. The error of the recombined outputs is therefore computed beside the nonideality factor: significance-weighted
errors. The crossbar is linear in its inputs, so that a matrix of effective weights says all that it does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num
from numpy import ndarray

from theory.crossbar import mapping
from theory.crossbar.mapping import Mapping
from theory.crossbar.mesh import Wires, cells, quotient, solve, transfer
from theory.crossbar.slicing import EIGHT_BITS, Layout, normalised
from theory.errors import InvalidInput

DEFAULT_WIRES = Wires(2.5, 2.5)
"""Segments of 2.5 ohm."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """The resistances of a crossbar in ohms: wire segments, and cells when on and when off (infinite: no current).

    Raises InvalidInput unless 0 < on < off and on is finite.
    """

    wires: Wires = DEFAULT_WIRES
    on: float = 1e5
    off: float = math.inf

    def __post_init__(self) -> None:
        if not 0 < self.on < self.off:
            raise InvalidInput(f"cells of {self.on} ohm when on and {self.off} ohm when off; expected 0 < on < off")


@dataclass(frozen=True, eq=False)
class TileErrors:
    """The nonideality factor of each tile, and the error of its recombined outputs: sum |error| over their sum."""

    nf: Float[ndarray, "*tiles"]
    weighted: Float[ndarray, "*tiles"]


def tile_errors(
    magnitudes: Float[ndarray, "*tiles rows weights"],
    layout: Layout,
    move: str = "none",
    device: Device = Device(),
) -> TileErrors:
    """Return the errors of tiles that hold magnitudes in [0, 1), one tile each, with one volt at every row.

    Raises InvalidInput for magnitudes outside [0, 1) and for an unknown move.
    """
    pattern = layout.pattern(magnitudes)
    placed = mapping.choose(move, pattern)
    conductances = cells(placed.apply(pattern), device.on, device.off)
    solution = solve(conductances, np.ones((1, pattern.shape[-2])), device.wires)
    return _errors(solution.ideal[..., 0, :], solution.losses[..., 0, :], layout, placed)


@dataclass(frozen=True, eq=False)
class Arrays:
    """The magnitudes that the arrays of a signed matrix hold, positive and negative parts apart, and their scale.

    `magnitudes` in [0, 1) times `scale` are the absolute weights; tiles lie `down` the inputs and `across` the outputs.
    """

    magnitudes: Float[ndarray, "signs down across rows weights"]
    scale: float


def arrays(weights: Num[ndarray, "outputs inputs"], tile: tuple[int, int], layout: Layout = EIGHT_BITS) -> Arrays:
    """Return a signed matrix cut into tiles of so many rows and columns, filled up with zeros.

    Raises InvalidInput for weights that are no finite matrix, for tiles without rows, and for columns that are no
    multiple of the bits.
    """
    per_tile = _weights_per_tile(weights, tile, layout)
    magnitudes, scale = normalised(weights)
    signed = np.stack([np.where(weights > 0, magnitudes, 0.0), np.where(weights < 0, magnitudes, 0.0)])
    return Arrays(_cut(np.swapaxes(signed, 1, 2), tile[0], per_tile), scale)


@dataclass(frozen=True, eq=False)
class Realised:
    """What crossbars make of a signed matrix: its effective weights, and the errors of the arrays that hold them."""

    weights: Float[ndarray, "outputs inputs"]
    errors: TileErrors


def realise(
    weights: Num[ndarray, "outputs inputs"],
    *,
    tile: tuple[int, int] = (64, 64),
    layout: Layout = EIGHT_BITS,
    move: str = "none",
    shared: bool = False,
    device: Device = Device(),
) -> Realised:
    """Return the weights that crossbars realise in the place of a signed matrix: outputs are weights @ inputs.

    `tile` has the rows (inputs) and columns (digits of outputs) of one array. Positive and negative parts have arrays
    of their own, whose recombined currents are subtracted, and all magnitudes share one scale, the largest. Each tile
    has its own order of rows, or with `shared` all tiles of the same inputs have one, which can be folded into the
    layer before. Sums over tiles are ideal. Without wire resistance the result is the weights cut to `layout.bits`
    digits. The map is linear in the inputs, so that unit inputs give it, and with one volt at every row its sums over
    rows are the currents that the errors speak of, as in `tile_errors`.

    Raises InvalidInput for weights that are no finite matrix, for tiles without rows, and for columns that are no
    multiple of the bits.
    """
    stored = arrays(weights, tile, layout)
    pattern = layout.pattern(stored.magnitudes)
    placed = _placement(pattern, move, shared)
    wanted = cells(placed.apply(pattern), device.on, device.off)
    realised = transfer(wanted, device.wires)
    parts = layout.recombine(placed.inverse.apply(realised)) * (stored.scale / (1 / device.on - 1 / device.off))
    positive, negative = _joined(parts, weights.shape[1], weights.shape[0])
    errors = _errors(wanted.sum(-2), (wanted - realised).sum(-2), layout, placed)
    return Realised(np.asarray(positive - negative).T.copy(), errors)


def _errors(
    ideal: Float[ndarray, "*tiles m"], losses: Float[ndarray, "*tiles m"], layout: Layout, placed: Mapping
) -> TileErrors:
    """Return the errors of tiles from the currents of their columns without wire resistance, and what these lose."""
    outputs, errors = (layout.recombine(placed.restore(x)) for x in (ideal, losses))
    return TileErrors(quotient(losses.sum(-1), ideal.sum(-1)), quotient(np.abs(errors).sum(-1), outputs.sum(-1)))


def _placement(pattern: Int[ndarray, "signs down across rows m"], move: str, shared: bool) -> Mapping:
    """Return each tile's mapping, or with `shared` rows in the order that a move gives to all tiles side by side."""
    placed = mapping.choose(move, pattern)
    if not shared:
        return placed
    side_by_side = np.moveaxis(pattern, (1, 3), (0, 1)).reshape(pattern.shape[1], pattern.shape[3], -1)
    rows = mapping.choose(move, side_by_side).rows[None, :, None]
    return Mapping(np.broadcast_to(rows, pattern.shape[:-1]).copy(), placed.columns)


def _weights_per_tile(weights: Num[ndarray, "..."], tile: tuple[int, int], layout: Layout) -> int:
    rows, columns = tile
    if weights.ndim != 2 or 0 in weights.shape:
        raise InvalidInput(f"weights of shape {weights.shape}; expected a matrix (outputs, inputs)")
    if rows < 1 or columns < layout.bits or columns % layout.bits:
        raise InvalidInput(
            f"tiles of {rows} rows and {columns} columns for {layout.bits} bits; expected rows, and columns that are a "
            "multiple of the bits"
        )
    return columns // layout.bits


def _cut(
    matrix: Float[ndarray, "signs inputs outputs"], rows: int, weights: int
) -> Float[ndarray, "signs down across rows weights"]:
    """Return a matrix as tiles, filled up with zeros: they are inactive cells on rows and columns without use."""
    signs, inputs, outputs = matrix.shape
    down, across = -(-inputs // rows), -(-outputs // weights)
    padded = np.pad(matrix, ((0, 0), (0, down * rows - inputs), (0, across * weights - outputs)))
    return np.asarray(np.swapaxes(padded.reshape(signs, down, rows, across, weights), 2, 3))


def _joined(
    blocks: Float[ndarray, "signs down across rows weights"], inputs: int, outputs: int
) -> Float[ndarray, "signs inputs outputs"]:
    """Return the matrix of tiles without what `_cut` filled up."""
    signs, down, across, rows, weights = blocks.shape
    matrix = np.swapaxes(blocks, 2, 3).reshape(signs, down * rows, across * weights)
    return matrix[:, :inputs, :outputs]
