"""Discretised energies: their optimal steps and their continuous limit.

Chen et al. (arXiv 2509.13866), D.5; claim 5 of the energy notes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from functools import partial

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy import optimize

from theory.energy.claims.inputs import (
    PAPER,
    ROUNDING,
    angle_steps,
    finite_shapes,
    quarter_turn,
    steps_and_widths,
)
from theory.energy.closed_forms import (
    LEAST,
    arc_energy,
    best_chord_steps,
    beta_landscape,
    chord_energy,
    proportional_steps,
    schedule_integral,
)
from theory.ledger import Claim, Evidence, at_least, at_most, equal, rounding
from theory.reference.energy import Problem
from theory.schedules import beta, beta_mask

D5 = f"{PAPER}, D.5"


def equal_angles_are_best(parts: list[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Assert, for K equal widths, chord energy >= 16 K^2 sin^2(pi / 4K), attained at equal angles."""
    k = len(parts)
    widths, theta = np.full(k, 1 / k), quarter_turn(parts)
    least = factor * 16 * k**2 * math.sin(math.pi / (4 * k)) ** 2
    tolerance = rounding(8 * k, least)
    found = float(chord_energy(theta, widths))
    yield at_least("enumeration", found, least, tolerance, effective=len(set(parts)) > 1)
    yield equal("closed form", float(chord_energy(np.full(k, math.pi / 2 / k), widths)), least, tolerance)
    best = float(chord_energy(best_chord_steps(widths), widths))
    yield equal("programme", best, least, tolerance)


