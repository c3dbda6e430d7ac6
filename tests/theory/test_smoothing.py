"""Bernstein polynomials at any degree: exact fractions, incomplete beta functions and high precision; gradients."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch
from scipy import special

from theory.worlds import smoothing

ALPHAS = (Fraction(0), Fraction(1, 10**12), Fraction(3, 16), Fraction(1, 2), Fraction(13, 16), Fraction(1))


def tolerance(n: int, scale: float = 1.0) -> float:
    """Rounding of the weights (four units a place, sqrt(n) / 2 places on average) and of a sum over a window."""
    width = 2 * (smoothing.LOST / 3 + math.sqrt(smoothing.LOST**2 / 9 + smoothing.LOST * n / 2)) + 3
    return float(np.finfo(float).eps) * (2 * math.sqrt(n) + width) * scale


def curve(n: int) -> torch.Tensor:
    steps = np.random.default_rng(n).random(n - 1) ** 6
    return torch.from_numpy(np.concatenate(([0.0], np.cumsum(steps) / steps.sum())))


@pytest.mark.parametrize("n", [1, 2, 17, 60])
@pytest.mark.parametrize("route", [smoothing.bernstein, smoothing.mean], ids=["Horner", "window"])
def test_both_routes_are_the_binomial_mean_in_fractions(n: int, route: object) -> None:
    z = curve(n) if n > 1 else torch.tensor([0.7], dtype=torch.float64)
    exact = [Fraction(c) for c in z.tolist()]
    for alpha in ALPHAS:
        a = Fraction(float(alpha))
        claimed = sum(math.comb(n - 1, m) * a**m * (1 - a) ** (n - 1 - m) * c for m, c in enumerate(exact))
        found = route(z, torch.tensor(float(a), dtype=torch.float64))  # type: ignore[operator]  # one of two functions
        assert float(found) == pytest.approx(float(claimed), abs=tolerance(n))


@pytest.mark.parametrize("n", [65, 69, 1030, 4096])
def test_long_curves_are_sums_of_incomplete_beta_functions(n: int) -> None:
    """Z~ is the sum over c of (Z_{c+1} - Z_c) P(Bin(n - 1, alpha) >= c), and that is I_alpha(c, n - c)."""
    z, count = curve(n), np.arange(1, n)
    alpha = np.concatenate(([0.0, 5e-324, 1e-300, 1e-6], np.linspace(0.01, 0.99, 23), [1 - 1e-9, 1.0]))
    claimed = special.betainc(count, n - count, alpha[:, None]) @ z.diff().numpy()
    found = smoothing.bernstein(z, torch.from_numpy(alpha))
    slack = tolerance(n) + 1e-14  # scipy states 14 digits for betainc
    assert float((found - torch.from_numpy(claimed)).abs().max()) < slack


def test_two_points_to_thirty_digits() -> None:
    z, degree = curve(4096), 4095
    with mpmath.workdps(30):
        for alpha in (0.3, 1 - 1e-3):
            a, weight, total = mpmath.mpf(alpha), (1 - mpmath.mpf(alpha)) ** degree, mpmath.mpf(0)
            for m, c in enumerate(z.tolist()):
                total += weight * c
                weight *= mpmath.mpf(degree - m) / (m + 1) * a / (1 - a)
            found = float(smoothing.bernstein(z, torch.tensor(alpha, dtype=torch.float64)))
            assert found == pytest.approx(float(total), abs=tolerance(4096))


def test_a_quadratic_curve_has_a_closed_form() -> None:
    """E (X / N)^2 = alpha^2 + alpha (1 - alpha) / N for X binomial; its derivatives follow."""
    n = 4096
    z = torch.linspace(0, 1, n, dtype=torch.float64) ** 2
    alpha = torch.linspace(0, 1, 41, dtype=torch.float64)
    value, first, second = smoothing.with_derivatives(z, alpha)
    share = 1 - 1 / (n - 1)
    assert float((value - share * alpha**2 - alpha / (n - 1)).abs().max()) < tolerance(n)
    assert float((first - 2 * share * alpha - 1 / (n - 1)).abs().max()) < n * tolerance(n)
    assert float((second - 2 * share).abs().max()) < n**2 * tolerance(n)
    assert float((first - smoothing.derivative(z, alpha)).abs().max()) < n * tolerance(n)


def test_batches_of_curves_and_points() -> None:
    z = torch.stack([curve(100), curve(100) ** 2, 3 * curve(100)])[:, None]
    alpha = torch.linspace(0, 1, 6, dtype=torch.float64).reshape(2, 3)
    found = smoothing.bernstein(z, alpha)
    assert found.shape == (3, 1, 2, 3)
    alone = smoothing.bernstein(z[2, 0], alpha[1, 1])
    assert float(found[2, 0, 1, 1]) == pytest.approx(float(alone), abs=1e-15)
    assert smoothing.bernstein(z, torch.zeros(0, dtype=torch.float64)).shape == (3, 1, 0)


@pytest.mark.parametrize("n", [5, 70])
def test_gradients_in_both_arguments(n: int) -> None:
    z = torch.stack([curve(n), curve(n) ** 2]).requires_grad_()
    alpha = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(smoothing.bernstein, (z, alpha))
    assert torch.autograd.gradgradcheck(smoothing.bernstein, (z, alpha))


def test_windows_in_parts_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    z, alpha = curve(300), torch.linspace(0, 1, 50, dtype=torch.float64)
    whole, derivatives = smoothing.bernstein(z, alpha), smoothing.with_derivatives(z, alpha)
    monkeypatch.setattr(smoothing, "ENTRIES", 1)
    assert float((smoothing.bernstein(z, alpha) - whole).abs().max()) < tolerance(300)
    for part, claimed in zip(smoothing.with_derivatives(z, alpha), derivatives, strict=True):
        assert float((part - claimed).abs().max()) < tolerance(300, float(claimed.abs().max())) * 300
