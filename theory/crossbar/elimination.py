"""The equations of a resistive mesh (of arXiv 2511.04798) solved by elimination: rows, then columns from the far end.

A wire is a chain of nodes joined by segments, grounded through one more segment at its near end, and L is the matrix of
such a chain with unit segments. The drops per ohm a and b of row and column nodes of cells G solve

    L a + G (r a + c b) = J along each row,    L b + G (r a + c b) = J along each column,

r and c the resistances of a row and a column segment and J the currents without them. Rows are eliminated by closed
formulas: a = T (J - c G b) with T the inverse of L + r G. What is left are the columns, coupled inside each row by the
conductances K = G - r G T G. Eliminated from the far end, the block of row j is S_j = 2 + c K_j - 1 / S_(j+1), with 1
in place of 2 at the far end. Every S_j has eigenvalues between 1 and 2 + c max G, so that errors do not grow.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray


def drops_per_ohm(
    g: Float[ndarray, "t n m"], sources: Float[ndarray, "t n m p"], row: float, column: float
) -> tuple[Float[ndarray, "t n m p"], Float[ndarray, "t n m p"]]:
    """Return the drops of row and column nodes over a segment's resistance: at the near end of a wire its current.

    `sources` are the currents in amperes that cells would carry without wire resistance, for p right-hand sides. The
    drops per ohm are finite where a resistance is zero. Blocks have the size of the shorter side of the mesh.
    """
    if g.shape[1] < g.shape[2]:
        b, a = drops_per_ohm(np.swapaxes(g, 1, 2), np.swapaxes(sources, 1, 2), column, row)
        return np.swapaxes(a, 1, 2), np.swapaxes(b, 1, 2)
    rows, blocks = _eliminate_rows(g, row, column)
    b = _columns(blocks, sources - row * g[..., None] * (rows @ sources))
    return rows @ (sources - column * g[..., None] * b), b


def unit_currents(g: Float[ndarray, "t n m"], row: float, column: float) -> Float[ndarray, "t n m"]:
    """Return the current sensed in column k for one volt at row j alone, of meshes no wider than tall.

    Only what reaches the near end is wanted, so each row's currents are carried to it and nothing is carried back.
    """
    rows, blocks = _eliminate_rows(g, row, column)
    carried = np.swapaxes(g * rows[..., 0], 1, 2).copy()
    inverse = _inverse(blocks[:, -1])
    carried[:, :, -1:] = inverse @ carried[:, :, -1:]
    for j in range(g.shape[1] - 2, -1, -1):
        inverse = _inverse(blocks[:, j] - inverse)
        carried[:, :, j:] = inverse @ carried[:, :, j:]
    return np.asarray(np.swapaxes(carried, 1, 2))


def _eliminate_rows(
    g: Float[ndarray, "t n m"], row: float, column: float
) -> tuple[Float[ndarray, "t n m m"], Float[ndarray, "t n m m"]]:
    """Return T for each row, and the blocks of the columns before any of them is eliminated."""
    rows = _inverse_chains(row * g)
    blocks = g[..., :, None] * rows
    blocks *= -row * column * g[..., None, :]
    diagonal = np.arange(g.shape[2])
    blocks[..., diagonal, diagonal] += 2 + column * g
    blocks[:, -1, diagonal, diagonal] -= 1
    return rows, blocks


def _columns(blocks: Float[ndarray, "t n m m"], sources: Float[ndarray, "t n m p"]) -> Float[ndarray, "t n m p"]:
    """Solve the column wires by elimination from the far row to the near one, and back."""
    n = blocks.shape[1]
    inverse, solution = np.empty_like(blocks), np.empty_like(sources)
    inverse[:, -1], solution[:, -1] = _inverse(blocks[:, -1]), sources[:, -1]
    for j in range(n - 2, -1, -1):
        inverse[:, j] = _inverse(blocks[:, j] - inverse[:, j + 1])
        solution[:, j] = sources[:, j] + inverse[:, j + 1] @ solution[:, j + 1]
    solution[:, 0] = inverse[:, 0] @ solution[:, 0]
    for j in range(1, n):
        solution[:, j] = inverse[:, j] @ (solution[:, j] + solution[:, j - 1])
    return solution


def _inverse_chains(x: Float[ndarray, "t n m"]) -> Float[ndarray, "t n m m"]:
    """Return the inverse of L + diag(x) for each row, without a subtraction, so that every entry is accurate.

    Seen from a node, the wire towards the near end is the conductance `near` and the wire away from it `far`. The
    response at the node is 1 / (x + near + far), and away from the source it falls by 1 / (1 + x + far) a segment.
    """
    m = x.shape[-1]
    near, far = np.ones_like(x), np.zeros_like(x)
    for k in range(1, m):
        ground = x[..., k - 1] + near[..., k - 1]
        near[..., k] = ground / (1 + ground)
        ground = x[..., m - k] + far[..., m - k]
        far[..., m - k - 1] = ground / (1 + ground)
    below = np.zeros((*x.shape, m))
    response, fall = 1 / (x + near + far), 1 / (1 + x + far)
    for k in range(m):
        below[..., k, k] = response[..., k]
        if k:
            below[..., k, :k] = below[..., k - 1, :k] * fall[..., k, None]
    both = below + np.swapaxes(below, -1, -2)
    diagonal = np.arange(m)
    both[..., diagonal, diagonal] = response
    return both


def _inverse(blocks: Float[ndarray, "t m m"]) -> Float[ndarray, "t m m"]:
    """Return the inverses of symmetric positive definite blocks: torch's batched routine has little overhead."""
    return np.asarray(torch.cholesky_inverse(torch.linalg.cholesky(torch.from_numpy(blocks))).numpy())
