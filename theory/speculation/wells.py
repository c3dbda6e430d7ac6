"""An unnormalised density to sample by Langevin dynamics, and the exact bias of its steps (arXiv 2501.05370, abstract).

The density is proportional to exp(-h (x^2 - 1)^2) in every coordinate: two wells at -1 and 1 below a barrier of h nats.
Langevin dynamics needs its score alone, never its mass: y + gamma score(y) + sqrt(2 gamma) Z. The law after any number
of steps is computed on a grid (trapezoidal rule, which converges faster than any power of the spacing for smooth
integrands on the line), and so is its total variation from the density, the error that speculation keeps as it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy import special
from torch import Tensor

from theory.errors import InvalidInput
from theory.speculation.gaussian import Chain
from theory.speculation.quadrature import normal

REACH = 3.5
"""Half-width of the grid. Outside, the density has mass below e^-60 where h >= 0.5, a start of scale 0.5 3e-12."""


@dataclass(frozen=True)
class DoubleWell:
    """The density proportional to exp(-h (x^2 - 1)^2), a product over coordinates; `barrier` is h in nats."""

    barrier: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.barrier) and self.barrier > 0):
            raise InvalidInput(f"barrier {self.barrier}; expected a positive finite number of nats")

    def log_weight(self, y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
        """Return the logarithm of the unnormalised density, in nats."""
        return -self.barrier * (y.square() - 1).square().sum(-1)

    def score(self, y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Return the gradient of the log-density, 4 h y (1 - y^2)."""
        return 4 * self.barrier * y * (1 - y.square())

    def mass(self) -> float:
        """Return the integral of one coordinate's weight: (pi / 2) e^(-h / 2) (I_(-1/4)(h / 2) + I_(1/4)(h / 2))."""
        x = self.barrier / 2
        scaled = special.ive(-0.25, x) + special.ive(0.25, x)  # of e^-x I(x)
        return float(math.pi / 2 * scaled)

    def langevin(self, steps: int, gamma: float, copies: int = 1, start_scale: float = 0.5) -> Chain:
        """Return unadjusted Langevin dynamics from N(0, start_scale^2 I). Raises InvalidInput where gamma <= 0."""
        return self._chain(steps, gamma, copies, start_scale, still=False)

    def still(self, steps: int, gamma: float, copies: int = 1, start_scale: float = 0.5) -> Chain:
        """Return a draft that costs nothing: the noise of Langevin dynamics without its drift."""
        return self._chain(steps, gamma, copies, start_scale, still=True)

    def _chain(self, steps: int, gamma: float, copies: int, start_scale: float, still: bool) -> Chain:
        if steps < 1 or not gamma > 0:
            raise InvalidInput(f"{steps} steps of size gamma = {gamma:g}; expected at least one and gamma > 0")
        sizes = torch.full((steps,), float(gamma), dtype=torch.float64)
        name = f"{'still draft' if still else 'Langevin'}, N = {steps}, gamma {gamma:g}"
        drift = (lambda k, y: torch.zeros_like(y)) if still else (lambda k, y: self.score(y))
        return Chain(drift, sizes, (2 * sizes).sqrt(), copies, start_scale, name)


def grid(gamma: float, reach: float = REACH) -> Float[Tensor, "points"]:
    """Return equidistant points whose distance is a quarter of a step's noise, at most 0.02."""
    spacing = min(0.02, math.sqrt(2 * gamma) / 4)
    return torch.linspace(-reach, reach, 2 * math.ceil(reach / spacing) + 1, dtype=torch.float64)


def density_after(well: DoubleWell, gamma: float, steps: int, start_scale: float = 0.5) -> Float[Tensor, "points"]:
    """Return the density of one coordinate of Langevin dynamics after so many steps, on `grid(gamma)`.

    Raises InvalidInput where the steps are so large that a share above 1e-6 of the chains leaves the grid: far out the
    drift is steep, and such a chain diverges.
    """
    y = grid(gamma)
    sigma, spacing = math.sqrt(2 * gamma), float(y[1] - y[0])
    mean = y + gamma * well.score(y[:, None])[:, 0]
    kernel = normal((y[None] - mean[:, None]) / sigma) / sigma * spacing
    start = normal(y / start_scale) / start_scale
    density: Tensor = start @ torch.linalg.matrix_power(kernel, steps)
    lost = abs(1 - float(density.sum()) * spacing)
    if not lost <= 1e-6:
        raise InvalidInput(
            f"step size gamma = {gamma:g} with barrier {well.barrier:g}: a share {lost:.2g} of the chains leaves "
            f"[-{REACH}, {REACH}] within {steps} steps; choose smaller steps"
        )
    return density


def distance_after(well: DoubleWell, gamma: float, steps: int, start_scale: float = 0.5) -> float:
    """Return the total variation between one coordinate after so many steps and the density itself."""
    y = grid(gamma)
    target = well.log_weight(y[:, None]).exp() / well.mass()
    gap = (density_after(well, gamma, steps, start_scale) - target).abs()
    return float(gap.sum() * (y[1] - y[0]) / 2)