def sine_rule_is_best(parts: list[int], widths: list[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Assert least chord energy at sin(dtheta_k) ~ dgamma_k and least arc energy at dtheta_k ~ dgamma_k."""
    k = min(len(parts), len(widths))
    gamma = quarter_turn(widths[:k]) / (math.pi / 2)
    theta, best = quarter_turn(parts[:k]), best_chord_steps(gamma)
    least = factor * float(chord_energy(best, gamma))
    tolerance = rounding(8 * k, least)
    yield at_least("enumeration", float(chord_energy(theta, gamma)), least, tolerance)
    found = optimize.minimize(
        lambda x: float(chord_energy(np.clip(x, 0, None), gamma)),
        proportional_steps(gamma),
        jac=lambda x: 16 * np.sin(x / 2) * np.cos(x / 2) / gamma,
        bounds=[(0, math.pi / 2)] * k,
        constraints={"type": "eq", "fun": lambda x: x.sum() - math.pi / 2, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 200},
    )
    yield equal("programme", found.fun, least, 1e-6 * least)
    arcs = factor * LEAST
    yield equal("closed form", float(arc_energy(proportional_steps(gamma), gamma)), arcs, tolerance)
    yield at_least("enumeration", float(arc_energy(theta, gamma)), arcs, tolerance)


def proportional_is_best(widths: list[int]) -> Iterator[Evidence]:
    """State that no angles have less chord energy than those proportional to dgamma_k."""
    gamma = quarter_turn(widths) / (math.pi / 2)
    printed = float(chord_energy(proportional_steps(gamma), gamma))
    best = float(chord_energy(best_chord_steps(gamma), gamma))
    tolerance = rounding(8 * len(widths), best)
    yield at_most("programme", printed, best, tolerance, note="against sin(dtheta) ~ dgamma")
    if len(widths) == 2:
        angle = math.atan2(gamma[0], gamma[1])
        exact = float(chord_energy([angle, math.pi / 2 - angle], gamma))
        yield at_most("closed form", printed, exact, tolerance, note="tan(dtheta_1) = dgamma_1 / dgamma_2")


def discretised_tends_to_j(shapes: list[float], scale: float = 1.0) -> Iterator[Evidence]:
    """Assert chord energy <= J on every grid and that a grid four times finer halves the gap at least."""
    a, b, c, e = shapes
    j = scale * float(beta_landscape(a, b, c, e))
    gaps = []
    for k in (64, 256, 1024):
        chord, arc = _grid_energies(shapes, k)
        yield at_most("enumeration", chord, j, rounding(8 * k, j))
        yield at_most("enumeration", arc, j, rounding(8 * k, j))
        gaps.append(j - chord)
    for coarse, fine in itertools.pairwise(gaps):
        yield at_most("closed form", fine, coarse / 2, rounding(8 * 1024, j))
    found = schedule_integral(Problem.beta(*shapes))
    yield equal("quadrature", scale * found, j, 1e-9 * j)


def _grid_energies(shapes: list[float], steps: int) -> tuple[float, float]:
    a, b, c, e = shapes
    t = np.arange(steps + 1) / steps
    mask, weight = beta_mask(a, b), beta(c, e)
    theta = np.arctan2(np.sqrt(mask.value(t)), np.sqrt(mask.complement(t)))
    half = t[1:] <= 0.5
    widths = np.where(half, np.diff(weight.value(t)), -np.diff(weight.complement(t)))
    angles = np.diff(theta)
    return float(chord_energy(angles, widths)), float(arc_energy(angles, widths))


def _smooth_shapes() -> SearchStrategy[list[float]]:
    """Shapes with 2a - c and 2b - e at least 1, where the gap falls like 1 / K or faster."""
    return finite_shapes(20)


UNEQUAL = {"parts": [1, 2], "widths": [1, 3]}

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.5a",
        statement="with K equal widths the discretised energy is least, 16 K^2 sin^2(pi/4K), at equal angles",
        source=D5,
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "closed form", "programme"),
        check=equal_angles_are_best,
        tolerance=ROUNDING,
        inputs=lambda: st.fixed_dictionaries({"parts": angle_steps()}),
        fixtures=({"parts": [1, 1, 1]}, {"parts": [1, 2, 3, 4]}),
        variants={"bound 1% larger": partial(equal_angles_are_best, factor=1.01)},
    ),
    Claim(
        id="energy.5b",
        statement="sin(dtheta_k) proportional to dgamma_k minimises sum 2 (1 - cos dtheta_k) / dgamma_k;"
        " dtheta_k proportional to dgamma_k minimises sum dtheta_k^2 / dgamma_k",
        source="corrects D.5 for unequal widths",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "programme", "closed form"),
        check=sine_rule_is_best,
        tolerance=ROUNDING + "; programme: 1e-6 relative, SLSQP stops at 1e-13 in a flat minimum",
        inputs=steps_and_widths,
        examples=20,
        fixtures=(UNEQUAL,),
        variants={"bounds 1% larger": partial(sine_rule_is_best, factor=1.01)},
    ),
    Claim(
        id="energy.5b.printed",
        statement="angles proportional to dgamma_k minimise the discretised energy"
        " sum 2 (1 - cos dtheta_k) / dgamma_k, for any widths dgamma_k",
        source=D5,
        status="printed",
        quantifier="for all",
        kind="lower",
        expected="refuted",
        see="energy.5b",
        routes=("programme", "closed form"),
        check=proportional_is_best,
        tolerance=ROUNDING,
        fixtures=({"widths": [1, 3]}, {"widths": [1, 2, 5]}),
    ),
    Claim(
        id="energy.5c",
        statement="the discretised energy never exceeds J and tends to it as K grows",
        assumptions="Beta pairs with 2a - c >= 1 and 2b - e >= 1",
        source=D5,
        status="reading",
        quantifier="for all",
        kind="asymptotic",
        routes=("enumeration", "closed form", "quadrature"),
        check=discretised_tends_to_j,
        tolerance=ROUNDING + "; quadrature: 1e-9 relative",
        inputs=lambda: st.fixed_dictionaries({"shapes": _smooth_shapes()}),
        examples=25,
        fixtures=({"shapes": [1.3, 1.2, 1.0, 1.0]}, {"shapes": [1.0, 1.0, 1.0, 1.0]}),
        variants={"limit 1% larger": partial(discretised_tends_to_j, scale=1.01)},
    ),
)
