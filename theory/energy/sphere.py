"""Probability paths as arcs on the sphere: p -> sqrt(p) sends the Fisher-Rao metric to the round one.

Sources: Shaul et al. (arXiv 2412.03487), kinetic-optimal path; Jo and Hwang (arXiv 2502.11564),
Proposition 3.1; Zhang and Syed (arXiv 2508.04884); docs/derivations.md, schedules.D. Angles are in
radians, divergences in nats. Batches lie on the leading axes, outcomes on the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import integrate, special

from theory.energy.closed_forms import table_of_law
from theory.errors import InvalidInput

if TYPE_CHECKING:
    from theory.worlds import World

FLOW_ACCURACY = 1e-11, 1e-13
"""Relative and absolute error that the flow's solver allows itself in each step."""

DIFFERENCE_STEP = 1e-3
"""Step of `fisher_information_by_differences`, relative to min(alpha, 1 - alpha)."""


def geodesic_angle(p: object, other: object) -> Float[ndarray, "*batch"]:
    """Return Omega = arccos sum sqrt(p p'), the angle between two laws on the sphere.

    Computed as 2 arcsin of half the chord, which keeps its digits at small angles.
    """
    chord = np.linalg.norm(np.sqrt(_law(p)) - np.sqrt(_law(other)), axis=-1)
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def slerp(start: object, end: object, fraction: object) -> Float[ndarray, "*T d"]:
    """Return the points of the great circle from one unit vector to another, by fraction of the angle."""
    one, two = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
    s = np.asarray(fraction, dtype=float)[..., None]
    omega = 2 * np.arcsin(np.clip(np.linalg.norm(one - two) / 2, 0, 1))
    if omega == 0:
        return np.broadcast_to(one, (*s.shape[:-1], len(one))).copy()
    return np.asarray((np.sin((1 - s) * omega) * one + np.sin(s * omega) * two) / np.sin(omega))


def geodesic_path(source: object, target: object, t: object) -> Float[ndarray, "*T d"]:
    """Return the kinetic-optimal path p_t between two laws: the squared great circle at constant speed."""
    return slerp(np.sqrt(_law(source)), np.sqrt(_law(target)), t) ** 2


def kinetic_optimal_kappa(t: object, source_at_target: float) -> Float[ndarray, "*T"]:
    """Return kappa_t = 1 - sin^2((1 - t) Omega) / sin^2 Omega with Omega = arccos sqrt(p_0(x_1)).

    For a target delta_{x_1} the great circle is the mixture (1 - kappa_t) p_0 + kappa_t delta_{x_1}. The
    mask source has p_0(x_1) = 0 and kappa_t = sin^2(pi t / 2). Raises InvalidInput outside [0, 1).
    """
    if not 0.0 <= source_at_target < 1.0:
        raise InvalidInput(f"p_0(x_1) = {source_at_target}; expected 0 <= p_0(x_1) < 1, else nothing moves")
    omega = math.atan2(math.sqrt(1 - source_at_target), math.sqrt(source_at_target))
    s = np.asarray(t, dtype=float)
    return np.asarray(1 - (np.sin((1 - s) * omega) / math.sin(omega)) ** 2)


def mixture_path(source: object, token: int, kappa: object) -> Float[ndarray, "*T d"]:
    """Return (1 - kappa) p_0 + kappa delta_token."""
    p0, k = _law(source), np.asarray(kappa, dtype=float)[..., None]
    return np.asarray((1 - k) * p0 + k * np.eye(p0.shape[-1])[token])


def masked_kappa(retained: object) -> Float[ndarray, "*T"]:
    """Return kappa = (2 / pi) arcsin sqrt(a), masked case: share of the arc left, a retained."""
    return np.asarray(np.arcsin(np.sqrt(np.asarray(retained, dtype=float))) * 2 / math.pi)


def uniform_kappa(retained: object, d: int) -> Float[ndarray, "*T"]:
    """Return kappa = 1 - arcsin(sqrt(1 - a) sin Omega) / Omega, cos Omega = d^(-1/2): the uniform case."""
    if d < 2:
        raise InvalidInput(f"d = {d} tokens; expected d >= 2, else the uniform law is the token itself")
    omega = math.atan(math.sqrt(d - 1))
    moved = np.sqrt(1 - np.asarray(retained, dtype=float)) * math.sin(omega)
    return np.asarray(1 - np.arcsin(moved) / omega)


