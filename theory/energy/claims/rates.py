"""Optimal rates for a fixed path: MDM's against the quadratic programme's (claim 6 of the energy notes).

Chen et al. (arXiv 2509.13866), D.6 and Lemmas D.7-D.8. Energies in units of alpha'^2 / (alpha (1 - alpha)).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy.claims.inputs import PAPER, fractions, unit, world_inputs
from theory.energy.closed_forms import conditional_constant
from theory.energy.rates import (
    GRAPHS,
    Path,
    best_flux,
    conditional_mask_path,
    edges,
    factor_flux,
    flux_energy,
    improve_around_square,
    kinetic_optimal_flux,
    marginal_path,
    net_inflow,
)
from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.ledger.strategies import paired, worlds
from theory.reference import laws as reference
from theory.reference.energy import Moment, kinetic_constant, kinetic_integrand
from theory.worlds import TableWorld

D6 = f"{PAPER}, D.6, Lemmas D.7-D.8"
PROGRAMME = (
    "1e-7 of MDM's energy: the dual value is a lower bound for any potential, and the primal-dual gap,"
    " at most 1e-9 in these units, is added where an upper bound is needed; rational: zero"
)
ACCURACY = 1e-7


def optimal_with_one_token(world: TableWorld, alpha: str, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare MDM's energy at n = 1 with the optimum on every graph and with the closed form, 1."""
    path, scale = _marginal(world, alpha)
    for graph in GRAPHS:
        yield equal("programme", best_flux(path, graph).value / scale, factor, ACCURACY, note=graph)
    at = Moment.at(Fraction(alpha), Fraction(1))
    yield equal("rational", kinetic_integrand(reference.exact(world), world.d, at) / unit(at), Fraction(factor), 0)


def graphs_are_ordered(
    world: TableWorld,
    alpha: str,
    printed: int | None = None,
    strict: float = 0.0,
    all_pairs: float = 1.0,
) -> Iterator[Evidence]:
    """Assert C_k = MDM >= best one-token unmasking >= best one-token change >= best of all pairs = n."""
    path, scale = _marginal(world, alpha)
    best = [best_flux(path, graph) for graph in GRAPHS]
    n, constant = world.n, kinetic_constant(reference.exact(world), world.d)
    tolerance = ACCURACY * constant
    yield equal("enumeration", path.energy / scale, printed or constant, tolerance)
    values = [path.energy, *(found.value for found in best)]
    for (larger, smaller), graph in zip(itertools.pairwise(values), GRAPHS, strict=True):
        gap = strict if n > 1 and graph != "all pairs" else 0.0
        yield at_least("programme", larger / scale, smaller / scale + gap, tolerance, note=graph)
    yield equal("programme", best[-1].value / scale, all_pairs * n, tolerance)
    yield equal("closed form", factor_flux(path.velocity, path.probability)[1] / scale, all_pairs * n, tolerance)
    worst = max(found.gap for found in best) / scale
    yield at_most("programme", worst, ACCURACY, 0.0, note="primal-dual gap")


