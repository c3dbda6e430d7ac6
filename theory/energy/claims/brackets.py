"""The engine's paths and programmes against the definitions: exact brackets of the least energy by weak duality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from theory.energy import paths, rates
from theory.energy.claims.inputs import EXACT, unit
from theory.ledger import Evidence, at_least, at_most, equal, rounding, undecided
from theory.reference import energy as definitions
from theory.reference import fluxes
from theory.reference import laws as reference
from theory.reference.energy import Moment
from theory.worlds import TableWorld

Masses = dict[reference.State, Fraction]
SPEED = Fraction(1)
PROGRAMME = f"8 eps for each of the (d + 1)^(2n) terms of an energy, relative to it; rational: {EXACT}"


@dataclass(frozen=True)
class Bracket:
    """The least energy on a graph lies between `low` and `high`, both exact, in units; `engine` is what it found.

    `moved` is the most that the engine's flux changed on an edge when it was made exact, in units of the largest flux.
    """

    low: Fraction
    high: Fraction | None
    moved: Fraction
    engine: float
    tolerance: float


def bracketed(world: TableWorld, alpha: str, graph: str) -> Bracket:
    """Bracket the least energy on a graph: what the engine's potential proves, and what its flux, made exact, has."""
    at, one = Moment.at(Fraction(alpha), SPEED), unit(Fraction(alpha), SPEED)
    p = fluxes.path(reference.exact(world), world.d, at)
    speed = fluxes.velocity(p, world.d, at)
    path = paths.marginal_path(world, Moment.at(float(Fraction(alpha)), 1.0))
    found = rates.best_flux(path, graph)
    potential = {z: Fraction(float(f)) for z, f in zip(path.states, found.potential, strict=True)}
    low = fluxes.lower_bound(p, speed, potential, fluxes.edges(p, world.d, graph)) / one
    ways = zip(*rates.edges(path, graph).tolist(), found.flux.tolist(), strict=True)
    flux = {(path.states[z], path.states[x]): Fraction(j) for z, x, j in ways}
    exact = fluxes.repaired(p, speed, flux) if set(flux) == set(fluxes.edges(p, world.d, graph)) else None
    high = None if exact is None else fluxes.energy_of(p, exact) / one
    most = max(flux.values())
    moved = Fraction(0) if exact is None else max(abs(exact[e] - flux[e]) for e in flux) / most
    return Bracket(low, high, moved, found.value / float(one), slack_of(len(p), float(low)))


def is_least(found: Bracket, claimed: Fraction, graph: str) -> Iterator[Evidence]:
    """Assert that the claimed least energy lies in an exact bracket as narrow as rounding allows, with the engine's."""
    yield at_least("rational", claimed, found.low, 0, note=f"{graph}: lower bound")
    yield equal("programme", found.engine, float(claimed), found.tolerance, note=graph)
    if found.high is None:
        yield undecided("rational", f"{graph}: the flux could not be made exact")
        return
    yield at_most("rational", claimed, found.high, 0, note=f"{graph}: upper bound")
    yield at_most("rational", found.high - found.low, Fraction(found.tolerance), 0, note=f"{graph}: width")
    yield at_most("rational", found.moved, Fraction(found.tolerance), 0, note=f"{graph}: inflow of the engine's flux")


def path_is_defined(world: TableWorld, alpha: str, p: Masses, speed: Masses) -> Iterator[Evidence]:
    law, at = reference.exact(world), Moment.at(Fraction(alpha), SPEED)
    path = paths.marginal_path(world, Moment.at(float(Fraction(alpha)), 1.0))
    yield from same_path(path, p, speed)
    order = {z: k for k, z in enumerate(path.states)}
    flux = np.zeros_like(path.flux)
    for z in p:
        for i, v, x in definitions.reveals(z, world.d):
            if x in p:
                flux[order[z], order[x]] = float(p[z] * definitions.marginal_rate(law, z, i, v, world.d, at))
    yield equal("rational", path.flux, flux, rounding(16, float(np.abs(flux).max())), note="flux by the definition")


def same_path(path: paths.Path, p: Masses, speed: Masses) -> Iterator[Evidence]:
    yield equal("rational", int(set(path.states) == set(p)), 1, 0, note="reachable states")
    probability, velocity = (np.array([float(v[z]) for z in path.states]) for v in (p, speed))
    yield equal("rational", path.probability, probability, rounding(16), note="p by the definition")
    scale = float(np.abs(path.flux).sum())
    yield equal("rational", path.velocity, velocity, rounding(4 * len(p), scale), note="p' by the definition")


def slack_of(states: int, energy: float) -> float:
    """Return the rounding of an energy, a sum over pairs of states of terms that are relatively exact."""
    return rounding(states**2, energy)
