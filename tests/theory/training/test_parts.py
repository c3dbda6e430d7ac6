"""Single parts of the training engines against sums and integrals written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Tensor

from theory.training import coefficients, order_gradients, preferences, variance
from theory.training.estimators import Estimator, Level, Weight, clipped, power
from theory.training.loss_table import LossTable, masked_sets
from theory.training.moments import moments, sources, sums_of
from theory.training.quadrature import halving

N = 3
ONE = torch.ones(1, dtype=torch.float64)


def _table(seed: int = 0) -> LossTable:
    """Return random losses of one sequence of three tokens."""
    values = torch.rand(2**N, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    values[0] = 0
    return LossTable(N, values, ONE)


@pytest.mark.parametrize("partner", ["mirrored level", "complement"])
def test_the_coefficients_of_a_mirrored_level_average_both_levels(partner: str) -> None:
    """Level noise is Var_u (h(q(u)) + h(q(1 - u))) / 2, h(t) the mean of 1 / (t p(t)) times the loss at level t."""
    table, law = _table(), power(0.25)
    sizes = masked_sets(N).sum(-1).tolist()

    def mean_at(t: float) -> float:
        weight = 1 / (t * float(law.density(torch.tensor(t, dtype=torch.float64))))
        terms = (t**k * (1 - t) ** (N - k) * float(x) for k, x in zip(sizes, table.values[:, 0], strict=True) if k)
        return weight * sum(terms)

    def both(u: float) -> float:
        return sum(mean_at(float(law.quantile(torch.tensor(v, dtype=torch.float64)))) for v in (u, 1 - u)) / 2

    mean, square = (quad(lambda u, p=p: both(u) ** p, 0, 1, epsabs=1e-12, limit=200)[0] for p in (1, 2))
    found = moments(Estimator(partner, level=law, partner=partner), table)
    assert found.mean == pytest.approx(mean, rel=1e-8)
    assert found.level == pytest.approx(square - mean**2, rel=1e-6)
    assert coefficients.coefficients(Estimator("plain", level=law), N).mean.shape == (N + 1,)


def test_sources_without_losses_of_single_masks_are_finite_where_the_others_are() -> None:
    """1 / t at uniform levels diverges for single masks alone; else it is a limit of clipped levels."""
    table = _table(1)
    table.values[masked_sets(N).sum(-1) <= 1] = 0
    whole = moments(Estimator("1/t"), table)
    assert math.isfinite(whole.variance)
    ends = [moments(Estimator("clipped", level=clipped(least)), table).variance for least in (1e-4, 1e-5)]
    assert ends[1] == pytest.approx(whole.variance, rel=1e-3)
    assert abs(ends[1] - whole.variance) < abs(ends[0] - whole.variance)
    estimator = Estimator("1/t")
    assert sources(estimator, N, sums_of(table, True))[3] == whole.mask_growth == 0


def test_second_moment_of_one_token_grows_by_its_squared_loss() -> None:
    """One token with loss L: E f² = L² ln(1 / least) / (1 - least), whose growth by the logarithm is L²."""
    terms = torch.tensor([[0.0], [-1.7]], dtype=torch.float64)
    found, growth = order_gradients.second_moment(terms, [1.0], 1e-3)
    assert found == pytest.approx(1.7**2 * math.log(1e3) / (1 - 1e-3), rel=1e-9)
    assert growth == pytest.approx(1.7**2, rel=1e-9)
    assert order_gradients.second_moment(terms, [1.0]) == (math.inf, pytest.approx(1.7**2, rel=1e-9))


def test_second_moment_by_count_of_two_tokens() -> None:
    """Both are masked half of the time; else one is, the last of a random order with chances in proportion to w."""
    w, loss = [1.0, 3.0], {(0,): 0.5, (1,): 0.9, (0, 1): (0.7, 1.1)}
    terms = torch.zeros(4, 2, dtype=torch.float64)
    first, second, both = (masked_sets(2).tolist().index(s) for s in ([True, False], [False, True], [True, True]))
    terms[first, 0], terms[second, 1] = -0.5, -0.9
    terms[both] = torch.tensor([-0.7, -1.1], dtype=torch.float64)
    last_is_first = 1 - w[0] / sum(w)  # the first token is decoded last where the second is decoded first
    together = 2 * (w[0] * loss[0, 1][0] + w[1] * loss[0, 1][1]) / sum(w)
    single = last_is_first * (2 * 0.5) ** 2 + (1 - last_is_first) * (2 * 0.9) ** 2
    assert order_gradients.second_moment_by_count(terms, w) == pytest.approx((together**2 + single) / 2, rel=1e-12)


def test_log_cosh_and_allocations() -> None:
    assert preferences.log_cosh(0.0) == pytest.approx(0, abs=1e-15)
    assert preferences.log_cosh(-1.3) == pytest.approx(math.log(math.cosh(1.3)), rel=1e-14)
    pairs = [(each.levels, each.masks) for each in preferences.allocations(6)]
    assert pairs == [(a, b) for a, b in itertools.product(range(1, 7), repeat=2) if a * b == 6]


def test_the_printed_family_of_densities() -> None:
    """sqrt(a t^r + b (1 - t)^q + height² e^(2 kappa t^m)), written out at one level."""
    found = variance.epr(0.25, 2.0, 0.5, 3.0, 2.0, 0.7, 1.1, 1.5)
    assert found == pytest.approx(math.sqrt(2 * 0.5 + 3 * 0.5625 + 0.49 * math.exp(2.2 * 0.125)), rel=1e-14)


def test_the_fitted_family_has_bounded_parameters() -> None:
    """A density that is no member, and falls to the right: some parameters run to an end, and stop at e^-12 or e^12."""
    t = np.linspace(0.01, 1, 60)
    fitted = variance.fit_epr(t, np.where(t < 0.1, 1.0, 1e-9), np.full(60, 1 / 60))
    assert all(math.exp(-12) <= v <= math.exp(12) for v in fitted[:6])
    assert min(fitted[:6]) == pytest.approx(math.exp(-12), rel=1e-12)


def test_curves_from_an_edge_on_have_no_empty_panel() -> None:
    edges = variance.curves(_table(), 0.5).rule.edges
    assert float(edges[0]) == 0.5
    assert bool((edges.diff() > 0).all())


def test_sources_of_no_loss_are_zero_whatever_diverges() -> None:
    """One token, 1 / t at uniform levels: the coefficient diverges with growth one, and meets no loss."""
    nothing = LossTable(1, torch.zeros(2, 1, dtype=torch.float64), ONE)
    assert moments(Estimator("1/t"), nothing).variance == 0


def test_the_mask_noise_of_complements_by_all_pairs_of_masks() -> None:
    """S = {u < t} and S' = {u > 1 - s}, s the mirrored level; the integrand has a kink where t + s passes one.

    The levels are u + sin(pi u)^2 (cos(2 pi u) - .3) / 10: this happens near u = 1/5 and 4/5. Every mask weighs one.
    """

    def quantile(u: Tensor) -> Tensor:
        return u + 0.1 * (torch.pi * u).sin() ** 2 * ((2 * torch.pi * u).cos() - 0.3)

    table, level = _table(3), Level("wavy", lambda t: torch.ones_like(t), quantile)
    losses = dict(zip(map(tuple, masked_sets(N).tolist()), table.values[:, 0].tolist(), strict=True))

    def noise(u: float) -> float:
        t, s = (float(quantile(torch.tensor(v, dtype=torch.float64))) for v in (u, 1 - u))
        joint = {(1, 1): max(t + s - 1, 0.0), (1, 0): min(t, 1 - s), (0, 1): min(s, 1 - t), (0, 0): max(1 - t - s, 0.0)}
        mean, square = 0.0, 0.0
        for first, second in itertools.product(losses, repeat=2):
            chance = math.prod(joint[a, b] for a, b in zip(map(int, first), map(int, second), strict=True))
            mean += chance * (losses[first] + losses[second]) / 2
            square += chance * (losses[first] + losses[second]) ** 2 / 4
        return square - mean**2

    kink = math.acos(0.3) / (2 * math.pi)
    ends = itertools.pairwise((0, kink, 0.5, 1 - kink, 1))
    exact = sum(quad(noise, a, b, epsabs=1e-12, limit=100)[0] for a, b in ends)
    flat = Weight("one", lambda t, k, m, p: torch.ones_like(t))
    found = moments(Estimator("complement", level=level, weight=flat, partner="complement"), table)
    assert found.mask == pytest.approx(exact, rel=1e-9)


def test_cumulative_integrals_of_columns_are_those_of_each() -> None:
    rule = halving(6)
    columns = torch.stack((rule.t, rule.t**2), -1)
    together = rule.cumulative(columns)
    for k in range(2):
        torch.testing.assert_close(together[:, k], rule.cumulative(columns[:, k]), rtol=0, atol=1e-15)


def test_curves_of_all_levels_begin_above_zero() -> None:
    assert float(variance.curves(_table()).rule.edges[0]) == 2.0**-60