def marginal_rate_is_optimal(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """State that MDM's marginal rate minimises E_k over rates: no flux on any graph has less energy."""
    path, scale = _marginal(world, alpha)
    for graph in GRAPHS:
        found = best_flux(path, graph)
        yield at_most("programme", path.energy / scale, (found.value + found.gap) / scale, ACCURACY, note=graph)
    at = Moment.at(Fraction(alpha), Fraction(1))
    before, after = improve_around_square(world, at)
    yield at_most("rational", before / unit(at), after / unit(at), 0, note="detour around a square of reveals")


def conditional_rate_is_optimal(
    n: int, alpha: str, one_token: float = 1.0, all_pairs: float = 1.0
) -> Iterator[Evidence]:
    """Compare the conditional MDM flux with the best one-token fluxes, n 2^(n-1), and the best of all, n."""
    at = Moment.at(float(Fraction(alpha)), 1.0)
    path, scale = conditional_mask_path((0,) * n, 1, at), unit(at)
    constant = one_token * conditional_constant(n)
    tolerance = ACCURACY * constant
    yield equal("enumeration", path.energy / scale, constant, tolerance)
    for graph in GRAPHS[:2]:
        yield equal("programme", best_flux(path, graph).value / scale, constant, tolerance, note=graph)
    yield equal("programme", best_flux(path, "all pairs").value / scale, all_pairs * n, tolerance)
    potential = _count_potential(path, at)
    rho = path.probability[:, None] * path.probability[None]
    flux = rho * np.maximum(potential[None] - potential[:, None], 0) * (path.flux > 0)
    yield equal("closed form", flux, path.flux, 1e-12, note="rho [f(x) - f(z)]_+, f of the count alone")


def optimal_iff_squares_close(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """Assert that MDM's flux is the best one-token unmasking iff q(z + i) = q(z + j) around every square."""
    path, scale = _marginal(world, alpha)
    gap = (path.energy - best_flux(path, "one-token unmasking").value) / scale
    at = Moment.at(Fraction(alpha), Fraction(1))
    before, after = improve_around_square(world, at)
    if before == after:
        yield equal("programme", gap, 0.0, ACCURACY * path.energy / scale)
    else:
        yield at_least("programme", gap, float((before - after) / unit(at)), ACCURACY)
    yield at_least("rational", before, after, 0)


def optimal_always(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """State, falsely, that no detour around a square lowers MDM's energy."""
    at = Moment.at(Fraction(alpha), Fraction(1))
    before, after = improve_around_square(world, at)
    yield at_most("rational", before, after, 0)


def laplacian_agrees(world: TableWorld, alpha: str, scale: float = 1.0, reverse: bool = False) -> Iterator[Evidence]:
    """Compare the Laplacian solution with the quadratic programme on the two symmetric graphs."""
    path, units = _marginal(world, alpha)
    p = path.probability
    for graph in GRAPHS[1:]:
        edge, rho = edges(path, graph), np.zeros((len(p), len(p)))
        rho[edge[0], edge[1]] = p[edge[0]] * p[edge[1]]
        flux, rate = kinetic_optimal_flux(path.velocity, rho)
        found = best_flux(path, graph)
        tolerance = ACCURACY * rate
        yield equal("closed form", scale * rate, flux_energy(flux, rho), tolerance, note="f.p'")
        yield equal("programme", found.value, scale * rate, tolerance, note=graph)
        inflow = -net_inflow(flux) if reverse else net_inflow(flux)
        yield equal("closed form", inflow, path.velocity, 1e-11 * units, note="continuity")


def _marginal(world: TableWorld, alpha: str) -> tuple[Path, float]:
    at = Moment.at(float(Fraction(alpha)), 1.0)
    return marginal_path(world, at), float(unit(at))


def _count_potential(path: Path, at: Moment) -> np.ndarray:
    """Return f(k) = sum_{j<k} alpha' / (1-alpha) / (alpha^(j+1) (1-alpha)^(n-j-1)), k revealed tokens."""
    n = len(path.states[0])
    rises = [at.speed / at.hidden / (at.revealed ** (k + 1) * at.hidden ** (n - k - 1)) for k in range(n)]
    levels = np.concatenate([[0.0], np.cumsum(rises)])
    return np.asarray([levels[n - z.count(path.mask)] for z in path.states])


GENERIC = (
    {"world": TableWorld.from_weights([5, 2, 9], 1, 3), "alpha": "2/5", "printed": 1},
    {"world": TableWorld.from_weights([54, 41, 33, 18], 2, 2), "alpha": "2/5", "printed": 6},
    {"world": TableWorld.from_weights([5, 3, 8, 1, 9, 2, 7, 4, 6], 2, 3), "alpha": "2/5", "printed": 8},
    {"world": TableWorld.from_weights([9, 2, 5, 7, 3, 8, 1, 6], 3, 2), "alpha": "2/5", "printed": 27},
)
"""One generic law per row of the notes' rate table, whose own laws are not given."""

WITNESSES = tuple({k: v for k, v in case.items() if k != "printed"} for case in GENERIC[1:])

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.6a",
        statement="at n = 1 MDM's marginal rate is optimal on every graph",
        source=D6,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("programme", "rational"),
        check=optimal_with_one_token,
        tolerance=PROGRAMME,
        inputs=lambda: paired(world=worlds(n=(1, 1), d=(2, 5)), alpha=fractions()),
        examples=20,
        fixtures=({"world": TableWorld.from_weights([5, 2, 9], 1, 3), "alpha": "2/5"},),
        variants={"twice the energy": partial(optimal_with_one_token, factor=2.0)},
    ),
    Claim(
        id="energy.6b",
        statement="C_k = MDM >= best one-token unmasking >= best one-token change >= best of all pairs = n",
        source="energy notes, 3, item 2 (rate table)",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "programme", "closed form"),
        check=graphs_are_ordered,
        tolerance=PROGRAMME,
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=20,
        fixtures=GENERIC,
        variants={"all pairs reach n / 2": partial(graphs_are_ordered, all_pairs=0.5)},
    ),
    Claim(
        id="energy.6c",
        statement="for n >= 2 and generic q MDM, best unmasking and best one-token change differ strictly",
        assumptions="the generic laws listed as fixtures",
        source="energy notes, 3, item 2",
        quantifier="this instance",
        kind="lower",
        routes=("programme", "enumeration", "closed form"),
        check=partial(graphs_are_ordered, strict=1e-3),
        tolerance=PROGRAMME,
        fixtures=GENERIC,
        variants={"by at least 3": partial(graphs_are_ordered, strict=3.0)},
    ),
    Claim(
        id="energy.6d",
        statement="conditional MDM rate: optimal among one-token rates, n 2^(n-1); best of all pairs n",
        source=D6,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("enumeration", "programme", "closed form"),
        check=conditional_rate_is_optimal,
        tolerance=PROGRAMME,
        inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 4), "alpha": fractions()}),
        examples=15,
        fixtures=tuple({"n": n, "alpha": "2/5"} for n in (1, 2, 3, 4)),
        variants={
            "optimal among all pairs too": lambda n, alpha: conditional_rate_is_optimal(
                n, alpha, all_pairs=2.0 ** (n - 1)
            ),
            "1% less": partial(conditional_rate_is_optimal, one_token=0.99),
        },
    ),
    Claim(
        id="energy.6e",
        statement="MDM's flux is the best one-token unmasking iff every square of two reveals closes",
        source="energy notes, 3, item 2",
        quantifier="for all",
        kind="lower",
        routes=("programme", "rational"),
        check=optimal_iff_squares_close,
        tolerance=PROGRAMME,
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=20,
        fixtures=({"world": TableWorld.from_weights([1] * 9, 2, 3), "alpha": "2/5"}, *WITNESSES),
        variants={"optimal for every law": optimal_always},
    ),
    Claim(
        id="energy.6.read",
        statement="MDM's marginal rate minimises E_k over rates that generate the path",
        source=f"{PAPER}, Theorem 3.6 with section 3.2 and D.6, read as a statement about all rates",
        status="reading",
        quantifier="for all",
        kind="equality",
        expected="refuted",
        see="energy.6b",
        routes=("programme", "rational"),
        check=marginal_rate_is_optimal,
        tolerance=PROGRAMME,
        fixtures=WITNESSES,
    ),
    Claim(
        id="schedules.15b",
        statement="for symmetric rho the kinetic-optimal flux solves the Laplacian system and the programme",
        source="Shaul et al., arXiv 2412.03487 (schedules notes, D)",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "programme"),
        check=laplacian_agrees,
        tolerance="1e-7 relative: the programme's gap; continuity 1e-11: a Laplacian solve refined once",
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=15,
        fixtures=WITNESSES,
        variants={
            "half the energy, f.p' / 2": partial(laplacian_agrees, scale=0.5),
            "flux reversed": partial(laplacian_agrees, reverse=True),
        },
    ),
)
