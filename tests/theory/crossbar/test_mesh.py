"""The resistive mesh: Kirchhoff's laws solved exactly, good and bad wires, currents that are conserved, batches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from theory.crossbar.mesh import Wires, cells, equal_wires, solve, transfer
from theory.ledger import rounding
from theory.reference import crossbar as reference

SHAPES = [(1, 1), (1, 4), (4, 1), (3, 4), (4, 3)]


@pytest.mark.parametrize(("n", "m"), SHAPES)
@pytest.mark.parametrize("wires", [(Fraction(1), Fraction(2)), (Fraction(1, 1000), Fraction(3))])
def test_currents_are_those_of_kirchhoffs_laws_in_fractions(n: int, m: int, wires: tuple[Fraction, Fraction]) -> None:
    """Small meshes with unequal conductances, drives of both signs and unequal wires."""
    generator = np.random.default_rng(n * 10 + m)
    g = [[Fraction(int(x), 7) for x in row] for row in generator.integers(0, 5, (n, m))]
    v = [Fraction(int(x)) for x in generator.integers(-3, 4, n)]
    exact = np.array(reference.currents(g, v, *wires), dtype=float)
    engine = Wires(float(wires[0]), float(wires[1]))
    solution = solve(np.array(g, dtype=float), np.array([v], dtype=float), engine)
    tolerance = rounding(4 * n * m, 30)  # terms of a column, and 5 x 2 x 3 ampere in a row
    assert solution.currents[0] == pytest.approx(exact, abs=tolerance)
    assert solution.sensed[0] == pytest.approx(exact, abs=tolerance)
    assert transfer(np.array(g, dtype=float), engine).T @ np.array(v, dtype=float) == pytest.approx(
        exact, abs=tolerance
    )


def test_perfect_wires_give_ideal_currents_exactly() -> None:
    g = cells(np.random.default_rng(0).integers(0, 2, (6, 5)))
    v = np.random.default_rng(1).normal(size=(3, 6))
    solution = solve(g, v, equal_wires(0.0))
    assert np.array_equal(solution.currents, v @ g)
    assert np.array_equal(transfer(g, equal_wires(0.0)), g)
    assert not solution.row_drops.any() and not solution.column_drops.any()
