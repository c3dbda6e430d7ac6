"""Claims 4, 10, 13 and 19: what the provable optimum is, and how errors shrink with many steps."""

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

from theory import schedules
from theory.ledger import EPSILON, Claim, Evidence, Instance, at_least, at_most, equal, rounding, shannon, strategies
from theory.schedules import Schedule
from theory.unmasking import curves, laws, optimal, riemann
from theory.worlds import TableWorld, information

SECTION_8 = "schedules notes, 8, after Chen, Cong, Li, arXiv 2511.04647"
SECTION_7 = "schedules notes, 7"
CURVE_SUMS = "rounding of sums of n products: ledger.rounding(n, TC)"
CHAIN = [0.0, 0.2245, 0.3265, 0.39, 0.4337, 0.4656]


def _scale(curve: Sequence[float]) -> float:
    return len(curve) * max(curve)


def programme(curve: Sequence[float], drop: int = 0) -> Iterator[Evidence]:
    """Compare the programme's errors for every K with the least E(s) over all compositions, and E*_n with 0."""
    n, z = len(curve), torch.tensor(curve, dtype=torch.float64)
    found = optimal.optimal_sizes(curve, n)
    for k in range(1, n + 1):
        parts = [s for s in laws.compositions(n, k) if min(s) > 0]
        brute = min(float(curves.fixed_size_error(z, s)) for s in parts[drop:] or parts)
        yield equal(
            "enumeration", found[k - 1].error, brute, rounding(n, _scale(curve)), effective=brute > 1e-9,
            note="programme against all compositions",
        )  # fmt: skip
    yield equal("closed form", found[-1].error, 0.0, rounding(n, _scale(curve)), note="E*_n = 0")


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
    slack, effective = rounding(n * steps, _scale(curve)), error > 1e-6
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


def never_exact(world: TableWorld, grid: Sequence[float], least: float = 0.0) -> Iterator[Evidence]:
    """Compare E_iid with the chance that all tokens share a cell times TC, which the one-block sampler pays."""
    n, d, total = world.n, world.d, float(world.total_correlation())
    bound = total * float(np.sum(np.diff(grid) ** n)) * (1 + least)
    slack, effective = rounding(n * (d + 1) ** n, total), total > 1e-6
    yield at_least(
        "closed form", curves.per_token_error(world.information_curve(), grid), bound, slack, effective=effective
    )
    engine = laws.sampler_law(grid, world).path_divergence
    yield at_least("enumeration", engine, bound, slack, effective=effective)
    points = [Fraction(a).limit_denominator(1000) for a in grid]
    share = sum((b - a) ** n for a, b in itertools.pairwise(points)) * (1 + Fraction(least))
    form = shannon.combine([(1, shannon.per_token_error(n, points)), (-share, shannon.total_correlation(n))])
    yield shannon.certified(form, n)


