"""Mapping for crossbars (arXiv 2511.04798): the circuit, single cells, conserved currents, linearity, first order."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.crossbar import first_order
from theory.crossbar.claims.inputs import (
    MAPPING,
    SOLVER,
    Table,
    arrays,
    derived,
    meshes,
    ours,
    solver,
    uniform_meshes,
    wire,
)
from theory.crossbar.mesh import Wires, solve, transfer
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, strategies
from theory.reference import crossbar as reference

CIRCUIT = f"{MAPPING}, the circuit of rows, cells and columns with wire resistance"


def one_cell(n: int, m: int, row: Fraction, column: Fraction, missing: int = 0) -> Iterator[Evidence]:
    """Compare the losses of one active cell, at every position of a tile, with those of a series of resistors.

    The variant counts a segment less on each wire.
    """
    patterns = np.eye(n * m).reshape(n * m, n, m)
    j, k = np.divmod(np.arange(n * m), m)
    series = float(row) * (k + 1 - missing) + float(column) * (j + 1 - missing)
    wires = Wires(float(row), float(column))
    solution = solve(patterns, np.ones((1, n)), wires)
    tolerance = solver(patterns, np.ones(n), wires) / (n * m)
    yield equal("closed form", solution.nf[:, 0], series / (1 + series), tolerance)
    if n * m <= 6:
        currents = [reference.currents(p, [Fraction(1)] * n, row, column) for p in patterns.astype(int).tolist()]
        yield equal("rational", np.array(currents, dtype=float), patterns.sum(1) / (1 + series[:, None]), tolerance)


def kirchhoff(
    cells: Table, drive: list[int], row: Fraction, column: Fraction, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare the engine's currents, drops and linear map with Kirchhoff's laws in fractions, node by node."""
    g, wires = arrays(cells, row, column)
    v = np.array(drive, dtype=np.float64)
    solution, tolerance = solve(g, v[None], wires), solver(g, v, wires)
    exact = [[Fraction(x) for x in line] for line in cells]
    rows, columns = reference.node_voltages(exact, [Fraction(x) for x in drive], row, column)
    sensed = np.array([x / column for x in columns[0]], dtype=float)
    effective = bool(sensed.any())
    yield equal("rational", factor * solution.currents[0], sensed, tolerance, effective=effective)
    yield equal("rational", factor * solution.sensed[0], sensed, tolerance, effective=effective, note="on the wires")
    yield equal("rational", factor * v @ transfer(g, wires), sensed, tolerance, effective=effective, note="linear map")
    drops = [[Fraction(drive[j]) - x for x in line] for j, line in enumerate(rows)]
    scale = max(1.0, wires.row, wires.column) * max(g.shape)
    yield equal("rational", solution.row_drops[0], np.array(drops, dtype=float), scale * tolerance, note="row drops")
    yield equal("rational", solution.column_drops[0], np.array(columns, dtype=float), scale * tolerance, note="columns")


