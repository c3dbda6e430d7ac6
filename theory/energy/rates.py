"""Optimal rates for a fixed path: the quadratic programme of kinetic energy over probability fluxes.

A flux j(z, x) >= 0 along the edges z -> x of a graph on states transports p with prescribed net inflow p'.
Its energy is sum j^2 / rho, with rho(z, x) = p(z) p(x) for the energies of Chen et al. (arXiv 2509.13866,
D.6) and any positive rho in Shaul et al. (arXiv 2412.03487; section D of the schedules notes). A flux is
optimal exactly when j = rho [f(x) - f(z)]_+ for a potential f.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy import linalg, optimize

from theory.errors import InvalidInput, unknown
from theory.reference import laws as reference
from theory.reference.energy import (
    Moment,
    conditional_path,
    conditional_rate,
    kinetic_integrand,
    marginal_rate,
    path_probability,
    reveals,
)
from theory.reference.laws import Law, State, marginal, states, with_token

if TYPE_CHECKING:
    from theory.worlds import World

Graph = Literal["one-token unmasking", "any one-token change", "all pairs"]
GRAPHS: tuple[Graph, ...] = ("one-token unmasking", "any one-token change", "all pairs")


@dataclass(frozen=True)
class Path:
    """A probability path at one time: states, p, p' and the model's own flux (dense, from row to column)."""

    states: tuple[State, ...]
    mask: int
    probability: Float[ndarray, "S"]
    velocity: Float[ndarray, "S"]
    flux: Float[ndarray, "S S"]

    @property
    def energy(self) -> float:
        """Energy rate sum j^2 / (p(z) p(x)) of the model's own flux."""
        return flux_energy(self.flux, np.outer(self.probability, self.probability))


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


def marginal_path(world: World, at: Moment) -> Path:
    """Return the marginal path p_t and MDM's flux p_t(z) Q_t(z, x) over the reachable states."""
    law, n, d = reference.floats(world), world.n, world.d
    found = {z: p for z in states(n, d) if (p := path_probability(law, z, d, at)) > 0}
    rate = {(z, x): marginal_rate(law, z, i, v, d, at) for z in found for i, v, x in reveals(z, d) if x in found}
    return _path(found, rate, d)


def conditional_mask_path(x1: State, d: int, at: Moment) -> Path:
    """Return the conditional path p_t|1(. | x_1) on its 2^n states, and the conditional MDM flux."""
    found = {z: p for z in states(len(x1), d) if (p := conditional_path(z, x1, d, at)) > 0}
    rate = {(z, x): conditional_rate(x1, i, v, at) for z in found for i, v, x in reveals(z, d) if x in found}
    return _path(found, rate, d)


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


def net_inflow(flux: Float[ndarray, "S S"]) -> Float[ndarray, "S"]:
    """Return what each state gains from a dense flux: column sum minus row sum."""
    return np.asarray(flux.sum(0) - flux.sum(1))


def flux_energy(flux: Float[ndarray, "S S"], rho: Float[ndarray, "S S"]) -> float:
    """Return sum j^2 / rho over the edges that carry flux."""
    carried = flux > 0
    return float((flux[carried] ** 2 / rho[carried]).sum())


def improve_around_square(world: World, at: Moment) -> tuple[Any, Any]:
    """Return MDM's kinetic energy rate and a smaller one, by the best detour around one square of reveals.

    z -> z+i -> z+i+j against z -> z+j -> z+i+j: moving flux s from one way to the other keeps the inflow
    and changes sum j^2 / (p p) by -g^2 / h at best. Exact where the moment is one of fractions; equal when every
    square closes.
    """
    law, n, d = reference.exact(world), world.n, world.d
    before = kinetic_integrand(law, d, at)
    best: Any = 0
    for z in states(n, d):
        for (i, v, one), (j, w, two) in itertools.combinations(list(reveals(z, d)), 2):
            both = with_token(one, j, w) if i != j else z
            if i != j and marginal(law, both, d) > 0:
                ways = [(z, one, i, v), (one, both, j, w)], [(z, two, j, w), (two, both, i, v)]
                best = max(best, _detour_gain(law, d, at, *ways))
    return before, before - best


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


def _path(found: Mapping[State, Any], rate: Mapping[tuple[State, State], Any], d: int) -> Path:
    order = {z: k for k, z in enumerate(found)}
    flux = np.zeros((len(order), len(order)))
    for (z, x), q in rate.items():
        flux[order[z], order[x]] = found[z] * q
    return Path(tuple(found), d, np.array(list(found.values())), net_inflow(flux), flux)


def _detour_gain(law: Law, d: int, at: Moment, way: Any, other: Any) -> Any:
    flux: list[Any] = []
    cost: list[Any] = []
    for z, x, i, v in (*way, *other):
        p = path_probability(law, z, d, at)
        flux.append(p * marginal_rate(law, z, i, v, d, at))
        cost.append(1 / (p * path_probability(law, x, d, at)))
    slope = flux[0] * cost[0] + flux[1] * cost[1] - flux[2] * cost[2] - flux[3] * cost[3]
    moved = slope / sum(cost)
    moved = min(moved, flux[0], flux[1]) if moved > 0 else -min(-moved, flux[2], flux[3])
    return moved * (2 * slope - moved * sum(cost))


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
