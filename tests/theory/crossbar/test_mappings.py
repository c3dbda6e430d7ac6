"""Mappings: orders of rows against all orders, a table of changes, digits, and weights that a crossbar realises."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special

from theory.crossbar import draws, first_order, mapping, tiles
from theory.crossbar.mapping import Mapping
from theory.crossbar.mesh import Wires, cells, equal_wires, solve
from theory.crossbar.slicing import Layout, binary_digits, digit_probabilities, normalised
from theory.crossbar.tiles import Device, arrays, realise, tile_errors
from theory.reference import crossbar as reference

OHMS = equal_wires(2.5)
WIRE = Fraction(1, 20)
TABLE = [
    (64, 8, "grouped", "normal", -17.6, -4.4, -22.1),
    (64, 8, "grouped", "laplace", -25.8, -4.7, -30.7),
    (64, 8, "interleaved", "normal", -2.1, -5.1, -7.3),
    (128, 1, "grouped", "normal", -0.1, -27.6, -26.1),
    (128, 1, "grouped", "laplace", -0.2, -29.4, -29.6),
]
"""Changes of the nonideality factor in percent under reversal, sorting and both; the last column but one row as
computed again from the circuit."""


@pytest.mark.parametrize(("rows", "weights", "order", "law", "reversal", "sort", "both"), TABLE)
def test_the_table_of_losses_is_reproduced_within_three_points(
    rows: int, weights: int, order: str, law: str, reversal: float, sort: float, both: float
) -> None:
    """Means over 8 tiles of 64 rows, and 64 tiles of 128 rows: half-widths of 0.2 to 2 points."""
    drawn = draws.magnitudes(law, 8 if rows == 64 else 64, rows, weights, seed=1)
    before = tile_errors(drawn, Layout(8, order))
    for move, expected in (("reversal", reversal), ("sort", sort), ("both", both)):
        after = tile_errors(drawn, Layout(8, order), move)
        assert 100 * np.mean(after.nf / before.nf - 1) == pytest.approx(expected, abs=3)
        if move == "both":
            assert (after.nf < before.nf).all()


def test_grouped_normal_tiles_have_worse_outputs_at_lower_losses() -> None:
    """At every one of twelve tiles under reversal, by a fifth and more on average with sorting."""
    drawn, layout = draws.magnitudes("normal", 12, 64, 8, seed=2), Layout(8)
    before, turned, both = (tile_errors(drawn, layout, move) for move in ("none", "reversal", "both"))
    assert (turned.nf < before.nf).all() and (turned.weighted > before.weighted).all()
    assert np.mean(both.weighted / before.weighted - 1) > 0.2


def test_sorting_by_count_attains_the_least_distance_up_to_seven_rows() -> None:
    """Over all orders of random rows; the sum splits into what rows and columns contribute."""
    generator = np.random.default_rng(0)
    for n in range(1, 8):
        pattern = generator.integers(0, 2, (n, 5))
        _, least = mapping.best_rows(pattern)
        placed = mapping.choose("sort", pattern).apply(pattern)
        assert first_order.summed_distance(placed) == least


def test_a_greedy_order_of_rows_beats_the_sorted_one_on_first_order_losses() -> None:
    """128 x 8 Laplace tiles: 0.683 and 0.700 of the unsorted factor, known to 0.011; 60 tiles err by 0.004."""
    patterns = Layout(8).pattern(draws.magnitudes("laplace", 60, 128, 1, seed=3))
    unsorted = first_order.nf(patterns, OHMS)
    by_count = first_order.nf(mapping.choose("sort", patterns).apply(patterns), OHMS)
    greedy = np.array([first_order.nf(pattern[mapping.by_tails(pattern)], OHMS) for pattern in patterns])
    assert (greedy <= by_count).mean() > 0.9
    assert np.mean(by_count / unsorted) == pytest.approx(0.700, abs=0.011 + 4 * 0.004)
    assert np.mean(greedy / unsorted) == pytest.approx(0.683, abs=0.011 + 4 * 0.004)


def test_the_sorted_order_turned_round_loses_more() -> None:
    """By about 30 percent at 128 x 8 normal weights (60 tiles: half-width 1.2 points)."""
    pattern = Layout(8).pattern(draws.magnitudes("normal", 60, 128, 1, seed=4))
    turned = Mapping(mapping.by_count(pattern)[..., ::-1].copy(), np.arange(8)).apply(pattern)
    before, after = (solve(cells(p), np.ones((1, 128)), OHMS).nf[:, 0] for p in (pattern, turned))
    assert np.mean(after / before - 1) == pytest.approx(0.32, abs=0.03)


def test_greedy_and_exhaustive_orders_of_a_small_tile() -> None:
    """The greedy order attains the least sum of squared tail counts here, which sorting by count does not."""
    pattern = np.array([[1, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 0]])
    _, least = mapping.best_rows(pattern, lambda patterns: first_order.tail_squares(patterns)[1])
    sums = [int(first_order.tail_squares(pattern[f(pattern)])[1]) for f in (mapping.by_tails, mapping.by_count)]
    assert [least, *sums] == [15, 15, 16]


def test_the_greedy_order_adds_the_row_that_leaves_the_least_sum_of_squares() -> None:
    """Against every row that is left, added up by hand, with the last of equal ones chosen."""
    generator = np.random.default_rng(8)
    for _ in range(20):
        pattern = generator.integers(0, 2, (20, 10))
        left, tail, order = list(range(20)), np.zeros(10, dtype=int), []
        while left:
            chosen = min(reversed(left), key=lambda j: ((tail + pattern[j]) ** 2).sum())
            left.remove(chosen)
            order.insert(0, chosen)
            tail = tail + pattern[chosen]
        assert mapping.by_tails(pattern).tolist() == order


def test_digits_of_half_normal_and_cubic_laws() -> None:
    width = 0.25 * math.sqrt(2)
    chances = digit_probabilities(lambda x: float(special.erf(float(x) / width) / special.erf(1 / width)), 6)
    assert [float(p) for p in chances] == pytest.approx([0.045, 0.274, 0.398, 0.450, 0.475, 0.488], abs=6e-4)
    assert digit_probabilities(lambda x: x**3, 3) == [Fraction(7, 8), Fraction(11, 16), Fraction(19, 32)]
    drawn = np.abs(np.random.default_rng(0).normal(size=200_000)) * 0.25
    rates = binary_digits(drawn[drawn < 1], 6).mean(0)
    assert rates == pytest.approx([float(p) for p in chances], abs=5 * 0.5 / math.sqrt(200_000))


def test_reversal_brings_laplace_cells_nearer_and_their_significance_farther() -> None:
    """400,000 weights under one maximum: mean distances from 5.9 to 3.1, weighted by significance from 4.0 to 5.0."""
    digits = binary_digits(draws.magnitudes("laplace", 1, 400_000, 1, seed=0)[0, :, 0], 8)
    near, factors = np.arange(1, 9), 2.0 ** -np.arange(1, 9)
    plain = [(digits * k).sum() / digits.sum() for k in (near, near[::-1])]
    weighted = [(digits * k * factors).sum() / (digits * factors).sum() for k in (near, near[::-1])]
    assert plain == pytest.approx([5.88, 3.12], abs=0.15)
    assert weighted == pytest.approx([3.99, 5.01], abs=0.25)


def test_significance_follows_the_layout() -> None:
    """Recombining the pattern of magnitudes gives them back, cut after the last digit."""
    magnitudes = np.array([[0.3, 0.999], [0.5, 0.0]])
    for order in ("grouped", "interleaved"):
        layout = Layout(4, order)
        pattern = layout.pattern(magnitudes)
        cut = np.floor(magnitudes * 16) / 16
        assert np.array_equal(layout.recombine(pattern.astype(float)), cut)
        assert (pattern @ layout.significance(2)).tolist() == cut.sum(-1).tolist()
    assert Layout(2).significance(2).tolist() == [0.5, 0.5, 0.25, 0.25]
    assert Layout(2, "interleaved").significance(2).tolist() == [0.5, 0.25, 0.5, 0.25]


def test_magnitudes_divided_by_their_largest_have_all_digits_set_there() -> None:
    magnitudes, scale = normalised(np.array([-2.0, 1.0, 0.0]))
    assert scale == 2.0 and binary_digits(magnitudes, 3).tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert normalised(np.zeros(3))[1] == 1.0 and normalised(np.array([0.5, -0.25]))[1] == 0.5


def test_errors_of_a_tile_are_those_of_kirchhoffs_laws() -> None:
    """Two weights of two digits in three rows: 3/4 and 1/4, 1/2 and 1/2, 0 and 3/4; columns by significance."""
    magnitudes = np.array([[0.75, 0.25], [0.5, 0.5], [0.0, 0.75]])
    table = [[Fraction(x) for x in row] for row in ([1, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1])]
    ideal = [Fraction(2), Fraction(2), Fraction(1), Fraction(2)]
    losses = [i - c for i, c in zip(ideal, reference.currents(table, [Fraction(1)] * 3, WIRE, WIRE), strict=True)]
    weighted = [(x[0] / 2 + x[2] / 4, x[1] / 2 + x[3] / 4) for x in (losses, ideal)]
    errors = tile_errors(magnitudes, Layout(2), device=Device(wires=equal_wires(float(WIRE)), on=1.0))
    assert errors.nf == pytest.approx(float(sum(losses) / sum(ideal)), rel=1e-12)
    assert errors.weighted == pytest.approx(float(sum(weighted[0]) / sum(weighted[1])), rel=1e-12)


def test_a_mapping_and_its_inverse() -> None:
    pattern = np.random.default_rng(1).integers(0, 2, (3, 6, 4))
    placed = mapping.choose("both", pattern)
    assert np.array_equal(placed.inverse.apply(placed.apply(pattern)), pattern)
    inputs = np.random.default_rng(2).normal(size=(5, 6))
    ideal = placed.apply_to_inputs(inputs) @ placed.apply(pattern)
    assert placed.restore(ideal) == pytest.approx(inputs @ pattern, abs=1e-12)


@pytest.mark.parametrize("move", ["none", "reversal", "sort", "both"])
def test_effective_weights_act_as_the_circuit_does(move: str) -> None:
    """One tile for each sign: the map times an input is what solving for that input gives."""
    weights = np.random.default_rng(3).normal(size=(2, 10))
    layout, device = Layout(4), Device(wires=Wires(2.5, 7.0), on=1e4, off=1e6)
    effective = realise(weights, tile=(10, 8), layout=layout, move=move, device=device).weights
    x = np.random.default_rng(4).normal(size=(1, 10))
    magnitudes, scale = normalised(weights)
    outputs = []
    for sign in (1, -1):
        pattern = layout.pattern(np.where(sign * weights > 0, magnitudes, 0.0).T)
        placed = mapping.choose(move, pattern)
        solution = solve(placed.apply(cells(pattern, 1e4, 1e6)), placed.apply_to_inputs(x), device.wires)
        outputs.append(layout.recombine(placed.restore(solution.currents)))
    expected = (outputs[0] - outputs[1]) * scale / (1e-4 - 1e-6)
    assert x @ effective.T == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("move", ["none", "reversal", "sort", "both"])
def test_errors_read_off_the_linear_map_are_those_of_the_circuit(move: str) -> None:
    """Sums of the map over rows against the drops of the circuit with one volt at every row, rounding aside."""
    weights = np.random.default_rng(6).normal(size=(5, 20))
    layout, device = Layout(4), Device(wires=Wires(2.5, 7.0), on=1e4, off=1e6)
    found = realise(weights, tile=(8, 8), layout=layout, move=move, device=device).errors
    expected = tile_errors(arrays(weights, (8, 8), layout).magnitudes, layout, move, device)
    assert found.nf.shape == (2, 3, 3)
    np.testing.assert_allclose(found.nf, expected.nf, rtol=1e-10)
    np.testing.assert_allclose(found.weighted, expected.weighted, rtol=1e-10)


def test_effective_weights_of_perfect_wires_are_the_weights_to_their_last_digit() -> None:
    """Any shape, with tiles that do not divide it; also where off cells conduct, since the signs' arrays cancel."""
    weights = np.random.default_rng(5).normal(size=(13, 37))
    device = Device(wires=equal_wires(0.0), off=1e7)
    effective = realise(weights, tile=(16, 24), device=device).weights
    assert np.abs(effective - weights).max() <= np.abs(weights).max() / 256 * (1 + 1e-9)
    assert (np.sign(effective) * np.sign(weights) >= 0).all()
    assert not realise(np.zeros((2, 3))).weights.any()


def test_tiles_of_the_same_inputs_may_share_their_order_of_rows() -> None:
    """Sorted by the cells of all: what is lost lies between unsorted tiles and tiles with orders of their own."""
    weights = np.random.default_rng(6).normal(size=(16, 40))
    tile, layout = (20, 32), Layout(8, "interleaved")

    def error(move: str, shared: bool) -> float:
        effective = realise(weights, tile=tile, layout=layout, move=move, shared=shared).weights
        perfect = realise(weights, tile=tile, layout=layout, device=Device(wires=equal_wires(0.0))).weights
        return float(np.abs(effective - perfect).sum())

    assert error("sort", False) < error("sort", True) < error("none", False)
    assert error("none", True) == error("none", False)
    assert tiles._cut(np.ones((2, 5, 7)), 2, 3).shape == (2, 3, 3, 2, 3)
    placed = tiles._placement(np.random.default_rng(7).integers(0, 2, (2, 3, 4, 5, 6)), "both", True)
    assert (placed.rows == placed.rows[:1, :, :1]).all() and placed.columns.tolist() == [5, 4, 3, 2, 1, 0]
