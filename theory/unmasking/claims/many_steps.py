"""Claims 13: how errors shrink with many steps, and which schedule makes them least."""

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
from theory.ledger import Claim, Evidence, Instance, at_least, equal, rounding, strategies
from theory.schedules import Schedule
from theory.unmasking import curves
from theory.unmasking.claims.optimal import CHAIN
from theory.worlds import information


def many_steps(curve: Sequence[float], mask: Schedule, steps: int = 2000, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare K E_iid with the integral, within what the integrand can change inside a step (`_darboux`)."""
    z = torch.tensor(curve, dtype=torch.float64)
    limit = curves.many_step_constant(z, mask)
    error = steps * float(curves.per_token_error(z, mask.grid(steps)))
    effective = math.isfinite(limit) and max(curve) > 0
    if effective:
        margin = _darboux(z, mask, steps) + rounding(len(curve) * steps, steps * len(curve) * max(curve))
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


CLAIMS = (
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
)
