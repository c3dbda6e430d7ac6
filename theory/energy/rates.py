"""Optimal rates for a fixed path: the quadratic programme of kinetic energy over probability fluxes.

A flux j(z, x) >= 0 along the edges z -> x of a graph on states transports p with prescribed net inflow p'.
Its energy is sum j^2 / rho, with rho(z, x) = p(z) p(x) for the energies of Chen et al. (arXiv 2509.13866,
D.6) and any positive rho in Shaul et al. (arXiv 2412.03487; docs/derivations.md, schedules.D). A flux is
optimal exactly when j = rho [f(x) - f(z)]_+ for a potential f.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import linalg, optimize

from theory.energy.paths import Path, marginal_path
from theory.errors import InvalidInput, unknown
from theory.reference.energy import Moment

if TYPE_CHECKING:
    from theory.worlds import World

Graph = Literal["one-token unmasking", "any one-token change", "all pairs"]
GRAPHS: tuple[Graph, ...] = ("one-token unmasking", "any one-token change", "all pairs")


@dataclass(frozen=True)
class Optimum:
    """A solved programme: `value` is the dual one, a lower bound on the optimum; value + gap bounds it above.

    `residual` is the largest error of the flux in the net inflow, in units of the largest |p'|.
    """

    value: float
    gap: float
    residual: float
    potential: Float[ndarray, "S"]
    flux: Float[ndarray, "E"]


def edges(path: Path, graph: str) -> Int[ndarray, "2 E"]:
    """Return the directed edges (from, to) of a named graph on the path's states."""
    if graph not in GRAPHS:
        raise unknown("graph", graph, GRAPHS)
    table = np.array(path.states)
    differ = (table[:, None] != table[None]).sum(-1)
    allowed = differ >= 1 if graph == "all pairs" else differ == 1
    if graph == "one-token unmasking":
        fewer = (table == path.mask).sum(1)
        allowed &= fewer[:, None] == fewer[None] + 1
    return np.stack(np.nonzero(allowed))


def optimal_flux(velocity: object, edge: Int[ndarray, "2 E"], rho: object, iterations: int = 50) -> Optimum:
    """Minimise sum_e j_e^2 / rho_e over j >= 0 with net inflow `velocity`, through the concave dual.

    Dual: max over potentials f of 2 f.p' - sum_e rho_e [f(to) - f(from)]_+^2, solved with
    scipy.optimize (trust-exact) and finished by Laplacian solves on the active edges. Any f gives a
    lower bound, so `value` is safe. Raises InvalidInput for wrong shapes, rho <= 0, a velocity that
    does not sum to zero, or one that no flux on the graph can produce.
    """
    inflow, weight = _check_programme(velocity, edge, rho)
    unit_inflow, unit_weight = np.abs(inflow).max() or 1.0, weight.max()
    b, w = inflow / unit_inflow, weight / unit_weight
    size = len(b)

    def slack(f: ndarray) -> ndarray:
        return np.asarray(np.maximum(f[edge[1]] - f[edge[0]], 0.0))

    def negative_dual(f: ndarray) -> float:
        return float((w * slack(f) ** 2).sum() - 2 * f @ b)

    def gradient(f: ndarray) -> ndarray:
        return 2 * (_inflow(w * slack(f), edge, size) - b)

    def hessian(f: ndarray) -> ndarray:
        return 2 * _laplacian(edge, w * (slack(f) > 0), size)

    start = linalg.pinvh(_laplacian(edge, w, size)) @ b
    f = optimize.minimize(
        negative_dual, start, jac=gradient, hess=hessian, method="trust-exact", options={"gtol": 1e-9}
    ).x
    for _ in range(iterations):
        slope = gradient(f)
        if np.abs(slope).max() <= 1e-14:
            break
        f = _newton(f, slope, hessian(f), negative_dual)
    flux = w * slack(f)
    residual = float(np.abs(_inflow(flux, edge, size) - b).max())
    if residual > 1e-6:
        raise InvalidInput(
            f"no flux on this graph produces the velocity (inflow missed by {residual:.1g}); expected an"
            " edge path from every state that loses probability to those that gain it"
        )
    scale = unit_inflow**2 / unit_weight
    value = -negative_dual(f)
    primal = float((flux**2 / w).sum())
    potential = f * unit_inflow / unit_weight
    return Optimum(float(scale * value), float(scale * abs(primal - value)), residual, potential, flux * unit_inflow)


def best_flux(path: Path, graph: str) -> Optimum:
    """Return the optimum of sum j^2 / (p(z) p(x)) over fluxes on a named graph that generate the path."""
    edge = edges(path, graph)
    p = path.probability
    return optimal_flux(path.velocity, edge, p[edge[0]] * p[edge[1]])


