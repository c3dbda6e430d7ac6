"""Claims 5-7 and 11: upper bounds on the error, by block size, by schedule, by random breakpoints, by grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from torch import Tensor

from theory import schedules
from theory.ledger import (
    FALSE_ALARM_SHARE,
    Claim,
    Evidence,
    Instance,
    at_most,
    equal,
    hoeffding_margin,
    rounding,
    shannon,
    strategies,
)
from theory.unmasking import bounds, curves
from theory.unmasking.bounds import Regime
from theory.unmasking.claims.optimal import CHAIN, CURVE_SUMS

CCL = "Chen, Cong, Li, arXiv 2511.04647"
LI_CAI = "Li, Cai, arXiv 2505.21400"
ZHAO_CAI = "Zhao, Cai, arXiv 2602.20126, as reconstructed in schedules notes, C"
SECTION_7 = "schedules notes, 7"
CERTIFIED = f"{CURVE_SUMS}; certificates are exact"
SAMPLES = 4000


def _tensor(curve: Sequence[float]) -> Tensor:
    return torch.tensor(curve, dtype=torch.float64)


def _slack(curve: Sequence[float]) -> float:
    return rounding(4 * len(curve), len(curve) * max(curve))


def block_size_bounds(curve: Sequence[float], sizes: Sequence[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Evaluate E(s), (s_max - 1) Z_n and Li-Cai's bound on a curve; prove both for all laws up to n = 5."""
    n, last = len(curve), curve[-1]
    error = float(curves.fixed_size_error(_tensor(curve), sizes))
    sharp, printed = bounds.largest_block_bound(sizes, last), bounds.li_cai_bound(sizes, last)
    effective = error > 1e-9
    yield at_most("closed form", error, factor * sharp, _slack(curve), effective=effective, note="(s_max - 1) Z_n")
    yield at_most("closed form", sharp, printed, _slack(curve), effective=effective, note="never weaker than Theorem 1")
    if n <= 5:
        scale = Fraction(factor) * (max(sizes) - 1)
        form = shannon.combine([(scale, shannon.curve(n)[-1]), (-1, shannon.fixed_size_error(n, sizes))])
        yield shannon.certified(form, n)


def halving(curve: Sequence[float], sizes: Sequence[int], factor: float = 0.5) -> Iterator[Evidence]:
    """Compare E(s) with E of the halved blocks plus (s_max / 2) Z_n, on a curve and for all laws up to n = 5."""
    n = len(curve)
    error = float(curves.fixed_size_error(_tensor(curve), sizes))
    refined = float(curves.fixed_size_error(_tensor(curve), bounds.halved(sizes)))
    step = factor * max(sizes) * curve[-1]
    yield at_most("closed form", error, refined + step, _slack(curve), effective=error > refined + 1e-9)
    if n <= 5:
        parts: list[tuple[Fraction | int, shannon.Form]] = [
            (Fraction(factor) * max(sizes), shannon.curve(n)[-1]),
            (1, shannon.fixed_size_error(n, bounds.halved(sizes))),
            (-1, shannon.fixed_size_error(n, sizes)),
        ]
        yield shannon.certified(shannon.combine(parts), n)


def balanced(curve: Sequence[float], steps: int, constant: float = 1.0) -> Iterator[Evidence]:
    """Compare E of balanced sizes with (C_1 / T) sum_i I(X_i; X_-i), C_1 = 1, on a curve and for all laws."""
    n = len(curve)
    count = min(steps, n)
    sizes = bounds.balanced_sizes(n, count)
    error = float(curves.fixed_size_error(_tensor(curve), sizes))
    yield at_most("closed form", error, constant * n * curve[-1] / count, _slack(curve), effective=error > 1e-9)
    if n <= 5:
        scale = Fraction(constant) * Fraction(n, count)
        form = shannon.combine([(scale, shannon.curve(n)[-1]), (-1, shannon.fixed_size_error(n, sizes))])
        yield shannon.certified(form, n)


def theorem_9(curve: Sequence[float], zeta: int, regime: Regime, weaken: int = 1) -> Iterator[Evidence]:
    """Build the schedule, compare E with area / (zeta - 1) and the number of steps with 2 + zeta (1 + ln n)"""
    n, z = len(curve), _tensor(curve)
    sizes = bounds.doubling_sizes(n, zeta, regime)
    area = float(curves.total(z) if regime == "TC" else curves.dual_total(z))
    error = float(curves.fixed_size_error(z, sizes))
    divisor = zeta - 1 if weaken == 1 else zeta * weaken
    yield at_most("closed form", error, area / divisor, _slack(curve), effective=error > 1e-9)
    yield at_most("closed form", len(sizes), bounds.doubling_steps(n, zeta), 0.0, note="number of steps")
    if n <= 5:
        whole = shannon.total_correlation(n) if regime == "TC" else shannon.dual_total_correlation(n)
        form = shannon.combine([(Fraction(1, divisor), whole), (-1, shannon.fixed_size_error(n, sizes))])
        yield shannon.certified(form, n)


