"""The least energy: J = pi^2 (1 + chi-square) >= pi^2, attained under Condition 3.4 (Chen et al., arXiv 2509.13866).

Lemma 3.5 and Theorem 3.6; and the remark of section 5 that every mask schedule is optimal for a weight of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from theory.energy import closed_forms, symbolic
from theory.energy.claims.inputs import (
    EXACT,
    J_MEANS,
    PAPER,
    QUADRATURE,
    SCHEDULES,
    Components,
    by_quadrature,
    mixture_pairs,
    mixture_problem,
    mixtures,
    ours,
    read_backwards,
    single,
    vanish,
)
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal
from theory.reference.energy import Problem, beta_mixture
from theory.schedules import NAMED, SQUARED_SINE, Schedule, beta_mask, optimal_mask, optimal_weight

LEAST = math.pi**2


def excess_is_chi_square(mask: Components, weight: Components, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare J / pi^2 - 1 with chi^2(g || w) for mixtures of Beta densities g and w, each by its own integral."""
    divergence = closed_forms.chi_square(mixture_problem(mask, weight, as_weights=True))
    found = closed_forms.schedule_integral(mixture_problem(mask, weight)) / LEAST - 1
    tolerance = by_quadrature(1 + divergence)
    yield equal("quadrature", found, factor * divergence, tolerance, effective=divergence > tolerance)
    yield from vanish(symbolic.least_energy()[0])


def least_is_pi_squared(
    mask: Components, weight: Components, factor: float = 1.0, reverse: bool = False
) -> Iterator[Evidence]:
    """Compare J with pi^2 for masks and weights made of Beta mixtures, after the completed square that proves it."""
    compare = at_most if reverse else at_least
    found = closed_forms.schedule_integral(mixture_problem(mask, weight))
    yield compare("quadrature", found, factor * LEAST, by_quadrature(found))
    yield from vanish(symbolic.least_energy()[0])


def least_energy_slack(mask: Any, weight: Any) -> Any:
    """Return J - pi^2 = pi^2 chi^2(g || w), differentiable in the rows [w, a, b] of both mixtures (torch).

    Double-exponential rule, t = 1 / (1 + exp(-pi sinh u)), whose logarithms keep both ends exact.
    """
    import torch

    u = torch.linspace(-4.5, 4.5, 361, dtype=torch.float64)
    logit, step = torch.pi * torch.sinh(u), 9.0 / 360
    logs = torch.nn.functional.logsigmoid(logit), torch.nn.functional.logsigmoid(-logit)

    def log_density(rows: Any) -> Any:
        share, a, b = (torch.as_tensor(rows, dtype=torch.float64)[:, k, None] for k in range(3))
        log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
        terms = (share / share.sum()).log() + (a - 1) * logs[0] + (b - 1) * logs[1] - log_beta
        return torch.logsumexp(terms, 0)

    log_time = logs[0] + logs[1] + torch.log(torch.pi * torch.cosh(u))
    g, w = log_density(mask), log_density(weight)
    mean = step * torch.exp(2 * g - w + log_time).sum()
    return math.pi**2 * (mean - 1)


def condition_attains(weight: Components, tilt: float = 1.0) -> Iterator[Evidence]:
    """Compare J at alpha* = sin^2(pi gamma / 2) with pi^2, and J beside it with its known growth.

    At theta = (pi / 2) gamma + s sin(2 pi gamma) the density is g = gamma' (1 + 4 s cos(2 pi gamma)), so chi^2 = 8 s^2
    for either sign of s. The false variant has gamma^tilt in place of gamma.
    """
    gamma, back = beta_mixture(weight), beta_mixture(read_backwards(weight))
    masks = optimal_mask(_power(gamma, tilt)), optimal_mask(_power_complement(back, tilt))
    found = closed_forms.schedule_integral(Problem(masks[0], gamma, masks[1], back))
    yield equal("quadrature", found, LEAST, by_quadrature(LEAST))
    for s in (0.05, -0.05):
        beside = _wobbled(gamma, back, s)
        yield equal("quadrature", beside, LEAST * (1 + 8 * s**2), by_quadrature(beside), note=f"beside alpha*, s = {s}")
    yield from vanish(symbolic.condition())


