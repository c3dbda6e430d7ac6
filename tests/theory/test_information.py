"""Entropies of all revealed sets, curve, smoothed curve, against definitions and quadrature."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy import stats

from theory.errors import InvalidInput
from theory.ledger import strategies
from theory.reference import laws as reference
from theory.worlds import TableWorld, information, states


@settings(max_examples=20, deadline=None, derandomize=True)
@given(strategies.worlds(cells=27))
def test_set_entropies_are_the_entropies_of_the_marginals(world: TableWorld) -> None:
    n, exact, found = world.n, reference.floats(world), world.set_entropies()
    for k, hidden in enumerate(itertools.product((0, 1), repeat=n)):
        subset = [i for i in range(n) if not hidden[i]]
        assert float(found[k]) == pytest.approx(reference.subset_entropy(exact, subset), abs=1e-12)
        assert int(information.set_sizes(n)[k]) == len(subset)


def test_chunked_and_batched_entropies_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    laws = torch.rand(3, 3**5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    tables = states.marginal_table(laws / laws.sum(-1, keepdim=True), 5, 3)
    whole = information.set_entropies(tables, 5, 3)
    monkeypatch.setattr(information, "CHUNK", 64)
    assert torch.equal(information.set_entropies(tables, 5, 3), whole)
    assert torch.allclose(information.set_entropies(tables[1], 5, 3), whole[1], rtol=0, atol=1e-14)


def test_smoothed_curve_is_a_binomial_mean_at_every_alpha() -> None:
    curve = torch.tensor([0.0, 0.1, 0.5, 0.6, 1.0], dtype=torch.float64)
    for alpha in (0.0, 1e-12, 0.3, 0.5, 0.7, 1 - 1e-12, 1.0):
        weights = stats.binom.pmf(np.arange(5), 4, alpha)
        found = float(information.smoothed_curve(curve, torch.tensor(alpha, dtype=torch.float64)))
        assert found == pytest.approx(float(weights @ curve.numpy()), abs=1e-14)


def test_smoothed_curve_derivative_is_a_difference_quotient() -> None:
    curve, h = torch.tensor([0.0, 0.1, 0.5, 0.6, 1.0], dtype=torch.float64), 1e-5
    alpha = torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    quotient = (information.smoothed_curve(curve, alpha + h) - information.smoothed_curve(curve, alpha - h)) / (2 * h)
    found = information.smoothed_curve_derivative(curve, alpha)
    assert float((found - quotient).abs().max()) < 1e-9  # h^2 / 6 times a third derivative below 60


def test_divergences_handle_zeros() -> None:
    p, q = torch.tensor([0.5, 0.5, 0.0]).double(), torch.tensor([0.25, 0.0, 0.75]).double()
    assert float(information.kullback_leibler(p, q)) == math.inf
    assert float(information.kullback_leibler(p, p)) == 0.0
    assert float(information.total_variation(p, q)) == 0.75
    assert float(information.entropy(p)) == pytest.approx(math.log(2), abs=1e-15)


def test_gradients_pass_through_the_curve() -> None:
    weights = torch.rand(16, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda w: TableWorld(w / w.sum(), 4, 2).information_curve(), (weights,))


@pytest.mark.parametrize(
    ("curve", "message"),
    [([0.1, 0.2], "starts at Z_1 = 0.1"), ([0.0, 0.5, 0.4], "falls by 0.1"), ([0.0, math.nan], "no NaN")],
)
def test_bad_curves_are_named(curve: list[float], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        information.check_curve(curve)


def test_the_slack_of_a_curve_grows_with_its_size() -> None:
    """What falls by 1e-10 of the largest value is rounding, whatever the unit."""
    assert information.check_curve([0.0, 1e6, 1e6 - 1e-4]).tolist() == [0.0, 1e6, 1e6 - 1e-4]
    with pytest.raises(InvalidInput, match="falls by"):
        information.check_curve([0.0, 1.0, 1.0 - 1e-4])
