"""The marginal path's information geometry, and the kinetic-optimal flux and path.

Zhang and Syed (arXiv 2508.04884) and Shaul et al. (arXiv 2412.03487). schedules.15b, the quadratic programme, is in
rates.py. Angles are in radians, divergences in nats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.energy import paths, rates, sphere
from theory.energy.claims.inputs import EXACT, fractions, times
from theory.ledger import Claim, Evidence, Instance, equal, rounding
from theory.ledger.strategies import paired, worlds
from theory.reference import fluxes
from theory.reference import laws as reference
from theory.reference.energy import Moment
from theory.schedules import SQUARED_SINE
from theory.worlds import TableWorld

SHAUL = "Shaul et al., arXiv 2412.03487; see docs/derivations.md, schedules D"
ZHANG = "Zhang and Syed, arXiv 2508.04884; see docs/derivations.md, schedules E"
SUMS = f"8 eps for each of the (d + 1)^n rounded terms of a sum over states; rational: {EXACT}"


def information_ignores_data(world: TableWorld, alpha: str, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the marginal path's Fisher information with n / (alpha (1 - alpha)).

    In fractions from the definition of the path; in the engine by the product rule and by differences, whose error is
    the fourth power of n times the relative step, and rounding divided by it.
    """
    exact = Fraction(alpha)
    claimed = factor * world.n / (exact * (1 - exact))
    yield equal("rational", _information(world, exact), claimed, 0)
    value, sums = float(claimed), rounding((world.d + 1) ** world.n, float(claimed))
    yield equal("enumeration", sphere.fisher_information(world, float(exact)), value, sums)
    found = sphere.fisher_information_by_differences(world, float(exact))
    tolerance = value * (world.n * sphere.DIFFERENCE_STEP) ** 4 + sums / sphere.DIFFERENCE_STEP
    yield equal("quadrature", found, value, tolerance, note="central differences")