def euler_lagrange_vanishes(power: int) -> Iterator[Evidence]:
    """Assert that sin^power(pi t / 2) solves Euler-Lagrange (weight t), and Condition 3.4 for any weight."""
    residual = symbolic.euler_lagrange_of(power)
    yield equal("symbolic", Fraction(int(residual != 0)), Fraction(0), 0, note=str(residual))
    yield from vanish(symbolic.euler_lagrange())


def own_weight_is_optimal(schedule: Schedule, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare J of a mask schedule under its arcsine weight with pi^2."""
    found = _under_own_weight(schedule)
    yield equal("quadrature", found, factor * LEAST, by_quadrature(found))
    yield from vanish(symbolic.condition())


def only_the_squared_sine_is_optimal(schedule: Schedule) -> Iterator[Evidence]:
    """State, falsely, that a schedule other than sin^2(pi t / 2) needs at least 1% more than pi^2 under any weight."""
    t = np.linspace(0, 1, 9)
    same = bool(np.allclose(schedule(t), SQUARED_SINE(t)))
    yield at_least("quadrature", _under_own_weight(schedule), 1.01 * LEAST, by_quadrature(LEAST), effective=not same)


def _under_own_weight(mask: Schedule) -> float:
    mirrored = mask.mirrored()
    problem = Problem(mask, optimal_weight(mask), mirrored, optimal_weight(mirrored))
    return closed_forms.schedule_integral(problem)


def _smooth() -> st.SearchStrategy[Schedule]:
    """Draw a Beta mask schedule; the derivative of a piecewise one jumps, which quadrature does not like."""
    shape = st.integers(4, 60).map(lambda k: k / 20)
    return st.builds(beta_mask, shape, shape)


def _power(gamma: Schedule, tilt: float) -> Schedule:
    """Return gamma^tilt: a wrong interpolation schedule unless tilt is 1."""
    return Schedule(
        "tilted",
        lambda t: gamma.value(t) ** tilt,
        lambda t: gamma.complement(t) if tilt == 1 else 1 - gamma.value(t) ** tilt,
        lambda t: tilt * gamma.value(t) ** (tilt - 1) * gamma.derivative(t),
    )


def _power_complement(back: Schedule, tilt: float) -> Schedule:
    """Return s -> 1 - gamma(1 - s)^tilt."""
    return Schedule(
        "tilted backwards",
        lambda s: back.value(s) if tilt == 1 else 1 - back.complement(s) ** tilt,
        lambda s: back.complement(s) ** tilt,
        lambda s: tilt * back.complement(s) ** (tilt - 1) * back.derivative(s),
    )


def _wobbled(gamma: Schedule, back: Schedule, step: float) -> float:
    """Return J at theta = (pi / 2) gamma + step sin(2 pi gamma)."""

    def wobble(curve: Schedule) -> Schedule:
        return Schedule(
            "wobbled",
            lambda t: curve.value(t) + 2 / math.pi * step * np.sin(2 * math.pi * curve.value(t)),
            lambda t: curve.complement(t) + 2 / math.pi * step * np.sin(2 * math.pi * curve.complement(t)),
            lambda t: curve.derivative(t) * (1 + 4 * step * np.cos(2 * math.pi * curve.value(t))),
        )

    masks = optimal_mask(wobble(gamma)), optimal_mask(wobble(back))
    return closed_forms.schedule_integral(Problem(masks[0], gamma, masks[1], back))


FLAT = {"mask": single(1.0, 1.0), "weight": single(1.0, 1.0)}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.2b",
        statement="J / pi^2 = 1 + chi^2(g || w), the chi-square divergence of the density g = (2 / pi) d/dt arcsin"
        f" sqrt(alpha) from the density w = gamma', where {J_MEANS}.",
        tex=r"J/\pi^2 = \int_0^1 \frac{g^2}{w}\,dt = 1 + \chi^2(g\,\|\,w),\quad"
        r" g = \tfrac{2}{\pi}\tfrac{d}{dt}\arcsin\sqrt{\alpha},\ w = \dot\gamma",
        assumptions=SCHEDULES,
        source=ours("2b"),
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic"),
        check=excess_is_chi_square,
        tolerance=f"{QUADRATURE}; symbolic: {EXACT}",
        inputs=mixture_pairs,
        examples=8,
        fixtures=({"mask": single(1.3, 0.8), "weight": single(1.0, 1.0)},),
        variants={"1% less of chi-square": partial(excess_is_chi_square, factor=0.99)},
    ),
    Claim(
        id="energy.3a",
        statement=f"{J_MEANS} is at least pi^2 for every mask schedule alpha and every weight gamma.",
        tex=r"\int_0^1 \frac{\dot\alpha^2}{\dot\gamma\,\alpha(1-\alpha)}\,dt \ge \pi^2",
        assumptions=SCHEDULES,
        source=f"{PAPER}, Lemma 3.5 and Theorem 3.6",
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("quadrature", "symbolic"),
        check=least_is_pi_squared,
        tolerance=f"{QUADRATURE}; symbolic: {EXACT}",
        inputs=mixture_pairs,
        examples=15,
        fixtures=(FLAT, {"mask": single(1.1, 0.9), "weight": single(1.0, 1.0)}),
        variants={
            "bound 1% larger": partial(least_is_pi_squared, factor=1.01),
            "pi^2 is the greatest value": partial(least_is_pi_squared, reverse=True),
        },
        objective=least_energy_slack,
        differentiable=("mask", "weight"),
        sharp=Sharp("pi^2, under Condition 3.4", FLAT, 1 - 1e-9),
    ),
    Claim(
        id="energy.3b",
        statement="The mask schedule alpha* = sin^2(pi gamma / 2) attains the least J, pi^2, for every weight gamma;"
        " beside it J grows quadratically.",
        tex=r"\alpha^*_t = \sin^2(\pi\gamma_t/2)",
        assumptions=SCHEDULES,
        source=f"{PAPER}, Condition 3.4 and Theorem 3.6",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic"),
        check=condition_attains,
        tolerance=f"{QUADRATURE}; symbolic: {EXACT}",
        inputs=lambda: st.fixed_dictionaries({"weight": mixtures(6, 40)}),
        examples=6,
        fixtures=({"weight": single(1.0, 1.0)}, {"weight": single(0.3, 2.0)}),
        variants={"sin^2(pi gamma^1.01 / 2)": partial(condition_attains, tilt=1.01)},
    ),
    Claim(
        id="energy.3c",
        statement="sin^2(pi gamma / 2), and every sin^2(A gamma + B), solves the Euler-Lagrange equation of J in the"
        " mask schedule, which is derived from its Lagrangian.",
        source=f"{PAPER}, Condition 3.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("symbolic",),
        check=euler_lagrange_vanishes,
        tolerance=EXACT,
        fixtures=({"power": 2},),
        variants={"sin^3 under the weight t": lambda power: euler_lagrange_vanishes(power + 1)},
    ),
    Claim(
        id="energy.3e",
        statement="Every mask schedule alpha attains the least J, pi^2, under its own weight (2 / pi) arcsin sqrt(alpha):"
        " least energy alone selects no schedule.",
        source=f"{PAPER}, section 5",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic"),
        check=own_weight_is_optimal,
        tolerance=f"{QUADRATURE}; symbolic: {EXACT}",
        inputs=lambda: st.fixed_dictionaries({"schedule": _smooth()}),
        examples=8,
        fixtures=tuple({"schedule": schedule} for schedule in NAMED.values()),
        variants={
            "only sin^2(pi t / 2) attains it": only_the_squared_sine_is_optimal,
            "1% larger": partial(own_weight_is_optimal, factor=1.01),
        },
    ),
)
