"""The marginal and the conditional path of masked diffusion at one time, its own flux, and detours around squares.

Chen et al. (arXiv 2509.13866), section 2 and Lemma C.3. Everything is computed from the table of the probabilities
q(z_UM) of all revealed parts, in floats or, with object arrays, in exact fractions.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.energy.closed_forms import table_of_law

if TYPE_CHECKING:
    from theory.reference.energy import Moment
    from theory.worlds import World

State = tuple[int, ...]


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


def marginal_path(world: World, at: Moment) -> Path:
    """Return the marginal path p_t and MDM's flux p_t(z) Q_t(z, x) over the reachable states.

    p_t(z) = alpha^(n-m) (1-alpha)^m q(z_UM), m masks; Q_t(z, x) = alpha' / (1-alpha) q(x_UM) / q(z_UM) for a reveal.
    """
    return _path(table_of_law(world), at)


def conditional_mask_path(x1: State, d: int, at: Moment) -> Path:
    """Return the conditional path p_t|1(. | x_1) on its 2^n states, and the conditional MDM flux.

    It is the marginal path of the law that has x_1 for certain.
    """
    point = np.zeros((d,) * len(x1))
    point[x1] = 1.0
    return _path(point, at)


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
    states, p, flux = _fluxes(_exact_table(world), at)
    order = {tuple(z): k for k, z in enumerate(states.tolist())}
    edges = [(int(z), int(x)) for z, x in np.argwhere(flux > 0)]
    before = sum((flux[e] ** 2 / (p[e[0]] * p[e[1]]) for e in edges), Fraction(0))
    best: Any = 0
    for (z, one), (other, two) in itertools.combinations(edges, 2):
        both = order.get(tuple(np.minimum(states[one], states[two]).tolist()))
        if z == other and both is not None and (states[one] != states[two]).sum() == 2:
            best = max(best, _detour_gain(p, flux, (z, one, both), (z, two, both)))
    return before, before - best


def _path(law: ndarray, at: Moment) -> Path:
    states, p, flux = _fluxes(law, at)
    return Path(tuple(map(tuple, states.tolist())), law.shape[0], p, net_inflow(flux), flux)


def _fluxes(law: ndarray, at: Moment) -> tuple[ndarray, ndarray, ndarray]:
    """Return the reachable states, their probabilities and the flux p_t(z) Q_t(z, x) between them."""
    shown = law
    for axis in range(law.ndim):
        shown = np.concatenate([shown, shown.sum(axis, keepdims=True)], axis)
    states, q = np.argwhere(shown > 0), shown[shown > 0]
    masks = (states == law.shape[0]).sum(1)
    weight = [at.revealed ** int(law.ndim - m) * at.hidden ** int(m) for m in masks]
    p = np.array(weight, dtype=law.dtype) * q
    one_apart = (states[:, None] != states[None]).sum(-1) == 1
    reveal = one_apart & (masks[:, None] == masks[None] + 1)
    rate = np.where(reveal, at.speed / at.hidden * (q[None] / q[:, None]), 0 * q[0])
    return states, p, p[:, None] * rate


def _exact_table(world: World) -> ndarray:
    """Return the law as an array of fractions, from the world's whole weights where it keeps them."""
    weights = getattr(world, "weights", None)
    cells = [Fraction(w) for w in (table_of_law(world).ravel().tolist() if weights is None else weights)]
    total = sum(cells)
    return np.array([w / total for w in cells], dtype=object).reshape((world.d,) * world.n)


def _detour_gain(p: ndarray, flux: ndarray, way: tuple[int, ...], other: tuple[int, ...]) -> Any:
    edges = [*itertools.pairwise(way), *itertools.pairwise(other)]
    carried, cost = [flux[e] for e in edges], [1 / (p[e[0]] * p[e[1]]) for e in edges]
    slope = carried[0] * cost[0] + carried[1] * cost[1] - carried[2] * cost[2] - carried[3] * cost[3]
    moved = slope / sum(cost)
    moved = min(moved, carried[0], carried[1]) if moved > 0 else -min(-moved, carried[2], carried[3])
    return moved * (2 * slope - moved * sum(cost))
