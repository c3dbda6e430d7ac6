"""Claims 8 to 10: rounds against N, steps per sequential call, and what churn and dimension do to the acceptance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from torch import Generator

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.speculation.claims.chain import SHARE
from theory.speculation.claims.step import DERIVED
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.sampling import Run, speculate
from theory.speculation.statistics import truncated_mean

CHURN_ACCEPTANCE = {0.01: 0.921, 0.03: 0.962, 0.1: 0.985, 0.3: 0.993, 1.0: 0.985, 2.0: 0.951, 3.0: 0.902}
"""The notes's acceptances for N = 200, L = 10: means over all steps but the first of each window."""

HALF_DIGIT = 0.0005


def rounds_slope(sizes: Sequence[int], paths: int, window: int | None = None) -> Iterator[Evidence]:
    """Fit log rounds against log N, and move each mean to the end of its interval that hurts most.

    Rounds are cut at 6 N^(1/3), far above all seen, so that the empirical Bernstein interval is short.
    """
    x = np.log(np.asarray(sizes, dtype=float))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    slope = error = 0.0
    for weight, n in zip(weights, sizes, strict=True):
        run = speculate(diffusion(TOY, n), window or n, paths, Generator().manual_seed(0))
        mean, margin = truncated_mean(run.rounds, 6.0 * n ** (1 / 3) if window is None else float(n))
        slope += float(weight) * math.log(mean)
        error += abs(float(weight)) * -math.log1p(-min(margin / mean, 0.999))
    yield at_least("monte-carlo", slope - error, 0.25, 0.0, note=f"slope {slope:.3f}, lower end")
    yield at_most("monte-carlo", slope + error, 0.42, 0.0, note=f"slope {slope:.3f}, upper end")


def steps_per_call(
    window: int, observed: float, paths: int = 20_000, lookahead: bool = True, evaluations: bool = False
) -> Iterator[Evidence]:
    """Count steps per sequential call for N = 100, eps = 1: above two with certainty, and the notes' number."""
    steps = 100
    run = speculate(diffusion(TOY, steps), window, paths, Generator().manual_seed(0), lookahead=lookahead)
    calls, margin = truncated_mean(run.evaluations if evaluations else run.sequential_calls, 2.0 * steps)
    yield at_least("monte-carlo", steps / (calls + margin), 2.0, 0.0, note="steps per sequential call")
    digit = steps / (observed - 0.05) - steps / observed
    yield equal("monte-carlo", calls, steps / observed, margin + digit, note="calls of the notes")


def acceptance(run: Run, cap: float) -> tuple[float, float]:
    """Return the acceptance of the steps after each window's first, and its margin; rejections cut at `cap`."""
    rejected, margin = truncated_mean(run.expected_rejections, cap)
    later, slip = truncated_mean(run.steps - run.rounds, float(run.steps))
    share = rejected / later
    return 1 - share, (margin + share * slip) / max(later - slip, 1.0)


def dimension(copies: Sequence[int], steps: int, window: int, paths: int, sign: int = 1) -> Iterator[Evidence]:
    """Count calls for independent copies of the target: the intervals must be apart, more calls for more copies."""
    found = []
    for d in copies:
        run = speculate(diffusion(TOY, steps, copies=d), window, paths, Generator().manual_seed(0))
        found.append(truncated_mean(run.sequential_calls, 2.0 * steps))
    for (few, slip), (many, margin) in itertools.pairwise(found):
        yield at_least("monte-carlo", sign * (many - few), sign * (margin + slip), 0.0, note="calls rise with d")


def churn(values: Sequence[float], paths: int, shift: float = 0.0) -> Iterator[Evidence]:
    """Measure the acceptance at each churn against the notes' number; the largest is inside."""
    found = []
    for eps in values:
        run = speculate(diffusion(TOY, 200, eps), 10, paths, Generator().manual_seed(0))
        share, margin = acceptance(run, 600 * (1 - CHURN_ACCEPTANCE[eps]))
        found.append((share, margin))
        yield equal("monte-carlo", share, CHURN_ACCEPTANCE[eps] + shift, margin + 2 * HALF_DIGIT, note=f"eps = {eps:g}")
    low, high = found[0], found[-1]
    inner = max(share - margin for share, margin in found[1:-1])
    yield at_least("monte-carlo", inner, max(low[0] + low[1], high[0] + high[1]), 0.0, note="interior optimum")


CLAIMS = (
    Claim(
        id="speculative.8",
        statement="With L = N the slope of log rounds against log N lies in [.25, .42], near 1/3",
        assumptions="the toy, eps = 1",
        source=f"{DERIVED}, frozen draft, scaling",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=rounds_slope,
        tolerance=f"empirical Bernstein at {SHARE} for each mean, worst ends",
        fixtures=({"sizes": [50, 200, 800], "paths": 6000},),
        variants={"L = 10": partial(rounds_slope, window=10)},
    ),
    Claim(
        id="speculative.9",
        statement="N = 100, eps = 1: more than two steps per sequential call; 4.3 at L = 5 and 9.0 at L = 20",
        assumptions="the toy; the batch holds the window's last state",
        source="speculative notes, claim 9",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=steps_per_call,
        tolerance=f"half a digit and empirical Bernstein at {SHARE}",
        fixtures=({"window": 5, "observed": 4.3}, {"window": 20, "observed": 9.0}),
        variants={
            "steps per evaluation": partial(steps_per_call, evaluations=True),
            "without lookahead": partial(steps_per_call, lookahead=False),
        },
    ),
    Claim(
        id="speculative.10a",
        statement="At fixed N and L the steps per sequential call fall as copies of the target are added",
        assumptions="the toy, eps = 1",
        source=f"{DERIVED}, dimension",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=dimension,
        tolerance=f"disjoint empirical Bernstein intervals at {SHARE}",
        fixtures=({"copies": [1, 4, 16], "steps": 50, "window": 10, "paths": 6000},),
        variants={"they rise": partial(dimension, sign=-1)},
    ),
    Claim(
        id="speculative.10b",
        statement=(
            "N = 200, L = 10: the acceptance peaks inside: .921, .962, .985, .993, .985, .951, .902 for eps = .01 ... 3"
        ),
        assumptions="the toy; steps after each window's first",
        source=f"{DERIVED}, churn",
        quantifier="this instance",
        kind="empirical",
        routes=("monte-carlo",),
        check=churn,
        tolerance=f"one digit and empirical Bernstein at {SHARE}",
        fixtures=({"values": [0.01, 0.1, 0.3, 1.0, 3.0], "paths": 4000},),
        variants={"all one per cent higher": partial(churn, shift=0.01)},
    ),
)