def theorem_10(curve: Sequence[float], singles: int, blocks: int, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare E of k singles and l equal blocks with ceil((n - k) / l) (Z_n - Z_{k+1}) and (n / l)(DTC / k)"""
    n, z = len(curve), _tensor(curve)
    k = min(singles, n - 1)
    count = min(blocks, n - k)
    error = float(curves.fixed_size_error(z, bounds.singles_then_blocks(n, k, count)))
    bound = bounds.austin_bound(n, k, count, float(curves.dual_total(z)))
    yield at_most("closed form", error, factor * bound, _slack(curve), effective=error > 1e-9)
    if n <= 5:
        form = shannon.combine(
            [
                (Fraction(factor) * Fraction(n, count * k), shannon.dual_total_correlation(n)),
                (-1, shannon.fixed_size_error(n, bounds.singles_then_blocks(n, k, count))),
            ]
        )
        yield shannon.certified(form, n)


def random_breakpoints(curve: Sequence[float], steps: int, regime: Regime, shift: int = 0) -> Iterator[Evidence]:
    """Average E over all breakpoint tuples, exactly where they are few and by sampling otherwise.

    Monte Carlo draws 4000 tuples; E lies in [0, TC], so Hoeffding's inequality gives the margin at the
    false-alarm share of the suite.
    """
    n, total = len(curve), sum(curve)
    rho = [float(r) for r in bounds.breakpoint_law(n, regime)]
    formula = bounds.random_breakpoint_error(np.asarray(curve), rho, steps + shift)
    draws = steps - 1
    if (n - 1) ** draws <= 3000:
        mean = math.fsum(
            math.prod(rho[j - 2] for j in starts) * _error_of_starts(curve, starts)
            for starts in itertools.product(range(2, n + 1), repeat=draws)
        )
        yield equal("enumeration", mean, formula, 4 * _slack(curve), effective=total > 1e-9)
    else:
        u = np.random.default_rng(n * 1000 + steps).random((SAMPLES, draws))
        starts = 2 + np.searchsorted(np.cumsum(rho), u).clip(max=n - 2)
        mean = float(np.mean([_error_of_starts(curve, row) for row in starts]))
        margin = hoeffding_margin(SAMPLES, max(total, 1e-12), FALSE_ALARM_SHARE)
        yield equal("monte-carlo", mean, formula, margin, effective=total > 1e-9)


def _error_of_starts(curve: Sequence[float], starts: Sequence[int]) -> float:
    nodes = [1, *sorted({int(s) for s in starts}), len(curve) + 1]
    return sum(curve) - sum((b - a) * curve[a - 1] for a, b in itertools.pairwise(nodes))


def breakpoint_bounds(curve: Sequence[float], steps: int, regime: Regime, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the closed-form error with 2 TC h / (h + K - 1), or DTC h / (K - 1 - h)."""
    n, z = len(curve), _tensor(curve)
    rho = [float(r) for r in bounds.breakpoint_law(n, regime)]
    error = bounds.random_breakpoint_error(np.asarray(curve), rho, steps)
    total, dual = float(curves.total(z)), float(curves.dual_total(z))
    bound = bounds.random_breakpoint_bound(n, steps, total, dual, regime)
    yield at_most("closed form", error, factor * bound, _slack(curve), effective=error > 1e-9 and bound < math.inf)
    if n <= 4 and bound < math.inf:
        yield shannon.certified(_breakpoint_form(n, steps, regime, Fraction(factor)), n)


def _breakpoint_form(n: int, steps: int, regime: Regime, factor: Fraction) -> shannon.Form:
    """Return bound - E as a form: h and rho are rational, so the multipliers are too."""
    h, z = sum((Fraction(1, i) for i in range(1, n)), Fraction(0)), shannon.curve(n)
    rho = bounds.breakpoint_law(n, regime)
    parts: list[tuple[Fraction | int, shannon.Form]] = []
    for m in range(2, n + 1):
        missed = sum(((1 - sum(rho[m - 2 : j - 1])) ** (steps - 1) for j in range(m, n + 1)), Fraction(0))
        parts += [(-missed, z[m - 1]), (missed, z[m - 2])]
    if regime == "TC":
        return shannon.combine([(factor * 2 * h / (h + steps - 1), shannon.total_correlation(n)), *parts])
    return shannon.combine([(factor * h / (steps - 1 - h), shannon.dual_total_correlation(n)), *parts])


def uniform_bound(curve: Sequence[float], steps: int, factor: int = 1) -> Iterator[Evidence]:
    """Compare E_iid of the uniform grid with (TC + DTC) / K on a curve, and prove it for all laws up to n = 5."""
    n, z = len(curve), _tensor(curve)
    total, dual = float(curves.total(z)), float(curves.dual_total(z))
    error = float(curves.per_token_error(z, schedules.uniform_grid(steps)))
    claimed = bounds.uniform_grid_bound(steps, total, dual) / factor
    yield at_most("closed form", error, claimed, _slack(curve), effective=error > 1e-9)
    if n <= 5:
        grid = [Fraction(k, steps) for k in range(steps + 1)]
        share = Fraction(1, steps * factor)
        parts = [(share, shannon.total_correlation(n)), (share, shannon.dual_total_correlation(n))]
        form = shannon.combine([*parts, (-1, shannon.per_token_error(n, grid))])
        yield shannon.certified(form, n)


def geometric_bound(
    curve: Sequence[float], steps: int, ratio: float, regime: Regime, tail: int = 1
) -> Iterator[Evidence]:
    """Compare E_iid of the geometric grid with its bound on a curve, and prove it for all laws up to n = 4."""
    n, z, r = len(curve), _tensor(curve), Fraction(ratio).limit_denominator(100)
    total, dual = float(curves.total(z)), float(curves.dual_total(z))
    error = float(curves.per_token_error(z, bounds.regime_grid(steps, float(r), regime)))
    claimed = bounds.geometric_grid_bound(steps, float(r), total, dual, regime)
    dropped = (1 - tail) * float(r) ** (steps - 1) * (total + dual)
    yield at_most("closed form", error, claimed - dropped, _slack(curve), effective=error > 1e-9)
    if n <= 4:
        powers = [r**k for k in range(steps + 1)]
        grid = [1 - p for p in powers[:-1]] + [Fraction(1)]
        if regime == "DTC":
            grid = [Fraction(0), *powers[:-1][::-1]]
        tc, dtc = shannon.total_correlation(n), shannon.dual_total_correlation(n)
        end = tail * r ** (steps - 1)
        parts = [((1 - r) / r, tc if regime == "TC" else dtc), (end, tc), (end, dtc)]
        yield shannon.certified(shannon.combine([*parts, (-1, shannon.per_token_error(n, grid))]), n)


@st.composite
def curves_and_sizes(draw: DrawFn) -> Instance:
    """Draw a curve with a composition of its length."""
    curve = draw(strategies.curves(n=(2, 24)))
    return {"curve": curve, "sizes": draw(strategies.sizes(len(curve)))}


def _curves_with(longest: int = 40, **parts: st.SearchStrategy[object]) -> st.SearchStrategy[Instance]:
    return strategies.paired(curve=strategies.curves(n=(2, longest)), **parts)


REGIMES = st.sampled_from(("TC", "DTC"))
STEP = [0.0, 0.0, 1.0, 1.0]

CLAIMS = (
    Claim(
        id="schedules.5a",
        statement="E(s) <= (s_max - 1) Z_n <= ((2^ceil(log2 s_max) - 1) / n) sum_i I(X_i; X_-i)",
        assumptions="exact conditionals",
        source=f"{LI_CAI}, Theorem 1; {CCL}, Theorem 4",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=block_size_bounds,
        tolerance=CERTIFIED,
        inputs=curves_and_sizes,
        fixtures=({"curve": STEP, "sizes": [2, 2]}, {"curve": [0, 1, 1], "sizes": [3]}),
        variants={"nine tenths of the bound": partial(block_size_bounds, factor=0.9)},
    ),
    Claim(
        id="schedules.5b",
        statement=(
            "Halving every block costs at most (s_max / 2n) sum_i I(X_i; X_-i): E(s) <= E(halved s) + (s_max / 2) Z_n"
        ),
        assumptions="exact conditionals",
        source=f"{LI_CAI}, proof of Theorem 1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=halving,
        tolerance=CERTIFIED,
        inputs=curves_and_sizes,
        fixtures=({"curve": STEP, "sizes": [4]}, {"curve": [0, 1], "sizes": [2]}),
        variants={"a third of s_max": partial(halving, factor=1 / 3)},
    ),
    Claim(
        id="schedules.5c",
        statement="Balanced sizes: E <= (C_1 / T) sum_i I(X_i; X_-i) with C_1 = 1",
        assumptions="exact conditionals, T <= n",
        source=f"{LI_CAI}, Corollary 1",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=balanced,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(steps=st.integers(1, 12)),
        fixtures=({"curve": [0, 1, 1, 1, 1], "steps": 1},),
        variants={"C_1 = 3/4": partial(balanced, constant=0.75)},
    ),
    Claim(
        id="schedules.6a",
        statement="Its sizes satisfy E <= TC / (zeta - 1), or DTC / (zeta - 1), with K <= 2 + zeta (1 + ln n)",
        assumptions="nondecreasing curve, Z_1 = 0; zeta >= 2",
        source=f"{CCL}, Theorem 9",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=theorem_9,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(zeta=st.integers(2, 12), regime=REGIMES),
        fixtures=(
            {"curve": STEP, "zeta": 2, "regime": "TC"},
            {"curve": [0.0] * 400 + [1.0] * 100, "zeta": 5, "regime": "DTC"},
        ),
        variants={"area / (4 zeta)": partial(theorem_9, weaken=4)},
    ),
    Claim(
        id="schedules.6b",
        statement="k singles, then l equal blocks: E <= (n / l)(DTC / k)",
        assumptions="exact conditionals",
        source=f"{CCL}, Theorem 10 and Corollary 34 (after Austin)",
        status="reading",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=theorem_10,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(singles=st.integers(1, 10), blocks=st.integers(1, 10)),
        fixtures=({"curve": [0, 0, 1], "singles": 1, "blocks": 1},),
        variants={"a tenth of the bound": partial(theorem_10, factor=0.1)},
    ),
    Claim(
        id="schedules.7a",
        statement="K - 1 iid breakpoints: E = sum_m dZ_m sum_{j >= m} (1 - rho{m..j})^(K-1)",
        assumptions="nondecreasing curve, Z_1 = 0",
        source=ZHAO_CAI,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "monte-carlo"),
        check=random_breakpoints,
        tolerance="rounding; sampled: Hoeffding at the suite's false-alarm share, 4000 tuples",
        inputs=lambda: _curves_with(longest=7, steps=st.integers(2, 5), regime=REGIMES),
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
            "E <= 2 TC h / (h + K - 1) for rho ~ 1/(n-j+1); E <= DTC h / (K - 1 - h) for rho ~ 1/(j-1), h = "
            "sum_{i<n} 1/i"
        ),
        assumptions="nondecreasing curve, Z_1 = 0",
        source=ZHAO_CAI,
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=breakpoint_bounds,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(steps=st.integers(1, 40), regime=REGIMES),
        fixtures=(
            {"curve": [0.0] * 30 + [1.0], "steps": 9, "regime": "TC"},
            {"curve": [0, 1.0], "steps": 1, "regime": "TC"},
        ),
        variants={"TC h / (h + K - 1) / 2": partial(breakpoint_bounds, factor=0.25)},
    ),
    Claim(
        id="schedules.11a",
        statement="Uniform grid: E_iid <= (TC + DTC) / K",
        assumptions="exact conditionals",
        source=f"{SECTION_7}, consequence (iii)",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=uniform_bound,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(steps=st.integers(1, 12)),
        fixtures=({"curve": [0, 1, 1, 1], "steps": 2},),
        variants={"half of it": partial(uniform_bound, factor=2)},
    ),
    Claim(
        id="schedules.11b",
        statement=(
            "Geometric grids, 0 < r < 1: E_iid <= ((1-r)/r) TC + r^(K-1) (TC + DTC); growing grids: DTC in "
            "the first term"
        ),
        assumptions="exact conditionals",
        source=f"{SECTION_7}, consequence (iv)",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "certificate"),
        check=geometric_bound,
        tolerance=CERTIFIED,
        inputs=lambda: _curves_with(
            steps=st.integers(1, 8), ratio=st.integers(1, 19).map(lambda k: k / 20), regime=REGIMES
        ),
        fixtures=(
            {"curve": [0, 1, 1, 1], "steps": 3, "ratio": 0.5, "regime": "TC"},
            {"curve": [0, 0, 1], "steps": 3, "ratio": 0.5, "regime": "DTC"},
        ),
        variants={"tail term dropped": partial(geometric_bound, tail=0)},
    ),
)