def divergence_is_bernoulli(world: TableWorld, alpha: str, other: str, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare KL(p_alpha || p_other) with n times that of two coins, by the engine and from the definition."""
    one, two = Fraction(alpha), Fraction(other)
    claimed = factor * world.n * sphere.bernoulli_divergence(float(one), float(two))
    first, second = _path(world, one), _path(world, two)
    largest = max(abs(math.log(p / second[z])) for z, p in first.items())
    tolerance, effective = rounding(len(first), largest), one != two
    found = sphere.path_divergence(world, float(one), float(two))
    yield equal("enumeration", found, claimed, tolerance, effective=effective)
    literal = math.fsum(float(p) * math.log(p / second[z]) for z, p in first.items())
    yield equal("closed form", literal, claimed, tolerance, effective=effective, note="from the definition")


def affinity_is_bernoulli(world: TableWorld, alpha: str, other: str, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare sum sqrt(p_alpha p_other) with that of two coins to the power n: engine, definition, cosine of an angle."""
    one, two = Fraction(alpha), Fraction(other)
    claimed = factor * (math.sqrt(one * two) + math.sqrt((1 - one) * (1 - two))) ** world.n
    first, second = _path(world, one), _path(world, two)
    tolerance, effective = rounding((world.d + 1) ** world.n), one != two
    found = sphere.path_affinity(world, float(one), float(two))
    yield equal("enumeration", found, claimed, tolerance, effective=effective)
    literal = math.fsum(math.sqrt(p * second[z]) for z, p in first.items())
    yield equal("closed form", literal, claimed, tolerance, effective=effective, note="from the definition")
    tables = [sphere.path_table(world, float(a)).reshape(-1) for a in (one, two)]
    angle = float(sphere.geodesic_angle(*tables))
    yield equal("closed form", math.cos(angle), claimed, tolerance, effective=effective, note="cosine of the angle")


def optimal_flux_is_continuous(
    p: list[int], push: list[int], factor: Fraction = Fraction(1), swap: bool = False
) -> Iterator[Evidence]:
    """Check that j = p(z) p(x) [d ln p(x) - d ln p(z)]_+ generates p' with energy rate sum p'^2 / p.

    In fractions, with the energy's lower bound by duality; the engine's flux and energy are compared with these.
    """
    mass, velocity = _moving_law(p, push)
    size, effective = range(len(p)), any(velocity)
    flux = [[max(mass[z] * velocity[x] - velocity[z] * mass[x], Fraction(0)) for x in size] for z in size]
    for x in size:
        inflow = sum((row[x] for row in flux), Fraction(0)) - sum(flux[x])
        yield equal("rational", -inflow if swap else inflow, velocity[x], 0, effective=effective)
    claimed = factor * sum((v**2 / m for v, m in zip(velocity, mass, strict=True)), Fraction(0))
    energy = sum((flux[z][x] ** 2 / (mass[z] * mass[x]) for z in size for x in size), Fraction(0))
    yield equal("rational", energy, claimed, 0, effective=effective)
    by_state: dict[reference.State, Fraction] = {(z,): m for z, m in zip(size, mass, strict=True)}
    speed: dict[reference.State, Fraction] = {(z,): v for z, v in zip(size, velocity, strict=True)}
    pairs: list[fluxes.Edge] = [((z,), (x,)) for z in size for x in size if z != x]
    score = {z: speed[z] / by_state[z] for z in by_state}
    bound = fluxes.lower_bound(by_state, speed, score, pairs)
    yield equal("rational", bound, claimed, 0, effective=effective, note="no flux has less")
    found, rate = rates.factor_flux([float(v) for v in velocity], [float(m) for m in mass])
    tolerance = rounding(8 * len(p) ** 2, float(claimed))
    yield equal("closed form", rate, float(claimed), tolerance, effective=effective)
    yield equal("closed form", found, [[float(j) for j in row] for row in flux], tolerance, effective=effective)
    yield equal("closed form", paths.net_inflow(found), [float(v) for v in velocity], tolerance)


def great_circle_is_mixture(p: list[int], token: int, time: float, drop: float = 0.0) -> Iterator[Evidence]:
    """Compare the great circle from p_0 to a token with the mixture path kappa_t, and its energy rate with 4 Omega^2.

    Over a time step h the chord of the circle is 2 sin(Omega h), so the energy of a central difference is
    4 (sin(Omega h) / h)^2.
    """
    token %= len(p)
    share = Fraction(p[token], sum(p))
    if share == 1:
        return
    source, target = np.asarray(p, dtype=float) / sum(p), np.eye(len(p))[token]
    omega = math.acos(math.sqrt(share * Fraction(1 - drop)))
    kappa = 1 - (math.sin((1 - time) * omega) / math.sin(omega)) ** 2
    tolerance = rounding(16, 1 / math.sin(omega) ** 2)
    found = sphere.kinetic_optimal_kappa(time, float(share))
    yield equal("closed form", float(found), kappa, tolerance, note="kappa")
    arc = sphere.geodesic_path(source, target, time)
    mixture = (1 - kappa) * source + kappa * target
    yield equal("closed form", arc, mixture, tolerance)
    yield equal("closed form", sphere.mixture_path(source, token, kappa), mixture, tolerance)
    step = 2.0**-12
    path = sphere.geodesic_path(source, target, [time - step, time + step])
    chord = np.diff(np.sqrt(path), axis=0)[0]
    claimed = 4 * math.sin(omega * step) ** 2
    yield equal(
        "quadrature", float(chord @ chord), claimed, rounding(16 * len(p)) * step, note="energy rate, h^2 times"
    )


def mask_path_is_squared_sine(time: float, power: float = 2.0) -> Iterator[Evidence]:
    """Compare the kinetic-optimal path of the mask source with kappa_t = sin^2(pi t / 2)."""
    claimed = math.sin(math.pi * time / 2) ** power
    yield equal("closed form", float(sphere.kinetic_optimal_kappa(time, 0.0)), claimed, rounding(4))
    source, target = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    yield equal("closed form", float(sphere.geodesic_path(source, target, time)[0]), claimed, rounding(4))
    yield equal("closed form", float(SQUARED_SINE(time)), claimed, rounding(4))
    energy = 4 * float(sphere.geodesic_angle(source, target)) ** 2
    yield equal("closed form", energy, math.pi**2, rounding(8, energy), note="pi^2 per token")


def _path(world: TableWorld, alpha: Fraction) -> dict[reference.State, Fraction]:
    return fluxes.path(reference.exact(world), world.d, Moment.at(alpha, Fraction(1)))


def _information(world: TableWorld, alpha: Fraction) -> Fraction:
    """Return sum p'^2 / p exactly, from the definition of the path."""
    p = _path(world, alpha)
    speed = fluxes.velocity(p, world.d, Moment.at(alpha, Fraction(1)))
    return sum((speed[z] ** 2 / p[z] for z in p), Fraction(0))


def _moving_law(p: list[int], push: list[int]) -> tuple[list[Fraction], list[Fraction]]:
    """Return p normalised and p' = p (g - mean g), g = push / 8, exactly."""
    mass = [Fraction(v, sum(p)) for v in p]
    drift = [Fraction(v, 8) for v in push[: len(p)]]
    mean = sum(m * g for m, g in zip(mass, drift, strict=True))
    return mass, [m * (g - mean) for m, g in zip(mass, drift, strict=True)]


def _worlds(**parts: SearchStrategy[Any]) -> SearchStrategy[Instance]:
    return paired(world=worlds(n=(1, 4), d=(2, 3), cells=16), **parts)


def _masses() -> SearchStrategy[list[int]]:
    return st.lists(st.integers(1, 30), min_size=2, max_size=6)


def _with_zeros() -> SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 9), min_size=2, max_size=6).filter(any)


