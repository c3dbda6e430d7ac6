"""The stationary law of discrete SGD on a quadratic loss, and its loss, entropy, temperature and free energy.

The loss is L(w) = wᵀHw / 2 and a step is w⁺ = w - eta (H w + xi) with xi ~ N(0, C) drawn afresh. For a learning rate
0 < eta < 2 / h_max, h the eigenvalues of H, the weights forget where they began and end in N(0, Sigma). With

    U = E L,    S = the differential entropy of the weights,    F = U - T S,

the temperature T(eta) = U'(eta) / S'(eta) is the only one at which F can be least at eta among all learning rates.
The quantities U, S, T and F are those of Sadrtdinov, Klimov, Lobacheva, Vetrov (arXiv 2505.23489); the formulas for
quadratic losses are derived in docs/derivations.md, sgd.1 to sgd.6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput

SYMMETRIC = 1e-12
"""Largest asymmetry of a matrix, and most negative eigenvalue of a covariance, over its largest entry: rounding."""


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A quadratic loss with Hessian H, positive definite, and gradient noise of covariance C, both of shape (d, d).

    Raises InvalidInput for matrices that are not square, finite, symmetric and of one size, for a Hessian that is not
    positive definite and for a covariance that is not positive semidefinite.
    """

    hessian: Float[ndarray, "d d"]
    noise: Float[ndarray, "d d"]

    def __post_init__(self) -> None:
        for name in ("hessian", "noise"):
            _check_symmetric(name, getattr(self, name))
        if self.hessian.shape != self.noise.shape:
            raise InvalidInput(f"hessian {self.hessian.shape}, noise {self.noise.shape}; expected one size")
        if not self.curvatures[0] > 0:
            raise InvalidInput(f"least eigenvalue of the hessian {self.curvatures[0]:.3g}; expected it above 0")
        least, largest = np.linalg.eigvalsh(self.noise)[[0, -1]]
        if least < -SYMMETRIC * max(abs(largest), abs(least)):
            raise InvalidInput(
                f"least eigenvalue of the noise {least:.3g}; expected a positive semidefinite covariance"
            )

    @classmethod
    def diagonal(cls, curvatures: Float[ndarray, " d"], noise: Float[ndarray, " d"]) -> Quadratic:
        """Return the quadratic whose Hessian and noise have the same eigenvectors, from the eigenvalues of both."""
        return cls(np.diag(np.asarray(curvatures, dtype=float)), np.diag(np.asarray(noise, dtype=float)))

    @property
    def d(self) -> int:
        """Return the number of weights."""
        return len(self.hessian)

    @cached_property
    def _eigen(self) -> tuple[ndarray, ndarray]:
        return np.linalg.eigh(self.hessian)

    @property
    def curvatures(self) -> Float[ndarray, " d"]:
        """Return the eigenvalues of the Hessian, from the least to the largest."""
        return self._eigen[0]

    @property
    def axes(self) -> Float[ndarray, "d d"]:
        """Return the eigenvectors of the Hessian, one a column."""
        return self._eigen[1]

    @property
    def rotated_noise(self) -> Float[ndarray, "d d"]:
        """Return the covariance of the noise along the eigenvectors of the Hessian."""
        return np.asarray(self.axes.T @ self.noise @ self.axes)

    @property
    def largest_rate(self) -> float:
        """Return 2 / h_max: at this learning rate and above the weights do not settle."""
        return float(2 / self.curvatures[-1])

    def stationary(self, rates: Float[ndarray, " m"] | float) -> Stationary:
        """Return the stationary laws at learning rates. Raises InvalidInput outside 0 < eta < 2 / h_max."""
        eta = np.atleast_1d(np.asarray(rates, dtype=float))
        if eta.ndim != 1 or not ((eta > 0) & (eta < self.largest_rate)).all():
            outside = eta[~((eta > 0) & (eta < self.largest_rate))]
            shown = f"{outside.flat[0]:.6g}" if outside.size else f"array of shape {eta.shape}"
            limit = f"(0, {self.largest_rate:.6g}), below 2 over the largest curvature"
            raise InvalidInput(f"learning rate {shown}; expected one or more in {limit}")
        return Stationary(self, eta)


