"""Schedules as public code ships them: what rounding them to whole numbers of tokens does to the error."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory.ledger import Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding
from theory.reference import curves as reference_curves
from theory.reference import shipped as literal
from theory.schedules import piecewise
from theory.unmasking import curves
from theory.unmasking.rounding_costs import ideal_error
from theory.unmasking.shipped import equal_quotas, floored_shares, rounded_quotas

NOTES = "docs/derivations.md"


def floored_shares_lag(
    each: int, steps: int, part: Fraction, curve: Sequence[int], factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare the sizes with b - 1, b, ..., b, b + 1 and with the literal loop; with one token a step, the error too."""
    masks = each * steps
    eps = factor * part / (masks + 1)
    sizes = floored_shares(masks, steps, eps)
    claimed = [each - 1, *[each] * (steps - 2), each + 1]
    yield equal("rational", [float(s) for s in sizes], [float(s) for s in claimed], 0.0, note=f"{sizes}")
    yield equal(
        "enumeration", [float(s) for s in sizes], [float(s) for s in literal.dream_sizes(masks, steps, eps)], 0.0
    )
    if each == 1:
        z = list(itertools.accumulate(curve[: masks - 1], initial=0))
        z += [z[-1]] * (masks - len(z))
        error = float(curves.fixed_size_error([float(v) for v in z], sizes))
        yield equal("closed form", error, float(z[-1] - z[-2]), rounding(masks, float(sum(z))), note="error")


def remainder_first(
    curve: Sequence[int], steps: int, convex: bool, share: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare the error of LLaDA's sizes with that of every other order of the same sizes, in whole numbers."""
    rises = sorted(curve, reverse=not convex)
    z, n = list(itertools.accumulate(rises, initial=0)), len(rises) + 1
    sizes = equal_quotas(n, steps)
    own = Fraction(reference_curves.fixed_size_error(z, sizes))
    engine = float(curves.fixed_size_error([float(v) for v in z], sizes))
    yield equal("closed form", engine, float(own), rounding(n, float(sum(z))), note="engine")
    yield equal("rational", [float(s) for s in sizes], [float(s) for s in literal.llada_sizes(n, steps)], 0.0)
    others = [Fraction(reference_curves.fixed_size_error(z, order)) for order in set(itertools.permutations(sizes))]
    several = len(others) > 1
    if convex:
        yield at_most("rational", own, share * min(others), Fraction(0), effective=several)
    else:
        yield at_least("rational", share * own, max(others), Fraction(0), effective=several)


def flooring(curve: Sequence[int], totals: Sequence[Fraction], share: float = 1.0) -> Iterator[Evidence]:
    """Floor real running totals and compare the change of the error with its bounds, the ideal error by two routes."""
    z, n = list(itertools.accumulate(curve, initial=0)), len(curve) + 1
    x = [n * Fraction(a) for a in totals]
    grid = [float(a) for a in totals]
    sizes = rounded_quotas(piecewise(grid), n, len(grid) - 1, "floor")
    whole = [math.floor(v) for v in x]
    wanted = [float(b - a) for a, b in itertools.pairwise(whole)]
    yield equal("rational", [float(s) for s in sizes], wanted, 0.0, note="sizes")
    ideal, slack = literal.ideal_error(z, x), rounding(8 * n, float(n * z[-1]))
    yield equal("closed form", ideal_error([float(v) for v in z], [float(v) for v in x]), float(ideal), slack)
    change = float(reference_curves.fixed_size_error(z, sizes) - ideal)
    largest = float(max(b - a for a, b in itertools.pairwise(x)))
    several = len(x) > 2 and z[-1] > 0
    yield at_most("rational", change, share * largest * z[-1], slack, effective=several)
    yield at_least("rational", change, -share * float(z[-1]), slack, effective=several)


@st.composite
def _convexities(draw: DrawFn) -> Instance:
    rises = draw(st.lists(st.integers(0, 9), min_size=2, max_size=20))
    return {"curve": rises, "steps": draw(st.integers(2, min(6, len(rises) + 1))), "convex": draw(st.booleans())}


@st.composite
def _totals(draw: DrawFn) -> Instance:
    """Draw running totals with steps of at least one token, and a curve as long."""
    steps = [1 + Fraction(k, 8) for k in draw(st.lists(st.integers(0, 60), min_size=2, max_size=7))]
    n = math.ceil(sum(steps))
    totals = [*itertools.accumulate(steps[:-1], initial=Fraction(0)), Fraction(n)]
    rises = draw(st.lists(st.sampled_from((0, 0, 1, 5)), min_size=n - 1, max_size=n - 1))
    return {"curve": rises, "totals": [x / n for x in totals]}


def _lags() -> st.SearchStrategy[Instance]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "each": st.integers(1, 6), "steps": st.integers(2, 20), "part": st.integers(1, 24).map(lambda k: Fraction(k, 24)),
        "curve": st.lists(st.integers(0, 5), min_size=1, max_size=20),
    }  # fmt: skip
    return st.fixed_dictionaries(parts)