def conserved(
    cells: Table, drive: list[int], row: Fraction, column: Fraction, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare the sum of the drivers' currents with that of the amplifiers', both read off wires, and with the cells'."""
    g, wires = arrays(cells, row, column)
    v = np.array(drive, dtype=np.float64)
    solution, tolerance = solve(g, v[None], wires), solver(g, v, wires)
    driven = factor * float(solution.driven.sum())
    effective = bool(solution.driven.any())
    yield equal("enumeration", driven, float(solution.sensed.sum()), tolerance, effective=effective)
    yield equal("enumeration", driven, float(solution.currents.sum()), tolerance, effective=effective, note="cells")


def linear(cells: Table, drive: list[int], row: Fraction, column: Fraction, power: float = 1.0) -> Iterator[Evidence]:
    """Compare the output for a drive with the sum of the outputs for one row at a time, and rows with columns.

    The variant raises the drive to a power.
    """
    g, wires = arrays(cells, row, column)
    v = np.array(drive, dtype=np.float64)
    units = solve(g, np.eye(len(v)), wires).currents
    scaled, tolerance = np.sign(v) * np.abs(v) ** power, solver(g, v, wires)
    yield equal("enumeration", solve(g, v[None], wires).currents[0], scaled @ units, tolerance, effective=bool(v.any()))
    swapped = solve(np.ascontiguousarray(g.T), np.eye(g.shape[1]), wires.swapped).currents
    yield equal("enumeration", swapped.T, units, tolerance, note="reciprocity")


def residual(cells: Table, row: Fraction, column: Fraction, low: float = 1.0, high: float = 1.0) -> Iterator[Evidence]:
    """Bound how much the second-order residual NF1 - NF grows when all wires have ten times the resistance."""
    g, wires = arrays(cells, row, column)
    drive, more = np.ones((1, len(g))), Wires(10 * wires.row, 10 * wires.column)
    lost = float(first_order.losses(g, drive, wires).sum())
    near, far = (scale * lost - float(solve(g, drive, w).losses.sum()) for scale, w in ((1, wires), (10, more)))
    largest = float(sum(d[0] for d in first_order.drops(g, drive, wires)).max())
    tolerance = 100 * (4 * g.size * rounding(4) * (2 + more.row + more.column) * 10 * lost / near)
    yield at_most("enumeration", far / near, high * 100, tolerance)
    yield at_least("enumeration", far / near, low * 100 / (1 + 9 * largest), tolerance)


FULL = {"cells": [[1, 2, 0], [3, 1, 1]], "drive": [1, 2], "row": Fraction(1, 10), "column": Fraction(1, 5)}
TALL = {"cells": [[1, 0], [1, 1], [0, 2]], "drive": [1, -2, 3], "row": Fraction(1, 100), "column": Fraction(1)}

CLAIMS = (
    Claim(
        id="crossbar.1",
        statement="A single active cell of resistance R in row j and column k, counted from 0, loses x / (1 + x) of its current, "
        "with x = ((k + 1) r_row + (j + 1) r_column) / R: it is in series with its wires.",
        source=ours("mesh", "one current path"), quantifier="for all", kind="equality", routes=("closed form", "rational"),
        check=one_cell, tolerance=SOLVER, examples=20, fixtures=(
            {"n": 2, "m": 3, "row": Fraction(1, 40000), "column": Fraction(1, 40000)},
            {"n": 9, "m": 7, "row": Fraction(1, 40), "column": Fraction(2)},
        ),
        inputs=lambda: strategies.paired(n=st.integers(1, 12), m=st.integers(1, 12), row=wire(), column=wire()),
        variants={"a segment less": partial(one_cell, missing=1)},
        tex=r"\mathrm{NF} = \frac{r d / R}{1 + r d / R}",
    ),
    Claim(
        id="crossbar.2",
        statement="The drivers deliver as much current as the sense amplifiers read, for drives of either sign.",
        source=ours("mesh", "Kirchhoff's current law, summed over all nodes"), quantifier="for all", kind="equality",
        routes=("enumeration",), check=conserved, tolerance=SOLVER, examples=20, fixtures=(FULL, TALL),
        inputs=lambda: meshes(12, signed=True, smallest=-9, largest=1),
        variants={"one percent more": partial(conserved, factor=1.01)},
    ),
    Claim(
        id="crossbar.2circuit",
        statement="Eliminating rows and then columns in terms of drops solves the circuit: currents, drops and the linear map are "
        "those of Kirchhoff's laws at every node.",
        source=CIRCUIT, quantifier="for all", kind="equality", status="reading", routes=("rational",), check=kirchhoff,
        tolerance=SOLVER, examples=12, fixtures=(FULL, TALL), inputs=lambda: meshes(3, signed=True, smallest=-4),
        variants={"one percent more": partial(kirchhoff, factor=1.01)},
    ),
    Claim(
        id="crossbar.2linear",
        statement="Output currents are linear in the drives, and the mesh is reciprocal: the current of column k for one volt at "
        "row j is the current of row j for one volt at column k.",
        source=ours("mesh", "a network of resistors"), quantifier="for all", kind="equality", routes=("enumeration",), check=linear,
        tolerance=SOLVER, examples=20, fixtures=(FULL, TALL), inputs=lambda: meshes(8, signed=True),
        variants={"almost linear": partial(linear, power=1.01)},
    ),
    Claim(
        id="crossbar.2order",
        statement="For one drive, what first order overestimates, NF1 - NF, grows by at most 100 for ten times the wire resistance, and "
        "by at least 100 / (1 + 9 x), x the largest first-order drop of a cell per volt at the smaller resistance.",
        source=derived("2order"), quantifier="for all", kind="lower",
        routes=("enumeration",), check=residual,
        tolerance="rounding: that of the losses, relative to their second-order part", examples=20,
        fixtures=({"cells": [[1, 1], [0, 1]], "row": Fraction(1, 10**4), "column": Fraction(1, 10**4)},),
        inputs=lambda: uniform_meshes(8, -4, -1),
        variants={"at least one percent more": partial(residual, low=1.01), "at most one percent less": partial(residual, high=0.99)},
    ),
)  # fmt: skip
