"""Claims 4, 10a and 19: what the provable optimum is, and the linear curve, on which it is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from theory import schedules
from theory.ledger import EPSILON, Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding, strategies
from theory.reference import curves as reference
from theory.unmasking import curves, laws, optimal, riemann

CURVE_SUMS = "rounding of sums of n products: ledger.rounding(n, TC)"
LONG_LINE = {"curve": [j / 400 for j in range(400)], "grid": [0.0, 0.25, 0.5, 0.75, 1.0]}
CHAIN = [0.0, 0.2245, 0.3265, 0.39, 0.4337, 0.4656]


def _scale(curve: Sequence[float]) -> float:
    return len(curve) * max(curve)


def programme(curve: Sequence[float], drop: int = 0) -> Iterator[Evidence]:
    """Compare the programme's errors for every K with the least E(s) over all compositions, and E*_n with 0.

    A denoiser whose cross-entropies are H - Z_j, H the curve's height, has the same least errors by the programme for
    learned denoisers.
    """
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    room = rounding(4 * n, _scale(curve))
    found = optimal.optimal_sizes(curve, n)
    learned = optimal.optimal_sizes_learned(curve[-1] - z, n * curve[-1] - math.fsum(curve), n)
    for k in range(1, n + 1):
        parts = [s for s in laws.compositions(n, k) if min(s) > 0]
        brute = min(float(reference.fixed_size_error(curve, s)) for s in parts[drop:] or parts)
        effective = brute > room
        yield equal(
            "enumeration", found[k - 1].error, brute, room, effective=effective, note="against all compositions"
        )
        yield equal("enumeration", learned[k - 1].error, brute, room, effective=effective, note="learned denoiser")
    yield equal("closed form", found[-1].error, 0.0, room, note="E*_n = 0")


def convex_decreasing(curve: Sequence[float], sign: int = 1) -> Iterator[Evidence]:
    """Take first and second differences of E*_K in K, from the programme with and without divide and conquer."""
    n = len(curve)
    points, heights = np.arange(n + 1.0), -np.asarray(curve)
    fast = np.array([s.error for s in optimal.optimal_sizes(curve, n)])
    slack, effective = rounding(4 * n, _scale(curve)), max(curve) > 0
    yield at_most("closed form", np.diff(fast), 0.0, slack, effective=effective, note="decreasing")
    if n > 2:
        yield at_least("closed form", sign * np.diff(fast, 2), 0.0, slack, effective=effective, note="convex")
    dense = riemann.least_riemann_sums_densely(points, heights, n) + sum(curve)
    yield equal("enumeration", fast, dense, slack, effective=effective, note="against trying every node")


def fixed_beats_random(curve: Sequence[float], grid: Sequence[float], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the best sizes with at most K blocks with E_iid of a K-step grid, by formula and as a mixture."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    steps = len(grid) - 1
    best = optimal.optimal_sizes(curve, min(n, steps))[-1].error
    error = float(curves.per_token_error(z, grid))
    slack = rounding(n * steps, _scale(curve))
    effective = error > slack
    yield at_most("closed form", best, factor * error, slack, effective=effective)
    if n <= 6:
        yield equal("enumeration", error, _mixture(z, grid), slack, effective=effective, note="mixture of E(s)")


def _mixture(curve: torch.Tensor, grid: Sequence[float]) -> float:
    widths, n = np.diff(grid), len(curve)
    total = []
    for s in laws.compositions(n, len(widths)):
        ways = math.factorial(n) / math.prod(map(math.factorial, s))
        total.append(ways * math.prod(widths**s) * float(curves.fixed_size_error(curve, s)))
    return math.fsum(total)


def linear_curve(n: int, height: float, grid: Sequence[float], sign: int = 1) -> Iterator[Evidence]:
    """Compare the uniform grid with another one on a linear curve, by formula and by sum of squared cells."""
    z = torch.linspace(0, height, n, dtype=torch.float64)
    steps = len(grid) - 1
    uniform = float(curves.per_token_error(z, schedules.uniform_grid(steps)))
    other = float(curves.per_token_error(z, grid))
    slack = rounding(n * steps, n * height)
    yield at_least("closed form", sign * other, sign * uniform, slack, effective=other > uniform + slack)
    squares = n * height / 2 * float(np.sum(np.diff(grid) ** 2))
    yield equal("closed form", other, squares, slack, note="E = (n h / 2) sum of squared cells")


def squared_sine_penalty(
    n: int, steps: int, printed: float | None = None, limit: float = math.pi**2 / 8
) -> Iterator[Evidence]:
    """Compute E_iid(squared sine) / E_iid(linear) on copied pairs; 1.17, 1.19, 1.21 for K = 4, 5, 6, limit pi^2/8."""
    z = torch.linspace(0, math.log(2), n, dtype=torch.float64)
    errors = [float(curves.per_token_error(z, s.grid(steps))) for s in (schedules.SQUARED_SINE, schedules.LINEAR)]
    ratio = errors[0] / errors[1]
    exact = steps * steps / 2 * math.sin(math.pi / (2 * steps)) ** 2
    yield equal("closed form", ratio, exact, 64 * steps * n * EPSILON, note="(K^2 / 2) sin^2(pi / 2K)")
    if printed is not None:
        yield equal("closed form", ratio, printed, 0.005, note="printed to two decimals")
    if steps >= 100:
        yield equal("closed form", ratio, limit, 2 * (math.pi / steps) ** 2, note="pi^2 / 8 - O(K^-2)")


@st.composite
def small_curves(draw: DrawFn) -> Instance:
    """Draw a curve short enough for all compositions."""
    return {"curve": draw(strategies.curves(n=(2, 7)))}


@st.composite
def curves_and_grids(draw: DrawFn) -> Instance:
    """Draw a curve and a grid."""
    return {"curve": draw(strategies.curves(n=(2, 12))), "grid": draw(strategies.grids(steps=(1, 5)))}


def _linear_inputs() -> st.SearchStrategy[Instance]:
    return strategies.paired(
        n=st.integers(2, 12), height=st.integers(1, 8).map(float), grid=strategies.grids(steps=(2, 6))
    )


CLAIMS = (
    Claim(
        id="schedules.4a",
        statement=(
            "The dynamic programme finds the least E(s) over all compositions of n into K block sizes; with n "
            "blocks it is 0."
        ),
        assumptions="nondecreasing curve, Z_1 = 0",
        source="Chen, Cong, Li, arXiv 2511.04647, 'Optimal schedule'",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=programme,
        tolerance=CURVE_SUMS,
        inputs=small_curves,
        fixtures=({"curve": CHAIN},),
        variants={"best composition left out": partial(programme, drop=1)},
    ),
    Claim(
        id="schedules.4b",
        statement="The least error E*_K of K blocks falls with K, by less and less.",
        assumptions="nondecreasing curve, Z_1 = 0",
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="for all",
        kind="lower",
        routes=("closed form", "enumeration"),
        check=convex_decreasing,
        tolerance=CURVE_SUMS,
        inputs=lambda: st.fixed_dictionaries({"curve": strategies.curves()}),
        fixtures=({"curve": CHAIN},),
        variants={"concave": partial(convex_decreasing, sign=-1)},
    ),
    Claim(
        id="schedules.10a",
        statement="K blocks of the best fixed sizes err no more than any grid of K cells, whose block sizes are random.",
        tex=r"E^*_{fixed}(K) \le E_{iid}(\alpha)",
        assumptions="nondecreasing curve, Z_1 = 0",
        source="ours, see docs/derivations.md, schedules.7",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "enumeration"),
        check=fixed_beats_random,
        tolerance=CURVE_SUMS,
        inputs=curves_and_grids,
        fixtures=({"curve": CHAIN, "grid": [0, 0.1729, 0.3834, 0.6499, 1]}, LONG_LINE),
        variants={"99 % of E_iid": partial(fixed_beats_random, factor=0.99)},
        sharp=Sharp("1 as n grows, for equal cells on a linear curve", LONG_LINE, share=0.992),
    ),
    Claim(
        id="schedules.19a",
        statement=(
            "On a linear information curve equal cells err less than every other grid of as many cells: the "
            "error is n h / 2 times the sum of the squared cells, h the curve's height."
        ),
        assumptions="Z_j proportional to j - 1",
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="for all",
        kind="lower",
        routes=("closed form",),
        check=linear_curve,
        tolerance=CURVE_SUMS,
        inputs=_linear_inputs,
        fixtures=({"n": 6, "height": 1.0, "grid": [0, 0.25, 0.75, 1]},),
        variants={"reversed": partial(linear_curve, sign=-1)},
    ),
    Claim(
        id="schedules.19b",
        statement=(
            "On a linear information curve the squared-sine schedule errs (K^2 / 2) sin^2(pi / 2K) times as much "
            "as the linear one: 17, 19, 21 % more at K = 4, 5, 6, and pi^2 / 8 times as much in the limit."
        ),
        source="ours, see docs/derivations.md, schedules.8",
        quantifier="this instance",
        kind="asymptotic",
        routes=("closed form",),
        check=squared_sine_penalty,
        tolerance="K n roundings; print; next term of the sine series",
        fixtures=(
            {"n": 6, "steps": 4, "printed": 1.17},
            {"n": 6, "steps": 5, "printed": 1.19},
            {"n": 6, "steps": 6, "printed": 1.21},
            {"n": 6, "steps": 1000},
        ),
        variants={"limit pi^2 / 9": partial(squared_sine_penalty, limit=math.pi**2 / 9)},
    ),
)
