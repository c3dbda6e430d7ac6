"""Independent routes agree; symbolic residuals vanish and wrong formulas leave one."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from theory.energy import closed_forms, paths, rates, sphere, symbolic
from theory.reference import laws as reference
from theory.reference import nelbo as reference_nelbo
from theory.reference.energy import (
    Moment,
    Problem,
    beta_mixture,
    conditional_integrand,
    energy,
    geodesic_integrand,
    integral,
    kinetic_constant,
    kinetic_integrand,
)
from theory.reference.nelbo import nelbo_by_time
from theory.schedules import LINEAR, NAMED, beta, optimal_weight
from theory.worlds import TableWorld

WORLD = TableWorld.from_weights([3, 0, 5, 1, 2, 7, 0, 4], 3, 2)


@pytest.mark.parametrize(
    "derivation",
    [
        symbolic.euler_lagrange,
        symbolic.beta_family,
        symbolic.round_trip,
        symbolic.condition,
        symbolic.landscape,
        symbolic.step_excess,
    ],
    ids=lambda f: f.__name__,
)
def test_symbolic_residuals_vanish(derivation: object) -> None:
    assert all(residual == 0 for residual in derivation().values())


def test_symbolic_least_energy_and_its_nonnegative_integrand() -> None:
    import sympy as sp

    residuals, square = symbolic.least_energy()
    assert all(residual == 0 for residual in residuals.values())
    t = sp.Symbol("t")
    theta, gamma = sp.Function("theta")(t), sp.Function("gamma")(t)
    assert sp.simplify(square * gamma.diff(t) - (2 * theta.diff(t) - sp.pi * gamma.diff(t)) ** 2) == 0


def test_euler_lagrange_rejects_other_powers() -> None:
    assert symbolic.euler_lagrange_of(2) == 0
    assert symbolic.euler_lagrange_of(1) != 0
    assert symbolic.euler_lagrange_of(3) != 0


@pytest.mark.parametrize("integrand", [kinetic_integrand, conditional_integrand, geodesic_integrand])
def test_integrands_agree_between_fractions_floats_and_arrays(integrand: object) -> None:
    exact = integrand(reference.exact(WORLD), 2, Moment.at(Fraction(1, 3), Fraction(2)))
    law = reference.floats(WORLD)
    single = integrand(law, 2, Moment.at(1 / 3, 2.0))
    many = integrand(law, 2, Moment(np.array([1 / 3, 0.5]), np.array([2 / 3, 0.5]), np.array([2.0, 1.0])))
    assert isinstance(exact, Fraction)
    assert single == pytest.approx(float(exact), rel=1e-13)
    assert many[0] == pytest.approx(float(exact), rel=1e-13)


def test_energies_of_a_named_pair() -> None:
    law, problem = reference.floats(WORLD), Problem.of(NAMED["squared sine"], LINEAR)
    constant = closed_forms.kinetic_constant(WORLD)
    assert constant == kinetic_constant(reference.exact(WORLD), 2)
    assert energy(kinetic_integrand, law, 2, problem) == pytest.approx(constant * math.pi**2, rel=1e-11)
    assert energy(conditional_integrand, law, 2, problem) == pytest.approx(12 * math.pi**2, rel=1e-11)
    assert energy(geodesic_integrand, law, 2, problem) == pytest.approx(3 * math.pi**2, rel=1e-11)


def test_quadrature_resolves_end_point_singularities() -> None:
    for power in (0.1, 0.3, 1.0, 2.5):
        assert integral(lambda t, p=power: t ** (p - 1)) == pytest.approx(0.5**power / power, rel=1e-11)


def test_landscape_is_vectorised_and_infinite_outside_its_region() -> None:
    a, b = np.meshgrid(np.linspace(0.1, 2, 20), np.linspace(0.1, 2, 20))
    found = closed_forms.beta_landscape(a, b, 1.0, 0.5)
    assert found.shape == a.shape
    np.testing.assert_array_equal(np.isfinite(found), (2 * a > 1) & (2 * b > 0.5))
    assert (found >= math.pi**2 * (1 - 1e-13)).all()


def test_chi_square_of_a_mixture() -> None:
    """For g = (1 + x) / 1.5 against w = 1: chi^2 = 1 / 27 (g is a mixture of Beta(1,1) and Beta(2,1))."""
    g, back = beta_mixture([[2.0, 1.0, 1.0], [1.0, 2.0, 1.0]]), beta_mixture([[2.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    found = closed_forms.chi_square(Problem(g, LINEAR, back, LINEAR))
    assert found == pytest.approx(1 / 27, rel=1e-11)


def test_best_chord_steps_agree_with_a_scan() -> None:
    widths = np.array([0.2, 0.8])
    first = np.linspace(0, math.pi / 2, 200_001)
    steps = np.stack([first, math.pi / 2 - first], -1)
    scanned = closed_forms.chord_energy(steps, widths)
    best = closed_forms.best_chord_steps(widths)
    assert first[scanned.argmin()] == pytest.approx(best[0], abs=1e-5)
    assert float(closed_forms.chord_energy(best, widths)) <= scanned.min()


def test_dual_value_is_a_lower_bound_and_the_flux_feasible() -> None:
    path = paths.marginal_path(TableWorld.from_weights([9, 2, 5, 7, 3, 8, 1, 6], 3, 2), Moment.at(0.35, 1.0))
    for graph in rates.GRAPHS:
        edge, best = rates.edges(path, graph), rates.best_flux(path, graph)
        inflow = np.bincount(edge[1], best.flux, 27) - np.bincount(edge[0], best.flux, 27)
        np.testing.assert_allclose(inflow, path.velocity, atol=1e-12)
        assert (best.flux >= 0).all()
        p = path.probability
        primal = (best.flux**2 / (p[edge[0]] * p[edge[1]])).sum()
        assert primal == pytest.approx(best.value, rel=1e-10)
        assert best.value <= path.energy + 1e-9


def test_rate_table_is_in_units_and_tells_the_largest_gap() -> None:
    worlds = [TableWorld.from_weights(w, 2, 2) for w in ([54, 41, 33, 18], [1, 2, 3, 4])]
    rows, unit = rates.rate_table(worlds, 0.3), 1 / (0.3 * 0.7)
    for world, row in zip(worlds, rows, strict=True):
        path = paths.marginal_path(world, Moment.at(0.3, 1.0))
        found = {graph: rates.best_flux(path, graph) for graph in rates.GRAPHS}
        assert row["gap"] == max(best.gap for best in found.values()) / unit
        assert row["MDM"] == path.energy / unit == pytest.approx(6)
        assert all(row[graph] == best.value / unit for graph, best in found.items())


def test_gap_and_residual_are_those_of_the_flux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen where the solver stops early: its answer is moved by 1e-8 and not finished."""
    from scipy import optimize

    solve = optimize.minimize

    def early(*arguments: object, **named: object) -> object:
        found = solve(*arguments, **named)
        found.x = found.x * (1 + 1e-8 * np.arange(len(found.x)))
        return found

    monkeypatch.setattr(rates.optimize, "minimize", early)
    path = paths.marginal_path(TableWorld.from_weights([54, 41, 33, 18], 2, 2), Moment.at(0.4, 1.0))
    edge = rates.edges(path, "all pairs")
    for scale in (1.0, 7.0):
        rho = scale * path.probability[edge[0]] * path.probability[edge[1]]
        best = rates.optimal_flux(path.velocity, edge, rho, iterations=0)
        primal = float((best.flux**2 / rho).sum())
        assert best.gap == pytest.approx(abs(primal - best.value), rel=1e-6)
        assert best.gap > 1e-10
        inflow = np.bincount(edge[1], best.flux, 9) - np.bincount(edge[0], best.flux, 9)
        missed = np.abs(inflow - path.velocity).max() / np.abs(path.velocity).max()
        assert best.residual == pytest.approx(missed, rel=1e-6)