def many_steps(curve: Sequence[float], mask: Schedule, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare 1000 E_iid of the 1000-step grid with the integral, relative tolerance 1e-3 (claim 13)."""
    z = torch.tensor(curve, dtype=torch.float64)
    limit = factor * curves.many_step_constant(z, mask)
    error = 1000 * float(curves.per_token_error(z, mask.grid(1000)))
    yield equal("quadrature", error, limit, 1e-3 * max(limit, 1e-9), effective=limit > 1e-9)
    best = curves.best_many_step_constant(z)
    yield at_least("quadrature", limit, best, 1e-7 * best, effective=best > 1e-9, note="(n/2)(int sqrt Z~')^2 is least")


def best_speed(curve: Sequence[float], exponent: float = 0.5) -> Iterator[Evidence]:
    """Follow alpha' proportional to 1 / sqrt Z~' by quadrature and compare its constant with the least one."""
    z = torch.tensor(curve, dtype=torch.float64)
    alpha = np.linspace(0, 1, 20001)
    slope = information.smoothed_curve_derivative(z, torch.from_numpy((alpha[1:] + alpha[:-1]) / 2)).numpy()
    cell = np.diff(alpha)
    clock = float((slope**exponent * cell).sum())
    constant = len(curve) / 2 * clock * float((slope ** (1 - exponent) * cell).sum())
    least = curves.best_many_step_constant(z)
    midpoint = 1e-6 * least
    yield equal("quadrature", constant, least, midpoint, effective=least > 1e-9)


def linear_curve(n: int, height: float, grid: Sequence[float], sign: int = 1) -> Iterator[Evidence]:
    """Compare the uniform grid with another one on a linear curve, by formula and by sum of squared cells."""
    z = torch.linspace(0, height, n, dtype=torch.float64)
    steps = len(grid) - 1
    uniform = float(curves.per_token_error(z, schedules.uniform_grid(steps)))
    other = float(curves.per_token_error(z, grid))
    slack = rounding(n * steps, n * height)
    yield at_least("closed form", sign * other, sign * uniform, slack, effective=other > uniform + 1e-9)
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


@st.composite
def smooth_curves(draw: DrawFn) -> Instance:
    """Draw a strictly increasing curve, so that Z~' > 0."""
    jumps = draw(st.lists(st.integers(1, 16), min_size=2, max_size=10))
    return {"curve": [v / 16 for v in itertools.accumulate(jumps, initial=0)]}


@st.composite
def curves_and_masks(draw: DrawFn) -> Instance:
    """Draw a curve and a smooth named mask schedule."""
    return {
        "curve": draw(strategies.curves(n=(2, 10))),
        "mask": draw(st.sampled_from([schedules.NAMED[name] for name in sorted(schedules.NAMED)])),
    }


def _linear_inputs() -> st.SearchStrategy[Instance]:
    return strategies.paired(
        n=st.integers(2, 12), height=st.integers(1, 8).map(float), grid=strategies.grids(steps=(2, 6))
    )


CLAIMS = (
    Claim(
        id="schedules.4a",
        statement="The dynamic programme finds the least E(s) over all compositions into K parts; E*_n = 0",
        assumptions="nondecreasing curve, Z_1 = 0",
        source=f"{SECTION_8}, 'Optimal schedule'",
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
        statement="E*_K is decreasing and convex in K",
        assumptions="nondecreasing curve, Z_1 = 0",
        source=f"{SECTION_8} (Monge property)",
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
        statement="E*_fixed(K) <= E_iid(alpha) for every K-step grid",
        assumptions="nondecreasing curve, Z_1 = 0",
        source=f"{SECTION_7}, consequence (i)",
        quantifier="for all",
        kind="upper",
        routes=("closed form", "enumeration"),
        check=fixed_beats_random,
        tolerance=CURVE_SUMS,
        inputs=curves_and_grids,
        fixtures=({"curve": CHAIN, "grid": [0, 0.1729, 0.3834, 0.6499, 1]}, {"curve": CHAIN, "grid": [0, 1]}),
        variants={"half of E_iid": partial(fixed_beats_random, factor=0.5)},
    ),
    Claim(
        id="schedules.10b",
        statement="E_iid > 0 for every finite grid unless TC = 0: E_iid >= TC sum_k (alpha_{k+1} - alpha_k)^n",
        assumptions="exact conditionals; any law",
        source=f"{SECTION_7}, consequence (ii)",
        quantifier="for all",
        kind="lower",
        routes=("closed form", "enumeration", "certificate"),
        check=never_exact,
        tolerance="rounding of a sum over the states: ledger.rounding(n (d+1)^n, TC)",
        inputs=lambda: strategies.paired(world=strategies.worlds(cells=27), grid=strategies.grids()),
        fixtures=({"world": TableWorld.from_weights([1, 0, 0, 1], 2, 2), "grid": [0.0, 0.5, 1.0]},),
        variants={"bound raised by a tenth": partial(never_exact, least=0.1)},
    ),
    Claim(
        id="schedules.13a",
        statement="K E_iid -> (n/2) int Z~'(alpha) alpha'^2 dt, a kinetic energy in the metric Z~' dalpha^2; least value "
        "(n/2)(int sqrt Z~' dalpha)^2",
        assumptions="smooth mask schedule",
        source=f"{SECTION_8}, 'Large K'",
        quantifier="for all",
        kind="asymptotic",
        routes=("quadrature",),
        check=many_steps,
        tolerance="1e-3 relative at K = 1000: the next term is O(1/K)",
        inputs=curves_and_masks,
        examples=15,
        fixtures=({"curve": CHAIN, "mask": schedules.LINEAR}, {"curve": CHAIN, "mask": schedules.SQUARED_SINE}),
        variants={"n instead of n / 2": partial(many_steps, factor=2.0)},
    ),
    Claim(
        id="schedules.13b",
        statement="alpha' proportional to 1 / sqrt Z~' attains the least many-step constant",
        assumptions="strictly increasing curve",
        source=f"{SECTION_8}, 'Large K'",
        quantifier="for all",
        kind="equality",
        routes=("quadrature",),
        check=best_speed,
        tolerance="midpoint rule on 20000 cells of a polynomial's root: 1e-6 relative",
        inputs=smooth_curves,
        examples=15,
        fixtures=({"curve": [0.0, 0.1, 0.5, 0.6]},),
        variants={"alpha' proportional to 1 / Z~'": partial(best_speed, exponent=1.0)},
    ),
    Claim(
        id="schedules.19a",
        statement="On a linear curve alpha = t beats every other grid at equal K",
        assumptions="Z_j proportional to j - 1",
        source=f"{SECTION_8}, example",
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
            "On a linear curve squared sine is 17, 19, 21 % worse than linear at K = 4, 5, 6; the ratio "
            "tends to pi^2 / 8"
        ),
        source=f"{SECTION_8}, example (three copied bit pairs)",
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
