"""Manhattan distance mapping (arXiv 2511.04798): distances, tail counts, the best order of rows, reversed columns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from theory.crossbar import first_order, mapping
from theory.crossbar.claims.inputs import (
    EXACT,
    READING,
    Table,
    derived,
    every_pattern,
    ours,
    patterns,
    small_tiles,
    wire,
)
from theory.crossbar.mesh import Wires, equal_wires, solve
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, strategies
from theory.reference import crossbar as reference

DISTANCE = f"{READING}: the Manhattan hypothesis"


def summed(pattern: Table) -> int:
    """Return the summed distance of active cells, cell by cell."""
    return sum(j + k + 2 for j, line in enumerate(pattern) for k, active in enumerate(line) if active)


def squared_tails(columns: Table) -> int:
    """Return the squared numbers of active cells from each row on, summed over rows and columns."""
    return sum(sum(column[t:]) ** 2 for column in zip(*columns, strict=True) for t in range(len(column)))


def tails(pattern: Table, row: Fraction, column: Fraction, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare tail counts with the sum over pairs of cells on a wire, whose diagonal is the summed distance."""
    array = np.array(pattern)
    along_rows, along_columns = (int(x) for x in first_order.tail_squares(array))
    pairs = sum(reference.first_order_losses(pattern, [1] * len(pattern), row, column))
    yield equal("rational", factor * (row * along_rows + column * along_columns), Fraction(pairs), 0)
    nf = float(first_order.nf(array, Wires(float(row), float(column)), 1.0))
    count = sum(map(sum, pattern))
    yield equal("rational", nf, float(pairs / count), rounding(array.size, float(pairs / count)), note="the factor")
    alone = sum(
        sum(reference.first_order_losses(one, [1] * len(pattern), Fraction(1), Fraction(1))) for one in singles(pattern)
    )
    yield equal("rational", Fraction(int(first_order.summed_distance(array))), Fraction(alone), 0, note="diagonal")


def singles(pattern: Table) -> Iterator[Table]:
    """Yield one pattern for each active cell, with that cell alone."""
    for j, line in enumerate(pattern):
        for k, active in enumerate(line):
            if active:
                yield [[int((a, b) == (j, k)) for b in range(len(line))] for a in range(len(pattern))]


def totals(n: int, m: int, row: Fraction, column: Fraction) -> tuple[list[int], list[Fraction]]:
    """Return how many patterns have 0, 1, ... active cells and the sum of their first-order factors."""
    every = every_pattern(n, m)
    active = every.sum((1, 2))
    along_rows, along_columns = first_order.tail_squares(every)
    counts = [int((active == k).sum()) for k in range(n * m + 1)]
    sums = [
        (row * int(along_rows[active == k].sum()) + column * int(along_columns[active == k].sum())) / max(k, 1)
        for k in range(n * m + 1)
    ]
    return counts, sums


