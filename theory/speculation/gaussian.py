"""Gaussian chains Y_{k+1} ~ N(Y_k + gamma_k b_k(Y_k), sigma_k^2 I): reversed diffusions and Langevin dynamics.

The targets are Gaussian mixtures, whose score is analytic at every noise level. Forward process of the
diffusions: dX = -X dt + sqrt 2 dB, so X_s = e^-s X_0 + sqrt(1 - e^-2s) xi.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput

Drift = Callable[[int, Float[Tensor, "paths dim"]], Float[Tensor, "paths dim"]]
"""From the step k and the states to the drift b_k: one network call."""

GAIN = math.sqrt(2)
"""g of the forward process."""


def _vector(name: str, values: Sequence[float]) -> Float[Tensor, "m"]:
    found = torch.as_tensor(values, dtype=torch.float64)
    if found.ndim != 1 or not len(found) or not bool((found > 0).all()) or not bool(torch.isfinite(found).all()):
        raise InvalidInput(f"{name} {found.tolist()}; expected a list of positive finite numbers, one a component")
    return found


def _count(name: str, value: int) -> int:
    if value < 1:
        raise InvalidInput(f"{name} {value}; expected at least 1")
    return value


class Mixture:
    """A mixture of isotropic Gaussians in R^D; a state of c D coordinates is c independent copies of it.

    `weights` (m) are positive and need not sum to one, `means` (m) or (m, D), `scales` (m) are standard deviations.
    """

    def __init__(
        self, weights: Sequence[float], means: Sequence[float] | Sequence[Sequence[float]], scales: Sequence[float]
    ) -> None:
        self.weights, self.scales = _vector("weights", weights), _vector("scales", scales)
        centres = torch.as_tensor(means, dtype=torch.float64)
        self.means = centres[:, None] if centres.ndim == 1 else centres
        if self.means.ndim != 2 or not len(self.weights) == len(self.means) == len(self.scales):
            raise InvalidInput(
                f"{len(self.weights)} weights, means of shape {tuple(centres.shape)}, {len(self.scales)} scales; "
                "expected one of each for every component"
            )
        if not bool(torch.isfinite(self.means).all()):
            raise InvalidInput("means hold NaN or infinite entries; expected finite ones")
        self.weights = self.weights / self.weights.sum()
        self.dimension = self.means.shape[1]

    def at(self, time: float) -> Mixture:
        """Return the law of X_s at forward time s >= 0."""
        if not time >= 0:
            raise InvalidInput(f"forward time {time:g}; expected >= 0")
        shrink = math.exp(-time)
        scales = (shrink**2 * self.scales.square() - math.expm1(-2 * time)).sqrt()
        return Mixture(self.weights.tolist(), (shrink * self.means).tolist(), scales.tolist())

    def log_density(self, y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
        """Return the log-density in nats, summed over the copies."""
        return self._joint(y)[1].logsumexp(-1).sum(-1)

    def score(self, y: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
        """Return the gradient of the log-density, exactly: responsibilities times (mean - y) / variance."""
        gap, joint = self._joint(y)
        pull = joint.softmax(-1) / self.scales.square()
        return (pull[..., None] * gap).sum(-2).reshape(y.shape)

    def _joint(self, y: Tensor) -> tuple[Tensor, Tensor]:
        if y.shape[-1] % self.dimension:
            raise InvalidInput(f"states of {y.shape[-1]} coordinates; expected a multiple of {self.dimension}")
        blocks = y.reshape(*y.shape[:-1], -1, 1, self.dimension)
        gap = self.means - blocks
        level = self.weights.log() - self.dimension * (self.scales.log() + math.log(2 * math.pi) / 2)
        return gap, level - gap.square().sum(-1) / (2 * self.scales.square())


TOY = Mixture((0.3, 0.7), (-2.0, 1.5), (0.4, 0.6))
"""The mixture target: .3 N(-2, .4^2) + .7 N(1.5, .6^2)."""


@dataclass(frozen=True)
class Chain:
    """Start N(0, `start_scale`^2 I), then one Gaussian step for each entry of `gamma` and `sigma`, both (N,)."""

    drift: Drift
    gamma: Float[Tensor, "steps"]
    sigma: Float[Tensor, "steps"]
    dimension: int = 1
    start_scale: float = 1.0
    name: str = "chain"

    def __post_init__(self) -> None:
        _count("dimension", self.dimension)
        if self.gamma.ndim != 1 or self.gamma.shape != self.sigma.shape or not len(self.gamma):
            raise InvalidInput(
                f"gamma of shape {tuple(self.gamma.shape)}, sigma of shape {tuple(self.sigma.shape)}; "
                "expected one number a step in each, N >= 1"
            )
        if not bool((self.gamma > 0).all()) or not bool((self.sigma > 0).all()):
            raise InvalidInput(
                f"smallest gamma {float(self.gamma.min()):g}, sigma {float(self.sigma.min()):g}; expected > 0: "
                "a chain without noise (churn 0, temperature 0) leaves no coupling"
            )

    @property
    def steps(self) -> int:
        """Return N."""
        return len(self.gamma)

    def start(self, paths: int, generator: torch.Generator | None = None) -> Float[Tensor, "paths dim"]:
        """Draw Y_0."""
        shape = (_count("paths", paths), self.dimension)
        return self.start_scale * torch.randn(shape, dtype=torch.float64, generator=generator)

    def slope(self, k: int, y: Float[Tensor, "paths dim"]) -> Float[Tensor, "paths dim"]:
        """Return b_k(y); raise InvalidInput where a drift of one's own returns another shape."""
        found = self.drift(k, y)
        if found.shape != y.shape:
            raise InvalidInput(
                f"drift of {self.name} returns shape {tuple(found.shape)}; expected that of y, {tuple(y.shape)}"
            )
        return found


