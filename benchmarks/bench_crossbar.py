"""Speed of the crossbar's solver, as ratios within one run."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from benchmarks.harness import Timing, benchmark, ratio
from synthetic.devices import one_thread
from theory.crossbar.mesh import cells, equal_wires, solve, transfer

OHMS = 2.5


def _assembled(g: np.ndarray) -> sparse.csc_matrix:
    """Return the conductance matrix of all nodes, rows first."""
    n, m = g.shape

    def chain(size: int) -> sparse.dia_matrix:
        near, beside = 2.0 * np.ones(size), -np.ones(size - 1)
        near[-1] = 1.0
        return sparse.diags([near, beside, beside], [0, 1, -1]) / OHMS

    across, coupling = sparse.kron(sparse.eye(n), chain(m)), sparse.diags(g.ravel())
    along = sparse.kron(chain(n), sparse.eye(m))
    return sparse.bmat([[across + coupling, coupling], [coupling, along + coupling]]).tocsc()


def _factorised(g: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the drops of a mesh by one sparse factorisation and a solve for all inputs."""
    sources = (g * v[:, :, None]).reshape(len(v), -1).T
    matrix = _assembled(g)
    solver = linalg.splu(matrix, diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return solver.solve(np.vstack([sources, sources]))


@benchmark(at_most=1)
def crossbar_solve() -> Timing:
    """a 128 x 128 mesh solved for 32 inputs, over one sparse factorisation of its nodes and 32 solves (one thread)"""
    generator = np.random.default_rng(0)
    g, v = cells(generator.integers(0, 2, (128, 128))), generator.random((32, 128))
    with one_thread():
        return ratio(lambda: solve(g, v, equal_wires(OHMS)), lambda: _factorised(g, v))


@benchmark(at_most=0.5)
def crossbar_transfer() -> Timing:
    """the linear maps of sixteen 64 x 64 tiles, over a sparse factorisation and 64 solves each (one thread)"""
    g = cells(np.random.default_rng(0).integers(0, 2, (16, 64, 64)))
    with one_thread():
        return ratio(lambda: transfer(g, equal_wires(OHMS)), lambda: [_factorised(x, np.eye(64)) for x in g], repeats=3)
