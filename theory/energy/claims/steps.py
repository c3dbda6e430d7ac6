"""K-step energies: their growth, chords against arcs, the least ones, and the printed digits at K = 8.

Chen et al. (arXiv 2509.13866), D.5, and Shaul et al. (arXiv 2412.03487).
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st

from theory.energy import closed_forms, symbolic
from theory.energy.claims.inputs import (
    EXACT,
    ROUNDING,
    angle_steps,
    contained,
    ours,
    quarter_turn,
    steps_and_widths,
    vanish,
)
from theory.energy.claims.landscape import settles
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal, rounding
from theory.reference.energy import Problem
from theory.schedules import LINEAR, NAMED, SQUARED_SINE

if TYPE_CHECKING:
    from theory.ledger.certificates import Certificate


def linear_is_infinite(steps: int, low: float = math.pi**2 / 9, high: float = 2 * math.log(2)) -> Iterator[Evidence]:
    """Assert that J of the linear schedule is infinite and that doubling K adds `low` to `high` to its K-step energy."""
    yield equal("closed form", int(np.isinf(closed_forms.beta_landscape(0.5, 0.5, 1.0, 1.0))), 1, 0)
    yield equal("quadrature", int(settles(Problem.of(LINEAR, LINEAR))), 0, 0)
    angle = [math.asin(math.sqrt(k / steps)) for k in range(steps + 1)]
    by_hand = 4 * steps * math.fsum((b - a) ** 2 for a, b in itertools.pairwise(angle))
    coarse, fine = (float(closed_forms.step_energy(LINEAR.grid(k))) for k in (steps, 2 * steps))
    tolerance = rounding(16 * steps, fine)
    yield equal("enumeration", coarse, by_hand, tolerance)
    yield at_least("closed form", fine - coarse, low, tolerance)
    yield at_most("closed form", fine - coarse, high, tolerance)


def linear_is_finite(steps: int) -> Iterator[Evidence]:
    """State, falsely, that the linear mask schedule has finite energy under the weight t."""
    yield equal("quadrature", int(settles(Problem.of(LINEAR, LINEAR))), 1, 0, note=f"beside {steps} steps")


def chord_against_arc(
    parts: list[int], widths: list[int], at: str = "1/2", low: float = 8 / math.pi**2, high: float = 1.0
) -> Iterator[Evidence]:
    """Compare the energy with chords with `low` and `high` times the one with arcs.

    The certificate says that 2 (1 - cos s) / s^2 falls on (0, pi / 2]; its values at the ends are the constants. What
    the certificate encloses contains mpmath's value at the drawn point `at`, and the ends contain the constants.
    """
    from flint import arb

    from theory.energy import certified, enclosures
    from theory.energy.claims import by_mpmath
    from theory.ledger.certificates import ball, exact, judged

    k, u = min(len(parts), len(widths)), Fraction(at)
    gamma, theta = quarter_turn(widths[:k]) / (math.pi / 2), quarter_turn(parts[:k])
    chord, arc = float(closed_forms.chord_energy(theta, gamma)), float(closed_forms.arc_energy(theta, gamma))
    yield at_most("enumeration", chord, high * arc, rounding(8 * k, arc))
    yield at_least("enumeration", chord, low * arc, rounding(8 * k, arc))
    yield judged(_chord_falls())
    fall = by_mpmath.number(by_mpmath.sinc_fall, [u])
    for box in (exact(u), ball(u * Fraction(9, 10), u), ball(Fraction(0), u)):
        yield contained(certified.sinc_fall(box), fall, by_mpmath.ERROR, "slope of sin(u) / u")
    ratio = by_mpmath.number(by_mpmath.chord_over_arc, [u])
    yield contained(certified.chord_over_arc(exact(u)), ratio, by_mpmath.ERROR, "chord over arc")
    ends = certified.chord_over_arc(arb.pi() / 2), certified.chord_over_arc(arb(0))
    for end, constant in zip(ends, (low, high), strict=True):
        yield contained(end, Fraction(constant), Fraction(rounding(4)), "constant")
    radius = enclosures.as_fraction(certified.sinc_fall(exact(Fraction(1, 4))).rad())
    yield at_most("ball", radius, Fraction(1, 10**6), 0, note="the enclosure says something")


def step_energy_is_bounded(parts: list[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare 4 K sum theta_k^2 of drawn angles with pi^2, which induction over K proves to be the least."""
    k = len(parts)
    found = float(closed_forms.arc_energy(quarter_turn(parts), np.full(k, 1 / k)))
    bound = factor * math.pi**2
    yield at_least("enumeration", found, bound, rounding(8 * k, found))
    grid = np.sin(np.concatenate([[0.0], np.cumsum(quarter_turn(parts))])) ** 2
    grid[-1] = 1.0
    again = float(closed_forms.step_energy(grid))
    yield at_least("enumeration", again, bound, rounding(64 * k, found), note="from revealed fractions")
    yield equal("enumeration", again, found, rounding(64 * k, found) * k, note="from revealed fractions")
    constant_speed = float(closed_forms.step_energy(SQUARED_SINE.grid(k)))
    yield equal("closed form", constant_speed, bound, rounding(64 * k, found), note="squared sine, equal angles")
    yield from vanish(symbolic.step_excess())


