"""The Beta family of mask schedules (Proposition 3.7) and Condition 3.4 as a pair of inverse maps.

Chen et al., arXiv 2509.13866.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy import symbolic
from theory.energy.claims.inputs import EXACT, PAPER, shape_pairs, times, vanish
from theory.ledger import Claim, Evidence, equal, rounding
from theory.schedules import LINEAR, SQUARED_SINE, Schedule, beta, beta_mask, optimal_mask, optimal_weight


def beta_family_members(time: float, shapes: tuple[float, float] = (0.5, 1.0)) -> Iterator[Evidence]:
    """Compare the Beta(1/2, 1/2) mask with t and the Beta(1, 1) mask with sin^2(pi t / 2), and their derivatives."""
    yield from vanish(symbolic.beta_family())
    for shape, named in zip(shapes, (LINEAR, SQUARED_SINE), strict=True):
        mask = beta_mask(shape, shape)
        yield equal("closed form", _at(mask, time), _at(named, time), rounding(4))
        slopes = [float(s.derivative(np.array([time]))[0]) for s in (mask, named)]
        yield equal("closed form", slopes[0], slopes[1], rounding(16, slopes[1]), note="derivative")


def round_trip_returns(shapes: list[float], time: float, power: float = 1.0) -> Iterator[Evidence]:
    """Compare gamma -> alpha -> gamma and alpha -> gamma -> alpha with the identity, for Beta schedules."""
    gamma, mask = beta(*shapes), beta_mask(*shapes)
    back = _at(optimal_weight(optimal_mask(gamma)), time)
    yield equal("closed form", back, _at(gamma, time) ** power, rounding(8))
    again = _at(optimal_mask(optimal_weight(mask)), time)
    yield equal("closed form", again, _at(mask, time) ** power, rounding(8))
    yield from vanish(symbolic.round_trip())


def _at(schedule: Schedule, time: float) -> float:
    return float(schedule(np.array([time]))[0])


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.4a",
        statement="In the family of mask schedules alpha = sin^2(pi G / 2), G the distribution function of Beta(a, b) at"
        " time t, the shapes (1/2, 1/2) give alpha = t and (1, 1) give alpha = sin^2(pi t / 2).",
        source=f"{PAPER}, Proposition 3.7",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("symbolic", "closed form"),
        check=beta_family_members,
        tolerance=f"symbolic: {EXACT}; closed form: 8 eps a rounded operation, 4 in alpha and 16 in its derivative",
        inputs=lambda: st.fixed_dictionaries({"time": times()}),
        fixtures=({"time": 0.25}, {"time": 0.0}, {"time": 1.0}),
        variants={"the first shapes 1% larger": partial(beta_family_members, shapes=(0.505, 1.0))},
    ),
    Claim(
        id="energy.4b",
        statement="The maps alpha = sin^2(pi gamma / 2), from weights to mask schedules, and gamma = (2 / pi) arcsin"
        " sqrt(alpha) undo each other.",
        source=f"{PAPER}, Condition 3.4",
        status="printed",
        quantifier="for all",
        kind="equality",
        routes=("closed form", "symbolic"),
        check=round_trip_returns,
        tolerance=f"symbolic: {EXACT}; closed form: 8 eps for each of 8 rounded operations",
        inputs=lambda: st.fixed_dictionaries({"shapes": shape_pairs(), "time": times()}),
        fixtures=({"shapes": [0.5, 0.5], "time": 0.5}, {"shapes": [0.1, 4.0], "time": 0.999}),
        variants={"gamma^1.01 comes back": partial(round_trip_returns, power=1.01)},
    ),
)
