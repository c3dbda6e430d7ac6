"""Numbers that the papers on training, or our notes on them, give for stated instances, to the digits given."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import integrate, optimize

from theory.reference import training as reference
from theory.training import orders, preferences, variance
from theory.training.claims import preferences as preference_claims
from theory.training.claims import scores, sources
from theory.training.loss_table import LossTable, loss_table
from theory.training.quadrature import rule
from theory.worlds import TableWorld


def halves(q: float, first: tuple[float, float], second: tuple[float, float]) -> variance.Curves:
    """Two sequences of chances q and 1 - q without mask noise, their mean losses on the halves of (0, 1]."""
    grid = rule(torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))
    upper = (grid.t > 0.5).long()
    mean = torch.stack([torch.tensor(row, dtype=torch.float64)[upper] for row in (first, second)], -1)
    return variance.Curves(grid, mean, torch.zeros_like(mean), torch.tensor([q, 1 - q], dtype=torch.float64))


@pytest.mark.parametrize(
    ("q", "steep", "uniform", "plugged", "best"),
    [(0.1, 3.0, 0.5275, 0.8775, 0.5268), (1e-4, 100.0, 0.745, 25.2, None)],
)
def test_the_plug_in_density_loses_to_uniform_levels(q, steep, uniform, plugged, best) -> None:
    """Mask and level noise with data noise, by the engine: arXiv 2511.18159, the quantity that P-POTS estimates."""
    found = halves(q, (1.0, steep), (1.0, 0.0))
    ones = torch.ones_like(found.rule.t)
    assert variance.split(found, ones).total == pytest.approx(uniform, abs=5e-4 if q < 0.01 else 5e-5)
    assert variance.split(found, found.plug_in.sqrt()).total == pytest.approx(plugged, abs=0.05 if q < 0.01 else 5e-5)
    if best is not None:
        assert variance.split(found, found.second.sqrt()).total == pytest.approx(best, abs=5e-5)


@pytest.mark.parametrize(("e", "rho"), [(1e-3, 0.939), (1e-6, 0.988)])
def test_mirrored_masks_can_be_almost_perfectly_correlated(e: float, rho: float) -> None:
    table = loss_table(TableWorld([e, 0.5 - e, 0.5 - e, e], 2, 2))
    assert float(variance.mirror_correlation(table, torch.tensor([0.5], dtype=torch.float64))[0, 0]) == pytest.approx(
        rho, abs=5e-4
    )


@pytest.mark.parametrize("n", [2, 3, 5])
def test_mirrored_masks_gain_nothing_on_copies(n: int) -> None:
    """n identical tokens cost one nat each only where all are masked: rho = -t^n / (1 - t^n) for t <= 1/2."""
    values = torch.zeros(2**n, 1, dtype=torch.float64)
    values[-1] = n
    t = torch.tensor([0.2, 0.4, 0.5], dtype=torch.float64)
    found = variance.mirror_correlation(LossTable(n, values, torch.ones(1, dtype=torch.float64)), t)[:, 0]
    assert torch.allclose(found, -(t**n) / (1 - t**n), atol=1e-12)


def test_strata_of_an_exponential() -> None:
    """exp(2t), n = 12 in k = 4 strata: .0227 exactly, -.46 with the printed divisor."""
    means = [4 * (math.exp(2 * (j + 1) / 4) - math.exp(2 * j / 4)) / 2 for j in range(4)]
    whole = (math.exp(2) - 1) / 2
    total, between = (math.exp(4) - 1) / 4 - whole**2, float(np.var(means))
    assert (total - between) / 12 == pytest.approx(0.0227, abs=5e-5)
    assert total / 12 - between / 4 == pytest.approx(-0.46, abs=5e-3)


def test_the_shift_bound_needs_curvature_along_the_path() -> None:
    """ln cosh with a linear term of slope .9: the optimum moves by 1.472, the bound from its own curvature says .9."""
    found = optimize.minimize_scalar(
        lambda x: 0.5 * math.log(math.cosh(x)) - 0.5 * 0.9 * x, bounds=(0, 5), method="bounded"
    )
    assert found.x == pytest.approx(1.472, abs=5e-4)
    assert pytest.approx(0.9) == 0.5 * 0.9 / (0.5 * 1.0)


def test_weights_towards_a_best_order_need_not_fall() -> None:
    omega = {c: orders.decoded_before_by_inclusion([Fraction(c) ** -i for i in range(3)]) for c in (1, 2)}
    assert [omega[c][0, frozenset({1})] for c in (1, 2)] == [Fraction(1, 6), Fraction(8, 35)]


def test_the_bias_of_a_gaussian_score() -> None:
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    found = float(weights / weights.sum() @ np.logaddexp(0, -0.1 * nodes)) - math.log(2)
    assert found == pytest.approx(0.0012484, abs=5e-8)
    assert 0.01 / 8 == 0.00125


@pytest.mark.parametrize(
    ("s", "p", "v", "ratio"), [(0, 0.02, 0.19, 0.76), (3, 0.95, 0.19, 1.78), (-3, 0.01, 0.1996, 3.11)]
)
def test_two_point_laws_miss_the_expansion_of_the_bias(s: float, p: float, v: float, ratio: float) -> None:
    """Chance p of the upper of two points, against sigma(s) sigma(-s) V / 2. (The notes' 2.87 is of another p.)"""
    x = np.array([s + math.sqrt(v * (1 - p) / p), s - math.sqrt(v * p / (1 - p))])
    chances = np.array([p, 1 - p])
    found = float(chances @ np.logaddexp(0, -x) - np.logaddexp(0, -s)) / (v / 2 / (2 + 2 * math.cosh(s)))
    assert found == pytest.approx(ratio, abs=5e-3)


def test_printed_and_sharp_constants() -> None:
    assert math.sqrt(0.2) * 0.8**2 == pytest.approx(0.2862, abs=5e-5)
    assert pytest.approx(0.09017, abs=5e-6) == preferences.GRADIENT_SHARP
    assert ((1 + math.sqrt(5)) / 2) ** -5 == pytest.approx(preferences.GRADIENT_SHARP, rel=1e-14)


def test_single_mask_losses_at_three_hundred_tokens() -> None:
    """299 by count. By time, levels uniform above 1/1000: 271.1 with the weight 1 / (t p), 271.7 with 1 / t."""
    (evidence,) = preference_claims.single_mask_losses(300)
    assert evidence.computed == 299
    assert evidence.claimed == pytest.approx(271.1, abs=0.05)
    second = integrate.quad(lambda t: 300 * (1 - t) ** 299 / t, 1e-3, 1, limit=400)[0] / (1 - 1e-3)
    assert second - (1 - 1e-3) ** 598 == pytest.approx(271.7, abs=0.05)


def test_the_splitting_of_the_printed_proof_fails_by_more_than_1_9() -> None:
    (evidence,) = scores.splitting(**scores.APART)
    assert evidence.computed / evidence.claimed > 1.9


def test_claims_and_engine_agree_on_the_plug_in() -> None:
    """Whole numbers for the claim, quadrature for the engine: two routes to the same two variances."""
    (evidence,) = sources.plug_in(Fraction(1, 10), [Fraction(1), Fraction(3)], [Fraction(1), Fraction(0)])
    found = halves(0.1, (1.0, 3.0), (1.0, 0.0))
    assert variance.split(found, found.plug_in.sqrt()).total == pytest.approx(float(evidence.computed), rel=1e-12)


def test_the_printed_family_fits_a_member_of_itself() -> None:
    t = np.linspace(0.01, 0.99, 99)
    parameters = (0.5, 1.5, 0.8, 2.0, 0.6, 0.4, 2.0)
    density = variance.epr(t, *parameters)
    fitted = variance.epr(t, *variance.fit_epr(t, density, np.full(99, 1 / 99)))
    assert np.abs(fitted / fitted.sum() - density / density.sum()).max() < 0.03 * (density / density.sum()).max()


def test_beta_integrals_are_rational() -> None:
    assert reference.beta(Fraction(1, 2), 1) == Fraction(4, 3)
    assert float(reference.beta(Fraction(5, 2), 3)) == pytest.approx(math.gamma(2.5) * 6 / math.gamma(6.5), rel=1e-14)
