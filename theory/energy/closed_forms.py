"""Energies in closed form: constants C_k, C_c, C_g, the integral J, the Beta landscape, discretised energies.

Sources: Theorems 3.1, 3.2, 3.6, Proposition 3.7 and equation D.5 of Chen et al. (arXiv 2509.13866), and
the closed-form landscape, J / pi^2 = 1 + chi^2 and J >= pi^2 (docs/derivations.md, energy.2a). Energies are
in units of 1 / time (generation time runs over [0, 1]); angles in radians.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray
from scipy import optimize, special

from theory.energy.quadrature import integral_from_zero
from theory.errors import InvalidInput
from theory.reference.energy import Problem
from theory.schedules import Schedule, check_grid, uniform_grid

if TYPE_CHECKING:
    from theory.worlds import World

LEAST = math.pi**2
"""min J over mask schedules, pi^2."""


def schedule_integral(problem: Problem) -> float:
    """Return J = int alpha'^2 / (gamma' alpha (1 - alpha)) dt by quadrature, relative error 1e-11.

    Raises InvalidInput when J is infinite.
    """
    return sum(
        integral_from_zero(lambda t, m=mask, w=weight: _density(m, w, t))  # type: ignore[misc]  # defaults bind
        for mask, weight in (
            (problem.mask, problem.weight),
            (problem.backward_mask, problem.backward_weight),
        )
    )


def chi_square(own: Problem) -> float:
    """Return chi^2(g || w) = int (g - w)^2 / w dt by quadrature.

    `own.mask` is read as an interpolation schedule with density g (not as a mask), `own.weight` as the
    one with density w. J / pi^2 = 1 + chi^2 for the mask schedule sin^2(pi G / 2).
    """

    def density(one: Schedule, other: Schedule, t: ndarray) -> ndarray:
        g, w = one.derivative(t), other.derivative(t)
        return np.asarray((g - w) ** 2 / w)

    left = integral_from_zero(lambda t: density(own.mask, own.weight, t))
    return left + integral_from_zero(lambda t: density(own.backward_mask, own.backward_weight, t))


def kinetic_constant(world: World) -> int:
    """Return C_k, the sum over the states that the data reaches of their number of masks (Theorem 3.1)."""
    reachable = reachable_states(world)
    masks = sum(np.moveaxis(reachable, i, 0)[world.d].sum() for i in range(world.n))
    return int(masks)


def reachable_states(world: World) -> Bool[ndarray, "*states"]:
    """Return which partially masked states have q(z_UM) > 0, as a table of shape (d + 1,) * n.

    Raises InvalidInput for a batch of laws.
    """
    reachable = table_of_law(world) > 0
    for axis in range(world.n):
        reachable = np.concatenate([reachable, reachable.any(axis, keepdims=True)], axis)
    return reachable


def table_of_law(world: World) -> Float[ndarray, "*law"]:
    """Return the d^n probabilities of one law as an array of shape (d,) * n. Raises InvalidInput for a batch."""
    if world.worlds:
        raise InvalidInput(f"a batch of {world.worlds} laws; expected one: take world[k]")
    return np.asarray(world.law().detach().reshape((world.d,) * world.n))


def full_support_constant(n: int, d: int) -> int:
    """Return n (d + 1)^(n - 1), the value of C_k when every sequence has positive probability."""
    return int(n * (d + 1) ** (n - 1))


def conditional_constant(n: int) -> int:
    """Return C_c = n 2^(n - 1) (Theorem 3.1)."""
    return int(n * 2 ** (n - 1))


def geodesic_constant(n: int) -> int:
    """Return C_g = n, with the factor 4 of `geodesic_integrand` (Theorem 3.2: E_c = 2^(n-1) E_g)."""
    return n


def beta_landscape(a: Any, b: Any, c: Any, e: Any) -> Float[ndarray, "*shape"]:
    """Return J for the Beta(a, b) mask under the Beta(c, e) weight; arguments broadcast; inf where infinite.

    J = pi^2 B(2a - c, 2b - e) B(c, e) / B(a, b)^2, finite iff 2a > c and 2b > e. Raises InvalidInput
    unless all parameters are finite and positive.
    """
    shapes = [np.asarray(value, dtype=float) for value in (a, b, c, e)]
    if not all(np.isfinite(s).all() and (s > 0).all() for s in shapes):
        raise InvalidInput("Beta parameters must be finite and > 0; got a NaN, infinite, zero or negative one")
    one, two, three, four = np.broadcast_arrays(*shapes)
    x, y = 2 * one - three, 2 * two - four
    finite = (x > 0) & (y > 0)
    x, y = np.where(finite, x, 1.0), np.where(finite, y, 1.0)
    excess = special.betaln(x, y) + special.betaln(three, four) - 2 * special.betaln(one, two)
    return np.asarray(np.where(finite, LEAST * np.exp(excess), np.inf))


def angles(grid: object) -> Float[ndarray, "*batch nodes"]:
    """Return theta = arcsin sqrt(alpha) along a grid of revealed fractions."""
    return np.asarray(np.arcsin(np.sqrt(check_grid(grid))))


def chord_energy(steps: object, widths: object) -> Float[ndarray, "*batch"]:
    """Return the discretised energy D.5, 4 sum_k 2 (1 - cos dtheta_k) / dgamma_k, which tends to J.

    `steps` are the angles dtheta_k between consecutive points, `widths` the increments dgamma_k.
    """
    theta, gamma = _steps(steps, widths)
    return np.asarray((4 * 4 * np.sin(theta / 2) ** 2 / gamma).sum(-1))


def arc_energy(steps: object, widths: object) -> Float[ndarray, "*batch"]:
    """Return 4 sum_k dtheta_k^2 / dgamma_k: D.5 with arcs for chords; 1 to pi^2 / 8 times as large."""
    theta, gamma = _steps(steps, widths)
    return np.asarray((4 * theta**2 / gamma).sum(-1))


def step_energy(grid: object) -> Float[ndarray, "*batch"]:
    """Return the K-step energy 4 K sum (dtheta_k)^2 of a grid of revealed fractions, weight gamma = t."""
    theta = np.diff(angles(grid), axis=-1)
    return arc_energy(theta, np.diff(uniform_grid(theta.shape[-1])))


def proportional_steps(widths: object) -> Float[ndarray, "K"]:
    """Return the angles dtheta_k = (pi / 2) dgamma_k: optimal for arcs, for chords only with equal widths."""
    gamma = _steps(np.zeros_like(widths), widths)[1]
    return np.asarray(math.pi / 2 * gamma)


def best_chord_steps(widths: object) -> Float[ndarray, "K"]:
    """Return the angles of least chord energy: sin(dtheta_k) proportional to dgamma_k, summing to pi / 2.

    Stationarity of sum (1 - cos dtheta_k) / dgamma_k under sum dtheta_k = pi / 2; the problem is convex on
    [0, pi / 2]. Equal widths give equal angles.
    """
    gamma = _steps(np.zeros_like(widths), widths)[1]
    share = gamma / gamma.max()
    if share.size == 1:
        return np.array([math.pi / 2])

    def excess(scale: float) -> float:
        return float(np.arcsin(np.clip(scale * share, 0, 1)).sum() - math.pi / 2)

    scale = optimize.brentq(excess, 0.0, 1.0, xtol=1e-16, rtol=1e-15)
    return np.asarray(np.arcsin(np.clip(scale * share, 0, 1)))


def _density(mask: Schedule, weight: Schedule, t: ndarray) -> ndarray:
    speed = mask.derivative(t)
    return np.asarray(speed / mask.value(t) * (speed / weight.derivative(t)) / mask.complement(t))


def _steps(steps: object, widths: object) -> tuple[ndarray, ndarray]:
    theta, gamma = np.asarray(steps, dtype=float), np.asarray(widths, dtype=float)
    if theta.shape[-1:] != gamma.shape[-1:] or theta.shape[-1:] in ((), (0,)):
        raise InvalidInput(f"{theta.shape} angles for {gamma.shape} widths; expected as many, at least one")
    if not ((theta >= 0).all() and (gamma > 0).all() and np.isfinite(theta).all()):
        raise InvalidInput("angles must be >= 0 and widths of the weight > 0")
    return theta, gamma
