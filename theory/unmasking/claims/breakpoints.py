"""Claim 7: block boundaries drawn at random, their exact mean error and what bounds it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st

from theory.ledger import Claim, Evidence, Sharp, at_most, equal
from theory.reference import curves as reference
from theory.unmasking import bounds, curves
from theory.unmasking.bounds import Regime
from theory.unmasking.claims.block_bounds import LESS, REGIMES, TOLERANCE, curves_with, slack
from theory.unmasking.claims.optimal import CHAIN
from theory.unmasking.claims.spanning import bounded_on_steps

ZHAO_CAI = "Zhao, Cai, arXiv 2602.20126, as we reconstruct it; see docs/derivations.md, schedules"
LONGEST = 24
"""The longest curves whose steps are tried one by one in fractions; the work grows like n^4."""


def random_breakpoints(curve: Sequence[float], steps: int, regime: Regime, shift: int = 0) -> Iterator[Evidence]:
    """Compare the closed form with the mean of E over all breakpoint tuples and, longer, with the law of block starts."""
    rho = bounds.breakpoint_law(len(curve), regime)
    formula = bounds.random_breakpoint_error(np.asarray(curve), [float(r) for r in rho], steps + shift)
    effective, tolerance = max(curve) > 0, 4 * slack(curve)
    exact = [Fraction(z) for z in curve]
    starts = float(reference.breakpoint_error(exact, _law(len(curve), regime), steps))
    yield equal("rational", formula, starts, tolerance, effective=effective, note="by where each block starts")
    if (len(curve) - 1) ** (steps - 1) <= 3000:
        tuples = itertools.product(range(2, len(curve) + 1), repeat=steps - 1)
        mean = math.fsum(math.prod(float(rho[j - 2]) for j in drawn) * _error_of(curve, drawn) for drawn in tuples)
        yield equal("enumeration", formula, mean, tolerance, effective=effective, note="over all tuples")


def _law(n: int, regime: Regime) -> list[Fraction]:
    """Return the law of a breakpoint on 2..n from its definition: one over the tokens that follow, or that precede."""
    weights = [Fraction(1, n + 1 - j) if regime == "TC" else Fraction(1, j - 1) for j in range(2, n + 1)]
    return [w / sum(weights) for w in weights]


def _error_of(curve: Sequence[float], starts: Sequence[int]) -> float:
    """Return E of the blocks that start at 1 and at each of the starts."""
    nodes = [1, *sorted(set(starts)), len(curve) + 1]
    return sum(curve) - sum((b - a) * curve[a - 1] for a, b in itertools.pairwise(nodes))


def breakpoint_bounds(
    curve: Sequence[float], steps: int, regime: Regime, factor: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare the mean error with TC h / (h + K - 1), or DTC h / (K - 1 - h), on a curve and on the steps."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    least = bounds.random_breakpoint_constant(n, steps, regime)
    if least is None:
        return
    constant, rho = factor * least, bounds.breakpoint_law(n, regime)
    error = bounds.random_breakpoint_error(np.asarray(curve), [float(r) for r in rho], steps)
    area = float(curves.total(z) if regime == "TC" else curves.dual_total(z))
    yield at_most("closed form", error, float(constant) * area, slack(curve), effective=error > slack(curve))
    h = sum((Fraction(1, n - j) for j in range(1, n)), Fraction(0))
    again = h / (h + steps - 1) if regime == "TC" else h / (steps - 1 - h)
    yield equal("rational", Fraction(constant), again, Fraction(0), note="the constant, written out")
    if n <= LONGEST:
        literal = reference.total if regime == "TC" else reference.dual_total
        law = _law(n, regime)
        yield from bounded_on_steps(constant, n, lambda c: reference.breakpoint_error(c, law, steps), literal)
    if regime == "TC" and steps == 2 and 2 < n <= LONGEST:
        jump = reference.breakpoint_error(reference.step(n, 2), _law(n, regime), 2) / (n - 1)
        yield equal("rational", jump, again * (1 - 1 / h**2), Fraction(0), note="a jump at 2 uses 1 - 1 / h^2 of it")


FAR = {"curve": [0.0] * 924 + [1.0] * 76, "steps": 2, "regime": "TC"}
NEAR = {"curve": [0.0] * 758 + [1.0] * 242, "steps": 201, "regime": "DTC"}

CLAIMS = (
    Claim(
        id="schedules.7a",
        statement=(
            "Draw K - 1 block starts independently from a law rho on the positions 2..n. The mean KL given the "
            "partition is a sum over the rises dZ_m of the information curve, each times the mean number of positions "
            "from m to the end of the block that holds m."
        ),
        tex=r"E = \sum_m (Z_m - Z_{m-1}) \sum_{j \ge m} (1 - \rho\{m..j\})^{K-1}",
        assumptions="exact conditionals",
        source=f"{ZHAO_CAI}.7a",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "rational"),
        check=random_breakpoints,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(longest=10, steps=st.integers(2, 5), regime=REGIMES),
        examples=20,
        fixtures=(
            {"curve": CHAIN, "steps": 4, "regime": "TC"},
            {"curve": [0.0] * 10 + [1.0] * 10, "steps": 6, "regime": "DTC"},
        ),
        variants={"one breakpoint more": partial(random_breakpoints, shift=1)},
    ),
    Claim(
        id="schedules.7b",
        statement=(
            "With h = 1 + 1/2 + ... + 1/(n-1), K - 1 block starts drawn with rho proportional to 1 / (n - j + 1) have "
            "a mean error of at most TC h / (h + K - 1), and with rho proportional to 1 / (j - 1) of at most "
            "DTC h / (K - 1 - h) where K - 1 > h. Neither can be improved by a factor at every n."
        ),
        tex=r"E \le TC \frac{h}{h + K - 1}, \qquad E \le DTC \frac{h}{K - 1 - h}",
        assumptions="exact conditionals",
        source=f"{ZHAO_CAI}.7b",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate", "rational"),
        check=breakpoint_bounds,
        tolerance=TOLERANCE,
        inputs=lambda: curves_with(longest=LONGEST, steps=st.integers(1, 40), regime=REGIMES),
        fixtures=(
            {"curve": [0.0] * 30 + [1.0], "steps": 9, "regime": "TC"},
            {"curve": [0.0, 1.0], "steps": 1, "regime": "TC"},
            {"curve": [0.0] * 2 + [1.0] * 8, "steps": 12, "regime": "DTC"},
            {"curve": [0.0] + [1.0] * 8, "steps": 2, "regime": "TC"},
        ),
        variants={"99 % of it": partial(breakpoint_bounds, factor=LESS)},
        sharp=Sharp("1 in the limit of large n; 1 - 1 / h^2 for K = 2 and a jump at position 2", FAR, share=0.98),
    ),
)