def diffusion(
    target: Mixture, steps: int, churn: float = 1.0, horizon: float = 4.0, copies: int = 1, score_error: float = 0.0
) -> Chain:
    """Return the Euler chain of the reversed process: drift y + (1 + churn^2) score, noise churn sqrt(2 gamma).

    `score_error` is added to every coordinate of the score: a draft of known mismatch. The output law is that
    of this discretised chain, not of the mixture.
    """
    _count("steps N", steps)
    _count("copies", copies)
    if not churn > 0 or not horizon > 0:
        raise InvalidInput(f"churn {churn:g}, horizon {horizon:g}; expected > 0: churn 0 leaves no coupling")
    gamma = torch.full((steps,), horizon / steps, dtype=torch.float64)
    levels = [target.at(horizon * (1 - k / steps)) for k in range(steps)]

    def drift(k: int, y: Tensor) -> Tensor:
        return y + (1 + churn**2) * (levels[k].score(y) + score_error)

    sigma = churn * GAIN * gamma.sqrt()
    return Chain(drift, gamma, sigma, copies * target.dimension, name=f"diffusion, N = {steps}, churn {churn:g}")


def langevin(
    target: Mixture, steps: int, gamma: float, temperature: float = 1.0, start_scale: float = 1.0, copies: int = 1
) -> Chain:
    """Return unadjusted Langevin dynamics y + gamma score(y) + sqrt(2 gamma temperature) Z, with its own bias."""
    _count("steps N", steps)
    _count("copies", copies)
    if not temperature > 0 or not gamma > 0:
        raise InvalidInput(f"temperature {temperature:g}, gamma {gamma:g}; expected > 0: no noise leaves no coupling")
    sizes = torch.full((steps,), gamma, dtype=torch.float64)
    sigma = (2 * temperature * sizes).sqrt()
    name = f"Langevin, N = {steps}, gamma {gamma:g}"
    return Chain(lambda k, y: target.score(y), sizes, sigma, copies * target.dimension, start_scale, name)


def check_draft(target: Chain, draft: Chain) -> None:
    """Raise InvalidInput unless the draft has the target's length, dimension and covariances."""
    if (draft.steps, draft.dimension) != (target.steps, target.dimension):
        raise InvalidInput(
            f"draft of {draft.steps} steps in dimension {draft.dimension}; expected {target.steps} steps in dimension "
            f"{target.dimension}, those of the target"
        )
    if not torch.allclose(draft.sigma, target.sigma, rtol=1e-12, atol=0.0):
        k = int((draft.sigma / target.sigma).log().abs().argmax())
        raise InvalidInput(
            f"draft has sigma {float(draft.sigma[k]):g} at step {k}, the target {float(target.sigma[k]):g}; expected "
            "equal covariances: the reflection needs them, so give the draft the target's noise schedule"
        )
