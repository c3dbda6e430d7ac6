"""The resistive mesh: Kirchhoff's laws solved exactly, good and bad wires, currents that are conserved, batches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from theory.crossbar import first_order
from theory.crossbar.mesh import LARGEST_BATCH, Wires, cells, equal_wires, solve, transfer
from theory.ledger import rounding
from theory.reference import crossbar as reference

SHAPES = [(1, 1), (1, 4), (4, 1), (3, 4), (4, 3)]


def _active(n: int, m: int, density: float = 0.4, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((n, m)) < density).astype(int)


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
    linear = transfer(np.array(g, dtype=float), engine).T @ np.array(v, dtype=float)
    assert linear == pytest.approx(exact, abs=tolerance)


def test_a_moderate_mesh_agrees_with_the_dense_equations() -> None:
    """Ten rows and twelve columns in floats: the reference loses up to eps times the condition, (n + m)^2 R / r."""
    g, v = cells(_active(10, 12), 1e5, 1e7), np.random.default_rng(1).normal(size=10)
    dense = reference.currents(g.tolist(), v.tolist(), 2.5, 2.5)
    computed = solve(g, v[None], equal_wires(2.5)).currents[0]
    assert computed == pytest.approx(np.array(dense), abs=rounding(22**2) * 4e4 * float(np.abs(computed).max()) / 8)


def test_perfect_wires_give_ideal_currents_exactly() -> None:
    g = cells(np.random.default_rng(0).integers(0, 2, (6, 5)))
    v = np.random.default_rng(1).normal(size=(3, 6))
    solution = solve(g, v, equal_wires(0.0))
    assert np.array_equal(solution.currents, v @ g)
    assert np.array_equal(transfer(g, equal_wires(0.0)), g)
    assert np.array_equal(transfer(g.T, equal_wires(0.0)), g.T)
    assert not solution.row_drops.any() and not solution.column_drops.any()


def test_one_kind_of_wire_may_be_perfect() -> None:
    """A row without resistance: each column is a chain of its own, driven at its cells."""
    g, wires = cells(_active(5, 3), 1.0), Wires(0.0, 0.3)
    column = np.array(reference.currents(g[:, :1].tolist(), [1.0] * 5, 1e-12, 0.3))
    solution = solve(g, np.ones((1, 5)), wires)
    assert solution.currents[0, 0] == pytest.approx(column[0], rel=1e-9)  # a row of one cell, r = 1e-12 instead of 0
    assert not solution.row_drops.any()
    assert solve(np.ascontiguousarray(g.T), np.ones((1, 3)), wires.swapped).column_drops.any() == np.False_


@pytest.mark.parametrize("resistance", [1e-300, 1e-9, 0.01, 2.5, 100.0, 1e5])
def test_drivers_deliver_what_amplifiers_read(resistance: float) -> None:
    """To 1e-12 of all current, at any resistance, because drops are solved for."""
    g, v = cells(_active(64, 64)), np.random.default_rng(2).random((3, 64))
    solution = solve(g, v, equal_wires(resistance))
    delivered = solution.driven.sum(-1)
    assert solution.sensed.sum(-1) == pytest.approx(delivered, rel=1e-12)
    assert solution.currents.sum(-1) == pytest.approx(delivered, abs=1e-12 * float(solution.ideal.sum(-1).max()))


def test_single_cells_are_series_circuits_at_every_position() -> None:
    """NF = (r d / R) / (1 + r d / R) within 1e-10, at 12 x 9 positions."""
    patterns = np.eye(12 * 9).reshape(-1, 12, 9)
    nf = solve(cells(patterns), np.ones((1, 12)), equal_wires(40.0)).nf[:, 0]
    x = 40.0 * first_order.distances(12, 9).reshape(-1) / 1e5
    assert nf == pytest.approx(x / (1 + x), abs=1e-10)


@pytest.mark.parametrize(("resistance", "factor"), [(0.01, 99.9), (0.1, 98.8), (1.0, 89.2)])
def test_the_residual_of_first_order_grows_a_hundredfold_a_decade_where_wires_are_good(
    resistance: float, factor: float
) -> None:
    """64 x 64 cells of which two in five are active; other patterns of that density differ by a few tenths."""
    g, v = cells(_active(64, 64)), np.ones((1, 64))
    near, far = (
        float(first_order.losses(g, v, equal_wires(r)).sum() - solve(g, v, equal_wires(r)).losses.sum())
        for r in (resistance, 10 * resistance)
    )
    assert far / near == pytest.approx(factor, abs=0.5)


def test_tiles_and_inputs_in_batches_are_those_alone() -> None:
    """Shared and own inputs, more tiles than one batch holds, wide and tall tiles."""
    for n, m in ((20, 7), (7, 20)):
        g = cells(np.stack([_active(n, m, seed=k) for k in range(6)])).reshape(2, 3, n, m)
        shared, own = np.random.default_rng(3).normal(size=(4, n)), np.random.default_rng(4).normal(size=(2, 3, 4, n))
        for v in (shared, own):
            together = solve(g, v, Wires(2.5, 4.0))
            assert together.row_drops.shape == (2, 3, 4, n, m) and together.nf.shape == (2, 3, 4)
            for tile in np.ndindex(2, 3):
                alone = solve(g[tile], v if v is shared else v[tile], Wires(2.5, 4.0))
                assert together.currents[tile] == pytest.approx(alone.currents, rel=1e-12, abs=1e-20)
                assert together.driven[tile] == pytest.approx(alone.driven, rel=1e-12, abs=1e-20)
        assert transfer(g, Wires(2.5, 4.0))[1, 2] == pytest.approx(transfer(g[1, 2], Wires(2.5, 4.0)), rel=1e-12)


def test_a_tile_larger_than_a_batch_is_solved_alone() -> None:
    g = cells(_active(70, 80))
    assert LARGEST_BATCH < 70 * 80 * 70
    expected = solve(g[None], np.eye(70), equal_wires(2.5)).currents[0]
    assert transfer(np.stack([g, g]), equal_wires(2.5))[1] == pytest.approx(expected, abs=1e-12 * 1e-5)


def test_an_empty_batch_is_a_batch() -> None:
    nothing = np.zeros((0, 3, 4))
    assert solve(nothing, np.ones((2, 3)), equal_wires(1.0)).currents.shape == (0, 2, 4)
    assert transfer(nothing, equal_wires(1.0)).shape == (0, 3, 4)


def test_factors_of_columns_without_ideal_current_are_nan() -> None:
    """The second column has a cell in an undriven row, and reads current that the first column lifts it to."""
    solution = solve(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0]]), equal_wires(0.1))
    assert np.isnan(solution.column_nf[0, 1]) and solution.currents[0, 1] > 0
    assert 0 < solution.column_nf[0, 0] < 1
    assert np.isnan(solve(np.zeros((2, 2)), np.ones((1, 2)), equal_wires(0.1)).nf[0])


def test_currents_agree_with_badcrossbar() -> None:
    """A package of its own for the same circuit, at 16 x 16 cells: currents to 1e-10."""
    badcrossbar = pytest.importorskip(
        "badcrossbar", reason="badcrossbar is not installed: pip install --no-deps badcrossbar pathvalidate sigfig"
    )
    g, v = cells(_active(16, 16), 1e5, 1e7), np.random.default_rng(5).random((4, 16))
    # It counts rows from the far end: its word lines enter at column 0 and its bit lines leave at the last row.
    theirs = badcrossbar.compute(v[:, ::-1].T, 1 / g[::-1], 2.5).currents.output
    assert solve(g, v, equal_wires(2.5)).currents == pytest.approx(np.array(theirs), rel=1e-10)