def eight_step_energy(name: str, digits: str, add: Fraction = Fraction(0)) -> Iterator[Evidence]:
    """Compare the energy of a named schedule in 8 steps with its printed digits: in floats and enclosed in a ball."""
    from theory.energy import certified

    enclosure = certified.step_energy_ball(name, 8)
    found = float(closed_forms.step_energy(NAMED[name].grid(8)))
    yield contained(enclosure, Fraction(found), Fraction(rounding(64, found)), "the engine's value")
    printed, half_a_unit = Fraction(digits) + add, Fraction(1, 2 * 10 ** len(digits.partition(".")[2]))
    yield contained(enclosure, printed, half_a_unit, "the printed digits")
    yield equal("enumeration", Fraction(found), printed, half_a_unit, note="printed digits")


@functools.cache
def _chord_falls() -> Certificate:
    from theory.energy import certified

    return certified.certify_chord_against_arc()


QUARTER = {"parts": [1], "widths": [1]}
SHORT = {"parts": [1] * 24, "widths": [1] * 24, "at": "1/5"}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.5d",
        statement="The linear mask schedule alpha = t has infinite energy J under the weight gamma = t. Its energy in K"
        " equal steps, 4 K sum_k theta_k^2, is finite; doubling K >= 2 adds at least pi^2 / 9 and at most 2 ln 2 to it.",
        source=ours("5d"),
        quantifier="for all",
        kind="asymptotic",
        routes=("closed form", "quadrature", "enumeration"),
        check=linear_is_infinite,
        tolerance=ROUNDING,
        inputs=lambda: st.fixed_dictionaries({"steps": st.integers(2, 2000)}),
        examples=15,
        fixtures=({"steps": 2}, {"steps": 8}, {"steps": 4000}),
        variants={
            "1% more at least": partial(linear_is_infinite, low=1.01 * math.pi**2 / 9),
            "1% less at most": partial(linear_is_infinite, high=0.99 * 2 * math.log(2)),
            "finite energy": linear_is_finite,
        },
        sharp=Sharp("pi^2 / 9 at K = 2; 2 ln 2 in the limit", {"steps": 2}, 1 - 1e-9),
    ),
    Claim(
        id="energy.5e",
        statement="The discretised energy with chords, 4 sum_k 2 (1 - cos theta_k) / w_k, is at most the one with arcs,"
        " 4 sum_k theta_k^2 / w_k, and at least 8 / pi^2 of it, for angles theta_k in [0, pi / 2] and widths w_k > 0.",
        tex=r"\frac{8}{\pi^2}\,\theta^2 \le 2(1-\cos\theta) \le \theta^2,\quad 0\le\theta\le\pi/2",
        source=ours("5e"),
        quantifier="for all",
        kind="upper",
        routes=("enumeration", "ball"),
        check=chord_against_arc,
        tolerance=f"{ROUNDING}; balls contain mpmath's values up to the error of its 40 digits",
        inputs=lambda: steps_and_widths(at=st.integers(1, 79).map(lambda k: f"{k}/100")),
        fixtures=(QUARTER, SHORT),
        variants={
            "lower constant 1% larger": partial(chord_against_arc, low=8.08 / math.pi**2),
            "upper constant 1% smaller": partial(chord_against_arc, high=0.99),
        },
        sharp=Sharp("8 / pi^2 for one step; 1 in the limit of short steps", QUARTER, 1 - 1e-9),
    ),
    Claim(
        id="energy.5f",
        statement="The K-step energy 4 K sum_k theta_k^2 of angles that sum to pi / 2 is at least pi^2 for every K, with"
        " equality at equal angles: alpha_k = sin^2(pi k / 2K), constant Fisher-Rao speed, has the least sum of squared"
        " lengths.",
        tex=r"4K\sum_{k=1}^K \theta_k^2 \ge \pi^2",
        source=f"{ours('5f')}; for the schedule also Zhang and Syed, arXiv 2508.04884",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "symbolic", "closed form"),
        check=step_energy_is_bounded,
        tolerance=f"{ROUNDING}; symbolic: {EXACT}",
        inputs=lambda: st.fixed_dictionaries({"parts": angle_steps()}),
        fixtures=({"parts": [1, 1]}, {"parts": [1, 3]}, {"parts": [1, 1, 1]}),
        variants={"bound 1% larger": partial(step_energy_is_bounded, factor=1.01)},
        sharp=Sharp("pi^2, at equal angles", {"parts": [1, 1, 1]}, 1 - 1e-9),
    ),
    Claim(
        id="energy.5h",
        statement="In K = 8 equal steps the energy 4 K sum_k theta_k^2 is 12.24 for the linear mask schedule, 12.49 for"
        " one minus cosine and 9.87 for squared sine.",
        source=ours("5h"),
        quantifier="this instance",
        kind="equality",
        routes=("enumeration", "ball"),
        check=eight_step_energy,
        tolerance="printed digits: half a unit of the last place; the ball contains the engine's value up to 64 roundings",
        fixtures=(
            {"name": "linear", "digits": "12.24"},
            {"name": "one minus cosine", "digits": "12.49"},
            {"name": "squared sine", "digits": "9.87"},
        ),
        variants={"one unit more in the last place": partial(eight_step_energy, add=Fraction(1, 100))},
    ),
)
