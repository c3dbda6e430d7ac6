"""Optimal rates for a fixed path: masked diffusion's own against the least energy of any rate that generates it.

Chen et al. (arXiv 2509.13866), D.6 and Lemmas D.7-D.8. Energies are those of one moment, in units of
alpha'^2 / (alpha (1 - alpha)). The engine's quadratic programme is bracketed in fractions by weak duality.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy import closed_forms, paths, rates
from theory.energy.claims.brackets import PROGRAMME, SPEED, bracketed, is_least, path_is_defined, same_path, slack_of
from theory.energy.claims.inputs import EXACT, PAPER, fractions, ours, unit, world_inputs
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding, undecided
from theory.ledger.strategies import paired, worlds
from theory.reference import energy as definitions
from theory.reference import fluxes
from theory.reference import laws as reference
from theory.reference.energy import Moment
from theory.worlds import TableWorld

D6 = f"{PAPER}, D.6, Lemmas D.7-D.8"
UNMASKING, CHANGE, PAIRS = rates.GRAPHS


def optimal_with_one_token(world: TableWorld, alpha: str, factor: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Compare the energy of masked diffusion's rate for one token, 1, with the least on every graph."""
    at = Moment.at(Fraction(alpha), SPEED)
    own = definitions.kinetic_integrand(reference.exact(world), world.d, at) / unit(Fraction(alpha), SPEED)
    yield equal("rational", own, factor, 0)
    for graph in rates.GRAPHS:
        yield from is_least(bracketed(world, alpha, graph), factor, graph)


def least_of_all_pairs(world: TableWorld, alpha: str, extra: int = 0) -> Iterator[Evidence]:
    """Compare the engine's path and flux with the definitions, and the least energy between all pairs with n.

    The potential p' / p proves in fractions that no flux has less energy than n, and the flux
    p(z) p(x) [p'(x) / p(x) - p'(z) / p(z)]_+ has it.
    """
    law, at, one = reference.exact(world), Moment.at(Fraction(alpha), SPEED), unit(Fraction(alpha), SPEED)
    p = fluxes.path(law, world.d, at)
    speed = fluxes.velocity(p, world.d, at)
    yield from path_is_defined(world, alpha, p, speed)
    claimed = Fraction(world.n + extra)
    score = {z: speed[z] / p[z] for z in p}
    pairs = fluxes.edges(p, world.d, PAIRS)
    yield equal("rational", fluxes.lower_bound(p, speed, score, pairs) / one, claimed, 0, note="no flux has less")
    flux = {(z, x): p[z] * p[x] * max(score[x] - score[z], Fraction(0)) for z, x in pairs}
    yield equal("rational", fluxes.energy_of(p, flux) / one, claimed, 0, note="this flux has it")
    yield from is_least(bracketed(world, alpha, PAIRS), claimed, PAIRS)
    path = paths.marginal_path(world, Moment.at(float(Fraction(alpha)), 1.0))
    energy = rates.factor_flux(path.velocity, path.probability)[1] / float(one)
    yield equal("closed form", energy, float(claimed), rounding(64 * len(p), float(claimed)))


def graphs_are_ordered(
    world: TableWorld, alpha: str, strictly: bool = True, margin: Fraction = Fraction(0)
) -> Iterator[Evidence]:
    """Compare masked diffusion's energy, the best unmasking's, the best one-token change's and the best of all, in turn.

    Every comparison is of an exact lower bound on the larger with an exact upper bound on the smaller.
    """
    at = Moment.at(Fraction(alpha), SPEED)
    own = definitions.kinetic_integrand(reference.exact(world), world.d, at) / unit(Fraction(alpha), SPEED)
    larger, name = own, "masked diffusion"
    for graph in rates.GRAPHS:
        found = bracketed(world, alpha, graph)
        if found.high is None:
            yield undecided("rational", f"{graph}: the flux could not be made exact")
            return
        yield at_most("rational", found.high, larger * (1 - margin), 0, note=f"{graph} below {name}")
        yield equal("rational", int(found.high < larger), int(strictly), 0, note=f"{graph} strictly below {name}")
        larger, name = found.low, graph


