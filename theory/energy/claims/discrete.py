"""Discretised energies: their best steps and their continuous limit (Chen et al., arXiv 2509.13866, D.5)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from theory.energy import closed_forms
from theory.energy.claims.inputs import (
    PAPER,
    QUADRATURE,
    ROUNDING,
    angle_steps,
    by_quadrature,
    contained,
    finite_shapes,
    ours,
    quarter_turn,
    steps_and_widths,
)
from theory.energy.closed_forms import arc_energy, beta_landscape, chord_energy
from theory.ledger import Claim, Evidence, Sharp, at_least, at_most, equal, rounding
from theory.reference.energy import Problem
from theory.schedules import beta, beta_mask

D5 = f"{PAPER}, D.5"


def equal_angles_are_best(parts: list[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the chord energy of K angles, for equal widths, with 16 K^2 sin^2(pi / 4K), its value at equal angles.

    The dual bound proves, for this K, that no angles have less.
    """
    k = len(parts)
    widths, theta = np.full(k, 1 / k), quarter_turn(parts)
    least = factor * 16 * k**2 * math.sin(math.pi / (4 * k)) ** 2
    tolerance = rounding(8 * k, least)
    yield at_least("enumeration", float(chord_energy(theta, widths)), least, tolerance)
    best = float(chord_energy(closed_forms.best_chord_steps(widths), widths))
    yield equal("closed form", best, least, tolerance, note="at the steps that the engine finds")
    slope = Fraction(k * math.sin(math.pi / 2 / k)).limit_denominator(10**12)
    yield from _dual_bound([Fraction(1, k)] * k, min(slope, Fraction(k)), least, proves=k)


def sine_rule_is_best(parts: list[int], widths: list[int], factor: float = 1.0) -> Iterator[Evidence]:
    """Compare the energies of drawn angles with the least ones for drawn widths.

    The least chord energy is bounded from below by Lagrangian duality, in balls, and attained by the engine's steps;
    the least arc energy is pi^2, whatever the widths, attained by proportional angles.
    """
    k = min(len(parts), len(widths))
    shares = [Fraction(w, sum(widths[:k])) for w in widths[:k]]
    gamma, theta = np.array([float(w) for w in shares]), quarter_turn(parts[:k])
    best = closed_forms.best_chord_steps(gamma)
    least = float(chord_energy(best, gamma))
    tolerance = rounding(8 * k, least)
    yield from _dual_bound(shares, _slope(best, shares), factor * least)
    yield at_least("enumeration", float(chord_energy(theta, gamma)), factor * least, tolerance)
    yield equal("closed form", float(best.sum()), math.pi / 2, rounding(8 * k), note="the angles fill a quarter turn")
    arcs = factor * math.pi**2
    yield equal("closed form", float(arc_energy(closed_forms.proportional_steps(gamma), gamma)), arcs, tolerance)
    yield at_least("enumeration", float(arc_energy(theta, gamma)), arcs, tolerance)


def proportional_is_best(widths: list[int]) -> Iterator[Evidence]:
    """State that no angles have less chord energy than those proportional to the widths."""
    gamma = quarter_turn(widths) / (math.pi / 2)
    printed = float(chord_energy(closed_forms.proportional_steps(gamma), gamma))
    best = float(chord_energy(closed_forms.best_chord_steps(gamma), gamma))
    tolerance = rounding(8 * len(widths), best)
    yield at_most("enumeration", printed, best, tolerance, note="against sines in proportion to the widths")
    if len(widths) == 2:
        angle = math.atan2(widths[0], widths[1])
        by_hand = 8 * ((1 - math.cos(angle)) / gamma[0] + (1 - math.sin(angle)) / gamma[1])
        yield at_most("closed form", printed, by_hand, tolerance, note="against tan theta_1 = w_1 / w_2")


def discretised_tends_to_j(shapes: list[float], scale: float = 1.0) -> Iterator[Evidence]:
    """Compare the energies of grids of 64, 256 and 1024 steps with J: below it, at half the gap or less each time."""
    j = scale * float(beta_landscape(*shapes))
    gaps = []
    for k in (64, 256, 1024):
        chord, arc = _grid_energies(shapes, k)
        yield at_most("enumeration", chord, j, rounding(8 * k, j))
        yield at_most("enumeration", arc, j, rounding(8 * k, j), note="arcs")
        gaps.append(j - chord)
    for coarse, fine in itertools.pairwise(gaps):
        yield at_most("closed form", fine, coarse / 2, rounding(8 * 1024, j), note="gap, four times as many steps")
    found = closed_forms.schedule_integral(Problem.beta(*shapes))
    yield equal("quadrature", found, j, by_quadrature(j))


def _dual_bound(
    widths: list[Fraction], slope: Fraction, least: float, proves: float | None = None
) -> Iterator[Evidence]:
    """Assert that the claimed least chord energy is the dual bound, below which no angles get."""
    from theory.energy import certified
    from theory.energy.enclosures import as_fraction

    bound = certified.least_chord_energy_ball(widths, slope)
    allowance = Fraction(rounding(8 * len(widths), least))
    yield contained(bound, Fraction(least), allowance, "the least energy and its dual bound")
    low = as_fraction(bound.lower())
    yield at_least("ball", low, Fraction(least), allowance, note="no angles have less", proves=proves)


