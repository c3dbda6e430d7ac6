"""Every engine function of the energies is guarded: corrupting it changes the verdict of a claim.

A corruption replaces one function by a slightly wrong one: 1% more, an index off by one, swapped arguments, half a
derivative. The claim is run on one of its instances and must no longer have the verdict that the ledger expects.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from flint import arb, arb_series

from tests.planting import Corruption, after, before, plus, swapped, times
from theory.energy import certified, closed_forms, enclosures, paths, quadrature, rates, sphere
from theory.errors import InvalidInput
from theory.ledger import catalogue, verdict
from theory.reference import energy as definitions
from theory.reference import fluxes

Function = Callable[..., Any]


def _flux_of_path(path: paths.Path) -> paths.Path:
    return replace(path, flux=path.flux * 1.01)


def _velocity_of_path(path: paths.Path) -> paths.Path:
    return replace(path, velocity=path.velocity * 0.99)


def _probability_of_path(path: paths.Path) -> paths.Path:
    return replace(path, probability=path.probability * 1.01)


def _one_coefficient_halved(k: int) -> Callable[[Any], Any]:
    """Halve coefficient k of an expansion of ln Gamma, where it is kept: 2 is trigamma's, 3 its slope's."""

    def halve(series: Any) -> Any:
        kept = [series[j] for j in range(series.prec)]
        if k < len(kept):
            kept[k] = kept[k] / 2
        return arb_series(kept, series.prec)

    return halve


def _higher_coefficients_up(function: Function) -> Function:
    return lambda series, k: function(series, k) * (1 if k < 4 else arb(11) / 10)


def _one_edge_fewer(edge: np.ndarray) -> np.ndarray:
    return edge[:, :-1]


POINT = {"at": ["3/2", "4/5", "1/2", "2/3"], "width": "1/50"}
NEAR_ZERO = {"parts": [1], "widths": [1], "at": "1/4"}
FAR = {"parts": [1], "widths": [1], "at": "7/10"}

CORRUPTED: dict[str, tuple[Any, str, Corruption, str, dict[str, Any] | None]] = {
    # closed forms
    "J by quadrature": (closed_forms, "schedule_integral", times(1.01), "energy.2a", None),
    "J by quadrature, least": (closed_forms, "schedule_integral", times(1.01), "energy.3b", None),
    "J by quadrature, own weight": (closed_forms, "schedule_integral", times(0.99), "energy.3e", None),
    "J by quadrature, below pi^2": (closed_forms, "schedule_integral", times(0.99), "energy.3a", None),
    "density of J": (closed_forms, "_density", times(1.01), "energy.2a", None),
    "chi-square": (closed_forms, "chi_square", times(1.01), "energy.2b", None),
    "kinetic constant": (closed_forms, "kinetic_constant", plus(1), "energy.1a", None),
    "kinetic constant, ratio": (closed_forms, "kinetic_constant", plus(1), "energy.1e", None),
    "reachable states": (closed_forms, "reachable_states", after(np.ones_like), "energy.1d", None),
    "table of the law": (closed_forms, "table_of_law", after(lambda law: law + 0.01), "energy.1d", None),
    "constant of full support": (closed_forms, "full_support_constant", plus(1), "energy.1d", None),
    "conditional constant": (closed_forms, "conditional_constant", times(2), "energy.1b", None),
    "geodesic constant": (closed_forms, "geodesic_constant", plus(1), "energy.1c", None),
    "Beta landscape": (closed_forms, "beta_landscape", times(1.01), "energy.2a", None),
    "Beta landscape, shapes swapped": (closed_forms, "beta_landscape", swapped(0, 1), "energy.2a", None),
    "Beta landscape, finite too early": (closed_forms, "beta_landscape", plus(math.inf), "energy.2c", None),
    "angles": (closed_forms, "angles", times(1.01), "energy.5h", None),
    "chord energy": (closed_forms, "chord_energy", times(1.01), "energy.5e", None),
    "arc energy": (closed_forms, "arc_energy", times(0.99), "energy.5f", None),
    "step energy": (closed_forms, "step_energy", times(1.01), "energy.5h", None),
    "step energy, growth": (closed_forms, "step_energy", times(1.01), "energy.5d", None),
    "proportional steps": (closed_forms, "proportional_steps", times(1.01), "energy.5b", None),
    "best chord steps": (closed_forms, "best_chord_steps", times(1.01), "energy.5b", None),
    "best chord steps, for equal widths": (closed_forms, "best_chord_steps", times(0.99), "energy.5a", None),
    "best chord steps, proportional": (
        closed_forms,
        "best_chord_steps",
        lambda function: closed_forms.proportional_steps,
        "energy.5b",
        None,
    ),
    # quadrature
    "quadrature": (quadrature, "_sum", times(1.01, 0), "energy.2a", None),
    # definitions
    "kinetic integrand": (definitions, "marginal_rate", times(Fraction(101, 100)), "energy.6b", None),
    "path of the reference": (fluxes, "path_probability", times(Fraction(101, 100)), "energy.6b", None),
    # paths and rates
    "marginal path, flux": (paths, "marginal_path", after(_flux_of_path), "energy.6b", None),
    "marginal path, velocity": (paths, "marginal_path", after(_velocity_of_path), "energy.6b", None),
    "marginal path, probability": (paths, "marginal_path", after(_probability_of_path), "energy.6b", None),
    "conditional path": (paths, "conditional_mask_path", after(_velocity_of_path), "energy.6d", None),
    "net inflow": (paths, "net_inflow", times(-1), "schedules.15a", None),
    "flux energy": (paths, "flux_energy", times(1.01), "schedules.15b", None),
    "flux energy of the conditional rate": (paths, "flux_energy", times(1.01), "energy.6d", None),
    "detours": (paths, "improve_around_square", times(Fraction(101, 100), 1), "energy.6e", None),
    "detour that costs": (paths, "_detour_gain", times(-1), "energy.6e", None),
    "detour that gains twice": (paths, "_detour_gain", times(100), "energy.6e", None),
    "graphs": (rates, "edges", after(_one_edge_fewer), "energy.6d", None),
    "programme": (
        rates,
        "optimal_flux",
        after(lambda found: replace(found, value=found.value * 1.01)),
        "energy.6a",
        None,
    ),
    "programme, potential": (
        rates,
        "optimal_flux",
        after(lambda found: replace(found, potential=found.potential * 1.01)),
        "energy.6b",
        None,
    ),
    "programme, flux": (
        rates,
        "optimal_flux",
        after(lambda found: replace(found, flux=found.flux * 1.01)),
        "energy.6a",
        None,
    ),
    "kinetic-optimal flux": (rates, "kinetic_optimal_flux", times(1.01, 0), "schedules.15b", None),
    "kinetic-optimal energy": (rates, "kinetic_optimal_flux", times(1.01, 1), "schedules.15b", None),
    "factor flux": (rates, "factor_flux", times(1.01, 0), "schedules.15a", None),
    "factor energy": (rates, "factor_flux", times(1.01, 1), "schedules.15a", None),
    # sphere
    "angle of two laws": (sphere, "geodesic_angle", times(1.01), "schedules.15d", None),
    "great circle": (sphere, "slerp", before(lambda a, b, s: (a, b, 1.01 * np.asarray(s))), "schedules.16a", None),
    "great circle backwards": (sphere, "slerp", swapped(0, 1), "schedules.16c", None),
    "path between laws": (sphere, "geodesic_path", swapped(0, 1), "schedules.15c", None),
    "kappa of a token": (sphere, "kinetic_optimal_kappa", times(1.01), "schedules.15c", None),
    "mixture": (sphere, "mixture_path", before(lambda p, k, s: (p, k, 0.99 * s)), "schedules.15c", None),
    "kappa of the mask": (sphere, "masked_kappa", times(1.01), "schedules.16a", None),
    "kappa of the uniform law": (sphere, "uniform_kappa", before(lambda a, d: (a, d + 1)), "schedules.16b", None),
    "flow": (sphere, "exponential_map_flow", times(1.01), "schedules.16c", None),
    "tangent vector": (sphere, "inverse_exponential", times(1.01), "schedules.16c", None),
    "path table": (sphere, "path_table", before(lambda w, a: (w, 1.01 * a)), "schedules.14b", None),
    "path velocity": (sphere, "path_velocity", times(1.01), "schedules.14a", None),
    "Fisher information": (sphere, "fisher_information", times(1.01), "schedules.14a", None),
    "differences": (sphere, "fisher_information_by_differences", times(1.01), "schedules.14a", None),
    "divergence": (sphere, "path_divergence", times(1.01), "schedules.14b", None),
    "affinity": (sphere, "path_affinity", times(1.01), "schedules.14c", None),
    "divergence of two coins": (sphere, "bernoulli_divergence", times(1.01), "schedules.14b", None),
    # balls
    "sign of the Hessian": (certified, "hessian_sign", times(arb(101) / 100), "energy.3d", POINT),
    "closed form in balls": (certified, "log_excess", times(arb(101) / 100), "energy.3d", POINT),
    "halved slopes": (enclosures, "slopes", after(lambda found: [s / 2 for s in found]), "energy.3d", POINT),
    "slopes in another order": (enclosures, "slopes", after(lambda found: found[::-1]), "energy.3d", POINT),
    "value at the centre": (enclosures, "value", times(arb(101) / 100), "energy.3d", POINT),
    "ln Gamma, slope halved": (
        enclosures,
        "_log_gamma_expansion",
        after(_one_coefficient_halved(1)),
        "energy.3d",
        POINT,
    ),
    "ln Gamma, second coefficient halved": (
        enclosures,
        "_log_gamma_expansion",
        after(_one_coefficient_halved(2)),
        "energy.3d",
        POINT,
    ),
    "ln Gamma, third coefficient halved": (
        enclosures,
        "_log_gamma_expansion",
        after(_one_coefficient_halved(3)),
        "energy.3d",
        POINT,
    ),
    "series of the chord": (enclosures, "coefficient", _higher_coefficients_up, "energy.5e", FAR),
    "slope of the chord": (certified, "sinc_fall", times(arb(101) / 100), "energy.5e", NEAR_ZERO),
    "power of u": (certified, "over_power", before(lambda f, u, power: (f, u * 1.01, power)), "energy.5e", FAR),
    "chord over arc": (certified, "chord_over_arc", times(arb(101) / 100), "energy.5e", NEAR_ZERO),
    "step energy in a ball": (certified, "step_energy_ball", times(arb(101) / 100), "energy.5h", None),
    "step energy in a ball, a little": (certified, "step_energy_ball", times(1 + arb(1) / 10**12), "energy.5h", None),
    "dual bound": (certified, "least_chord_energy_ball", times(arb(99) / 100), "energy.5b", None),
}


@pytest.mark.parametrize("name", CORRUPTED)
def test_corruption_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, corruption, identifier, instance = CORRUPTED[name]
    claim = catalogue.claim(identifier)
    trials = claim.fixtures if instance is None else (instance,)
    monkeypatch.setattr(module, function, corruption(getattr(module, function)))
    assert any(_verdict(claim.check, trial) != claim.expected for trial in trials)


@pytest.mark.parametrize("instance", [POINT, NEAR_ZERO, FAR], ids=["point", "near zero", "far"])
def test_uncorrupted_instances_hold(instance: dict[str, Any]) -> None:
    claim = catalogue.claim("energy.3d" if instance is POINT else "energy.5e")
    assert verdict(claim.check(**instance)) == "holds"


def test_every_public_engine_function_is_guarded() -> None:
    modules = (certified, closed_forms, enclosures, paths, quadrature, rates, sphere)
    guarded = {(module.__name__, function) for module, function, *_ in CORRUPTED.values()}
    public = {
        (module.__name__, name)
        for module in modules
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_")
    }
    assert public - guarded == UNGUARDED


UNGUARDED = {
    ("theory.energy.certified", "certify_chord_against_arc"),
    ("theory.energy.certified", "certify_landscape"),
    ("theory.energy.certified", "certify_landscape_directly"),
    ("theory.energy.enclosures", "as_fraction"),
    ("theory.energy.enclosures", "distance"),
    ("theory.energy.enclosures", "log_gamma"),
    ("theory.energy.enclosures", "mean_value"),
    ("theory.energy.enclosures", "moving"),
    ("theory.energy.enclosures", "over_power"),
    ("theory.energy.paths", "Path"),
    ("theory.energy.quadrature", "integral_from_zero"),
    ("theory.energy.rates", "Optimum"),
    ("theory.energy.rates", "best_flux"),
    ("theory.energy.rates", "rate_table"),
}
"""Classes, and functions whose parts are corrupted above or whose own tests are in the files beside this one."""


def _verdict(check: Callable[..., Any], instance: Any) -> str:
    """Return the verdict; a corruption that an engine's own checks refuse is noticed too."""
    try:
        return verdict(check(**instance))
    except (InvalidInput, ValueError, TypeError):
        return "refused"
