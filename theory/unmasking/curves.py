"""Schedule errors read off the information curve: exact path KL without touching a single state. Nats.

E(s) and E_iid(alpha) are the mean KL given the partition (Theorems 4 and 16 of Chen, Cong, Li, arXiv
2511.04647; docs/derivations.md, schedules.7), hence the path KL, and upper bounds on the KL of the
output law. Both are gaps between a curve and a left-endpoint step approximation.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy import integrate
from torch import Tensor

from theory.errors import InvalidInput
from theory.schedules import Schedule, as_schedule, check_grid
from theory.tolerance import SLACK
from theory.unmasking.laws import check_sizes
from theory.worlds.base import number
from theory.worlds.information import check_curve, smoothed_curve, smoothed_curve_derivative
from theory.worlds.smoothing import bernstein


def total(curve: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Return TC = sum_j Z_j (Lemma 8)."""
    return curve.sum(-1)


def dual_total(curve: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch"]:
    """Return DTC = n Z_n - sum_j Z_j (Lemma 8)."""
    return curve.shape[-1] * curve[..., -1] - curve.sum(-1)


def fixed_size_error(curve: object, sizes: Sequence[float]) -> float | Tensor:
    """Return E(s) = TC - sum_k s_k Z_{N_{k-1}+1}; a batch of curves (*batch, n) gives a tensor of them."""
    z = check_curve(curve)
    return number(total(z) - _left_sum(z, sizes))


def per_token_error(curve: object, grid: object) -> float | Tensor:
    """Return E_iid(alpha) = TC - n sum_k (alpha_{k+1} - alpha_k) Z~(alpha_k).

    A batch of grids (*grids, K + 1) gives a tensor; a grid that requires a gradient is differentiated.
    """
    z = check_curve(curve)
    return number(total(z) - _smoothed_sum(z, grid))


def learned_fixed_size_error(cross_entropy: object, entropy: float, sizes: Sequence[float]) -> float | Tensor:
    """Return E KL(mu || nu_S) = sum_k s_k CE_{N_{k-1}} - H(X) of a learned denoiser.

    `cross_entropy[m]` is the mean cross-entropy of a masked token given m revealed ones, in nats.
    """
    return number(_left_sum(torch.as_tensor(cross_entropy, dtype=torch.float64), sizes) - entropy)


def learned_per_token_error(cross_entropy: object, entropy: float, grid: object) -> float | Tensor:
    """Return n sum_k (alpha_{k+1} - alpha_k) CE(alpha_k) - H(X), CE(alpha) the smoothed cross-entropy."""
    return number(_smoothed_sum(torch.as_tensor(cross_entropy, dtype=torch.float64), grid) - entropy)


def _left_sum(heights: Float[Tensor, "*batch n"], sizes: Sequence[float]) -> Float[Tensor, "*batch"]:
    """Return sum_k s_k h[N_{k-1}], N_{k-1} the tokens revealed before block k."""
    blocks = [s for s in check_sizes(sizes, heights.shape[-1]) if s]
    starts = [0, *itertools.accumulate(blocks)][:-1]
    return (heights[..., starts] * heights.new_tensor(blocks)).sum(-1)


def _smoothed_sum(heights: Float[Tensor, "*batch n"], grid: object) -> Tensor:
    """Return n sum_k (alpha_{k+1} - alpha_k) h~(alpha_k)."""
    alpha = grid if isinstance(grid, Tensor) and grid.requires_grad else torch.from_numpy(check_grid(grid))
    return heights.shape[-1] * (alpha.diff(dim=-1) * smoothed_curve(heights, alpha[..., :-1])).sum(-1)


def many_step_constant(curve: object, mask: object) -> float:
    """Return lim K E_iid = (n / 2) int_0^1 Z~'(alpha(t)) alpha'(t)^2 dt (schedules.8), `mask` as in `as_schedule`.

    Infinite where the integral diverges; the error then falls more slowly than 1 / K. Where the curve starts with r
    equal steps, Z~' grows like alpha^r; where alpha starts like t^p the integrand is like t^(p (r + 2) - 2), so the
    integral diverges if and only if p (r + 2) <= 1. The same holds at t = 1 for 1 - alpha and the steps that the curve
    ends with. Steps below the slack count as equal.
    """
    z, mask = check_curve(curve), as_schedule(mask)
    steps = z.diff()
    slopes = (len(z) - 1) * torch.where(steps.abs() <= SLACK * max(1.0, float(z.abs().max())), 0.0, steps)
    ends = ((slopes, mask), (slopes.flip(0), mask.mirrored()))
    return len(z) / 2 * math.fsum(_kinetic_half(rise, half) for rise, half in ends)


def _kinetic_half(slopes: Float[Tensor, "steps"], mask: Schedule) -> float:
    """Return int_0^(1/2) Z~'(alpha(t)) alpha'(t)^2 dt, Z~' the Bernstein polynomial of the slopes."""
    rising = slopes.nonzero()
    if not len(rising):
        return 0.0
    order, doubt = mask.start_order()
    times = int(rising[0, 0]) + 2
    power = order * times - 2
    if power <= -1 + times * doubt:
        return math.inf

    def speed(t: float) -> float:
        alpha = torch.as_tensor(mask(t), dtype=torch.float64)
        height = max(0.0, float(bernstein(slopes, alpha)))
        return math.sqrt(height) * float(mask.derivative(np.asarray(t))) if height else 0.0

    if power >= 0:
        return _integral(lambda t: speed(t) ** 2, 0.0, 0.5, mask.name, [t for t in mask.nodes() if t < 0.5])

    def in_logarithm(w: float) -> float:
        return (speed(math.exp(w)) * math.exp(w / 2)) ** 2

    first = max(-600.0, -60.0 / (1 + power))
    return in_logarithm(first) / (1 + power) + _integral(in_logarithm, first, math.log(0.5), mask.name)


def best_many_step_constant(curve: object) -> float:
    """Return the least many-step constant, (n / 2) (int sqrt Z~' dalpha)^2, over all mask schedules.

    Integrated over the angle with alpha = sin^2, the scale on which Z~ varies.
    """
    z = check_curve(curve)

    def root(angle: float) -> float:
        slope = smoothed_curve_derivative(z, torch.tensor(math.sin(angle) ** 2, dtype=torch.float64))
        return float(slope.clamp(min=0).sqrt()) * math.sin(2 * angle)

    return len(z) / 2 * _integral(root, 0, math.pi / 2, "the best schedule") ** 2


def _integral(f: Callable[[float], float], low: float, high: float, name: str, nodes: Sequence[float] = ()) -> float:
    """Integrate adaptively. Raises InvalidInput where the result is not good to 1e-6."""
    value, error, *more = integrate.quad(
        f, low, high, limit=400, epsabs=1e-13, epsrel=1e-10, points=nodes or None, full_output=True
    )
    if len(more) > 1 and not error <= 1e-6 * abs(value) + 1e-12:
        raise InvalidInput(
            f"the many-step constant of {name} cannot be integrated: alpha' is too steep between 0 and 1"
        )
    return float(value)


def rounded_sizes(grid: object, n: int) -> list[int]:
    """Return the block sizes of a grid rounded to whole tokens, N_k = floor(n alpha_k + 1/2); zeros dropped."""
    alpha = check_grid(grid)
    if alpha.ndim != 1:
        raise InvalidInput(f"grids of shape {alpha.shape}; expected one grid")
    nodes = np.floor(n * alpha + 0.5).astype(int)
    return [int(s) for s in np.diff(nodes) if s]