def kinetic_optimal_flux(velocity: object, rho: object) -> tuple[Float[ndarray, "S S"], float]:
    """Return the kinetic-optimal flux j = rho [f(x) - f(z)]_+ and its energy f.p', for a symmetric rho >= 0.

    f solves the Laplacian system sum_z rho(x, z) (f(x) - f(z)) = p'(x) (Shaul et al.). Raises InvalidInput
    for an asymmetric or negative rho, and where the system has no solution (rho disconnects the states).
    """
    weight, b = np.asarray(rho, dtype=float), np.asarray(velocity, dtype=float)
    if weight.shape != (len(b), len(b)) or not np.allclose(weight, weight.T, rtol=1e-12, atol=0):
        raise InvalidInput(f"rho of shape {weight.shape}; expected a symmetric matrix over {len(b)} states")
    if not (weight >= 0).all():
        raise InvalidInput("rho has negative or NaN entries; expected weights >= 0")
    laplacian = np.diag(weight.sum(1)) - weight
    f = linalg.pinvh(laplacian) @ b
    f += linalg.pinvh(laplacian) @ (b - laplacian @ f)
    if np.abs(laplacian @ f - b).max() > 1e-9 * max(np.abs(b).max(), 1e-300):
        raise InvalidInput("rho disconnects states that must exchange probability; no flux produces the velocity")
    return weight * np.maximum(f[None] - f[:, None], 0.0), float(f @ b)


def factor_flux(velocity: object, tau: object) -> tuple[Float[ndarray, "S S"], float]:
    """Return the closed form for rho = tau(x) tau(z) / sum tau: its flux and energy sum p'^2 / tau.

    tau = p gives the symmetric kinetic energy (Fisher information), tau = 1 the discrete flow models'
    choice. Raises InvalidInput unless tau > 0 everywhere.
    """
    b, share = np.asarray(velocity, dtype=float), np.asarray(tau, dtype=float)
    if share.shape != b.shape or not (share > 0).all():
        raise InvalidInput(f"tau of shape {share.shape}; expected {b.shape} positive numbers")
    gain = (share[:, None] * b[None] - b[:, None] * share[None]) / share.sum()
    return np.maximum(gain, 0.0), float((b**2 / share).sum())


def rate_table(worlds: Iterable[World], alpha: float = 0.4) -> list[dict[str, Any]]:
    """Return one row per world: MDM's energy rate and the best on each graph, at reveal probability alpha.

    In units of alpha'^2 / (alpha (1 - alpha)). The optima are dual values (lower bounds); `gap` is the largest
    primal-dual gap of the row.
    """
    rows = []
    for world in worlds:
        path = marginal_path(world, Moment.at(alpha, 1.0))
        unit = 1.0 / (alpha * (1 - alpha))
        found = {graph: best_flux(path, graph) for graph in GRAPHS}
        row: dict[str, Any] = {"n": world.n, "d": world.d, "alpha": alpha, "MDM": path.energy / unit}
        row |= {graph: float(best.value / unit) for graph, best in found.items()}
        rows.append(row | {"gap": float(max(o.gap for o in found.values()) / unit)})
    return rows


def _check_programme(velocity: object, edge: ndarray, rho: object) -> tuple[ndarray, ndarray]:
    inflow, weight = np.asarray(velocity, dtype=float), np.asarray(rho, dtype=float)
    if edge.ndim != 2 or edge.shape[0] != 2 or weight.shape != edge.shape[1:]:
        raise InvalidInput(f"edges {edge.shape} with weights {weight.shape}; expected (2, E) and (E,)")
    if not (np.isfinite(weight).all() and (weight > 0).all()):
        raise InvalidInput("rho has entries that are not finite and > 0; leave such edges out of the graph")
    if not np.isfinite(inflow).all() or abs(inflow.sum()) > 1e-9 * max(np.abs(inflow).max(), 1e-300):
        raise InvalidInput(f"velocity sums to {inflow.sum():.3g}; expected 0: probability is conserved")
    return inflow, weight


def _inflow(flux: ndarray, edge: ndarray, size: int) -> ndarray:
    gain = np.bincount(edge[1], flux, size) - np.bincount(edge[0], flux, size)
    return np.asarray(gain)


def _laplacian(edge: ndarray, weight: ndarray, size: int) -> ndarray:
    matrix = np.zeros((size, size))
    np.add.at(matrix, (edge[0], edge[1]), -weight)
    np.add.at(matrix, (edge[1], edge[0]), -weight)
    return np.asarray(matrix - np.diag(matrix.sum(1)))


def _newton(f: ndarray, gradient: ndarray, hessian: ndarray, value: Any) -> ndarray:
    """Take a Newton step, halved until the dual does not fall (it is concave and piecewise quadratic)."""
    step = linalg.lstsq(hessian, gradient, cond=1e-13)[0]
    now = value(f)
    for _ in range(30):
        if value(f - step) <= now + 1e-14 * abs(now):
            return np.asarray(f - step)
        step = step / 2
    return f
