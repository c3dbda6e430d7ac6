"""Laws of one-dimensional Gaussian chains on a grid: the terminal law, and the windows of the speculative sampler.

Smooth integrands on the whole line: the trapezoidal rule converges faster than any power of the grid's step. As a
function of the state before, a transition's density is as narrow as sigma over the slope of the mean; the default step
is a third of that, and half of it changes laws by less than 1e-11. Accepted parts have a kink where
p = q; there the rule is of second order, and callers compare two grids.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from torch import Tensor

from theory.errors import InvalidInput
from theory.speculation.coupling import acceptance
from theory.speculation.gaussian import Chain
from theory.worlds import states

REACH = 9.0
"""Half-width of the grid in standard deviations of the start and units of the toy's scale: mass outside < 1e-18."""
KNOTS = 4001
"""Points of the spline: spacing 0.0045, so its error is below 1e-9 while densities vary on a scale above 0.05."""


def normal(u: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return the standard normal density."""
    return torch.exp(-u.square() / 2) / math.sqrt(2 * math.pi)


def grid(chain: Chain, points: int | None = None, reach: float = REACH) -> Float[Tensor, "points"]:
    """Return equidistant points over [-reach, reach], by default close enough for every transition (see above)."""
    if chain.dimension != 1:
        raise InvalidInput(f"chain of dimension {chain.dimension}; expected 1: quadrature is for one coordinate")
    if points is None:
        rough = torch.linspace(-reach, reach, 2001, dtype=torch.float64)
        steepest = [
            float(_mean(chain, k, rough).diff().abs().max() / (rough[1] - rough[0])) for k in range(chain.steps)
        ]
        widths = [float(s) / max(1.0, a) for s, a in zip(chain.sigma, steepest, strict=True)]
        points = math.ceil(6 * reach / min(widths)) + 1
    return torch.linspace(-reach, reach, points, dtype=torch.float64)


def marginal(chain: Chain, y: Float[Tensor, "points"], upto: int) -> Float[Tensor, "points"]:
    """Return the density of Y_upto at the grid points."""
    mass = normal(y / chain.start_scale) / chain.start_scale
    for k in range(upto):
        mass = _kernel(chain, k, y).T @ mass * float(y[1] - y[0])
    return mass


def terminal_law(chain: Chain, at: Float[Tensor, "m"]) -> Float[Tensor, "m"]:
    """Return P(Y_N <= at), the last transition integrated in closed form; accurate to about 1e-9.

    Beyond KNOTS points the law is interpolated by a cubic spline through that many.
    """
    if len(at) > KNOTS:
        knots = torch.linspace(-REACH, REACH, KNOTS, dtype=torch.float64)
        spline = CubicSpline(knots.numpy(), terminal_law(chain, knots).numpy())
        return torch.from_numpy(spline(at.clamp(-REACH, REACH).numpy())).clamp(0.0, 1.0)
    y, k = grid(chain), chain.steps - 1
    mass = marginal(chain, y, k) * (y[1] - y[0])
    law: Tensor = torch.special.ndtr((at[:, None] - _mean(chain, k, y)) / chain.sigma[k]) @ mass
    return law


@dataclass(frozen=True)
class Windows:
    """Exact expectations of the frozen-draft sampler, and the density of its Y_N on the grid."""

    rounds: float
    rejections: float
    density: Float[Tensor, "points"]


def windows(chain: Chain, window: int, y: Float[Tensor, "points"]) -> Windows:
    """Sweep the joint density of (state that the window froze, state now) over all ages of a window.

    Y's density is assembled as the algorithm does: the draft's times its acceptance, and the rejected noise
    mirrored. Memory is points^3 numbers.
    """
    states.require_memory(3 * len(y) ** 3, f"windows on {len(y)} points")
    h, steps = float(y[1] - y[0]), chain.steps
    starts = [torch.zeros_like(y) for _ in range(steps + 1)]
    starts[0] = normal(y / chain.start_scale) / chain.start_scale
    rounds = rejections = 0.0
    for n in range(steps):
        rounds += float(starts[n].sum()) * h
        first = _kernel(chain, n, y) * starts[n][:, None]
        if window == 1 or n + 1 == steps:
            starts[n + 1] += first.sum(0) * h
            continue
        frozen, joint = chain.gamma[n] * chain.slope(n, y[:, None]), first
        for k in range(n + 1, min(n + window, steps)):
            mean = _mean(chain, k, y)
            delta = (y + frozen - mean) / chain.sigma[k]
            rejections += float((joint * (1 - acceptance(delta.abs()))).sum()) * h**2
            kept, mirrored = _parts(y, mean, delta, float(chain.sigma[k]))
            weight = joint * h
            starts[k + 1] += torch.einsum("xy,xyz->z", weight, mirrored) * h
            joint = torch.einsum("xy,xyz->xz", weight, kept)
        starts[min(n + window, steps)] += joint.sum(0) * h
    return Windows(rounds, rejections, starts[steps])


def _parts(y: Tensor, mean: Tensor, delta: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Return the densities of a kept draft and of a mirrored one at every grid point, (start, now, next)."""
    u, d = (y - mean[:, None]) / sigma, delta[..., None]
    kept = normal(u - d) * torch.exp(torch.clamp(-(u - d) * d - d.square() / 2, max=0.0))
    mirrored = normal(-u) * (1 - torch.exp(torch.clamp(u * d - d.square() / 2, max=0.0)))
    return kept / sigma, mirrored / sigma


def _kernel(chain: Chain, k: int, y: Float[Tensor, "points"]) -> Float[Tensor, "points points"]:
    mean = _mean(chain, k, y)
    return normal((y - mean[:, None]) / chain.sigma[k]) / chain.sigma[k]


def _mean(chain: Chain, k: int, y: Float[Tensor, "points"]) -> Float[Tensor, "points"]:
    return y + chain.gamma[k] * chain.slope(k, y[:, None])[:, 0]