LINE = {"curve": [1] * 10, "steps": 4}
COSTLY = {"curve": [0, 0, 0, 0, 1] + [0] * 34, "totals": [Fraction(0), Fraction(4995, 40_000), Fraction(1)]}
GAINS = {"curve": [1] + [0] * 38, "totals": [Fraction(0), Fraction(4995, 40_000), Fraction(1)]}

CLAIMS = (
    Claim(
        id="shipped.5",
        statement=(
            "With n = b K masked tokens and 0 < eps <= 1 / (n + 1), Dream's floors of shares reveal b - 1, b, ..., b, "
            "b + 1 tokens in K >= 2 steps: with as many steps as tokens the first reveals nothing, the last two, and the "
            "error is Z_n - Z_(n - 1) instead of 0."
        ),
        source=f"ours, see {NOTES}, shipped.5; copies of Dream's generation loop, read",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration", "closed form"),
        check=floored_shares_lag,
        tolerance="none for the sizes; rounding of the error",
        inputs=_lags,
        fixtures=(
            {"each": 1, "steps": 8, "part": Fraction(1), "curve": [1, 2, 3, 4, 5, 6, 7]},
            {"each": 2, "steps": 128, "part": Fraction(257, 1000), "curve": [1]},
        ),
        variants={"eps one percent above 1 / (n + 1)": partial(floored_shares_lag, factor=Fraction(101, 100))},
    ),
    Claim(
        id="shipped.6",
        statement=(
            "Among all orders of the same equal sizes LLaDA's, which gives the remainder to the first steps, has the least "
            "error where the information curve is convex, and the largest where it is concave."
        ),
        source=f"ours, see {NOTES}, shipped.6; LLaDA, released code, generate.py, get_num_transfer_tokens (read)",
        quantifier="for all",
        kind="upper",
        routes=("rational", "closed form"),
        check=remainder_first,
        tolerance="none: whole numbers; rounding of the engine",
        inputs=_convexities,
        fixtures=(
            {**LINE, "convex": True},
            {**LINE, "convex": False},
            {"curve": [5, 2, 1, 0], "steps": 3, "convex": False},
        ),
        variants={"by one percent": partial(remainder_first, share=Fraction(99, 100))},
        sharp=Sharp("The factor 1 is the best: on a linear curve all orders are equal.", {**LINE, "convex": True}),
    ),
    Claim(
        id="shipped.7",
        statement=(
            "Flooring the running totals x of a real-valued schedule changes its error, the curve being linear between "
            "whole counts, by at most the largest step times Z_n upwards and by at most Z_n downwards."
        ),
        assumptions="Every step is at least one token; with smaller steps the first bound fails.",
        source=f"ours, see {NOTES}, shipped.7",
        quantifier="for all",
        kind="upper",
        routes=("rational", "closed form"),
        check=flooring,
        tolerance="rounding of 8 n products",
        inputs=_totals,
        fixtures=(COSTLY, GAINS),
        variants={"one percent less": partial(flooring, share=0.99)},
        sharp=Sharp(
            "The factor 1 is approached: a curve that rises once, just where a total is floored.", COSTLY, 0.99
        ),
    ),
)