def exponential_map_flow(
    start: object, end: object, log_kappa_slope: Callable[[float], float], times: object
) -> Float[ndarray, "T d"]:
    """Return Y at `times` for dY/dt = -(d log kappa / dt) exp_Y^{-1}(y_1), Y(times[0]) = start.

    scipy's DOP853 at FLOW_ACCURACY. The flow leaves the angle kappa_t / kappa_0 times the initial one, so it
    covers any t with kappa_t > 0. Raises InvalidInput unless both ends are unit vectors and times increase.
    """
    first, last, t = (np.asarray(v, dtype=float) for v in (start, end, times))
    for vector in (first, last):
        if vector.ndim != 1 or abs(np.linalg.norm(vector) - 1) > 1e-9:
            raise InvalidInput(f"|y| = {np.linalg.norm(vector):.6g}; expected unit vectors, square roots of a law")
    if t.ndim != 1 or len(t) < 2 or not (np.diff(t) > 0).all():
        raise InvalidInput("times must be an increasing list of at least two numbers")

    def velocity(s: float, y: ndarray) -> ndarray:
        return -log_kappa_slope(s) * inverse_exponential(y, last)

    rtol, atol = FLOW_ACCURACY
    found = integrate.solve_ivp(velocity, (t[0], t[-1]), first, method="DOP853", t_eval=t, rtol=rtol, atol=atol)
    if not found.success:
        raise InvalidInput(f"the flow does not reach t = {t[-1]}: {found.message}; keep kappa > 0")
    return np.asarray(found.y.T)


def inverse_exponential(y: ndarray, end: ndarray) -> ndarray:
    """Return exp_y^{-1}(end): the tangent vector at y towards `end`, as long as the angle between them."""
    cosine = np.clip(y @ end, -1, 1)
    tangent = end - cosine * y
    sine = np.linalg.norm(tangent)
    return np.asarray(tangent * (math.atan2(sine, cosine) / sine)) if sine > 0 else tangent


def path_table(world: World, alpha: float) -> Float[ndarray, "*states"]:
    """Return p_alpha on all (d + 1)^n masked states, shape (d + 1,) * n."""
    state = table_of_law(world)
    for axis in range(state.ndim):
        state = _reveal(state, axis, alpha, 1 - alpha)
    return state


def path_velocity(world: World, alpha: float) -> Float[ndarray, "*states"]:
    """Return d p_alpha / d alpha on all masked states, by the product rule over positions."""
    law = table_of_law(world)
    velocity = np.zeros([size + 1 for size in law.shape])
    for moving in range(law.ndim):
        state = law
        for axis in range(law.ndim):
            weights = (1.0, -1.0) if axis == moving else (alpha, 1 - alpha)
            state = _reveal(state, axis, *weights)
        velocity += state
    return velocity


def fisher_information(world: World, alpha: float) -> float:
    """Return sum p'^2 / p of the marginal path, p' = d p / d alpha; equals n / (alpha (1 - alpha))."""
    p, velocity = path_table(world, alpha), path_velocity(world, alpha)
    support = p > 0
    return float((velocity[support] ** 2 / p[support]).sum())


def fisher_information_by_differences(world: World, alpha: float) -> float:
    """Return 4 sum (d sqrt p / d alpha)^2 by fourth-order central differences.

    The step is DIFFERENCE_STEP times min(alpha, 1 - alpha): sqrt p is a product of powers of both.
    """
    step = DIFFERENCE_STEP * min(alpha, 1 - alpha)
    root = {k: np.sqrt(path_table(world, alpha + k * step)) for k in (-2, -1, 1, 2)}
    slope = (8 * (root[1] - root[-1]) - (root[2] - root[-2])) / (12 * step)
    return float(4 * (slope**2).sum())


def path_divergence(world: World, alpha: float, other: float) -> float:
    """Return KL(p_alpha || p_other) in nats over all masked states; equals n kl(alpha || other)."""
    return float(special.rel_entr(path_table(world, alpha), path_table(world, other)).sum())


def path_affinity(world: World, alpha: float, other: float) -> float:
    """Return the Bhattacharyya coefficient sum sqrt(p_alpha p_other) over all masked states."""
    return float(np.sqrt(path_table(world, alpha) * path_table(world, other)).sum())


def bernoulli_divergence(alpha: float, other: float) -> float:
    """Return kl(alpha || other), the divergence of two coins, in nats."""
    return float(special.rel_entr(alpha, other) + special.rel_entr(1 - alpha, 1 - other))


def _law(p: object) -> Float[ndarray, "*batch d"]:
    law = np.asarray(p, dtype=float)
    if law.ndim < 1 or not (np.isfinite(law).all() and (law >= 0).all()):
        raise InvalidInput("probabilities must be finite and >= 0; got a NaN, infinite or negative one")
    if (np.abs(law.sum(-1) - 1) > 1e-9).any():
        raise InvalidInput(f"probabilities sum to {law.sum(-1).flat[0]:.9g}; expected 1: normalise them")
    return law


def _reveal(state: ndarray, axis: int, revealed: float, hidden: float) -> ndarray:
    return np.concatenate([revealed * state, hidden * state.sum(axis, keepdims=True)], axis)
