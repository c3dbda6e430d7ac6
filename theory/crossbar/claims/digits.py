"""Mapping for crossbars (arXiv 2511.04798): how often each digit is 1, mappings undone, and weights as realised."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.crossbar import mapping
from theory.crossbar.claims.inputs import EXACT, MAPPING, READING, SOLVER, Table, arrays, derived, ours, solver, wire
from theory.crossbar.mesh import equal_wires, solve, transfer
from theory.crossbar.slicing import Layout, digit_probabilities
from theory.crossbar.tiles import Device, realise
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal, rounding, strategies
from theory.reference import crossbar as reference

GRID = 48
"""Widths of uniform laws are multiples of 1 / 48, so that some are dyadic and others not."""
SPARSITY = f"{MAPPING}, bit-level structured sparsity"
BITS = 5


def mixture(parts: list[tuple[int, int]]) -> Callable[[Fraction], Fraction]:
    """Return the distribution function of a mixture of Uniform[0, width / GRID]: of a nonincreasing density."""
    total = sum(weight for _, weight in parts)

    def cdf(x: Fraction) -> Fraction:
        return sum((weight * min(x * GRID / width, Fraction(1)) for width, weight in parts), Fraction(0)) / total

    return cdf


def by_pieces(cdf: Callable[[Fraction], Fraction], cuts: set[Fraction], bits: int) -> list[Fraction]:
    """Return the probability that each digit is 1, summing over pieces on which no digit changes."""
    nodes = sorted(cuts | {Fraction(i, 2**bits) for i in range(2**bits + 1)})
    chances = [Fraction(0)] * bits
    for low, high in itertools.pairwise(nodes):
        digits = reference.bits((low + high) / 2, bits)
        chances = [c + d * (cdf(high) - cdf(low)) for c, d in zip(chances, digits, strict=True)]
    return chances


def sparse_digits(parts: list[tuple[int, int]], factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare digits of a nonincreasing density with each other, with 1/2, and with their distance from it."""
    cdf = mixture(parts)
    chances = digit_probabilities(cdf, BITS)
    yield equal("rational", chances, by_pieces(cdf, {Fraction(w, GRID) for w, _ in parts}, BITS), 0, note="by pieces")
    yield at_most("rational", chances[:-1], [factor * p for p in chances[1:]], 0, effective=any(chances[:-1]))
    yield at_most("rational", chances[-1], factor * Fraction(1, 2), 0)
    densest = Fraction(sum(Fraction(weight * GRID, width) for width, weight in parts), sum(w for _, w in parts))
    for k, chance in enumerate(chances, 1):
        yield at_least("rational", chance, factor * (Fraction(1, 2) - densest / 2 ** (k + 1)), 0, note="towards 1/2")


def sparse_digits_of_power(power: int) -> Iterator[Evidence]:
    """State that the digits of the law x^power on [0, 1] are 1 more often the less significant they are."""
    chances = digit_probabilities(lambda x: x**power, BITS)
    yield at_most("rational", chances[:-1], chances[1:], 0)


def undone(
    codes: Table, drive: list[int], order: str, move: str, row: Fraction, column: Fraction, forget: bool = False
) -> Iterator[Evidence]:
    """Compare a mapped tile's recombined outputs with plain sums, and its linear map mapped back with its outputs.

    The variant leaves the inputs in their old order.
    """
    layout, magnitudes = Layout(BITS, order), np.array(codes, dtype=np.float64) / 2**BITS
    pattern = layout.pattern(magnitudes)
    placed = mapping.choose(move, pattern)
    g, v = placed.apply(pattern).astype(np.float64), np.array([drive], dtype=np.float64)
    inputs = v if forget else placed.apply_to_inputs(v)
    perfect = layout.recombine(placed.restore(solve(g, inputs, equal_wires(0.0)).currents))[0]
    exact = [sum(v * c[i] for v, c in zip(drive, codes, strict=True)) for i in range(len(codes[0]))]
    moved = placed.rows.tolist() != list(range(len(codes)))
    yield equal("enumeration", perfect, np.array(exact) / 2**BITS, 0, effective=any(drive) and (moved or not forget))
    digits = [[reference.bits(Fraction(c, 2**BITS), BITS) for c in line] for line in codes]
    arranged = [
        [x for w in line for x in w] if order == "interleaved" else [w[k] for k in range(BITS) for w in line]
        for line in digits
    ]
    yield equal("enumeration", pattern, np.array(arranged), 0, note="digits")
    _, wires = arrays([[1]], row, column)
    actual = placed.restore(solve(g, inputs, wires).currents)[0]
    back = placed.inverse.apply(transfer(g, wires))
    yield equal("enumeration", actual, v[0] @ back, solver(g, v[0], wires), note="linear map")


