"""Bad input is refused with a message that says what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from theory.energy import closed_forms, rates, sphere
from theory.errors import InvalidInput
from theory.reference import nelbo as reference_nelbo
from theory.reference.energy import Moment, Problem, beta_mixture, integral, kinetic_integrand
from theory.reference.laws import float_law

PATH = rates.marginal_path(float_law(2, 2, [1, 2, 3, 4]), 2, Moment.at(0.4, 1.0))
EDGE = rates.edges(PATH, "all pairs")
TABLE, DENOISER = np.full((2, 2), 0.25), np.full((3, 3, 2, 2), 0.5)

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "alpha of 1": (lambda: Moment.at(1.0, 1.0), "0 < alpha < 1"),
    "alpha NaN": (lambda: Moment.at(math.nan, 1.0), "0 < alpha < 1"),
    "falling alpha": (lambda: Moment.at(0.5, -1.0), "alpha' >= 0"),
    "empty law": (lambda: kinetic_integrand({}, 2, Moment.at(0.5, 1.0)), "empty support"),
    "empty mixture": (lambda: beta_mixture([]), "expected rows"),
    "negative mixture weight": (lambda: beta_mixture([[-1.0, 1.0, 1.0]]), "weight > 0"),
    "Beta shape 0": (lambda: Problem.beta(0.0, 1.0, 1.0, 1.0), "a > 0"),
    "Beta shape NaN": (lambda: closed_forms.beta_landscape(math.nan, 1, 1, 1), "must be finite"),
    "Beta shape negative": (lambda: closed_forms.beta_landscape([1, -1], 1, 1, 1), "> 0"),
    "divergent integral": (lambda: integral(lambda t: 1 / t), "does not settle"),
    "law with unequal axes": (lambda: closed_forms.reachable_states(np.ones((2, 3))), "equal axes"),
    "negative law": (lambda: closed_forms.reachable_states(np.array([1.0, -1.0])), "negative"),
    "NaN law": (lambda: closed_forms.reachable_states(np.array([1.0, math.nan])), "NaN"),
    "zero law": (lambda: closed_forms.reachable_states(np.zeros((2, 2))), "no positive"),
    "grid that misses its end": (lambda: closed_forms.step_energy([0, 0.5]), "expected exactly 0"),
    "angles and widths": (lambda: closed_forms.chord_energy([1, 2], [1]), "as many"),
    "zero width": (lambda: closed_forms.chord_energy([1, 2], [1, 0]), "widths"),
    "no widths": (lambda: closed_forms.best_chord_steps([]), "at least one"),
    "unknown graph": (lambda: rates.edges(PATH, "all pair"), "did you mean all pairs"),
    "velocity not conserved": (lambda: rates.optimal_flux(np.ones(9), EDGE, np.ones(72)), "conserved"),
    "rho of wrong shape": (lambda: rates.optimal_flux(PATH.velocity, EDGE, np.ones(3)), "expected"),
    "rho of zero": (lambda: rates.optimal_flux(PATH.velocity, EDGE, np.zeros(72)), "> 0"),
    "asymmetric rho": (lambda: rates.kinetic_optimal_flux([1, -1], np.array([[0, 1], [2, 0]])), "symmetric"),
    "disconnecting rho": (lambda: rates.kinetic_optimal_flux([1, -1], np.zeros((2, 2))), "disconnects"),
    "tau of zero": (lambda: rates.factor_flux([1, -1], [0, 1]), "positive"),
    "law that sums to 2": (lambda: sphere.geodesic_angle([1, 1], [0.5, 0.5]), "expected 1"),
    "negative probability": (lambda: sphere.geodesic_path([1.5, -0.5], [0.5, 0.5], 0.5), "negative"),
    "target mass 1": (lambda: sphere.kinetic_optimal_kappa(0.5, 1.0), "nothing moves"),
    "one token": (lambda: sphere.uniform_kappa(0.5, 1), "d >= 2"),
    "not a unit vector": (
        lambda: sphere.exponential_map_flow([1, 1], [1, 0], lambda t: -1.0, [0, 1]),
        "unit vectors",
    ),
    "times out of order": (
        lambda: sphere.exponential_map_flow([0, 1], [1, 0], lambda t: -1.0, [1, 0]),
        "increasing",
    ),
    "denoiser of wrong shape": (lambda: reference_nelbo.nelbo_by_count(TABLE, TABLE), "expected"),
    "denoiser not normalised": (lambda: reference_nelbo.nelbo_by_count(2 * DENOISER, TABLE), "sum to 1"),
    "denoiser NaN": (lambda: reference_nelbo.nelbo_by_count(DENOISER * math.nan, TABLE), "NaN"),
    "all tokens revealed": (lambda: reference_nelbo.count_weight(3, 3), "0 <= k < n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused(name: str) -> None:
    call, message = REFUSED[name]
    with pytest.raises(InvalidInput, match=message):
        call()


def test_no_flux_on_a_graph_without_the_needed_edges() -> None:
    one_way = np.array([[0], [1]])
    with pytest.raises(InvalidInput, match="no flux"):
        rates.optimal_flux([1.0, -1.0], one_way, [1.0])


def test_nelbo_is_infinite_where_the_denoiser_forbids_the_data() -> None:
    sure = np.zeros((3, 3, 2, 2))
    sure[..., 0] = 1.0
    assert reference_nelbo.nelbo_by_count(sure, TABLE) == math.inf