@dataclass(frozen=True, eq=False)
class Stationary:
    """The stationary laws N(0, Sigma) of SGD on a quadratic loss, one for each of m learning rates.

    Everything is computed along the eigenvectors of the Hessian, where
    Sigma_ij = eta C_ij / (h_i + h_j - eta h_i h_j).
    """

    problem: Quadratic
    rates: Float[ndarray, " m"]

    @cached_property
    def _rotated(self) -> ndarray:
        eta, h = self.rates[:, None, None], self.problem.curvatures
        return np.asarray(eta * self.problem.rotated_noise / (h[:, None] + h - eta * np.multiply.outer(h, h)))

    @cached_property
    def _slope(self) -> ndarray:
        """Return d Sigma / d eta: Sigma_ij / eta / (1 - eta h_i h_j / (h_i + h_j))."""
        eta, h = self.rates[:, None, None], self.problem.curvatures
        harmonic = np.multiply.outer(h, h) / (h[:, None] + h)
        return np.asarray(self._rotated / eta / (1 - eta * harmonic))

    @property
    def covariance(self) -> Float[ndarray, "m d d"]:
        """Return Sigma in the coordinates of the weights."""
        axes = self.problem.axes
        return np.asarray(axes @ self._rotated @ axes.T)

    @property
    def covariance_slope(self) -> Float[ndarray, "m d d"]:
        """Return the derivative of Sigma in the learning rate, in the coordinates of the weights."""
        axes = self.problem.axes
        return np.asarray(axes @ self._slope @ axes.T)

    @property
    def loss(self) -> Float[ndarray, " m"]:
        """Return U, the expected loss."""
        return np.asarray(np.einsum("mii,i->m", self._rotated, self.problem.curvatures) / 2)

    @property
    def entropy(self) -> Float[ndarray, " m"]:
        """Return S, the differential entropy in nats; minus infinity where some direction has no noise."""
        return np.asarray(gaussian_entropy(self._rotated))

    @property
    def temperature(self) -> Float[ndarray, " m"]:
        """Return T = U' / S'. Raises InvalidInput where a direction without noise leaves S undefined."""
        if not np.isfinite(self.entropy).all():
            raise InvalidInput("the noise is singular; expected noise in every direction, or the entropy is undefined")
        rise = np.einsum("mii,i->m", self._slope, self.problem.curvatures)
        return np.asarray(rise / np.trace(np.linalg.solve(self._rotated, self._slope), axis1=-2, axis2=-1))

    def free_energy(self, temperature: float) -> Float[ndarray, " m"]:
        """Return U - T S at one temperature."""
        return self.loss - temperature * self.entropy

    def gap(self, temperature: float) -> Float[ndarray, " m"]:
        """Return how far each law's free energy lies above the least of all laws, that of `gibbs`."""
        return self.free_energy(temperature) - gibbs(self.problem, temperature).free_energy

    def divergence(self, temperature: float) -> Float[ndarray, " m"]:
        """Return KL(N(0, Sigma) || Gibbs law at a temperature), in nats."""
        h = self.problem.curvatures
        ratio = self._rotated * np.sqrt(np.multiply.outer(h, h)) / temperature
        excess = np.trace(ratio, axis1=-2, axis2=-1) - self.problem.d - np.linalg.slogdet(ratio)[1]
        return np.asarray(excess / 2)


@dataclass(frozen=True)
class Gibbs:
    """The Gibbs law exp(-L / T) / Z of a quadratic loss: expected loss, entropy (nats) and free energy -T ln Z."""

    temperature: float
    loss: float
    entropy: float

    @property
    def free_energy(self) -> float:
        """Return U - T S, the least over all laws."""
        return self.loss - self.temperature * self.entropy


def gibbs(problem: Quadratic, temperature: float) -> Gibbs:
    """Return the Gibbs law N(0, T H⁻¹). Raises InvalidInput unless T > 0."""
    if not (temperature > 0 and math.isfinite(temperature)):
        raise InvalidInput(f"temperature {temperature}; expected a positive number")
    entropy = problem.d / 2 * math.log(2 * math.pi * math.e * temperature) - np.log(problem.curvatures).sum() / 2
    return Gibbs(temperature, problem.d * temperature / 2, float(entropy))


def gibbs_noise(hessian: Float[ndarray, "d d"], rate: float, temperature: float) -> Float[ndarray, "d d"]:
    """Return (2 T / eta) I - T H: the one noise covariance whose stationary law is the Gibbs law at T."""
    return np.asarray(2 * temperature / rate * np.eye(len(hessian)) - temperature * hessian)


def gaussian_entropy(covariance: Float[ndarray, "*batch d d"]) -> Float[ndarray, "*batch"]:
    """Return the differential entropy ln det(2 pi e Sigma) / 2 of Gaussian laws, in nats."""
    d = covariance.shape[-1]
    sign, size = np.linalg.slogdet(covariance)
    return np.where(sign > 0, d / 2 * math.log(2 * math.pi * math.e) + size / 2, -np.inf)


def aligned_temperature(
    curvatures: Float[ndarray, " d"], noise: Float[ndarray, " d"], rate: float
) -> tuple[float, Float[ndarray, " d"]]:
    """Return T(eta) and the temperatures of the directions, where Hessian and noise share their eigenvectors.

    With x_i = 1 / (2 - eta h_i) direction i has temperature tau_i = h_i Sigma_ii = eta c_i x_i, and T is their mean
    with weights x_i.
    """
    x = 1 / (2 - rate * np.asarray(curvatures))
    tau = rate * np.asarray(noise) * x
    return float((x * tau).sum() / x.sum()), tau


def _check_symmetric(name: str, matrix: ndarray) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size or not np.isfinite(matrix).all():
        raise InvalidInput(f"{name} of shape {matrix.shape}; expected a square matrix of finite numbers")
    if np.abs(matrix - matrix.T).max() > SYMMETRIC * np.abs(matrix).max():
        raise InvalidInput(f"{name} is not symmetric (off by {np.abs(matrix - matrix.T).max():.3g}); expected it to be")