def marginal_rate_is_optimal(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """State that no unmasking flux has less energy than masked diffusion's, against a detour around one square."""
    before, after = paths.improve_around_square(world, Moment.at(Fraction(alpha), SPEED))
    one = unit(Fraction(alpha), SPEED)
    yield at_most("rational", before / one, after / one, 0, note="detour around a square of reveals")
    found = bracketed(world, alpha, UNMASKING)
    if found.high is not None:
        yield at_most("rational", before / one, found.high, 0, note="best unmasking")


def conditional_rate_is_optimal(
    n: int, alpha: str, one_token: Fraction = Fraction(1), all_pairs: Fraction = Fraction(1)
) -> Iterator[Evidence]:
    """Compare the conditional flux's energy with n 2^(n-1), the least of one token a step, and n, the least of all.

    The potential that depends on the number k of revealed tokens alone, with rises
    alpha' / (1 - alpha) / (alpha^(k+1) (1 - alpha)^(n-k-1)), proves the first in fractions, p' / p the second.
    """
    law, at, one = {(0,) * n: Fraction(1)}, Moment.at(Fraction(alpha), SPEED), unit(Fraction(alpha), SPEED)
    claimed, least = one_token * n * 2 ** (n - 1), all_pairs * n
    yield equal("rational", definitions.conditional_integrand(law, 1, at) / one, claimed, 0)
    p = fluxes.path(law, 1, at)
    speed = fluxes.velocity(p, 1, at)
    levels = _count_levels(n, at)
    count = {z: levels[n - z.count(1)] for z in p}
    score = {z: speed[z] / p[z] for z in p}
    for graph, potential, value in ((UNMASKING, count, claimed), (CHANGE, count, claimed), (PAIRS, score, least)):
        bound = fluxes.lower_bound(p, speed, potential, fluxes.edges(p, 1, graph)) / one
        yield equal("rational", bound, value, 0, note=f"{graph}: no flux has less")
    path = paths.conditional_mask_path((0,) * n, 1, Moment.at(float(Fraction(alpha)), 1.0))
    yield from same_path(path, p, speed)
    yield equal("enumeration", path.energy / float(one), float(claimed), slack_of(len(p), float(claimed)))
    constant = int(one_token * closed_forms.conditional_constant(n))
    for graph, value in ((UNMASKING, constant), (CHANGE, constant), (PAIRS, least)):
        found = rates.best_flux(path, graph).value / float(one)
        yield equal("programme", found, float(value), slack_of(len(p), float(claimed)), note=graph)


def optimal_iff_squares_close(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """Assert that masked diffusion's flux is the best unmasking iff q(z + i) = q(z + j) around every square.

    Where some square does not close, a detour around it has less energy, exactly; where all close, the energy lies in
    the bracket of the least.
    """
    at, one = Moment.at(Fraction(alpha), SPEED), unit(Fraction(alpha), SPEED)
    own = definitions.kinetic_integrand(reference.exact(world), world.d, at)
    before, after = paths.improve_around_square(world, at)
    closed = fluxes.squares_close(reference.exact(world), world.d)
    yield equal("rational", before, own, 0)
    yield equal("rational", after, fluxes.best_detour(reference.exact(world), world.d, at), 0, note="the best detour")
    yield equal("rational", int(after < before), int(not closed), 0, note="a detour gains where a square stays open")
    found = bracketed(world, alpha, UNMASKING)
    yield at_most("rational", found.low, after / one, 0, note="no better than the best")
    if found.high is None:
        yield undecided("rational", "the flux could not be made exact")
    elif closed:
        yield from is_least(found, own / one, UNMASKING)
    else:
        yield at_least("rational", after / one, found.low, 0)
        yield equal("rational", int(found.high < own / one), 1, 0, note="the best unmasking has less")


def optimal_always(world: TableWorld, alpha: str) -> Iterator[Evidence]:
    """State, falsely, that no detour around a square lowers the energy of masked diffusion's flux."""
    before, after = paths.improve_around_square(world, Moment.at(Fraction(alpha), SPEED))
    yield at_most("rational", before, after, 0)


def laplacian_agrees(world: TableWorld, alpha: str, scale: float = 1.0, reverse: bool = False) -> Iterator[Evidence]:
    """Compare the Laplacian solution with the bracket of the programme on the two symmetric graphs."""
    path = paths.marginal_path(world, Moment.at(float(Fraction(alpha)), 1.0))
    p, one = path.probability, float(unit(Fraction(alpha), SPEED))
    for graph in (CHANGE, PAIRS):
        edge, rho = rates.edges(path, graph), np.zeros((len(p), len(p)))
        rho[edge[0], edge[1]] = p[edge[0]] * p[edge[1]]
        flux, rate = rates.kinetic_optimal_flux(path.velocity, rho)
        found = bracketed(world, alpha, graph)
        solved = found.tolerance * float(p.max() / p.min())
        yield equal("rational", scale * rate / one, float(found.low), solved, note=f"{graph}, bound by duality")
        yield equal("closed form", scale * rate, paths.flux_energy(flux, rho), solved * one, note="f.p'")
        inflow = flux.sum(0) - flux.sum(1)
        yield equal("closed form", -inflow if reverse else inflow, path.velocity, solved * one, note="continuity")


def _count_levels(n: int, at: Moment) -> list[Fraction]:
    levels = [Fraction(0)]
    for k in range(n):
        levels.append(levels[-1] + at.speed / at.hidden / (at.revealed ** (k + 1) * at.hidden ** (n - k - 1)))
    return levels


GENERIC = (
    {"world": TableWorld.from_weights([54, 41, 33, 18], 2, 2), "alpha": "2/5"},
    {"world": TableWorld.from_weights([5, 3, 8, 1, 9, 2, 7, 4, 6], 2, 3), "alpha": "2/5"},
    {"world": TableWorld.from_weights([9, 2, 5, 7, 3, 8, 1, 6], 3, 2), "alpha": "2/5"},
)
"""One generic law per row of the project's rate table, whose own laws are not given."""

USED_UP = tuple(
    {"world": TableWorld.from_weights(weights, 2, 2), "alpha": "19/20"} for weights in ([1, 1, 200, 1], [1, 200, 1, 1])
)
"""Laws whose best detour takes all the flux of one way around the square."""

ONE_TOKEN = {"world": TableWorld.from_weights([5, 2, 9], 1, 3), "alpha": "2/5"}
UNIFORM = {"world": TableWorld.from_weights([1] * 9, 2, 3), "alpha": "2/5"}
UNITS = "in units of alpha'^2 / (alpha (1 - alpha))"
ENERGY = "the energy sum j(z, x)^2 / (p(z) p(x)) of a flux j that generates the path p of masked diffusion"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.6a",
        statement=f"For one token masked diffusion's marginal rate has the least {ENERGY}, 1 {UNITS}: on unmasking edges,"
        " on one-token changes and between all pairs of states.",
        source=D6,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("programme", "rational"),
        check=optimal_with_one_token,
        tolerance=PROGRAMME,
        inputs=lambda: paired(world=worlds(n=(1, 1), d=(2, 5)), alpha=fractions()),
        examples=15,
        fixtures=(ONE_TOKEN,),
        variants={"1% more energy": partial(optimal_with_one_token, factor=Fraction(101, 100))},
    ),
    Claim(
        id="energy.6b",
        statement=f"Between all pairs of states the least value of {ENERGY} is n {UNITS}, for n tokens and every data law:"
        " it is the Fisher information of the path.",
        tex=r"\min_j \sum_{z \ne x} \frac{j(z,x)^2}{p(z)p(x)} = \sum_z \frac{\dot p(z)^2}{p(z)}"
        r" = n\,\frac{\dot\alpha^2}{\alpha(1-\alpha)}",
        source=ours("6b"),
        quantifier="for all",
        kind="equality",
        routes=("programme", "rational", "closed form"),
        check=least_of_all_pairs,
        tolerance=PROGRAMME,
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=10,
        fixtures=(ONE_TOKEN, *GENERIC),
        variants={"n + 1": partial(least_of_all_pairs, extra=1)},
    ),
    Claim(
        id="energy.6c",
        statement=f"There are data laws of two and three tokens for which {ENERGY} falls strictly from masked diffusion's"
        " own rate to the best unmasking rate, to the best rate of one-token changes, and to the best of all.",
        source=ours("6c"),
        quantifier="there exists",
        kind="lower",
        routes=("rational",),
        check=graphs_are_ordered,
        tolerance=EXACT,
        fixtures=GENERIC,
        variants={
            "they are equal": partial(graphs_are_ordered, strictly=False),
            "each step by 1%": partial(graphs_are_ordered, margin=Fraction(1, 100)),
        },
    ),
    Claim(
        id="energy.6d",
        statement="The conditional rate of masked diffusion, given a sequence of n tokens, has least energy among rates"
        f" that change one token, n 2^(n-1) {UNITS}; between all pairs of states the least is n.",
        source=D6,
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("rational", "enumeration", "programme"),
        check=conditional_rate_is_optimal,
        tolerance=PROGRAMME,
        inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 4), "alpha": fractions()}),
        examples=15,
        fixtures=tuple({"n": n, "alpha": "2/5"} for n in (1, 2, 3, 4)),
        variants={
            "1% less": partial(conditional_rate_is_optimal, one_token=Fraction(99, 100)),
            "1% more between all pairs": partial(conditional_rate_is_optimal, all_pairs=Fraction(101, 100)),
        },
    ),
    Claim(
        id="energy.6e",
        statement="The flux of masked diffusion's marginal rate has the least energy among unmasking fluxes if and only if"
        " q(z + i) = q(z + j) around every square of two reveals, from z through z + i or z + j to z + i + j, where q is"
        " the probability of the revealed tokens.",
        source=ours("6e"),
        quantifier="for all",
        kind="upper",
        routes=("programme", "rational"),
        check=optimal_iff_squares_close,
        tolerance=PROGRAMME,
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=12,
        fixtures=(UNIFORM, *GENERIC, *USED_UP),
        variants={"optimal for every law": optimal_always},
    ),
    Claim(
        id="energy.6.read",
        statement="The marginal rate of masked diffusion minimises the kinetic energy over all rates that generate the"
        " same path.",
        source=f"{PAPER}, Theorem 3.6 with section 3.2 and D.6, read as a statement about all rates",
        status="reading",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="energy.6e",
        routes=("rational",),
        check=marginal_rate_is_optimal,
        tolerance=EXACT,
        fixtures=GENERIC,
    ),
    Claim(
        id="schedules.15b",
        statement="For a symmetric weight rho(z, x) = p(z) p(x) on the edges of a graph the flux of least energy is"
        " rho [f(x) - f(z)]_+, with f the solution of the Laplacian system sum_z rho(x, z) (f(x) - f(z)) = p'(x), and its"
        " energy is sum f p'.",
        source="Shaul et al., arXiv 2412.03487; see docs/derivations.md, schedules D",
        status="reading",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "rational"),
        check=laplacian_agrees,
        tolerance=f"{PROGRAMME}; the Laplacian solve: times the ratio of the largest and the smallest probability",
        inputs=lambda: world_inputs(alpha=fractions()),
        examples=8,
        fixtures=GENERIC,
        variants={
            "1% less energy": partial(laplacian_agrees, scale=0.99),
            "flux reversed": partial(laplacian_agrees, reverse=True),
        },
    ),
)
