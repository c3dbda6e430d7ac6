"""Claims 4, 10, 13 and 19: what the provable optimum is, and how errors shrink with many steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import integrate

from theory import schedules
from theory.ledger import EPSILON, Claim, Evidence, Instance, Sharp, at_least, at_most, equal, rounding, strategies
from theory.reference import curves as reference
from theory.schedules import Schedule
from theory.unmasking import curves, laws, optimal, riemann
from theory.worlds import information

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


def many_steps(curve: Sequence[float], mask: Schedule, steps: int = 2000, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare K E_iid with the integral, within what the integrand can change inside a step (`_darboux`)."""
    z = torch.tensor(curve, dtype=torch.float64)
    limit = curves.many_step_constant(z, mask)
    error = steps * float(curves.per_token_error(z, mask.grid(steps)))
    effective = math.isfinite(limit) and max(curve) > 0
    if effective:
        margin = _darboux(z, mask, steps) + rounding(len(curve) * steps, steps * _scale(curve))
        yield equal("quadrature", error, factor * limit, margin, effective=margin < limit / 50)
    best = curves.best_many_step_constant(z)
    room = 2e-6 * best + 2e-12
    yield at_least("quadrature", limit, best, room, effective=effective, note="(n/2)(int sqrt Z~')^2 is least")


def _darboux(curve: torch.Tensor, mask: Schedule, steps: int) -> float:
    """Return by how much K E_iid can differ from (n/2) int Z~'(alpha) alpha'^2 dt, from sums over the steps.

    In a step from t to t + 1/K, K times its error and the integral over it both lie between n / 2K times the least and
    the largest value of Z~' alpha'^2. Z~' changes by at most its slope's bound, (n-1)(n-2) max |second difference|,
    times the step's rise of alpha; alpha' is monotone in a step, every named schedule having its extremes at 0, 1/2
    and 1, which are nodes for even K. In the first and the last step alpha' may be infinite: there both are bounded by
    what they are, n K rise (Z~ at the end minus Z~ at the start) and the integral's own share.
    """
    n, t = len(curve), np.arange(steps + 1) / steps
    alpha = mask.grid(steps)
    speed = np.asarray(mask.derivative(t[1:-1]), dtype=float)
    slope = information.smoothed_curve_derivative(curve, torch.from_numpy(alpha[1:-1])).numpy()
    bend = (n - 1) * (n - 2) * float(curve.diff(n=2).abs().max()) if n > 2 else 0.0
    change = bend * np.diff(alpha[1:-1])
    fast, slow = np.maximum(speed[:-1], speed[1:]), np.minimum(speed[:-1], speed[1:])
    high = (np.maximum(slope[:-1], slope[1:]) + change) * fast**2
    low = np.maximum(np.minimum(slope[:-1], slope[1:]) - change, 0.0) * slow**2
    inner = n / (2 * steps) * float((high - low).sum())
    heights = information.smoothed_curve(curve, torch.from_numpy(alpha[[0, 1, -2, -1]])).numpy()
    ends = n * steps * (alpha[1] * (heights[1] - heights[0]) + (1 - alpha[-2]) * (heights[3] - heights[2]))
    return inner + float(ends) + _end_integral(curve, mask, 1 / steps)


def _end_integral(curve: torch.Tensor, mask: Schedule, width: float) -> float:
    """Return (n/2) int Z~'(alpha) alpha'^2 dt over both end steps, in the variable t = width u^4, which tames t^p."""

    def at(t: float) -> float:
        alpha = torch.as_tensor(float(mask(t)), dtype=torch.float64)
        return float(information.smoothed_curve_derivative(curve, alpha)) * float(mask.derivative(np.asarray(t))) ** 2

    def both(u: float) -> float:
        t = width * u**4
        return (at(t) + at(1 - t)) * 4 * width * u**3

    return len(curve) / 2 * float(integrate.quad(both, 1e-3, 1, limit=200)[0])


def best_speed(curve: Sequence[float], exponent: float = 0.5) -> Iterator[Evidence]:
    """Follow alpha' proportional to 1 / sqrt Z~' by quadrature and compare its constant with the least one."""
    z = torch.tensor(curve, dtype=torch.float64)
    cells = 20_000
    alpha = (np.arange(cells) + 0.5) / cells
    slope = information.smoothed_curve_derivative(z, torch.from_numpy(alpha)).numpy()
    clock, rest = float((slope**exponent).mean()), float((slope ** (1 - exponent)).mean())
    constant = len(curve) / 2 * clock * rest
    least = curves.best_many_step_constant(z)
    margin = len(curve) * clock * _midpoint_error(z, cells) + 2e-6 * least
    yield equal("quadrature", constant, least, margin, effective=least > 0)


def _midpoint_error(curve: torch.Tensor, cells: int) -> float:
    """Return max |f''| / (24 cells^2), f = sqrt Z~', from f'' = g'' / (2 sqrt g) - g'^2 / (4 g^(3/2)), g = Z~'."""
    n = len(curve)
    jumps = [float(curve.diff(n=k).abs().max()) if n > k else 0.0 for k in (1, 2, 3)]
    first, second = (n - 1) * (n - 2) * jumps[1], (n - 1) * (n - 2) * (n - 3) * jumps[2]
    least = (n - 1) * float(curve.diff().min())
    bound: float = second / (2 * least**0.5) + first**2 / (4 * least**1.5)
    return bound / (24 * cells**2)


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
        id="schedules.13a",
        statement=(
            "With many steps K times the error of a smooth mask schedule alpha(t) tends to a kinetic energy, "
            "(n/2) int Z~'(alpha) alpha'^2 dt, Z~ the smoothed information curve; the least value over all "
            "schedules is (n/2) (int sqrt Z~' dalpha)^2."
        ),
        tex=r"K E_{iid} \to \frac n2 \int \tilde Z'(\alpha) \dot\alpha^2 dt \ge \frac n2 \left( \int \sqrt{\tilde Z'} d\alpha \right)^2",
        assumptions="smooth mask schedule",
        source="Chen, Cong, Li, arXiv 2511.04647, 'Large K', for grids; ours, see docs/derivations.md, schedules.8",
        quantifier="for all",
        kind="asymptotic",
        routes=("quadrature",),
        check=many_steps,
        tolerance="what Z~' alpha'^2 can change inside a step, summed over K = 2000 steps; quadrature 1e-6 relative",
        inputs=curves_and_masks,
        examples=15,
        fixtures=({"curve": CHAIN, "mask": schedules.LINEAR}, {"curve": CHAIN, "mask": schedules.SQUARED_SINE}),
        variants={"1 % more": partial(many_steps, factor=1.01)},
    ),
    Claim(
        id="schedules.13b",
        statement="A schedule whose speed is proportional to 1 / sqrt Z~' attains the least many-step constant.",
        assumptions="strictly increasing curve",
        source="Chen, Cong, Li, arXiv 2511.04647, 'Large K', for grids; ours, see docs/derivations.md, schedules.8",
        quantifier="for all",
        kind="equality",
        routes=("quadrature",),
        check=best_speed,
        tolerance="midpoint rule on 20000 cells, from a bound on the second derivative; quadrature 1e-6 relative",
        inputs=smooth_curves,
        examples=15,
        fixtures=({"curve": [0.0, 0.1, 0.5, 0.6]},),
        variants={"alpha' proportional to 1 / Z~'": partial(best_speed, exponent=1.0)},
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
