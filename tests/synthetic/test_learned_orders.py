"""Learned decoding orders: the estimate by count and its gradient against enumeration, training, the real tables."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from synthetic.denoisers import Architecture, stacked
from synthetic.learned_orders import SPEED, Fit, FreeTable, Ordered, first_positions, fit, losses
from synthetic.progress import Silent
from synthetic.tables import TABLES, quantised, table
from synthetic.training import untrained
from theory.errors import InvalidInput
from theory.training import order_gradients, orders
from theory.unmasking.likelihood import order_terms

N, D = 3, 2
X = torch.tensor([1, 0, 1])
LOG_W = torch.tensor([0.4, -0.9, 0.1])


def outcomes(log_w: Tensor) -> list[tuple[float, int, Tensor]]:
    """Return every order and number of visible tokens, as chance, count and noise that makes that order."""
    listed = []
    for order, chance in orders.plackett_luce(log_w.exp().tolist()).items():
        wanted = torch.empty(N)
        wanted[list(order)] = torch.arange(N, 0, -1.0)
        listed += [(chance / N, count, 50 * wanted - log_w) for count in range(N)]
    return listed


def enumerated() -> tuple[Ordered, Tensor, Tensor, Tensor, Tensor]:
    """Return a member for each pair of outcomes, all with the same weights, and the chance of each."""
    pairs = list(itertools.product(outcomes(LOG_W), repeat=2))
    model = FreeTable(len(pairs), N, D)
    with torch.no_grad():
        model.logits += torch.randn(1, *model.logits.shape[1:], generator=torch.Generator().manual_seed(0))
    ordered = Ordered(model, D, LOG_W.expand(len(pairs), N), torch.ones(len(pairs), dtype=torch.bool))
    chance = torch.tensor([a[0] * b[0] for a, b in pairs], dtype=torch.float64)
    count = torch.tensor([[[a[1]], [b[1]]] for a, b in pairs])
    noise = torch.stack([torch.stack([a[2], b[2]])[:, None] for a, b in pairs])
    return ordered, X.expand(len(pairs), 1, N), count, noise, chance


def exact_terms(model: FreeTable) -> Tensor:
    """Return ln q(x_l | x outside s) of the first member."""
    from theory.denoisers import TableDenoiser

    log_p = model.logits[0].detach().double().unflatten(-1, (N, D)).log_softmax(-1)
    return order_terms(TableDenoiser(log_p), X[None])[0]


def test_mean_and_gradient_are_those_of_the_nelbo() -> None:
    """Over all pairs of orders and counts: losses per token, gradients in ln w, float32 sums of 324 terms."""
    ordered, tokens, count, noise, chance = enumerated()
    value = losses(ordered, tokens, count, noise)
    assert isinstance(ordered.denoiser, FreeTable)
    terms, w = exact_terms(ordered.denoiser), LOG_W.exp().double()
    nelbo = float(orders.nelbo_by_subsets(terms[None], orders.decoded_before_by_steps(w))[0])
    assert float(chance @ value.detach().double()) == pytest.approx(nelbo / N, rel=1e-5)
    (moved,) = torch.autograd.grad(value.sum(), [ordered.moved])
    found = (chance @ moved.double()) / SPEED
    exact = w * order_gradients.gradient(terms, w).whole / N
    assert torch.allclose(found, exact, rtol=0, atol=1e-5)


def test_gradient_without_the_score_is_another() -> None:
    """The part that differentiates the loss alone misses what moves the masks."""
    ordered, _, count, noise, chance = enumerated()
    masked, log_chance = first_positions(ordered.log_weights()[:, None, None].expand(noise.shape), noise, count)
    share = ordered.log_weights()[:, None, None].masked_fill(~masked, -torch.inf).softmax(-1)
    assert isinstance(ordered.denoiser, FreeTable)
    terms = exact_terms(ordered.denoiser)
    place = (masked.long() * torch.tensor([4, 2, 1])).sum(-1)
    f = -(share * terms.float()[place]).sum(-1).mean((1, 2))
    (moved,) = torch.autograd.grad(f.sum(), [ordered.moved])
    w = LOG_W.exp().double()
    exact = w * order_gradients.gradient(terms, w).whole / N
    assert float(((chance @ moved.double()) / SPEED - exact).abs().max()) > 0.01
    assert log_chance.requires_grad


def test_second_moment_by_count_is_that_of_all_outcomes() -> None:
    """E[f^2] over orders and counts, f by its definition."""
    model = enumerated()[0].denoiser
    assert isinstance(model, FreeTable)
    terms, w = exact_terms(model), LOG_W.exp().tolist()
    total = 0.0
    for order, chance in orders.plackett_luce(w).items():
        for k in range(N):
            masked = order[k:]
            s = sum(2 ** (N - 1 - l) for l in masked)
            f = -N * sum(w[l] * float(terms[s, l]) for l in masked) / sum(w[l] for l in masked)
            total += chance / N * f**2
    assert order_gradients.second_moment_by_count(terms, w) == pytest.approx(total, rel=1e-12)


def test_far_apart_weights_fix_the_order_and_equal_ones_do_not() -> None:
    """Gaps of 60 in ln w exceed any Gumbel noise of float64 uniforms above 1e-12."""
    generator = torch.Generator().manual_seed(0)
    noise = -(-torch.rand(4000, 4, generator=generator, dtype=torch.float64).clamp(1e-12).log()).log().float()
    order = torch.tensor([2, 0, 3, 1])
    log_w = (-60.0 * order.argsort().float()).expand(4000, 4)
    masked, log_chance = first_positions(log_w, noise, torch.full((4000,), 2))
    assert torch.equal(masked, torch.tensor([False, True, False, True]).expand(4000, 4))
    assert float(log_chance.abs().max()) < 1e-6
    alike, _ = first_positions(torch.zeros(4000, 4), noise, torch.full((4000,), 2))
    share = alike.double().mean(0)
    assert float((share - 0.5).abs().max()) < 5 * math.sqrt(0.25 / 4000)


def test_members_of_a_stack_are_trained_as_alone() -> None:
    """Two seeds together and each by itself: the same weights up to float32 rounding of 12 steps."""
    rows = torch.randint(2, (64, N), generator=torch.Generator().manual_seed(0))

    def trained(seeds: tuple[int, ...]) -> Ordered:
        nets = stacked([untrained(Architecture(8, 1, 1), (N,), D, seed) for seed in seeds])
        start = Ordered(nets, D, torch.zeros(len(seeds), N), torch.ones(len(seeds), dtype=torch.bool))
        return fit(start, [rows] * len(seeds), seeds, Fit(12, batch=8), Silent())

    both = trained((0, 1))
    for k in range(2):
        alone = trained((k,))
        assert torch.allclose(alone.log_weights()[0], both.log_weights()[k], atol=1e-4)
        assert torch.allclose(alone.denoiser.head.weight[0], both.denoiser.head.weight[k], atol=1e-4)  # type: ignore[union-attr,index]  # transformers


@pytest.mark.parametrize(
    ("log_w", "learned"),
    [
        (torch.zeros(3), torch.ones(1)),
        (torch.zeros(2, 3), torch.ones(3)),
        (torch.full((1, 3), math.inf), torch.ones(1)),
    ],
)
def test_wrong_log_weights_are_refused(log_w: Tensor, learned: Tensor) -> None:
    """One clear line for other shapes and numbers that are not finite."""
    with pytest.raises(InvalidInput, match="expected finite ones of shapes"):
        Ordered(FreeTable(1, 3, 2), 2, log_w, learned.bool())


def test_a_single_draw_is_refused() -> None:
    """Leave-one-out needs another draw."""
    ordered = Ordered(FreeTable(1, N, D), D, torch.zeros(1, N), torch.ones(1, dtype=torch.bool))
    with pytest.raises(InvalidInput, match="at least two"):
        losses(ordered, X.expand(1, 1, N), torch.zeros(1, 1, 1, dtype=torch.long), torch.zeros(1, 1, 1, N))


@pytest.mark.parametrize("name", TABLES)
def test_real_tables_hold_tokens_in_equal_classes(name: str) -> None:
    """Tokens 0..d-1, measured columns within a third of equal classes (ties), a split without common rows."""
    found = table(name)
    assert found.rows.min() == 0
    assert found.rows.max() == found.d - 1
    assert found.rows.shape[1] == len(found.columns)
    for column in found.rows.T[1:]:
        shares = column.bincount(minlength=found.d) / len(column)
        assert float((shares * found.d - 1).abs().max()) < 1 / 3
    train, test = found.split(0)
    assert len(train) + len(test) == len(found.rows)
    assert not torch.equal(train, found.split(1)[0])
    with pytest.raises(InvalidInput, match="wine"):
        table("wines")


def test_quantised_columns_are_cut_at_quantiles() -> None:
    """Of 0..8 in three classes each has three."""
    import numpy as np

    assert quantised(np.arange(9.0), 3).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
