"""Claims on Halton orders of positions: every position once, and how evenly the first reveals are spread."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal
from theory.reference import reveals
from theory.unmasking.rules.halton import Halton, block_counts, enough_points, halton_order

PAPER = "Besnier et al., arXiv 2503.17076"
NOTES = "docs/derivations.md"


def permutation(rows: int, columns: int, first: int, points: int | None = None) -> Iterator[Evidence]:
    """Compare the order with the literal one, and both with the list of all positions; `points` cuts the sequence."""
    literal = reveals.halton(rows, columns, first, points)
    order = list(halton_order(rows, columns, first))
    covered = Fraction(len(set(literal)))
    yield equal("enumeration", covered, Fraction(rows * columns), Fraction(0), note="positions that are reached")
    if points is None:
        same = Fraction(sum(a == b for a, b in zip(order, literal, strict=True)))
        yield equal("enumeration", same, Fraction(rows * columns), Fraction(0), note="order against the literal one")
        least = len(reveals.halton(rows, columns, first, enough_points(rows, columns)))
        yield equal("enumeration", Fraction(least), covered, Fraction(0), note="by as many points as are said to do")


def revealed_in_order(rows: int, columns: int, first: int, k: int) -> Iterator[Evidence]:
    """Run the rule to the end and compare the sets of its steps with slices of the literal order."""
    n, literal = rows * columns, reveals.halton(rows, columns, first)
    sizes = [k] * (n // k) + [n % k] * (n % k > 0)
    for rule in (Halton(k, columns=columns, first=first), Halton(sizes=tuple(sizes), columns=columns, first=first)):
        masked, steps = torch.ones(1, n, dtype=torch.bool), []
        while bool(masked.any()):
            chosen = rule.select(torch.zeros(1, n, 2), masked)
            steps.append(chosen[0].nonzero()[:, 0].tolist())
            masked = masked & ~chosen
        wanted = [sorted(literal[start : start + k]) for start in range(0, n, k)]
        yield equal("enumeration", Fraction(steps == wanted), Fraction(1), Fraction(0), effective=n > 1, note=rule.name)


def one_in_each_block(m: int, j: int, first: int, reveals_less: int = 0, shift: int = 0) -> Iterator[Evidence]:
    """Count the first 2^j reveals of 2^m positions in each of 2^j blocks, after leaving out `shift` reveals."""
    order = halton_order(2**m, 1, first)
    counts = block_counts(order[shift:] + order[:shift], 2**j - reveals_less, 2**j)
    yield equal("enumeration", counts, [1] * 2**j, 0.0, effective=j > 0)
    if first == 0 and not reveals_less:
        places = sorted(reveals.halton(2**m, 1, 0)[: 2**j])
        gaps = [b - a for a, b in zip(places, [*places[1:], 2**m], strict=True)]
        yield equal("enumeration", gaps, [2 ** (m - j)] * 2**j, 0.0, effective=j > 0, note="gaps, from point 0")


def one_in_each_cell(a: int, b: int, first: int, base: int = 3) -> Iterator[Evidence]:
    """Check that 2^a 3^b points reach each cell of a grid of 2^a rows and 3^b columns, with no visit in vain."""
    rows, columns = 2**a, 3**b
    if base == 3:
        visited = reveals.halton(rows, columns, first, rows * columns)
        mine = list(halton_order(rows, columns, first))
    else:
        points = range(first, first + rows * columns)
        cell = [(int(rows * reveals.mirrored(k, 2)), int(columns * reveals.mirrored(k, base))) for k in points]
        visited = mine = [r * columns + c for r, c in dict.fromkeys(cell)]
    yield equal("enumeration", Fraction(len(visited)), Fraction(rows * columns), Fraction(0), effective=a > 0 and b > 0)
    yield equal("enumeration", Fraction(mine == visited), Fraction(1), Fraction(0), note="no point falls twice")


def discrepancy(m: int, first: int, share: float = 1.0) -> Iterator[Evidence]:
    """Compare, after every number r of reveals, the largest surplus of a beginning of the line with its bound."""
    order = torch.tensor(halton_order(2**m, 1, first))
    n = len(order)
    marks = torch.zeros(n, n, dtype=torch.float64)
    marks[torch.arange(n), order] = 1.0
    counts = marks.cumsum(0).cumsum(1)
    r, x = torch.arange(1, n + 1, dtype=torch.float64)[:, None], torch.arange(1, n + 1, dtype=torch.float64)[None]
    surplus = (counts - r * x / n).abs().amax(1)
    bound = [share * (1 - 2.0**-m) * bin(k).count("1") for k in range(1, n + 1)]
    yield at_most("enumeration", surplus, bound, 0.0)
    worst = max(abs(s) for s in surplus.tolist())
    yield at_most("enumeration", worst, m / 3 + 1, 0.0, note="largest surplus against log2(n) / 3 + 1")


@st.composite
def _grids(draw: st.DrawFn) -> Instance:
    columns = draw(st.sampled_from((1, 1, 2, 3, 5, 8)))
    return {"rows": draw(st.integers(1, 9)), "columns": columns, "first": draw(st.integers(0, 40))}


@st.composite
def _steps(draw: st.DrawFn) -> Instance:
    return {**draw(_grids()), "k": draw(st.integers(1, 5))}


@st.composite
def _dyadic(draw: st.DrawFn) -> Instance:
    m = draw(st.integers(1, 8))
    return {"m": m, "j": draw(st.integers(0, m)), "first": draw(st.integers(0, 300))}


def _cells() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"a": st.integers(1, 4), "b": st.integers(0, 3), "first": st.integers(0, 300)})


def _lines() -> st.SearchStrategy[Instance]:
    return st.fixed_dictionaries({"m": st.integers(1, 6), "first": st.integers(0, 100)})


CLAIMS = (
    Claim(
        id="halton.1",
        statement=(
            "The order of first visits holds every position of a line or grid once, whatever point it starts from, and "
            "2^a points (2^a >= 2 n) reach all n positions of a line, 2^a 3^b points (2^a >= 2 R, 3^b >= 2 C) all of a "
            "grid of R rows and C columns."
        ),
        source=f"ours, see {NOTES}, halton.1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=permutation,
        tolerance="none: counts",
        inputs=_grids,
        examples=30,
        fixtures=({"rows": 16, "columns": 16, "first": 1}, {"rows": 37, "columns": 1, "first": 0}),
        variants={
            "after as many points as positions": lambda rows, columns, first: permutation(
                rows, columns, first, rows * columns
            )
        },
    ),
    Claim(
        id="halton.1points",
        statement="The ten thousand points of the released sampler reach every token of a grid of 64 by 64.",
        source=f"{PAPER}, released code, Sampler/halton_sampler.py, build_halton_mask (read): its default, on a larger grid",
        status="reading",
        quantifier="this instance",
        kind="equality",
        expected="refuted",
        see="halton.1",
        routes=("enumeration",),
        check=permutation,
        tolerance="none: counts",
        fixtures=({"rows": 64, "columns": 64, "first": 1, "points": 10_000},),
    ),
    Claim(
        id="halton.2",
        statement=(
            "On a line of 2^m positions the first 2^j reveals, from whatever point the order starts, put one position "
            "into each of 2^j equal blocks of neighbours. From point 0 all gaps between them are equal."
        ),
        source=f"ours, see {NOTES}, halton.2",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=one_in_each_block,
        tolerance="none: counts",
        inputs=_dyadic,
        examples=40,
        fixtures=({"m": 6, "j": 3, "first": 1}, {"m": 7, "j": 5, "first": 0}),
        variants={"one reveal less": partial(one_in_each_block, reveals_less=1)},
    ),
    Claim(
        id="halton.3",
        statement=(
            "On a grid of 2^a rows, a >= 1, and 3^b columns any 2^a 3^b consecutive points visit every cell once, so that no "
            "point is passed over."
        ),
        source=f"ours, see {NOTES}, halton.3",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=one_in_each_cell,
        tolerance="none: counts",
        inputs=_cells,
        examples=25,
        fixtures=({"a": 3, "b": 2, "first": 1}, {"a": 4, "b": 3, "first": 17}),
        variants={"base 4 for the columns": partial(one_in_each_cell, base=4)},
    ),
    Claim(
        id="halton.4",
        statement=(
            "On a line of n = 2^m positions, after r reveals the number of revealed ones among the first x positions "
            "differs from r x / n by at most (1 - 1 / n) times the number of ones of r in binary."
        ),
        source=f"ours, see {NOTES}, halton.4",
        quantifier="for all",
        kind="upper",
        routes=("enumeration",),
        check=discrepancy,
        tolerance="none: multiples of 1 / n below 2^12",
        inputs=_lines,
        examples=20,
        fixtures=({"m": 4, "first": 0}, {"m": 8, "first": 1}),
        variants={"one percent less": partial(discrepancy, share=0.99)},
        sharp=Sharp("Equality after one reveal from point 0, where x = 1.", {"m": 4, "first": 0}),
    ),
    Claim(
        id="halton.5",
        statement="The rule reveals the order in slices of k, or of the given sizes, whatever the conditionals are.",
        source=f"ours, see {NOTES}, halton.1",
        quantifier="for all",
        kind="equality",
        routes=("enumeration",),
        check=revealed_in_order,
        tolerance="none: sets",
        inputs=_steps,
        examples=20,
        fixtures=({"rows": 8, "columns": 3, "first": 1, "k": 5},),
        variants={"from the point after": lambda rows, columns, first, k: _shifted(rows, columns, first, k)},
    ),
)


def _shifted(rows: int, columns: int, first: int, k: int) -> Iterator[Evidence]:
    order = reveals.halton(rows, columns, first)
    moved = list(halton_order(rows, columns, first + 1))
    yield equal(
        "enumeration", Fraction(sum(a == b for a, b in zip(order, moved, strict=True))), Fraction(len(order)), 0
    )