def realised(
    weights: Table, order: str, move: str, row: Fraction, column: Fraction, factor: float = 1.0
) -> Iterator[Evidence]:
    """Compare effective weights with tiles cut, sliced, sorted, solved in fractions and added up by hand."""
    array = np.array(weights, dtype=np.float64)
    device = Device(wires=arrays([[1]], row, column)[1], on=1.0)
    layout = Layout(2, order)
    computed = realise(array, tile=(2, 4), layout=layout, move=move, device=device).weights
    largest = int(np.abs(array).max())
    tolerance = largest * rounding(4 * 8) * 8 * (2 + max(device.wires.row, device.wires.column))
    literal = by_hand(weights, layout, move, row, column)
    yield equal("rational", factor * computed, np.array(literal, dtype=float), tolerance, effective=largest > 0)
    without = Device(wires=equal_wires(0.0), on=1.0)
    perfect = realise(array, tile=(2, 4), layout=layout, move=move, device=without).weights
    cut = [
        [(1 if w > 0 else -1) * Fraction(min(4 * abs(w) // max(largest, 1), 3), 4) * largest for w in line]
        for line in weights
    ]
    yield equal("rational", perfect, np.array(cut, dtype=float), rounding(4, largest), note="perfect wires")


def by_hand(weights: Table, layout: Layout, move: str, row: Fraction, column: Fraction) -> list[list[Fraction]]:
    """Return the effective weights of tiles of two rows and two weights of two digits, in fractions."""
    outputs, inputs = len(weights), len(weights[0])
    largest = max(abs(w) for line in weights for w in line) or 1
    result = [[Fraction(0)] * inputs for _ in range(outputs)]
    for sign in (1, -1):
        for top in range(0, inputs, 2):
            for left in range(0, outputs, 2):
                inside = [(i, o) for i in (top, top + 1) for o in (left, left + 1) if i < inputs and o < outputs]
                parts = {
                    (i, o): reference.bits(min(Fraction(max(sign * weights[o][i], 0), largest), Fraction(3, 4)), 2)
                    for i, o in inside
                }
                for (i, o), value in one_tile(parts, (top, left), layout, move, row, column).items():
                    result[o][i] += sign * largest * value
    return result


def one_tile(
    parts: dict[tuple[int, int], list[int]],
    corner: tuple[int, int],
    layout: Layout,
    move: str,
    row: Fraction,
    column: Fraction,
) -> dict[tuple[int, int], Fraction]:
    """Return what each weight of a tile of 2 x 2 weights becomes, from the digits of its magnitudes."""
    top, left = corner
    columns = [(o, k) for k in (0, 1) for o in (left, left + 1)]
    if layout.order == "interleaved":
        columns.sort()
    if move in ("reversal", "both"):
        columns.reverse()
    cells = {i: [Fraction(parts.get((i, o), [0, 0])[k]) for o, k in columns] for i in (top, top + 1)}
    order = sorted(cells, key=lambda i: -sum(cells[i])) if move in ("sort", "both") else sorted(cells)
    values = dict.fromkeys(parts, Fraction(0))
    for i in order:
        drive = [Fraction(int(other == i)) for other in order]
        currents = reference.currents([cells[other] for other in order], drive, row, column)
        for (o, k), current in zip(columns, currents, strict=True):
            if (i, o) in values:
                values[i, o] += current / 2 ** (k + 1)
    return values


@st.composite
def tables(draw: DrawFn, low: int, high: int, side: int) -> Table:
    """Draw a table of whole numbers."""
    n, m = draw(st.integers(1, side)), draw(st.integers(1, side))
    return [draw(st.lists(st.integers(low, high), min_size=m, max_size=m)) for _ in range(n)]


@st.composite
def driven_tables(draw: DrawFn) -> dict[str, object]:
    """Draw the codes of magnitudes with a drive for each row, a layout, a move and wires."""
    codes = draw(tables(0, 2**BITS - 1, 4))
    drive = draw(st.lists(st.integers(-3, 3), min_size=len(codes), max_size=len(codes)))
    return {
        "codes": codes, "drive": drive, "order": draw(ORDERS), "move": draw(MOVES), "row": draw(wire()), "column": draw(wire()),
    }  # fmt: skip


ORDERS = st.sampled_from(("grouped", "interleaved"))
MOVES = st.sampled_from(("none", "reversal", "sort", "both"))
WIRES = {"row": Fraction(1, 100), "column": Fraction(1, 50)}
SIGNED = {"weights": [[3, -1, 2], [0, 4, -4], [1, 1, -2]], "order": "grouped", "move": "both", **WIRES}

CLAIMS = (
    Claim(
        id="crossbar.7digits",
        statement="For magnitudes of nonincreasing density f on [0, 1), cut off after K digits, digit k + 1 is 1 at least as often as digit "
        "k, and the k-th with a probability between 1/2 - f(0) / 2^(k + 1) and 1/2.",
        source=derived("7digits"), quantifier="for all", kind="upper", routes=("rational",),
        check=sparse_digits, tolerance=EXACT, examples=20,
        fixtures=({"parts": [(48, 1)]}, {"parts": [(24, 1), (7, 2), (40, 1)]}, {"parts": [(12, 1)]}),
        inputs=lambda: strategies.paired(
            parts=st.lists(st.tuples(st.integers(1, GRID), st.integers(1, 5)), min_size=1, max_size=4)
        ),
        variants={"one percent more": partial(sparse_digits, factor=Fraction(99, 100))},
        sharp=Sharp("1/2, attained by uniform magnitudes; the lower bound is attained by those below 2^-k", {"parts": [(48, 1)]}),
    ),
    Claim(
        id="crossbar.7any",
        statement="For magnitudes of any law on [0, 1), less significant digits are 1 at least as often.",
        source=f"{SPARSITY}, read for all laws", quantifier="for all", kind="upper", status="reading", routes=("rational",),
        check=sparse_digits_of_power, tolerance=EXACT, expected="refuted", see="crossbar.7digits", fixtures=({"power": 3},),
    ),
    Claim(
        id="crossbar.8",
        statement="A mapping is undone exactly: the inputs are permuted as the rows, columns keep their significance, and with perfect "
        "wires the recombined outputs are those without a mapping. With resistive wires the linear map mapped back gives the outputs.",
        source=f"{READING}: remapping after training, without retraining", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=undone, tolerance=f"zero with perfect wires: sums of dyadic numbers; else {SOLVER}", examples=25,
        fixtures=({"codes": [[1, 2], [31, 7], [3, 30]], "drive": [1, -2, 3], "order": "grouped", "move": "both", **WIRES},),
        inputs=driven_tables, variants={"inputs in their old order": partial(undone, forget=True)},
    ),
    Claim(
        id="crossbar.8weights",
        statement="The effective weights of a signed matrix are those of its tiles cut, sliced, mapped, solved by Kirchhoff's laws for each "
        "input alone and added; with perfect wires they are the weights cut after their last digit.",
        source=ours("tiles", "the crossbar is linear in its inputs"), quantifier="for all", kind="equality", routes=("rational",),
        check=realised, tolerance=SOLVER, examples=6,
        fixtures=(SIGNED, {**SIGNED, "order": "interleaved", "move": "sort"}),
        inputs=lambda: strategies.paired(weights=tables(-4, 4, 3), order=ORDERS, move=MOVES, row=wire(), column=wire()),
        variants={"one percent more": partial(realised, factor=1.01)},
    ),
)  # fmt: skip
