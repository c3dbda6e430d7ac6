"""The marginal path's information geometry, and the kinetic-optimal flux and path.

Claims 14 and 15 of the schedules notes: Zhang and Syed (arXiv 2508.04884), Shaul et al. (arXiv
2412.03487). 15b, the quadratic programme, is in rates.py.
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

from theory.energy import sphere
from theory.energy.claims.inputs import fractions, times
from theory.energy.paths import net_inflow
from theory.energy.rates import factor_flux
from theory.ledger import Claim, Evidence, Instance, equal, rounding
from theory.ledger.strategies import paired, worlds
from theory.reference import laws as reference
from theory.reference.energy import Moment, path_probability
from theory.reference.laws import states
from theory.schedules import SQUARED_SINE
from theory.worlds import TableWorld

SHAUL = "Shaul et al., arXiv 2412.03487 (schedules notes, D)"
ZHANG = "Zhang and Syed, arXiv 2508.04884 (schedules notes, E)"
SUMS = "1e-10 relative: sums over at most 4^4 states lose 256 * 8 eps = 5e-13; rational: zero"


def information_ignores_data(world: TableWorld, alpha: str, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the marginal path's Fisher information with n / (alpha (1 - alpha))."""
    exact = Fraction(alpha)
    claimed = factor * world.n / (exact * (1 - exact))
    value = float(claimed)
    yield equal("enumeration", sphere.fisher_information(world, float(exact)), value, 1e-10 * value)
    found = sphere.fisher_information_by_differences(world, float(exact))
    yield equal("quadrature", found, value, 1e-8 * value, note="central differences")
    yield equal("rational", _rational_information(reference.exact(world), world.d, exact), claimed, 0)


def divergence_is_bernoulli(world: TableWorld, alpha: str, other: str, copies: int = 0) -> Iterator[Evidence]:
    """Compare KL(p_alpha || p_other) with n kl(alpha || other), in nats."""
    one, two = float(Fraction(alpha)), float(Fraction(other))
    n, d = world.n, world.d
    claimed = (n + copies) * sphere.bernoulli_divergence(one, two)
    law, effective = reference.floats(world), one != two
    found = sphere.path_divergence(world, one, two)
    tolerance = 1e-10 * max(1.0, claimed)
    yield equal("enumeration", found, claimed, tolerance, effective=effective)
    first, second = Moment.at(one, 1.0), Moment.at(two, 1.0)
    terms = [
        p * math.log(p / path_probability(law, z, d, second))
        for z in states(n, d)
        if (p := path_probability(law, z, d, first)) > 0
    ]
    yield equal("closed form", math.fsum(terms), claimed, tolerance, effective=effective)


def affinity_is_bernoulli(world: TableWorld, alpha: str, other: str, power: int = 0) -> Iterator[Evidence]:
    """Compare the Bhattacharyya coefficient with (sqrt(a a') + sqrt((1-a)(1-a')))^n."""
    one, two = float(Fraction(alpha)), float(Fraction(other))
    claimed = (math.sqrt(one * two) + math.sqrt((1 - one) * (1 - two))) ** (world.n + power)
    effective = one != two
    found = sphere.path_affinity(world, one, two)
    yield equal("enumeration", found, claimed, 1e-10, effective=effective)
    tables = [sphere.path_table(world, a).reshape(-1) for a in (one, two)]
    angle = float(sphere.geodesic_angle(*tables))
    yield equal("closed form", math.cos(angle), claimed, 1e-10, effective=effective, note="cos of the angle")


def optimal_flux_is_continuous(
    p: list[int], push: list[int], factor: int = 1, swap: bool = False
) -> Iterator[Evidence]:
    """Check j = p(z) p(x) [d ln p(x) - d ln p(z)]_+: inflow p', energy rate sum p'^2 / p."""
    mass, velocity = _moving_law(p, push)
    size, effective = range(len(p)), any(velocity)
    flux = [[max(mass[z] * velocity[x] - velocity[z] * mass[x], Fraction(0)) for x in size] for z in size]
    for x in size:
        inflow = sum(row[x] for row in flux) - sum(flux[x])
        yield equal("rational", -inflow if swap else inflow, velocity[x], 0, effective=effective)
    energy = sum(flux[z][x] ** 2 / (mass[z] * mass[x]) for z in size for x in size)
    claimed = factor * sum(v**2 / m for v, m in zip(velocity, mass, strict=True))
    yield equal("rational", Fraction(energy), Fraction(claimed), 0, effective=effective)
    speed = [float(v) for v in velocity]
    found, rate = factor_flux(speed, [float(m) for m in mass])
    yield equal("closed form", rate, float(claimed), rounding(64, float(claimed)), effective=effective)
    yield equal("closed form", net_inflow(found), speed, 1e-12)


def great_circle_is_mixture(p: list[int], token: int, time: float, drop: float = 0.0) -> Iterator[Evidence]:
    """Compare the great circle from p_0 to a token with the mixture path kappa_t, and 4 Omega^2."""
    source = np.asarray(p, dtype=float) / sum(p)
    token %= len(p)
    effective = bool(source[token] < 1)
    if not effective:
        return
    target = np.eye(len(p))[token]
    kappa = sphere.kinetic_optimal_kappa(time, float(source[token]) * (1 - drop))
    arc = sphere.geodesic_path(source, target, time)
    yield equal("closed form", sphere.mixture_path(source, token, kappa), arc, 1e-12)
    step = 2.0**-12
    path = sphere.geodesic_path(source, target, [time - step, time + step])
    speed = np.diff(np.sqrt(path), axis=0)[0] / (2 * step)
    omega = float(sphere.geodesic_angle(source, target))
    claimed = 4 * omega**2 * (1 - drop)
    yield equal("quadrature", float(4 * speed @ speed), claimed, 1e-6 * claimed, note="energy rate")


