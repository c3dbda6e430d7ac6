"""The integral J: its closed-form landscape, its chi-square form and J >= pi^2.

Chen et al. (arXiv 2509.13866). Claims 2 and 3 of the energy notes; where the bound is attained is in
optimality.py.
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

from theory.energy import symbolic
from theory.energy.claims.inputs import (
    PAPER,
    RELATIVE,
    Components,
    finite_shapes,
    mixture_pairs,
    mixture_problem,
    single,
    vanish,
)
from theory.energy.closed_forms import LEAST, beta_landscape, chi_square, schedule_integral
from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.ledger.certificates import judged
from theory.reference.energy import Problem
from theory.schedules import (
    beta,
)


def landscape_is_closed(
    shapes: list[float], printed: float | None = None, factor: float = 1.0, shift: float = 0.0
) -> Iterator[Evidence]:
    """Compare J of a Beta pair by quadrature, through chi^2, and in closed form."""
    a, b, c, e = shapes
    closed = factor * float(beta_landscape(a + shift, b, c, e))
    tolerance = 1e-9 * closed
    yield equal("quadrature", schedule_integral(Problem.beta(*shapes)), closed, tolerance)
    own = Problem(beta(a, b), beta(c, e), beta(b, a), beta(e, c))
    found = LEAST * (1 + chi_square(own))
    yield equal("quadrature", found, closed, tolerance, note="chi-square")
    yield from vanish(symbolic.landscape())
    if printed is not None:
        yield equal("closed form", closed, printed, 1e-9, note="last printed place")


def landscape_is_finite_iff(shapes: list[float], margin: float = 0.0) -> Iterator[Evidence]:
    """Compare finiteness of J with 2a > c and 2b > e: closed form, end-point exponents, quadrature."""
    a, b, c, e = shapes
    least = min(2 * a - c, 2 * b - e)
    finite = least > 1e-12 + margin
    yield equal("closed form", int(np.isfinite(beta_landscape(*shapes))), int(finite), 0)
    exponents = [end_exponent(Problem.beta(*ends)) for ends in ((a, b, c, e), (b, a, e, c))]
    yield equal("enumeration", min(exponents), least, 1e-6, note="J converges iff it is positive")
    if not 0 < least < 0.1:
        yield equal("quadrature", int(_settles(Problem.beta(*shapes))), int(finite), 0)


def excess_is_chi_square(mask: Components, weight: Components, factor: float = 1.0) -> Iterator[Evidence]:
    """Compare J / pi^2 - 1 with chi^2(g || w) for mixtures of Beta densities g and w."""
    divergence = chi_square(mixture_problem(mask, weight, as_weights=True))
    found = schedule_integral(mixture_problem(mask, weight)) / LEAST - 1
    tolerance = 1e-9 * (1 + divergence)
    effective = divergence > 1e-6
    yield equal("quadrature", found, factor * divergence, tolerance, effective=effective)
    yield from vanish(symbolic.least_energy()[0])


def least_is_pi_squared(
    mask: Components, weight: Components, factor: float = 1.0, reverse: bool = False
) -> Iterator[Evidence]:
    """Assert J >= pi^2 for masks and weights made of Beta mixtures."""
    compare = at_most if reverse else at_least
    found = schedule_integral(mixture_problem(mask, weight))
    yield compare("quadrature", found, factor * LEAST, 1e-9 * found)
    if len(mask) == len(weight) == 1:
        closed = float(beta_landscape(*mask[0][1:], *weight[0][1:]))
        yield compare("closed form", closed, factor * LEAST, 1e-11 * closed)
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


def landscape_certified(low: str, high: str, box: list[list[str]], bound: str = "0") -> Iterator[Evidence]:
    """Certify J >= pi^2 for c, e, 2a - c, 2b - e in [low, high], and ln(J / pi^2) >= bound on a box."""
    from theory.energy import certified

    convex = certified.certify_landscape(Fraction(low), Fraction(high), max_boxes=20_000)
    yield judged(convex, "Hessian of ln B")
    direct = certified.certify_landscape_directly(
        [(Fraction(a), Fraction(b)) for a, b in box], Fraction(bound), max_boxes=20_000
    )
    yield judged(direct, "closed form itself")
    corners = [float(Fraction(ends[0])) for ends in box]
    yield at_least("closed form", math.log(beta_landscape(*corners) / LEAST), float(Fraction(bound)), 1e-13)


def landscape_certified_too_strongly(**instance: Any) -> Iterator[Evidence]:
    """State, falsely, that the Hessian determinant keeps its sign with 5% taken off."""
    from theory.energy import certified

    found = certified.certify_landscape(Fraction(instance["low"]), Fraction(instance["high"]), Fraction(21, 20), 2_000)
    yield judged(found)


def end_exponent(problem: Problem) -> float:
    """Return p where the integrand of J grows like t^(p - 1) at t = 0, from two tiny times."""
    times = np.array([1e-30, 1e-40])
    speed = problem.mask.derivative(times)
    parts = (problem.weight.derivative(times), problem.mask.value(times), times)
    logs = 2 * np.log(speed) - np.log(parts[0]) - np.log(parts[1]) + np.log(parts[2])
    return float(np.diff(logs)[0] / np.diff(np.log(times))[0])


def _settles(problem: Problem) -> bool:
    try:
        schedule_integral(problem)
    except InvalidInput:
        return False
    return True


def _any_shapes() -> SearchStrategy[list[float]]:
    number = st.integers(4, 40).map(lambda k: k / 20)
    return st.lists(number, min_size=4, max_size=4)


NOTES = "energy notes, 2"
PRINTED = (
    ([1.0, 1.0, 1.0, 1.0], math.pi**2),
    ([1.3, 0.8, 1.0, 1.0], 11.956321527),
    ([0.9, 0.7, 0.5, 0.5], 11.198424705),
    ([1.5, 2.2, 1.0, 1.2], 11.164254086),
    ([0.6, 0.6, 1.0, 1.0], 16.074368530),
)
CERTIFIED = {
    "low": "1/5",
    "high": "5",
    "box": [["1", "2"], ["1", "2"], ["1/4", "1/2"], ["1/4", "1/2"]],
}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.2a",
        statement="J = pi^2 B(2a-c, 2b-e) B(c, e) / B(a, b)^2 for a Beta(a,b) mask and Beta(c,e) weight",
        assumptions="2a > c and 2b > e (quadrature: both by 1/5)",
        source=NOTES,
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic", "closed form"),
        check=landscape_is_closed,
        tolerance=RELATIVE,
        inputs=lambda: st.fixed_dictionaries({"shapes": finite_shapes()}),
        fixtures=tuple({"shapes": shapes, "printed": value} for shapes, value in PRINTED),
        variants={
            "factor 1.001": partial(landscape_is_closed, factor=1.001),
            "a shifted by 0.01": partial(landscape_is_closed, shift=0.01),
        },
    ),
    Claim(
        id="energy.2b",
        statement="J / pi^2 = 1 + chi^2(g || w), g the density of (2/pi) arcsin sqrt(alpha), w = gamma'",
        source=NOTES,
        quantifier="for all",
        kind="equality",
        routes=("quadrature", "symbolic"),
        check=excess_is_chi_square,
        tolerance=RELATIVE,
        inputs=mixture_pairs,
        fixtures=({"mask": single(1.3, 0.8), "weight": single(1.0, 1.0)},),
        variants={"half of chi-square": partial(excess_is_chi_square, factor=0.5)},
    ),
    Claim(
        id="energy.2c",
        statement="J of a Beta pair is finite iff 2a > c and 2b > e",
        source=NOTES,
        quantifier="for all",
        kind="equality",
        routes=("closed form", "enumeration", "quadrature"),
        check=landscape_is_finite_iff,
        tolerance="zero; exponents 1e-6: at t = 1e-30 the first correction is (1e-30)^a <= 1e-6, a >= 1/5",
        inputs=lambda: st.fixed_dictionaries({"shapes": _any_shapes()}),
        fixtures=({"shapes": [0.5, 0.5, 1.0, 1.0]}, {"shapes": [0.6, 0.6, 1.0, 1.0]}),
        variants={"finite iff 2a > c + 1/2": partial(landscape_is_finite_iff, margin=0.5)},
    ),
    Claim(
        id="energy.3a",
        statement="J(alpha, gamma) >= pi^2 for every mask schedule alpha and weight gamma",
        assumptions="both increase from 0 to 1; J finite (else the bound is trivial)",
        source=f"{PAPER}, Lemma 3.5 and Theorem 3.6",
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("quadrature", "closed form", "symbolic"),
        check=least_is_pi_squared,
        tolerance=RELATIVE,
        inputs=mixture_pairs,
        fixtures=(
            {"mask": single(1.0, 1.0), "weight": single(1.0, 1.0)},
            {"mask": single(1.1, 0.9), "weight": single(1.0, 1.0)},
        ),
        variants={
            "1% larger bound": partial(least_is_pi_squared, factor=1.01),
            "reversed": partial(least_is_pi_squared, reverse=True),
        },
        objective=least_energy_slack,
        differentiable=("mask", "weight"),
    ),
    Claim(
        id="energy.3d",
        statement="J >= pi^2 for all Beta pairs with c, e, 2a-c, 2b-e in a box: ln B is convex (certified)",
        source=f"{PAPER}, Theorem 3.6, on the Beta plane",
        status="reading",
        quantifier="for all",
        kind="lower",
        routes=("ball", "closed form"),
        check=landscape_certified,
        tolerance="zero: enclosures; closed form 1e-13, ln B at the corner",
        fixtures=(CERTIFIED,),
        variants={
            "J >= e pi^2": lambda **box: landscape_certified(**box, bound="1"),
            "Hessian with 5% to spare": landscape_certified_too_strongly,
        },
    ),
)
