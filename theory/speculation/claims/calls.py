"""Claims 8 to 10: rounds against N, steps per sequential call, and what churn and dimension do to the acceptance.

Means are estimated with the empirical Bernstein bound, whose margin is rigorous at any sample size. It grows with the range
of a single value, so counts are cut at a cap that is chosen beforehand; where the cap is no bound of the count, the
statement is about the mean of the cut count.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from torch import Generator

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.speculation.claims.chain import SHARE, TOY_CHAIN
from theory.speculation.claims.step import ours
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.sampling import Run, speculate
from theory.speculation.statistics import truncated_mean

CHURN_ACCEPTANCE = {0.01: 0.921, 0.03: 0.962, 0.1: 0.985, 0.3: 0.993, 1.0: 0.985, 2.0: 0.951, 3.0: 0.902}
"""Acceptances for N = 200, L = 10: means over all steps but the first of each window, in three digits."""

HALF_UNIT = 0.0005
"""Half a unit of their last place."""


def counted(evidence: Evidence, means: int) -> Evidence:
    """Return evidence that rests on so many estimated means, each of which may raise a false alarm."""
    return dataclasses.replace(evidence, comparisons=means)


def rounds_slope(sizes: Sequence[int], paths: int, window: int | None = None) -> Iterator[Evidence]:
    """Fit log rounds against log N, and move each mean to the end of its interval that hurts most.

    The variant keeps the window at `window` steps.
    """
    x = np.log(np.asarray(sizes, dtype=float))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    low = high = 0.0
    for weight, n in zip(weights, sizes, strict=True):
        run = speculate(diffusion(TOY, n), window or n, paths, Generator().manual_seed(0))
        mean, margin = truncated_mean(run.rounds, 6.0 * n ** (1 / 3) if window is None else float(n))
        ends = sorted(float(weight) * math.log(max(value, 1.0)) for value in (mean - margin, mean + margin))
        low, high = low + ends[0], high + ends[1]
    yield counted(at_least("monte-carlo", low, 0.25, 0.0, note="least slope within the margins"), len(sizes))
    yield counted(at_most("monte-carlo", high, 0.42, 0.0, note="greatest slope within the margins"), len(sizes))


def steps_per_call(
    window: int, observed: float, paths: int = 20_000, lookahead: bool = True, evaluations: bool = False
) -> Iterator[Evidence]:
    """Count steps per sequential call for N = 100, eps = 1: above two with certainty, and near `observed`.

    A run has at most 2 N calls. The variants count evaluations, or leave the window's last state out of the batch.
    """
    steps = 100
    run = speculate(diffusion(TOY, steps), window, paths, Generator().manual_seed(0), lookahead=lookahead)
    calls, margin = truncated_mean(run.evaluations if evaluations else run.sequential_calls, 2.0 * steps)
    yield at_least("monte-carlo", steps / (calls + margin), 2.0, 0.0, note="steps per sequential call")
    digit = steps / (observed - 0.05) - steps / observed
    yield equal("monte-carlo", calls, steps / observed, margin + digit, note="calls, half a unit of the last place")


def acceptance(run: Run, cap: float) -> tuple[float, float]:
    """Return the acceptance of the steps after each window's first, and its margin; rejections cut at `cap`."""
    rejected, margin = truncated_mean(run.expected_rejections, cap)
    later, slip = truncated_mean(run.steps - run.rounds, float(run.steps))
    share = rejected / later
    return 1 - share, (margin + share * slip) / max(later - slip, 1.0)


def dimension(copies: Sequence[int], steps: int, window: int, paths: int, sign: int = 1) -> Iterator[Evidence]:
    """Count calls for independent copies of the target: the intervals must be apart, more calls for more copies.

    The variant claims that they fall.
    """
    found = []
    for d in copies:
        run = speculate(diffusion(TOY, steps, copies=d), window, paths, Generator().manual_seed(0))
        found.append(truncated_mean(run.sequential_calls, 2.0 * steps))
    for (few, slip), (many, margin) in itertools.pairwise(found):
        rise = at_least("monte-carlo", sign * (many - few), margin + slip, 0.0, note="calls rise with d")
        yield counted(rise, 2)