def test_quadratic_programme_agrees_with_scipy_slsqp() -> None:
    from scipy import optimize

    path = paths.marginal_path(TableWorld.from_weights([54, 41, 33, 18], 2, 2), Moment.at(0.4, 1.0))
    edge, p = rates.edges(path, "one-token unmasking"), path.probability
    rho, size = p[edge[0]] * p[edge[1]], len(p)
    incidence = np.zeros((size, edge.shape[1]))
    incidence[edge[1], np.arange(edge.shape[1])] += 1
    incidence[edge[0], np.arange(edge.shape[1])] -= 1
    found = optimize.minimize(
        lambda j: (j**2 / rho).sum(),
        path.flux[edge[0], edge[1]],
        jac=lambda j: 2 * j / rho,
        bounds=[(0, None)] * edge.shape[1],
        constraints={
            "type": "eq",
            "fun": lambda j: (incidence @ j - path.velocity)[1:],
            "jac": lambda j: incidence[1:],
        },
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.fun == pytest.approx(rates.best_flux(path, "one-token unmasking").value, rel=1e-6)


def test_flat_choice_of_rho_has_its_closed_form() -> None:
    velocity = np.array([0.3, -0.5, 0.2])
    rho = np.full((3, 3), 1 / 3) - np.eye(3) / 3
    flux, rate = rates.kinetic_optimal_flux(velocity, rho)
    closed, closed_rate = rates.factor_flux(velocity, np.ones(3))
    np.testing.assert_allclose(flux, closed, atol=1e-15)
    assert rate == pytest.approx(closed_rate) == pytest.approx(float(velocity @ velocity))


def test_square_detour_lowers_the_energy_exactly() -> None:
    world = TableWorld.from_weights([54, 41, 33, 18], 2, 2)
    before, after = paths.improve_around_square(world, Moment.at(Fraction(2, 5), Fraction(1)))
    assert before == Fraction(6) / (Fraction(2, 5) * Fraction(3, 5))
    assert after < before
    uniform = TableWorld.from_weights([1, 1, 1, 1], 2, 2)
    same = paths.improve_around_square(uniform, Moment.at(Fraction(2, 5), Fraction(1)))
    assert same[0] == same[1]


def test_nelbo_is_the_entropy_for_the_true_conditionals() -> None:
    world = TableWorld([[0.5, 0.0], [0.2, 0.3]])
    entropy = -sum(p * math.log(p) for p in (0.5, 0.2, 0.3))
    assert reference_nelbo.nelbo_by_count(world, world) == pytest.approx(entropy, rel=1e-14)
    assert nelbo_by_time(world, world, Problem.of(LINEAR, LINEAR)) == pytest.approx(entropy, rel=1e-11)
    assert reference_nelbo.nelbo_by_order(world, world) == pytest.approx(entropy, rel=1e-14)


def test_great_circle_keeps_constant_speed() -> None:
    source, target = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.0])
    points = sphere.geodesic_path(source, target, np.linspace(0, 1, 11))
    lengths = sphere.geodesic_angle(points[:-1], points[1:])
    np.testing.assert_allclose(lengths, sphere.geodesic_angle(source, target) / 10, rtol=1e-9)
    np.testing.assert_allclose(points.sum(-1), 1, atol=1e-15)


def test_own_weight_reaches_pi_squared() -> None:
    mask = NAMED["one minus cosine"]
    found = closed_forms.schedule_integral(Problem.of(mask, optimal_weight(mask)))
    assert found == pytest.approx(math.pi**2, rel=1e-7)
    other = closed_forms.schedule_integral(Problem.of(mask, beta(0.4, 0.4)))
    assert other > math.pi**2 + 1e-3


def test_quadrature_does_not_stop_too_early() -> None:
    """The NELBO of two tokens that cost 2.713 and 2.29 nats is a polynomial in alpha; SciPy's rule missed it by 2e-11.

    It stopped at 67 evaluations with an error that it estimated as 3e-13.
    """
    mask = Problem.beta(1.6, 1.75, 1.0, 1.0).mask
    found = integral(lambda t: mask.derivative(t) * (2.713 * mask.complement(t) + 2.29 * mask.value(t)))
    middle = float(mask.value(np.array([0.5]))[0])
    assert found == pytest.approx(2.713 * (middle - middle**2 / 2) + 2.29 * middle**2 / 2, rel=1e-14)
