"""Where J is least: Condition 3.4, its Euler-Lagrange equation, Prop. 3.7 (Chen et al., arXiv 2509.13866).

Claims 3 and 4 of the energy notes, and its remark that energy optimality selects no schedule.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy import symbolic
from theory.energy.claims.inputs import (
    PAPER,
    RELATIVE,
    Components,
    mixtures,
    read_backwards,
    shape_pairs,
    single,
    times,
    vanish,
)
from theory.energy.closed_forms import LEAST, schedule_integral
from theory.ledger import Claim, Evidence, at_least, equal, rounding
from theory.reference.energy import Problem, beta_mixture
from theory.schedules import (
    LINEAR,
    NAMED,
    SQUARED_SINE,
    Schedule,
    beta,
    beta_mask,
    optimal_mask,
    optimal_weight,
)


def condition_attains(weight: Components, tilt: float = 1.0) -> Iterator[Evidence]:
    """Compare J(alpha*, gamma) with pi^2, and E-L: alpha* is stationary with a known second order."""
    gamma, back = beta_mixture(weight), beta_mixture(read_backwards(weight))
    masks = optimal_mask(_power(gamma, tilt)), optimal_mask(_power_complement(back, tilt))
    found = schedule_integral(Problem(masks[0], gamma, masks[1], back))
    yield equal("quadrature", found, LEAST, 1e-9 * LEAST)
    step = 0.05
    up, down = (_wobbled(gamma, back, s) for s in (step, -step))
    expected = LEAST * (1 + 8 * step**2) if tilt == 1 else LEAST
    yield equal("quadrature", (up + down) / 2, expected, 1e-9 * LEAST, note="J at alpha* +- wobble")
    yield equal("quadrature", up - down, 0.0, 1e-9 * LEAST, note="first variation")


def euler_lagrange_vanishes(power: int) -> Iterator[Evidence]:
    """Assert that sin^power(pi t / 2) solves Euler-Lagrange (weight t), and Condition 3.4 for any weight."""
    residual = symbolic.euler_lagrange_of(power)
    yield equal("symbolic", Fraction(int(residual != 0)), Fraction(0), 0, note=str(residual))
    yield from vanish(symbolic.euler_lagrange())


def own_weight_is_optimal(name: str) -> Iterator[Evidence]:
    """Compare J of a named mask schedule under its arcsine weight with pi^2."""
    mask = NAMED[name]
    found = schedule_integral(Problem.of(mask, optimal_weight(mask)))
    yield equal("quadrature", found, LEAST, 1e-6, note="ends read backwards, sqrt(2e-16)")
    yield from vanish(symbolic.euler_lagrange())


def one_schedule_is_singled_out(name: str) -> Iterator[Evidence]:
    """State that only sin^2(pi t / 2) attains the least energy: any other schedule stays above pi^2."""
    mask = NAMED[name]
    same = bool(np.allclose(mask(np.linspace(0, 1, 9)), SQUARED_SINE(np.linspace(0, 1, 9))))
    found = schedule_integral(Problem.of(mask, optimal_weight(mask)))
    yield at_least("quadrature", found, LEAST + 1e-3, 1e-6, effective=not same)


def beta_family_members(time: float, shapes: tuple[float, float] = (0.5, 1.0)) -> Iterator[Evidence]:
    """Compare the Beta(1/2, 1/2) mask with t and the Beta(1, 1) mask with sin^2(pi t / 2)."""
    yield from vanish(symbolic.beta_family())
    pairs = zip(shapes, (LINEAR, SQUARED_SINE), strict=True)
    for shape, named in pairs:
        mask = beta_mask(shape, shape)
        yield equal("closed form", _at(mask, time), _at(named, time), rounding(4))
        slopes = [float(s.derivative(np.array([time]))[0]) for s in (mask, named)]
        yield equal("closed form", slopes[0], slopes[1], rounding(16, slopes[1]), note="derivative")


def round_trip_returns(shapes: list[float], time: float, power: float = 1.0) -> Iterator[Evidence]:
    """Compare gamma -> alpha -> gamma and alpha -> gamma -> alpha with the identity."""
    gamma, mask = beta(*shapes), beta_mask(*shapes)
    back = _at(optimal_weight(optimal_mask(gamma)), time)
    yield equal("closed form", back, _at(gamma, time) ** power, rounding(8))
    again = _at(optimal_mask(optimal_weight(mask)), time)
    yield equal("closed form", again, _at(mask, time) ** power, rounding(8))
    yield from vanish(symbolic.round_trip())


def _at(schedule: Schedule, time: float) -> float:
    return float(schedule(np.array([time]))[0])


def _power(gamma: Schedule, tilt: float) -> Schedule:
    """Return gamma^tilt: a wrong interpolation schedule unless tilt is 1."""
    return Schedule(
        "tilted",
        lambda t: gamma.value(t) ** tilt,
        lambda t: gamma.complement(t) if tilt == 1 else 1 - gamma.value(t) ** tilt,
        lambda t: tilt * gamma.value(t) ** (tilt - 1) * gamma.derivative(t),
    )


def _power_complement(back: Schedule, tilt: float) -> Schedule:
    """Return `_power` read backwards."""
    return Schedule(
        "tilted backwards",
        lambda s: back.value(s) if tilt == 1 else -np.expm1(tilt * np.log1p(-back.value(s))),
        lambda s: back.complement(s) ** tilt,
        lambda s: tilt * back.complement(s) ** (tilt - 1) * back.derivative(s),
    )


def _wobbled(gamma: Schedule, back: Schedule, step: float) -> float:
    """Return J at theta = (pi / 2) (gamma + step sin(2 pi gamma) / (pi / 2)).

    J = pi^2 + 4 step^2 int (2 pi cos(2 pi gamma))^2 gamma' dt = pi^2 (1 + 8 step^2).
    """

    def wobble(curve: Schedule) -> Schedule:
        return Schedule(
            "wobbled",
            lambda t: curve.value(t) + 2 / math.pi * step * np.sin(2 * math.pi * curve.value(t)),
            lambda t: curve.complement(t) + 2 / math.pi * step * np.sin(2 * math.pi * curve.complement(t)),
            lambda t: curve.derivative(t) * (1 + 4 * step * np.cos(2 * math.pi * curve.value(t))),
        )

    masks = optimal_mask(wobble(gamma)), optimal_mask(wobble(back))
    return schedule_integral(Problem(masks[0], gamma, masks[1], back))


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.3b",
        statement="alpha* = sin^2(pi gamma / 2) attains J = pi^2 and is stationary, for every weight gamma",
        source=f"{PAPER}, Condition 3.4 and Theorem 3.6",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("quadrature",),
        check=condition_attains,
        tolerance=RELATIVE,
        inputs=lambda: st.fixed_dictionaries({"weight": mixtures(6, 40)}),
        fixtures=({"weight": single(1.0, 1.0)}, {"weight": single(0.3, 2.0)}),
        variants={"sin^2(pi gamma^1.1 / 2)": partial(condition_attains, tilt=1.1)},
    ),
    Claim(
        id="energy.3c",
        statement="sin^2(pi gamma / 2) solves the Euler-Lagrange equation of J, derived from its Lagrangian",
        source=f"{PAPER}, Condition 3.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("symbolic",),
        check=euler_lagrange_vanishes,
        tolerance="zero: algebra",
        fixtures=({"power": 2},),
        variants={"sin^3": lambda power: euler_lagrange_vanishes(power + 1)},
    ),
    Claim(
        id="energy.3e",
        statement="every mask schedule is optimal, J = pi^2, for its own weight (2/pi) arcsin sqrt(alpha)",
        source=f"{PAPER}, section 5",
        status="printed",
        quantifier="this instance",
        kind="equality",
        routes=("quadrature", "symbolic"),
        check=own_weight_is_optimal,
        tolerance="1e-6: a half read backwards knows 1 - t to 2e-16, its integrand grows like s^(-1/2)",
        fixtures=tuple({"name": name} for name in NAMED),
        variants={"only sin^2 is": one_schedule_is_singled_out},
    ),
    Claim(
        id="energy.3e.false",
        statement="energy optimality singles out one mask schedule: all but sin^2(pi t/2) stay above pi^2",
        source="a converse of energy.3e that no paper states",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="energy.3e",
        routes=("quadrature",),
        check=one_schedule_is_singled_out,
        tolerance="1e-6, as energy.3e, against a gap of 1e-3",
        fixtures=tuple({"name": name} for name in NAMED),
    ),
    Claim(
        id="energy.4a",
        statement="Beta(1/2, 1/2) gives alpha = t; Beta(1, 1) gives alpha = sin^2(pi t / 2)",
        source=f"{PAPER}, Proposition 3.7",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("symbolic", "closed form"),
        check=beta_family_members,
        tolerance="symbolic: zero. closed form: 8 eps a rounded operation, 4 in alpha and 16 in alpha'",
        inputs=lambda: st.fixed_dictionaries({"time": times()}),
        fixtures=({"time": 0.5}, {"time": 0.0}, {"time": 1.0}),
        variants={"(1, 1/2) exchanged": partial(beta_family_members, shapes=(1.0, 0.5))},
    ),
    Claim(
        id="energy.4b",
        statement="alpha = sin^2(pi gamma / 2) and gamma = (2/pi) arcsin sqrt(alpha) undo each other",
        source=f"{PAPER}, Condition 3.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "symbolic"),
        check=round_trip_returns,
        tolerance="symbolic: zero. closed form: 8 eps for each of 8 rounded operations",
        inputs=lambda: st.fixed_dictionaries({"shapes": shape_pairs(), "time": times()}),
        fixtures=({"shapes": [0.5, 0.5], "time": 0.5}, {"shapes": [0.1, 4.0], "time": 0.999}),
        variants={"gamma squared": partial(round_trip_returns, power=2.0)},
    ),
)