def churn(values: Sequence[float], paths: int, shift: float = 0.0) -> Iterator[Evidence]:
    """Measure the acceptance at each churn against `values`; the largest is inside.

    The variant shifts all numbers.
    """
    found = []
    for eps in values:
        run = speculate(diffusion(TOY, 200, eps), 10, paths, Generator().manual_seed(0))
        share, margin = acceptance(run, 600 * (1 - CHURN_ACCEPTANCE[eps]))
        found.append((share, margin))
        wanted = CHURN_ACCEPTANCE[eps] + shift
        yield counted(equal("monte-carlo", share, wanted, margin + HALF_UNIT, note=f"eps = {eps:g}"), 2)
    low, high = found[0], found[-1]
    inner = max(share - margin for share, margin in found[1:-1])
    ends = max(low[0] + low[1], high[0] + high[1])
    yield at_least("monte-carlo", inner, ends, 0.0, note="interior optimum")


BERNSTEIN = f"empirical Bernstein at {SHARE} for each mean"

CLAIMS = (
    Claim(
        id="speculative.8",
        statement=(
            "With windows as long as the chain, L = N, rounds grow like a power of the number of steps N near 1/3: the "
            "slope of the logarithm of the mean of min(rounds, 6 N^(1/3)) against log N, N = 50, 200 and 800, lies "
            "between .25 and .42."
        ),
        assumptions=f"{TOY_CHAIN}, churn 1",
        source=ours("speculative.8"),
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=rounds_slope,
        tolerance=f"{BERNSTEIN}, each at its worst end",
        fixtures=({"sizes": [50, 200, 800], "paths": 6000},),
        variants={"L = 10": partial(rounds_slope, window=10)},
    ),
    Claim(
        id="speculative.9",
        statement=(
            "A chain of N = 100 steps at churn 1 makes more than two steps per sequential call: 4.3 with windows of 5 steps "
            "and 9.0 with windows of 20."
        ),
        assumptions=f"{TOY_CHAIN}; the batch that verifies a window holds its last state, too",
        source=ours("speculative.8"),
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=steps_per_call,
        tolerance=f"half a unit of the last place and {BERNSTEIN}",
        fixtures=({"window": 5, "observed": 4.3}, {"window": 20, "observed": 9.0}),
        variants={
            "steps per evaluation": partial(steps_per_call, evaluations=True),
            "without the window's last state": partial(steps_per_call, lookahead=False),
        },
    ),
    Claim(
        id="speculative.10a",
        statement=(
            "At fixed numbers of steps and window length the steps per sequential call fall as independent copies of the "
            "target are added: with 1, 4 and 16 copies."
        ),
        assumptions=f"{TOY_CHAIN}, churn 1, N = 50, L = 10",
        source=ours("speculative.8"),
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=dimension,
        tolerance=f"disjoint intervals, {BERNSTEIN}",
        fixtures=({"copies": [1, 4, 16], "steps": 50, "window": 10, "paths": 6000},),
        variants={"they rise": partial(dimension, sign=-1)},
    ),
    Claim(
        id="speculative.10b",
        statement=(
            "The acceptance of the steps after each window's first peaks at a churn inside: .921, .985, .993, .985 and .902 "
            "at churn .01, .1, .3, 1 and 3."
        ),
        assumptions=(
            f"{TOY_CHAIN}, N = 200, L = 10; expected rejections of a path cut at three times the mean that the number gives"
        ),
        source=ours("speculative.8"),
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=churn,
        tolerance=f"half a unit of the last place and {BERNSTEIN}",
        fixtures=({"values": [0.01, 0.1, 0.3, 1.0, 3.0], "paths": 4000},),
        variants={"all one percent higher": partial(churn, shift=0.01)},
    ),
)
