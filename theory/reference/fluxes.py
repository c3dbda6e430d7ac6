"""Fluxes that generate a masked path, and bounds on their least energy by weak duality, over any number type.

A flux j(z, x) >= 0 from state to state generates p_t when every state gains p'_t(x). Its energy is the sum of
j^2 / (p(z) p(x)). For any potential f, 2 sum f p' - sum p(z) p(x) [f(x) - f(z)]_+^2 is at most the energy of any such
flux: 2 j (f(x) - f(z)) <= j^2 / (p p) + p p [f(x) - f(z)]_+^2 on every edge. With fractions both bounds are exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

from theory.reference.energy import Moment, marginal_rate, path_probability, reveals
from theory.reference.laws import Law, State, marginal, masked, states, with_token

Edge = tuple[State, State]


def path(law: Law, d: int, at: Moment) -> dict[State, Any]:
    """Return p_t(z) of the states that the law can reach."""
    n = len(next(iter(law)))
    return {z: p for z in states(n, d) if (p := path_probability(law, z, d, at)) > 0}


def velocity(p: Mapping[State, Any], d: int, at: Moment) -> dict[State, Any]:
    """Return p'_t(z): of p_t(z) = alpha^shown (1 - alpha)^masked q(z_UM) by its logarithmic derivative."""
    return {
        z: mass * at.speed * ((len(z) - len(masked(z, d))) / at.revealed - len(masked(z, d)) / at.hidden)
        for z, mass in p.items()
    }


def edges(found: Iterable[State], d: int, graph: str) -> list[Edge]:
    """Return the pairs of distinct states, of states that differ in one token, or of a state and one more reveal."""
    pairs = [(z, x) for z, x in itertools.permutations(found, 2)]
    if graph == "all pairs":
        return pairs
    near = [(z, x) for z, x in pairs if sum(a != b for a, b in zip(z, x, strict=True)) == 1]
    return (
        near if graph == "any one-token change" else [(z, x) for z, x in near if len(masked(z, d)) > len(masked(x, d))]
    )


def squares_close(law: Law, d: int) -> bool:
    """Return whether q(z + i) = q(z + j) around every square of two reveals z -> z + i -> z + i + j <- z + j <- z."""
    n = len(next(iter(law)))
    for z in states(n, d):
        for i, j in itertools.combinations(masked(z, d), 2):
            for v, w in itertools.product(range(d), repeat=2):
                one, two = with_token(z, i, v), with_token(z, j, w)
                if marginal(law, with_token(one, j, w), d) > 0 and marginal(law, one, d) != marginal(law, two, d):
                    return False
    return True


def best_detour(law: Law, d: int, at: Moment) -> Any:
    """Return the least energy of masked diffusion's own flux plus a circulation around one square of reveals.

    Along a circulation the energy is a parabola; its lowest point is kept within the fluxes that are not negative, and
    the energy there is summed anew.
    """
    p = path(law, d, at)
    flux = {(z, x): p[z] * marginal_rate(law, z, i, v, d, at) for z in p for i, v, x in reveals(z, d) if x in p}
    least = energy_of(p, flux)
    for z in p:
        for (i, _, one), (j, w, two) in itertools.combinations(reveals(z, d), 2):
            both = with_token(one, j, w)
            if i == j or both not in p:
                continue
            ring = {(z, one): 1, (one, both): 1, (z, two): -1, (two, both): -1}
            pull = sum(side * flux[e] / (p[e[0]] * p[e[1]]) for e, side in ring.items())
            lowest = -pull / sum(1 / (p[a] * p[b]) for a, b in ring)
            lowest = max(lowest, -min(flux[e] for e, side in ring.items() if side > 0))
            lowest = min(lowest, min(flux[e] for e, side in ring.items() if side < 0))
            least = min(least, energy_of(p, flux | {e: flux[e] + side * lowest for e, side in ring.items()}))
    return least


def lower_bound(p: Mapping[State, Any], speed: Mapping[State, Any], f: Mapping[State, Any], pairs: list[Edge]) -> Any:
    """Return what the potential f proves: no flux along the pairs that generates the path has less energy."""
    spent = sum(p[z] * p[x] * (f[x] - f[z]) ** 2 for z, x in pairs if f[x] > f[z])
    return 2 * sum(f[z] * speed[z] for z in p) - spent


def energy_of(p: Mapping[State, Any], flux: Mapping[Edge, Any]) -> Any:
    """Return sum j^2 / (p(z) p(x))."""
    return sum(j**2 / (p[z] * p[x]) for (z, x), j in flux.items())


def repaired(p: Mapping[State, Any], speed: Mapping[State, Any], flux: Mapping[Edge, Any]) -> dict[Edge, Any] | None:
    """Return a flux near the given one that generates the path exactly; None where that would make it negative.

    What each state gains too little is sent to it along a tree of the edges that carry most.
    """
    found, tree = dict(flux), _widest_tree(list(p), flux)
    if tree is None:
        return None
    missing = dict(speed)
    for (z, x), j in flux.items():
        missing[x] -= j
        missing[z] += j
    for leaf, parent, edge in reversed(tree):
        found[edge] += missing[leaf] if edge == (parent, leaf) else -missing[leaf]
        missing[parent] += missing[leaf]
    return found if all(j >= 0 for j in found.values()) else None


def _widest_tree(nodes: list[State], flux: Mapping[Edge, Any]) -> list[tuple[State, State, Edge]] | None:
    """Return (node, parent, edge) in the order of joining, widest edges first; None where the edges do not connect."""
    ranked = sorted(flux, key=lambda e: flux[e], reverse=True)
    joined, tree = {nodes[0]}, []
    while len(joined) < len(nodes):
        edge = next((e for e in ranked if (e[0] in joined) != (e[1] in joined)), None)
        if edge is None:
            return None
        parent, leaf = edge if edge[0] in joined else (edge[1], edge[0])
        joined.add(leaf)
        tree.append((leaf, parent, edge))
    return tree