def _slope(best: np.ndarray, shares: list[Fraction]) -> Fraction:
    """Return the common ratio sin(theta_k) / w_k of the best steps, at most 1 / max w_k."""
    k = max(range(len(shares)), key=shares.__getitem__)
    return min(Fraction(math.sin(best[k])) / shares[k], 1 / shares[k])


def _grid_energies(shapes: list[float], steps: int) -> tuple[float, float]:
    """Return the chord and the arc energy of a Beta mask on a uniform grid of times, ends read without cancellation."""
    a, b, c, e = shapes
    t = np.arange(steps + 1) / steps
    mask, weight = beta_mask(a, b), beta(c, e)
    theta = np.arctan2(np.sqrt(mask.value(t)), np.sqrt(mask.complement(t)))
    half = t[1:] <= 0.5
    widths = np.where(half, np.diff(weight.value(t)), -np.diff(weight.complement(t)))
    angles = np.diff(theta)
    return float(chord_energy(angles, widths)), float(arc_energy(angles, widths))


UNEQUAL = {"parts": [1, 2], "widths": [1, 3]}
ONE_STEP = {"parts": [1], "widths": [1]}
CHORD = "4 sum_k 2 (1 - cos theta_k) / w_k"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        id="energy.5a",
        statement=f"The discretised energy {CHORD} of K angles theta_k >= 0 that sum to pi / 2, with K equal widths"
        " w_k = 1 / K, is least at equal angles, where it is 16 K^2 sin^2(pi / 4K).",
        tex=r"4\sum_{k=1}^K \frac{2(1-\cos\theta_k)}{1/K} \ge 16K^2\sin^2\frac{\pi}{4K}",
        source=D5,
        status="printed",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "closed form", "ball"),
        check=equal_angles_are_best,
        tolerance=ROUNDING,
        inputs=lambda: st.fixed_dictionaries({"parts": angle_steps()}),
        fixtures=(*({"parts": [1] * k} for k in range(1, 9)), {"parts": [1, 2, 3, 4]}),
        variants={"bound 1% larger": partial(equal_angles_are_best, factor=1.01)},
        sharp=Sharp("16 K^2 sin^2(pi / 4K), at equal angles", {"parts": [1, 1, 1]}, 1 - 1e-9),
    ),
    Claim(
        id="energy.5b",
        statement=f"For any widths w_k > 0 that sum to 1, angles that sum to pi / 2 have least energy {CHORD} when their"
        " sines are in proportion to the widths, and least 4 sum_k theta_k^2 / w_k, which is then pi^2, when they are"
        " themselves.",
        tex=r"\sin\theta_k \propto w_k \ \text{minimises}\ \sum_k \frac{2(1-\cos\theta_k)}{w_k}",
        source=f"{ours('5b')}; corrects D.5 for unequal widths",
        quantifier="for all",
        kind="lower",
        routes=("enumeration", "closed form", "ball"),
        check=sine_rule_is_best,
        tolerance=ROUNDING,
        inputs=steps_and_widths,
        examples=20,
        fixtures=(UNEQUAL, {"parts": [1, 1, 1], "widths": [1, 1, 1]}),
        variants={"least energies 1% larger": partial(sine_rule_is_best, factor=1.01)},
        sharp=Sharp("equal angles for equal widths", {"parts": [1, 1, 1], "widths": [1, 1, 1]}, 1 - 1e-9),
    ),
    Claim(
        id="energy.5b.printed",
        statement=f"For any widths w_k, angles in proportion to them minimise the discretised energy {CHORD}.",
        source=D5,
        status="printed",
        quantifier="for all",
        kind="upper",
        expected="refuted",
        see="energy.5b",
        routes=("enumeration", "closed form"),
        check=proportional_is_best,
        tolerance=ROUNDING,
        fixtures=({"widths": [1, 3]}, {"widths": [1, 2, 5]}),
    ),
    Claim(
        id="energy.5c",
        statement=f"On any grid of times the discretised energy {CHORD}, theta_k the rise of arcsin sqrt(alpha) and w_k"
        " that of gamma over step k, is at most J; on uniform grids of K steps it tends to J as K grows, at least as"
        " fast as K^(-1/2).",
        assumptions="Beta(a, b) mask schedule and Beta(c, e) weight with 2a - c >= 1 and 2b - e >= 1",
        source=D5,
        status="reading",
        quantifier="for all",
        kind="asymptotic",
        routes=("enumeration", "closed form", "quadrature"),
        check=discretised_tends_to_j,
        tolerance=f"{ROUNDING}; {QUADRATURE}",
        inputs=lambda: st.fixed_dictionaries({"shapes": finite_shapes(20)}),
        examples=15,
        fixtures=({"shapes": [1.3, 1.2, 1.0, 1.0]}, {"shapes": [1.0, 1.0, 1.0, 1.0]}),
        variants={"limit 1% larger": partial(discretised_tends_to_j, scale=1.01)},
    ),
)
