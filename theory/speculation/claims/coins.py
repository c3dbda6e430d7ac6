"""Claim 7: how far a window of independent coins goes, and how many windows a chain needs, in fractions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Instance, Sharp, at_most, equal
from theory.speculation import bounds
from theory.speculation.claims.step import ours

ZERO = Fraction(0)


def progress(a: Fraction, window: int, bonus: int = 0) -> Iterator[Evidence]:
    """Enumerate all 2^L coins of acceptance a and compare the mean number of steps with the engine's sum.

    The variant adds the bonus step of the rule for language models.
    """
    mean = ZERO
    for coins in itertools.product((True, False), repeat=window):
        steps = next((j + 1 for j, c in enumerate(coins) if not c), window)
        mean += math.prod(a if c else 1 - a for c in coins) * steps
    formula = (1 - a ** (window + bonus)) / (1 - a) if a < 1 else Fraction(window + bonus)
    effective = window > 1 and 0 < a < 1
    yield equal("rational", mean, formula, ZERO, effective=effective, note="all coins against the quotient")
    engine = Fraction(bounds.window_progress(a, window))
    yield equal("rational", engine, mean, ZERO, effective=effective, note="the engine's sum")


def rounds_of_coins(coins: Sequence[int], window: int, late: int = 0, spare: Fraction = ZERO) -> Iterator[Evidence]:
    """Enumerate the rounds over all outcomes of independent, unequal coins (in sixteenths), against the recursion.

    The variants take a window longer by `late`, or a ceiling lower by `spare`.
    """
    a = [Fraction(c, 16) for c in coins]
    mean = ZERO
    for outcome in itertools.product((True, False), repeat=len(a)):
        rounds = age = 0
        for kept in outcome:
            rounds, age = rounds + (age == 0), age + 1
            age = 0 if not kept or age == window else age
        mean += math.prod(p if kept else 1 - p for p, kept in zip(a, outcome, strict=True)) * rounds
    recursion = Fraction(bounds.expected_rounds(a, window + late))
    yield equal("rational", recursion, mean, ZERO, effective=1 < window < len(a), note="recursion over ages")
    ceiling = Fraction(math.ceil(Fraction(len(a), window))) + sum((1 - p for p in a), ZERO)
    yield at_most("rational", mean, ceiling - spare, ZERO, note="ceil(N / L) + E rejections")
    engine = Fraction(bounds.rounds_ceiling(len(a), window, sum((1 - p for p in a), ZERO)))
    yield equal("rational", engine, ceiling, ZERO, note="the engine's ceiling")


def _chances() -> st.SearchStrategy[Instance]:
    sixteenths = st.integers(0, 16).map(lambda k: Fraction(k, 16))
    return st.fixed_dictionaries({"a": sixteenths, "window": st.integers(1, 5)})


def _coins() -> st.SearchStrategy[Instance]:
    coins = st.lists(st.integers(0, 16), min_size=1, max_size=8)
    return st.fixed_dictionaries({"coins": coins, "window": st.integers(1, 6)})


FIRST_REFUSED: Instance = {"coins": [8, 16, 16, 16], "window": 4}

CLAIMS = (
    Claim(
        id="speculative.7a",
        statement=(
            "If each draft is kept independently with chance a, a window of L drafts advances "
            "1 + a + ... + a^(L - 1) = (1 - a^L) / (1 - a) steps on average: a rejected draft is corrected and counts, and "
            "there is no bonus step after a full window."
        ),
        source=ours("speculative.7"),
        quantifier="for all",
        kind="equality",
        routes=("rational",),
        check=progress,
        tolerance="none: fractions",
        inputs=_chances,
        examples=12,
        fixtures=({"a": Fraction(9, 10), "window": 10}, {"a": Fraction(3, 4), "window": 5}),
        variants={"bonus step of the rule for language models": partial(progress, bonus=1)},
    ),
    Claim(
        id="speculative.7b",
        statement=(
            "If draft k of a chain of N steps is kept independently with chance a_k, the expected number of windows of "
            "length L follows a recursion over the window's age, and is at most ceil(N / L) plus the expected number of "
            "rejections."
        ),
        source=ours("speculative.7"),
        quantifier="for all",
        kind="upper",
        routes=("rational",),
        check=rounds_of_coins,
        tolerance="none: fractions",
        inputs=_coins,
        examples=12,
        fixtures=(FIRST_REFUSED, {"coins": [16, 15, 12, 16, 9, 14], "window": 4}, {"coins": [8] * 7, "window": 7}),
        variants={
            "window one longer": partial(rounds_of_coins, late=1),
            "ceiling lower by one percent of a round": partial(rounds_of_coins, spare=Fraction(1, 100)),
        },
        sharp=Sharp(
            "equality where only the first step of a chain of N = L steps can be rejected, and where none can",
            FIRST_REFUSED,
        ),
    ),
)