SPARSE: dict[str, Any] = {"world": TableWorld.from_weights([0, 0, 0, 1, 1, 1, 1, 1], 3, 2), "alpha": "3/10"}
PATH = "the path p_alpha of partially masked states, each of n tokens shown with probability alpha,"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="schedules.14a",
        statement=f"The Fisher information of {PATH} is n / (alpha (1 - alpha)) in alpha, for every data law.",
        tex=r"\sum_z \frac{(\partial_\alpha p_\alpha(z))^2}{p_\alpha(z)} = \frac{n}{\alpha(1-\alpha)}",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "quadrature", "rational"),
        check=information_ignores_data,
        tolerance=f"{SUMS}; differences: (n step)^4 relative, and rounding over the step",
        inputs=lambda: _worlds(alpha=fractions()),
        examples=12,
        fixtures=(SPARSE,),
        variants={"1% more": partial(information_ignores_data, factor=Fraction(101, 100))},
    ),
    Claim(
        id="schedules.14b",
        statement=f"For {PATH} KL(p_alpha || p_other) is n times the divergence of two coins with chances alpha and other,"
        " for every data law.",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=divergence_is_bernoulli,
        tolerance=SUMS,
        inputs=lambda: _worlds(alpha=fractions(), other=fractions()),
        examples=15,
        fixtures=({**SPARSE, "other": "7/10"},),
        variants={"1% more": partial(divergence_is_bernoulli, factor=1.01)},
    ),
    Claim(
        id="schedules.14c",
        statement=f"For {PATH} the Bhattacharyya coefficient sum sqrt(p_alpha p_other) is that of two coins to the power n,"
        " for every data law.",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=affinity_is_bernoulli,
        tolerance=SUMS,
        inputs=lambda: _worlds(alpha=fractions(), other=fractions()),
        examples=15,
        fixtures=({**SPARSE, "other": "7/10"},),
        variants={"1% more": partial(affinity_is_bernoulli, factor=1.01)},
    ),
    Claim(
        id="schedules.15a",
        statement="The flux p(z) p(x) [d/dt ln p(x) - d/dt ln p(z)]_+ generates a moving law p, and its energy"
        " sum j^2 / (p(z) p(x)) is sum p'^2 / p, the least of any flux.",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form"),
        check=optimal_flux_is_continuous,
        tolerance=f"rational: {EXACT}; floats: 8 eps for each of 8 S^2 rounded operations, S states",
        inputs=lambda: st.fixed_dictionaries(
            {"p": _masses(), "push": st.lists(st.integers(-16, 16), min_size=6, max_size=6)}
        ),
        examples=20,
        fixtures=({"p": [1, 2, 3], "push": [4, -1, 2]},),
        variants={
            "energy rate 1% larger": partial(optimal_flux_is_continuous, factor=Fraction(101, 100)),
            "flux reversed": partial(optimal_flux_is_continuous, swap=True),
        },
    ),
    Claim(
        id="schedules.15c",
        statement="From a law p_0 to a single token x_1 the great circle of square roots is the mixture path"
        " (1 - kappa_t) p_0 + kappa_t delta with kappa_t = 1 - sin^2((1 - t) Omega) / sin^2 Omega, cos^2 Omega = p_0(x_1);"
        " its energy rate is 4 Omega^2.",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=great_circle_is_mixture,
        tolerance="8 eps for each of 16 rounded operations, over sin^2 Omega",
        inputs=lambda: st.fixed_dictionaries({"p": _with_zeros(), "token": st.integers(0, 5), "time": times()}),
        fixtures=({"p": [1, 2, 3], "token": 1, "time": 0.25}, {"p": [0, 1], "token": 0, "time": 0.5}),
        variants={"Omega of 1% less mass": partial(great_circle_is_mixture, drop=0.01)},
    ),
    Claim(
        id="schedules.15d",
        statement="From the mask to a token the kinetic-optimal path is alpha_t = sin^2(pi t / 2), with energy pi^2 per"
        " token.",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=mask_path_is_squared_sine,
        tolerance="8 eps for each of 4 rounded operations",
        inputs=lambda: st.fixed_dictionaries({"time": times()}),
        fixtures=({"time": 0.0}, {"time": 0.5}, {"time": 1.0}),
        variants={"the power 2.02": partial(mask_path_is_squared_sine, power=2.02)},
    ),
)
