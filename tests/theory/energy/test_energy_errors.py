"""Bad input is refused with a message that says what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from theory.denoisers import denoiser
from theory.energy import closed_forms, paths, rates, sphere
from theory.errors import InvalidInput
from theory.reference import nelbo as reference_nelbo
from theory.reference.energy import Moment, Problem, beta_mixture, integral, kinetic_integrand
from theory.worlds import TableWorld

PATH = paths.marginal_path(TableWorld.from_weights([1, 2, 3, 4], 2, 2), Moment.at(0.4, 1.0))
EDGE = rates.edges(PATH, "all pairs")
WORLD, SURE = TableWorld(np.full((2, 2), 0.25)), np.zeros((9, 2, 2))
BATCH = TableWorld(np.full((3, 4), 0.25), 2, 2)
SURE[..., 0] = 1.0


class Raw:
    """A model that returns what it is given."""

    n, d = 2, 2

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return torch.full((*z.shape, 2), self.answer, dtype=torch.float64)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "alpha of 1": (lambda: Moment.at(1.0, 1.0), "0 < alpha < 1"),
    "alpha NaN": (lambda: Moment.at(math.nan, 1.0), "0 < alpha < 1"),
    "falling alpha": (lambda: Moment.at(0.5, -1.0), "alpha' >= 0"),
    "empty law": (lambda: kinetic_integrand({}, 2, Moment.at(0.5, 1.0)), "empty support"),
    "empty mixture": (lambda: beta_mixture([]), "expected rows"),
    "negative mixture weight": (lambda: beta_mixture([[-1.0, 1.0, 1.0]]), "weight > 0"),
    "Beta shape 0": (lambda: Problem.beta(0.0, 1.0, 1.0, 1.0), "a > 0"),
    "Beta shape NaN": (lambda: closed_forms.beta_landscape(math.nan, 1, 1, 1), "must be finite"),
    "Beta shape 0 among others": (lambda: closed_forms.beta_landscape([1, 0.0], 1, 1, 1), "> 0"),
    "Beta shape infinite among others": (lambda: closed_forms.beta_landscape([1, math.inf], 1, 1, 1), "must be finite"),
    "Beta shape negative": (lambda: closed_forms.beta_landscape([1, -1], 1, 1, 1), "> 0"),
    "divergent integral": (lambda: integral(lambda t: 1 / t), "does not settle"),
    "law with unequal axes": (lambda: closed_forms.reachable_states(TableWorld(np.ones((2, 3)))), "expected"),
    "negative law": (lambda: closed_forms.reachable_states(TableWorld(np.array([2.0, -1.0]), 1, 2)), "negative"),
    "NaN law": (lambda: closed_forms.reachable_states(TableWorld(np.array([1.0, math.nan]), 1, 2)), "NaN"),
    "zero law": (lambda: closed_forms.reachable_states(TableWorld(np.zeros((2, 2)))), "sums to 0; expected 1"),
    "reachable states of a batch": (lambda: closed_forms.reachable_states(BATCH), "take world"),
    "constant of a batch": (lambda: closed_forms.kinetic_constant(BATCH), "take world"),
    "path of a batch": (lambda: paths.marginal_path(BATCH, Moment.at(0.4, 1.0)), "take world"),
    "square of a batch": (lambda: paths.improve_around_square(BATCH, Moment.at(0.4, 1.0)), "take world"),
    "information of a batch": (lambda: sphere.fisher_information(BATCH, 0.5), "take world"),
    "grid that misses its end": (lambda: closed_forms.step_energy([0, 0.5]), "expected exactly 0"),
    "angles and widths": (lambda: closed_forms.chord_energy([1, 2], [1]), "as many"),
    "one negative angle": (lambda: closed_forms.chord_energy([-1, 2], [0.5, 0.5]), "angles"),
    "zero width": (lambda: closed_forms.chord_energy([1, 2], [1, 0]), "widths"),
    "no widths": (lambda: closed_forms.best_chord_steps([]), "at least one"),
    "unknown graph": (lambda: rates.edges(PATH, "all pair"), "did you mean all pairs"),
    "velocity not conserved": (lambda: rates.optimal_flux(np.ones(9), EDGE, np.ones(72)), "conserved"),
    "velocity NaN": (lambda: rates.optimal_flux([math.nan] + [0.0] * 8, EDGE, np.ones(72)), "conserved"),
    "rho infinite": (lambda: rates.optimal_flux(PATH.velocity, EDGE, np.full(72, math.inf)), "finite"),
    "rho of wrong shape": (lambda: rates.optimal_flux(PATH.velocity, EDGE, np.ones(3)), "expected"),
    "rho of zero": (lambda: rates.optimal_flux(PATH.velocity, EDGE, np.zeros(72)), "> 0"),
    "asymmetric rho": (lambda: rates.kinetic_optimal_flux([1, -1], np.array([[0, 1], [2, 0]])), "symmetric"),
    "rho that disconnects one state": (
        lambda: rates.kinetic_optimal_flux([1, -2, 1], np.array([[0, 1, 0], [1, 0, 0], [0, 0, 0]])),
        "disconnects",
    ),
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
    "one time out of order": (
        lambda: sphere.exponential_map_flow([0, 1], [1, 0], lambda t: -1.0, [0, 0.5, 0.25]),
        "increasing",
    ),
    "times out of order": (
        lambda: sphere.exponential_map_flow([0, 1], [1, 0], lambda t: -1.0, [1, 0]),
        "increasing",
    ),
    "denoiser of another size": (
        lambda: reference_nelbo.nelbo_by_count(TableWorld(np.full((2, 2, 2), 0.125)), WORLD),
        "give them one size",
    ),
    "probabilities": (lambda: reference_nelbo.nelbo_by_count(Raw(0.5), WORLD), "normalise it"),
    "raw logits": (lambda: reference_nelbo.nelbo_by_order(Raw(-3.0), WORLD), "normalise it"),
    "denoiser NaN": (lambda: reference_nelbo.nelbo_by_count(Raw(math.nan), WORLD), "NaN"),
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
    assert reference_nelbo.nelbo_by_count(denoiser(SURE, outputs="probabilities"), WORLD) == math.inf
