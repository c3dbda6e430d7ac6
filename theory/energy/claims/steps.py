"""K-step energies: infinite limits, chords against arcs, certified lower bounds, the printed K = 8 digits.

Claim 5 of the energy notes; section D of the schedules notes (Shaul et al., arXiv 2412.03487).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy import symbolic
from theory.energy.claims.inputs import ROUNDING, angle_steps, quarter_turn, steps_and_widths, vanish
from theory.energy.closed_forms import (
    LEAST,
    arc_energy,
    beta_landscape,
    chord_energy,
    schedule_integral,
    step_energy,
)
from theory.errors import InvalidInput
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding
from theory.ledger.certificates import judged
from theory.reference.energy import Problem
from theory.schedules import LINEAR, NAMED


def linear_is_infinite(steps: int, growth: float = 1.0) -> Iterator[Evidence]:
    """Assert infinite J of the linear schedule, and finite K-step energies growing by over 1 a doubling."""
    yield equal("closed form", int(np.isinf(beta_landscape(0.5, 0.5, 1.0, 1.0))), 1, 0)
    yield equal("quadrature", int(_infinite(Problem.of(LINEAR, LINEAR))), 1, 0)
    coarse, fine = (float(step_energy(LINEAR.grid(k))) for k in (steps, 2 * steps))
    yield at_least("enumeration", fine - coarse, growth, rounding(16 * steps, fine))
    yield at_most("enumeration", fine, 4 * steps * LEAST, rounding(16 * steps, fine), note="finite")


def linear_is_finite(name: str) -> Iterator[Evidence]:
    """State that the named schedule has finite energy under the weight gamma = t."""
    problem = Problem.of(NAMED[name], LINEAR)
    if name == "linear":
        yield at_most("closed form", float(beta_landscape(0.5, 0.5, 1.0, 1.0)), 1e300, 0.0)
    yield equal("quadrature", int(_infinite(problem)), 0, 0)


def chord_against_arc(parts: list[int], widths: list[int], low: float = 8 / LEAST) -> Iterator[Evidence]:
    """Assert (8 / pi^2) arc energy <= chord energy <= arc energy; certified for all angles."""
    from theory.energy import certified

    k = min(len(parts), len(widths))
    gamma, theta = quarter_turn(widths[:k]) / (math.pi / 2), quarter_turn(parts[:k])
    chord, arc = float(chord_energy(theta, gamma)), float(arc_energy(theta, gamma))
    yield at_most("enumeration", chord, arc, rounding(8 * k, arc))
    yield at_least("enumeration", chord, low * arc, rounding(8 * k, arc))
    proof = certified.certify_chord_against_arc()
    yield judged(proof)


def step_energy_is_bounded(parts: list[int], bound: float = LEAST) -> Iterator[Evidence]:
    """Assert 4 K sum dtheta_k^2 >= pi^2: drawn angles, completed square, balls for K = 2 and 3."""
    from theory.energy import certified

    k = len(parts)
    found = float(arc_energy(quarter_turn(parts), np.full(k, 1 / k)))
    yield at_least("enumeration", found, bound, rounding(8 * k, found))
    if k <= 4:
        yield from vanish(symbolic.step_excess(k))
    if k == 2:
        proof = certified.certify_step_energy(k)
        yield judged(proof)


def three_steps_certified(steps: int, bound: Fraction = Fraction(1)) -> Iterator[Evidence]:
    """Certify 4 K sum dtheta_k^2 >= pi^2 over every choice of interior angles."""
    from theory.energy import certified

    proof = certified.certify_step_energy(steps, bound)
    yield judged(proof)


def eight_step_energy(name: str, printed: float, places: int = 2) -> Iterator[Evidence]:
    """Compare the K = 8 energy of a named schedule with its printed digits, in floats and in balls."""
    from theory.energy import certified

    enclosure = certified.step_energy_ball(name, 8)
    found = float(step_energy(NAMED[name].grid(8)))
    yield equal("ball", found, float(enclosure.mid()), rounding(64, found))
    yield equal("enumeration", found, printed, 0.5001 * 10.0**-places, note="printed digits")


def _infinite(problem: Problem) -> bool:
    try:
        schedule_integral(problem)
    except InvalidInput:
        return True
    return False


CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.5d",
        statement="linear alpha under gamma = t: infinite J; K-step energies finite, growing without bound",
        source="energy notes, 2",
        quantifier="for all",
        kind="asymptotic",
        routes=("closed form", "quadrature", "enumeration"),
        check=linear_is_infinite,
        tolerance=ROUNDING,
        inputs=lambda: st.fixed_dictionaries({"steps": st.integers(2, 2000)}),
        examples=15,
        fixtures=({"steps": 8}, {"steps": 64}),
        variants={"growth of 3 / 2 a doubling": partial(linear_is_infinite, growth=1.5)},
    ),
    Claim(
        id="energy.5d.false",
        statement="the linear (or one minus cosine) mask schedule has finite energy under gamma = t",
        source="a converse of energy.5d that no paper states",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="energy.5d",
        routes=("closed form", "quadrature"),
        check=linear_is_finite,
        tolerance="zero",
        fixtures=({"name": "linear"}, {"name": "one minus cosine"}),
    ),
    Claim(
        id="energy.5e",
        statement="(8/pi^2) arc energy <= discretised energy <= arc energy, 4 sum dtheta_k^2 / dgamma_k",
        source="Fisher-Rao constants of D.5",
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "ball"),
        check=chord_against_arc,
        tolerance=ROUNDING + "; ball: zero",
        inputs=steps_and_widths,
        fixtures=({"parts": [1], "widths": [1]},),
        variants={"constant 9/pi^2": partial(chord_against_arc, low=9 / LEAST)},
    ),
    Claim(
        id="energy.5f",
        statement="4 K sum dtheta_k^2 >= pi^2 for every K-step schedule, with equality at equal angles",
        source="schedules notes, D",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "symbolic", "ball"),
        check=step_energy_is_bounded,
        tolerance=ROUNDING + "; symbolic and ball: zero",
        inputs=lambda: st.fixed_dictionaries({"parts": angle_steps()}),
        fixtures=({"parts": [1, 1]}, {"parts": [1, 3]}, {"parts": [1, 1, 1]}),
        variants={"bound 10": partial(step_energy_is_bounded, bound=10.0)},
    ),
    Claim(
        id="energy.5g",
        statement="4 K sum dtheta_k^2 >= pi^2 for K = 2, 3 and all interior angles (certified)",
        source="schedules notes, D",
        quantifier="for all",
        kind="lower",
        routes=("ball",),
        check=three_steps_certified,
        tolerance="zero: enclosures",
        fixtures=({"steps": 2}, {"steps": 3}),
        variants={"1% more": partial(three_steps_certified, bound=Fraction(101, 100))},
    ),
    Claim(
        id="energy.5h",
        statement="K = 8 energies: 12.24 linear, 12.49 one minus cosine, 9.87 squared sine",
        source="schedules notes, D",
        quantifier="this instance",
        kind="equality",
        routes=("enumeration", "ball"),
        check=eight_step_energy,
        tolerance="printed digits: half a unit of the last place; ball: 8 eps for 64 terms",
        fixtures=(
            {"name": "linear", "printed": 12.24},
            {"name": "one minus cosine", "printed": 12.49},
            {"name": "squared sine", "printed": 9.87},
        ),
        variants={"digits 0.02 larger": lambda name, printed: eight_step_energy(name, printed + 0.02)},
    ),
)