def mask_path_is_squared_sine(time: float, power: float = 2.0) -> Iterator[Evidence]:
    """Compare the kinetic-optimal path of the mask source with kappa_t = sin^2(pi t / 2)."""
    claimed = math.sin(math.pi * time / 2) ** power
    yield equal("closed form", float(sphere.kinetic_optimal_kappa(time, 0.0)), claimed, rounding(4))
    source, target = np.array([0.0, 1.0]), np.array([1.0, 0.0])
    yield equal("closed form", float(sphere.geodesic_path(source, target, time)[0]), claimed, rounding(4))
    yield equal("closed form", float(SQUARED_SINE(time)), claimed, rounding(4))
    energy = 4 * float(sphere.geodesic_angle(source, target)) ** 2
    yield equal("closed form", energy, math.pi**2, rounding(8, energy), note="pi^2 per token")


def _rational_information(law: Any, d: int, alpha: Fraction) -> Fraction:
    """Return sum p'^2 / p exactly; p' from p(z) = alpha^(n-m) (1-alpha)^m q by its logarithmic derivative."""
    total = Fraction(0)
    at = Moment.at(alpha, Fraction(1))
    for z in states(len(next(iter(law))), d):
        p = path_probability(law, z, d, at)
        m = z.count(d)
        total += p * ((len(z) - m) / alpha - m / (1 - alpha)) ** 2
    return total


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

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="schedules.14a",
        statement="the marginal path's Fisher information is n alpha'^2 / (alpha (1 - alpha)) for every law",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "quadrature", "rational"),
        check=information_ignores_data,
        tolerance=SUMS + "; differences: (1e-3)^4 n^5 / 30 + eps / 1e-3 < 1e-8 relative",
        inputs=lambda: _worlds(alpha=fractions()),
        examples=20,
        fixtures=(SPARSE,),
        variants={"1% more": partial(information_ignores_data, factor=Fraction(101, 100))},
    ),
    Claim(
        id="schedules.14b",
        statement="KL(p_alpha || p_alpha') = n kl(alpha || alpha') for every law",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=divergence_is_bernoulli,
        tolerance=SUMS,
        inputs=lambda: _worlds(alpha=fractions(), other=fractions()),
        examples=20,
        fixtures=({**SPARSE, "other": "7/10"},),
        variants={"n + 1 tokens": partial(divergence_is_bernoulli, copies=1)},
    ),
    Claim(
        id="schedules.14c",
        statement="the Bhattacharyya coefficient of p_alpha, p_alpha' is that of Bernoulli^n",
        source=ZHANG,
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "closed form"),
        check=affinity_is_bernoulli,
        tolerance=SUMS,
        inputs=lambda: _worlds(alpha=fractions(), other=fractions()),
        examples=20,
        fixtures=({**SPARSE, "other": "7/10"},),
        variants={"n + 1 tokens": partial(affinity_is_bernoulli, power=1)},
    ),
    Claim(
        id="schedules.15a",
        statement="u* = p(x) [d ln p(x) - d ln p(z)]_+ generates the path with energy rate sum p'^2 / p",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("rational", "closed form"),
        check=optimal_flux_is_continuous,
        tolerance="rational: zero. floats: 8 eps for 64 terms; continuity 1e-12",
        inputs=lambda: st.fixed_dictionaries(
            {"p": _masses(), "push": st.lists(st.integers(-16, 16), min_size=6, max_size=6)}
        ),
        fixtures=({"p": [1, 2, 3], "push": [4, -1, 2]},),
        variants={
            "energy rate doubled": partial(optimal_flux_is_continuous, factor=2),
            "flux reversed": partial(optimal_flux_is_continuous, swap=True),
        },
    ),
    Claim(
        id="schedules.15c",
        statement="for target delta the great circle is the mixture path with"
        " kappa_t = 1 - sin^2((1-t) Omega) / sin^2 Omega, of energy 4 Omega^2",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "quadrature"),
        check=great_circle_is_mixture,
        tolerance="1e-12; energy rate by differences of width 2^-12: 1e-6 relative",
        inputs=lambda: st.fixed_dictionaries({"p": _with_zeros(), "token": st.integers(0, 5), "time": times()}),
        fixtures=({"p": [1, 2, 3], "token": 1, "time": 0.25}, {"p": [0, 1], "token": 0, "time": 0.5}),
        variants={"Omega of half the mass": partial(great_circle_is_mixture, drop=0.5)},
    ),
    Claim(
        id="schedules.15d",
        statement="for the mask source kappa_t = sin^2(pi t / 2), with energy pi^2 per token",
        source=SHAUL,
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form",),
        check=mask_path_is_squared_sine,
        tolerance="8 eps for each of 4 rounded operations",
        inputs=lambda: st.fixed_dictionaries({"time": times()}),
        fixtures=({"time": 0.0}, {"time": 0.5}, {"time": 1.0}),
        variants={"sin in place of sin^2": partial(mask_path_is_squared_sine, power=1.0)},
    ),
)
