"""Mapping for crossbars (arXiv 2511.04798): bounds on the losses, column by column and for all columns together."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.crossbar import first_order
from theory.crossbar.claims.inputs import (
    EXACT,
    SOLVER,
    Table,
    arrays,
    derived,
    meshes,
    solver,
    uniform_meshes,
)
from theory.crossbar.mesh import Solution, Wires, solve
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal
from theory.reference import crossbar as reference


def wire_power(solution: Solution, wires: Wires) -> float:
    """Return the power that the wires take up: each segment's drop squared over its resistance."""
    rows = np.diff(solution.row_drops[0], axis=-1, prepend=0.0)
    columns = np.diff(solution.column_drops[0], axis=-2, prepend=0.0)
    return float((rows**2).sum() / wires.row + (columns**2).sum() / wires.column)


def by_column(cells: Table, row: Fraction, column: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Bound each column's loss by 0 and by its first order, and all losses by the wires' power, for one volt."""
    g, wires = arrays(cells, row, column)
    drive = np.ones((1, len(g)))
    solution, tolerance = solve(g, drive, wires), solver(g, drive[0], wires)
    first = first_order.losses(g, drive, wires)[0]
    literal = reference.first_order_losses(cells, [1] * len(cells), row, column)
    yield equal("rational", first, np.array(literal, dtype=float), tolerance * max(1.0, float(first.sum())))
    yield at_least("enumeration", solution.losses[0], 0.0, tolerance)
    allowance = tolerance * max(1.0, float(first.sum()))
    yield at_most("enumeration", solution.losses[0], factor * first, allowance)
    yield at_least("enumeration", solution.losses.sum(), wire_power(solution, wires) / factor, allowance, note="power")
    yield at_most("enumeration", solution.losses.sum(), factor * first.sum(), allowance, note="power at ideal currents")


def of_all_columns(cells: Table, row: Fraction, column: Fraction, factor: float = 1.0) -> Iterator[Evidence]:
    """Bound the nonideality factor from both sides by its first order and the mean squared drop."""
    g, wires = arrays(cells, row, column)
    drive = np.ones((1, len(g)))
    bounds, nf = first_order.nf_bounds(g, wires), float(solve(g, drive, wires).nf[0])
    tolerance = solver(g, drive[0], wires) / float(g.sum())
    yield at_most("enumeration", nf, factor * bounds.upper, tolerance)
    yield at_least("enumeration", nf, bounds.lower / factor, tolerance)
    first, squared = moments(cells, row, column)
    for computed, literal in (
        (bounds.first, first),
        (bounds.upper, first / (1 + first)),
        (bounds.lower, first**2 / (first + squared)),
    ):
        yield equal("rational", computed, float(literal), tolerance * max(1.0, float(literal)))


def moments(cells: Table, row: Fraction, column: Fraction) -> tuple[Fraction, Fraction]:
    """Return the conductance-weighted means of the first-order drops per volt and of their squares."""
    drops = reference.first_order_drops(cells, [1] * len(cells), row, column)
    pairs = [(g, d) for line, others in zip(cells, drops, strict=True) for g, d in zip(line, others, strict=True)]
    total = sum(g for g, _ in pairs)
    return Fraction(sum(g * d for g, d in pairs), total), Fraction(sum(g * d**2 for g, d in pairs), total)


def concave(
    cells: Table, row: Fraction, column: Fraction, scales: list[int], factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare the nonideality factor at two scales of all wires with that at their mean."""
    g, wires = arrays(cells, row, column)
    low, high = min(scales), max(scales)
    drive = np.ones((1, len(g)))
    below, middle, above = (
        float(solve(g, drive, Wires(s * wires.row, s * wires.column)).nf[0]) for s in (low, (low + high) / 2, high)
    )
    tolerance = solver(g, drive[0], Wires(high * wires.row, high * wires.column)) / float(g.sum())
    yield at_least("enumeration", above, below, tolerance, effective=low < high, note="increasing")
    yield at_least("enumeration", middle, factor * (below + above) / 2, tolerance, effective=low < high)


def any_drive(
    cells: Table, drive: list[int], row: Fraction, column: Fraction, factor: float = 1.0
) -> Iterator[Evidence]:
    """Bound each column's loss by its first order, for drives of at least zero."""
    g, wires = arrays(cells, row, column)
    v = np.array([drive], dtype=np.float64)
    first, lost = first_order.losses(g, v, wires)[0], solve(g, v, wires).losses[0]
    yield at_most("enumeration", lost, factor * first, solver(g, v[0], wires) * max(1.0, float(first.sum())))


def exact_losses(cells: Table, drive: list[int], row: Fraction, column: Fraction) -> Iterator[Evidence]:
    """State that no column gains current, in fractions."""
    exact = [[Fraction(x) for x in line] for line in cells]
    voltages = [Fraction(v) for v in drive]
    actual = reference.currents(exact, voltages, row, column)
    for ideal, current in zip(reference.ideal_currents(exact, voltages), actual, strict=True):
        yield at_least("rational", ideal - current, Fraction(0), 0)


def cell_currents(cells: Table, row: Fraction, column: Fraction) -> Iterator[Evidence]:
    """State that current flows from row to column in every cell, in fractions."""
    exact = [[Fraction(x) for x in line] for line in cells]
    rows, columns = reference.node_voltages(exact, [Fraction(1)] * len(cells), row, column)
    for line, above, below in zip(exact, rows, columns, strict=True):
        for g, high, low in zip(line, above, below, strict=True):
            yield at_least("rational", g * (high - low), Fraction(0), 0)


ONE_CELL = {"cells": [[0, 0], [0, 1]], "row": Fraction(1, 10), "column": Fraction(1, 10)}
GOOD_WIRES = {"cells": [[1, 1], [0, 1]], "row": Fraction(1, 10**5), "column": Fraction(1, 10**5)}
"""Losses are first order up to 1e-4 of them."""
SNEAK = {"cells": [[1, 0], [1, 1]], "drive": [1, 0], "row": Fraction(1, 10), "column": Fraction(1, 10)}
"""The second column has one cell, in the row without a drive, which the first column lifts."""
BACKWARDS = {"cells": [[0, 1, 0], [0, 1, 0], [1, 1, 1], [0, 1, 0]], "row": Fraction(1), "column": Fraction(1)}

CLAIMS = (
    Claim(
        id="crossbar.3",
        statement="For one positive drive of all rows no column gains current, and none loses more than first order says; all columns "
        "together lose at least the power of the wires over the drive, and at most that power at ideal currents.",
        source=derived("3"), quantifier="for all", kind="upper",
        routes=("enumeration", "rational"), check=by_column, tolerance=SOLVER, examples=20, fixtures=(ONE_CELL, GOOD_WIRES),
        inputs=lambda: uniform_meshes(10), variants={"one percent less": partial(by_column, factor=0.99)},
        sharp=Sharp("1: losses are first order in the limit of good wires", GOOD_WIRES, 0.999),
        tex=r"0 \le \Delta I_k \le r \sum_j G_{jk} \Big[ \sum_{k'} (1 + \min(k, k')) G_{jk'} + \sum_{j'} (1 + \min(j, j')) G_{j'k} \Big] V",
    ),
    Claim(
        id="crossbar.3two",
        statement="For one positive drive of all rows the nonideality factor is at most NF1 / (1 + NF1) and at least "
        "NF1^2 / (NF1 + q), NF1 its first order and q the conductance-weighted mean of the squared first-order drops per volt.",
        source=derived("3two"), quantifier="for all", kind="upper",
        routes=("enumeration", "rational"), check=of_all_columns, tolerance=SOLVER, examples=20, fixtures=(ONE_CELL, GOOD_WIRES),
        inputs=lambda: uniform_meshes(10), variants={"one percent closer": partial(of_all_columns, factor=0.99)},
        sharp=Sharp("1: a single cell attains both sides", ONE_CELL),
        tex=r"\frac{\mathrm{NF}_1^2}{\mathrm{NF}_1 + q} \le \mathrm{NF} \le \frac{\mathrm{NF}_1}{1 + \mathrm{NF}_1}",
    ),
    Claim(
        id="crossbar.3concave",
        statement="For one positive drive of all rows the nonideality factor is increasing and concave in a common factor of all wire "
        "resistances.",
        source=derived("3concave"), quantifier="for all", kind="lower", routes=("enumeration",),
        check=concave, tolerance=SOLVER, examples=20, fixtures=({**GOOD_WIRES, "scales": [1, 2]}, {**ONE_CELL, "scales": [1, 9]}),
        inputs=lambda: st.builds(
            lambda mesh, scales: {**mesh, "scales": scales}, uniform_meshes(8), st.lists(st.integers(1, 20), min_size=2, max_size=2)
        ),
        variants={"one percent more concave": partial(concave, factor=1.01)},
    ),
    Claim(
        id="crossbar.3upper",
        statement="For drives of at least zero, equal or not, no column loses more current than first order says.",
        source=derived("3upper"), quantifier="for all", kind="upper", routes=("enumeration",), check=any_drive,
        tolerance=SOLVER, examples=20, fixtures=(SNEAK, {**GOOD_WIRES, "drive": [1, 2]}), inputs=lambda: meshes(8, largest=1),
        variants={"one percent less": partial(any_drive, factor=0.99)},
        sharp=Sharp("1: losses are first order in the limit of good wires", {**GOOD_WIRES, "drive": [1, 2]}, 0.999),
    ),
    Claim(
        id="crossbar.3gain",
        statement="For drives of at least zero, equal or not, no column gains current.",
        source=derived("3upper"), quantifier="for all", kind="lower", routes=("rational",), check=exact_losses,
        tolerance=EXACT, expected="refuted", see="crossbar.3upper", fixtures=(SNEAK,),
    ),
    Claim(
        id="crossbar.3cells",
        statement="For one positive drive of all rows current flows from row to column in every cell.",
        source=derived("3"), quantifier="for all", kind="lower", routes=("rational",), check=cell_currents,
        tolerance=EXACT, expected="refuted", see="crossbar.3", fixtures=(BACKWARDS,),
    ),
)  # fmt: skip