def fixed_count(
    tile: tuple[int, int], row: Fraction, column: Fraction, factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare the mean over all patterns with so many active cells with the formula, for every number of them."""
    n, m = tile
    counts, sums = totals(n, m, row, column)
    for k in range(1, n * m + 1):
        formula = first_order.mean_nf(n, m, first_order.pair_share_of_count(k, n * m), row, column)
        yield equal("rational", sums[k] / counts[k], factor * Fraction(formula), 0)


def independent_cells(
    tile: tuple[int, int], density: Fraction, row: Fraction, column: Fraction, plain: bool = False, factor: int = 100
) -> Iterator[Evidence]:
    """Compare the mean over patterns of independent cells, given one active, with the formula.

    With `plain` the density itself stands in the place of the pairs' share; `factor` is in percent.
    """
    n, m = tile
    cells = n * m
    _, sums = totals(n, m, row, column)
    chance = [density**k * (1 - density) ** (cells - k) for k in range(cells + 1)]
    mean = sum(c * s for c, s in zip(chance[1:], sums[1:], strict=True)) / (1 - chance[0])
    share = density if plain else first_order.pair_share_of_density(density, cells)
    formula = Fraction(first_order.mean_nf(n, m, share, row, column))
    yield equal("rational", Fraction(mean), formula * Fraction(factor, 100), 0, effective=cells > 1 or factor != 100)


def proportional(pattern: Table, resistance: Fraction, within: float = 0.2) -> Iterator[Evidence]:
    """Compare the factor with the mean distance times the wire's over the cell's resistance."""
    losses = ideal_minus_actual(pattern, resistance)
    mean = Fraction(summed(pattern), sum(map(sum, pattern)))
    yield equal("rational", float(losses / (resistance * mean)), 1.0, within)


def ordered(first: Table, second: Table, resistance: Fraction) -> Iterator[Evidence]:
    """State that of two patterns with as many active cells the one of less summed distance loses less."""
    near, far = sorted((first, second), key=summed)
    yield at_most("rational", ideal_minus_actual(near, resistance), ideal_minus_actual(far, resistance), 0)


def ideal_minus_actual(pattern: Table, resistance: Fraction) -> Fraction:
    """Return the nonideality factor of a pattern in fractions."""
    cells, drive = [[Fraction(x) for x in line] for line in pattern], [Fraction(1)] * len(pattern)
    ideal = sum(reference.ideal_currents(cells, drive))
    return Fraction((ideal - sum(reference.currents(cells, drive, resistance, resistance))) / ideal)


def correlated(n: int, m: int, active: int, distance: float, first: float) -> Iterator[Evidence]:
    """Correlate the factor with summed distance and with its first order, over all patterns with so many active cells."""
    every = every_pattern(n, m)
    chosen = every[every.sum((1, 2)) == active]
    nf = solve(chosen.astype(np.float64), np.ones((1, n)), equal_wires(1e-4)).nf[:, 0]
    by_distance = float(np.corrcoef(nf, first_order.summed_distance(chosen))[0, 1])
    by_first_order = float(np.corrcoef(nf, first_order.nf(chosen, equal_wires(1e-4), 1.0))[0, 1])
    yield equal("enumeration", by_distance, distance, 0.005)
    yield at_least("enumeration", by_first_order, first, rounding(len(chosen)))


def least_distance(pattern: Table, order: Callable[[Any], Any] | None = None) -> Iterator[Evidence]:
    """Compare the summed distance of sorted rows with the least over all orders, tried one by one.

    Rows are sorted by the engine's move, or by another order that is given.
    """
    array = np.array(pattern)
    placed = mapping.choose("sort", array).apply(array) if order is None else array[order(array)]
    least = min(summed(list(each)) for each in itertools.permutations(pattern))
    yield equal("enumeration", Fraction(int(first_order.summed_distance(placed))), Fraction(least), 0)
    rows, cost = mapping.best_rows(array)
    yield equal("enumeration", Fraction(int(cost)), Fraction(summed([pattern[j] for j in rows])), 0, note="all orders")
    yield equal("enumeration", Fraction(int(cost)), Fraction(least), 0, note="all orders")


def least_losses(pattern: Table) -> Iterator[Evidence]:
    """State that no order of rows has a smaller first-order factor than rows sorted by count."""
    placed = np.array(pattern)[mapping.by_count(np.array(pattern))].tolist()
    least = min(squared_tails(list(each)) for each in itertools.permutations(pattern))
    yield equal("enumeration", Fraction(squared_tails(placed)), Fraction(least), 0)


def reversal(pattern: Table, centre: int = 1) -> Iterator[Evidence]:
    """Compare how much less the summed distance is after reversal with twice the distances from the centre."""
    array = np.array(pattern)
    m = array.shape[1]
    after = mapping.choose("reversal", array).apply(array)
    saved = int(first_order.summed_distance(array)) - int(first_order.summed_distance(after))
    claimed = sum(2 * k - (m - centre) for line in pattern for k, active in enumerate(line) if active)
    yield equal("rational", Fraction(saved), Fraction(claimed), 0)
    yield equal("rational", Fraction(saved), Fraction(summed(pattern) - summed([x[::-1] for x in pattern])), 0)


WIRES = {"row": Fraction(1, 40000), "column": Fraction(1, 30000)}
THIRD = Fraction(3, 10)

CLAIMS = (
    Claim(
        id="crossbar.4",
        statement="For active cells of one resistance and one drive, the first-order nonideality factor is the sum over wire segments of "
        "r times the squared number of active cells beyond the segment, over R times the number of active cells. Cells paired with "
        "themselves contribute their distances.",
        source=ours("first_order", "pairs of cells that share a wire"), quantifier="for all", kind="equality", routes=("rational",),
        check=tails, tolerance=EXACT, examples=30, fixtures=({"pattern": [[1, 0, 1], [1, 1, 0]], **WIRES},),
        inputs=lambda: strategies.paired(pattern=patterns(), row=wire(), column=wire()),
        variants={"one percent more": partial(tails, factor=Fraction(101, 100))},
        tex=r"\mathrm{NF}_1 = \frac{r}{R m} \Big[ \sum_{j,t} \rho_j(t)^2 + \sum_{k,t} c_k(t)^2 \Big]",
    ),
    Claim(
        id="crossbar.4count",
        statement="Over all patterns with a fixed number a >= 1 of active cells in a tile of n x m, the mean first-order factor is "
        "(r_row (m + 1) + r_column (n + 1)) / 2 + (a - 1) / (n m - 1) (r_row (m^2 - 1) + r_column (n^2 - 1)) / 3, in cell resistances.",
        source=derived("4count"), quantifier="for all", kind="equality", routes=("rational",),
        check=fixed_count, tolerance=EXACT, examples=6, fixtures=({"tile": (2, 3), **WIRES}, {"tile": (1, 2), **WIRES}),
        inputs=lambda: strategies.paired(tile=small_tiles(12), row=wire(), column=wire()),
        variants={"one percent more": partial(fixed_count, factor=Fraction(101, 100))},
    ),
    Claim(
        id="crossbar.4density",
        statement="Where cells are active independently with probability p, given that one is, the mean first-order factor is that of "
        "crossbar.4count with (E[a | a >= 1] - 1) / (n m - 1) in place of (a - 1) / (n m - 1).",
        source=derived("4density"), quantifier="for all", kind="equality", routes=("rational",),
        check=independent_cells, tolerance=EXACT, examples=6,
        fixtures=({"tile": (3, 4), "density": THIRD, **WIRES}, {"tile": (1, 1), "density": THIRD, **WIRES}),
        inputs=lambda: strategies.paired(
            tile=small_tiles(10), density=st.integers(1, 10).map(lambda p: Fraction(p, 10)), row=wire(), column=wire()
        ),
        variants={"one percent more": partial(independent_cells, factor=101)},
    ),
    Claim(
        id="crossbar.4plain",
        statement="Where cells are active independently with probability p, given that one is, the mean first-order factor is that of "
        "crossbar.4count with p in place of (a - 1) / (n m - 1).",
        source=derived("4density"), quantifier="for all", kind="equality", routes=("rational",),
        check=partial(independent_cells, plain=True), tolerance=EXACT, expected="refuted", see="crossbar.4density",
        fixtures=({"tile": (3, 4), "density": THIRD, **WIRES},),
    ),
    Claim(
        id="crossbar.5",
        statement="The nonideality factor is within 20 percent of r / R times the mean distance of the active cells.",
        source=f"{DISTANCE}, read as proportionality", quantifier="for all", kind="equality", status="reading", routes=("rational",),
        check=proportional, tolerance="0.2, as stated", expected="refuted", see="crossbar.4",
        fixtures=({"pattern": [[1, 1], [1, 1]], "resistance": Fraction(1, 10**4)},),
    ),
    Claim(
        id="crossbar.5order",
        statement="Of two patterns with as many active cells, the one of less summed distance has the smaller nonideality factor.",
        source=f"{DISTANCE}, read as an order", quantifier="for all", kind="upper", status="reading", routes=("rational",),
        check=ordered, tolerance=EXACT, expected="refuted", see="crossbar.4",
        fixtures=({"first": [[1, 1], [0, 0]], "second": [[0, 1], [1, 0]], "resistance": Fraction(1, 10**4)},),
    ),
    Claim(
        id="crossbar.5correlation",
        statement="Over all patterns of a 4 x 3 tile the nonideality factor correlates with the summed distance by 1.00, 0.72 and 0.81 "
        "for 1, 4 and 8 active cells, and with its first order by more than 0.9999.",
        source=f"{DISTANCE}, read as a correlation", quantifier="this instance", kind="empirical", status="reading",
        routes=("enumeration",), check=correlated, tolerance="half a percent: the digits stated",
        fixtures=(
            {"n": 4, "m": 3, "active": 1, "distance": 1.0, "first": 0.9999}, {"n": 4, "m": 3, "active": 4, "distance": 0.72, "first": 0.9999},
            {"n": 4, "m": 3, "active": 8, "distance": 0.81, "first": 0.9999},
        ),
        variants={"one percent more": lambda n, m, active, distance, first: correlated(n, m, active, 1.01 * distance, first)},
    ),
    Claim(
        id="crossbar.6",
        statement="Rows sorted by falling number of active cells, the densest nearest the sense amplifiers, have the least summed distance "
        "of all orders of rows.",
        source=f"{READING}: rows reordered by Manhattan distance", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=least_distance, tolerance=EXACT, examples=20,
        fixtures=({"pattern": [[0, 0, 0, 1], [1, 1, 0, 0]]}, {"pattern": [[0, 0], [1, 0], [1, 1], [0, 1]]}),
        inputs=lambda: strategies.paired(pattern=patterns(5, 5)),
        variants={
            "sorted by summed column distance": partial(least_distance, order=mapping.by_distance),
            "the sparsest nearest": partial(least_distance, order=lambda pattern: mapping.by_count(pattern)[::-1]),
        },
    ),
    Claim(
        id="crossbar.6distance",
        statement="Rows sorted by falling summed column distance of their active cells have the least summed distance of all orders.",
        source=f"{READING}: rows reordered by Manhattan distance, read literally", quantifier="for all", kind="equality",
        status="reading", routes=("enumeration",), check=partial(least_distance, order=mapping.by_distance), tolerance=EXACT,
        expected="refuted", see="crossbar.6", fixtures=({"pattern": [[0, 0, 0, 1], [1, 1, 0, 0]]},),
    ),
    Claim(
        id="crossbar.6losses",
        statement="Rows sorted by falling number of active cells have the least first-order nonideality factor of all orders of rows.",
        source=derived("6"), quantifier="for all", kind="equality", routes=("enumeration",),
        check=least_losses, tolerance=EXACT, expected="refuted", see="crossbar.6", fixtures=({"pattern": [[1, 1, 0, 1], [1, 0, 1, 0], [0, 0, 1, 0]]},),
    ),
    Claim(
        id="crossbar.7",
        statement="Reversing m columns lowers the summed distance by the sum of 2 k - (m - 1) over active cells in columns k = 0..m-1.",
        source=ours("mapping", "k becomes m - 1 - k"), quantifier="for all", kind="equality", routes=("rational",), check=reversal,
        tolerance=EXACT, examples=30, fixtures=({"pattern": [[0, 0, 1], [1, 0, 1]]},),
        inputs=lambda: strategies.paired(pattern=patterns()), variants={"the centre half a column off": partial(reversal, centre=0)},
    ),
)  # fmt: skip
