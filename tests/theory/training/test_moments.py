"""Exact moments of estimators against loops over masks in fractions, and against simulation."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.reference import nelbo as reference_nelbo
from theory.reference import training as reference
from theory.training.estimators import BY_COUNT, Estimator, Exactly, Level, Scheduled, Weight, clipped, draw, power
from theory.training.loss_table import LossTable, loss_table, masked_sets
from theory.training.moments import batch_variance, moments
from theory.training.quadrature import halving
from theory.training.zoo import ZOO
from theory.worlds import TableWorld

N, D = 3, 2
COUNT = Estimator("count", Exactly(), BY_COUNT)
LEAST = clipped(0.01)
ESTIMATORS = [
    COUNT, Estimator("clipped", level=LEAST), Estimator("root", level=power(0.5)),
    Estimator("nested", Exactly(), BY_COUNT, levels=2, masks=3), replace(COUNT, levels=3, strata="draws"),
    *(Estimator(partner, level=power(0.5), partner=partner) for partner in ("mirrored mask", "mirrored level")),
    *(replace(COUNT, partner=partner) for partner in ("mirrored mask", "mirrored level", "complement")),
    Estimator("complement", level=LEAST, partner="complement", levels=2),
    Estimator("rates", Scheduled(lambda t: t[..., None] ** torch.tensor([1.0, 2.0, 3.0])), level=LEAST),
]  # fmt: skip


@pytest.fixture(scope="module")
def world() -> TableWorld:
    return TableWorld(np.random.default_rng(0).dirichlet(np.ones(D**N)), N, D)


@pytest.fixture(scope="module")
def denoiser() -> TableDenoiser:
    return TableDenoiser(torch.tensor(np.random.default_rng(1).dirichlet(np.ones(D), size=((D + 1) ** N, N))).log())


@pytest.fixture(scope="module")
def table(world, denoiser) -> LossTable:
    return loss_table(world, denoiser)


def test_the_loss_table_is_that_of_the_loops(world, denoiser, table) -> None:
    found = reference.losses(denoiser, world)
    for s, masked in enumerate(masked_sets(N)):
        positions = frozenset(masked.nonzero()[:, 0].tolist())
        for c, x in enumerate(found):
            assert float(table.values[s, c]) == pytest.approx(found[x][positions], abs=1e-13)
    assert float(table.mean(table.nelbo())) == pytest.approx(reference_nelbo.nelbo_by_count(denoiser, world), rel=1e-13)


@pytest.mark.parametrize("estimator, loops", [(COUNT, reference.by_count), (ESTIMATORS[2], reference.by_root_level)])
def test_sources_are_those_of_all_masks_in_fractions(estimator: Estimator, loops) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 20, (2**N, 4), generator=generator)
    values[0] = 0
    weights = [1, 2, 3, 4]
    law = {c: Fraction(w, 10) for c, w in enumerate(weights)}
    rows = [frozenset(s.nonzero()[:, 0].tolist()) for s in masked_sets(N)]
    exact = loops({c: {s: Fraction(int(values[k, c])) for k, s in enumerate(rows)} for c in law}, law, N)
    found = moments(estimator, LossTable(N, values.double(), torch.tensor(weights, dtype=torch.float64) / 10))
    for name in ("mean", "mask", "level", "data", "variance"):
        assert getattr(found, name) == pytest.approx(float(getattr(exact, name)), rel=1e-12)
    assert found.bias == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: f"{e.name}-{e.levels}-{e.partner}")
def test_moments_are_those_of_drawn_estimates(estimator: Estimator, table: LossTable) -> None:
    """The mean within 5 standard errors; the variance within 8 % (its own standard error is 1 to 2 %)."""
    rows, generator = 200_000, torch.Generator().manual_seed(3)
    cells = torch.multinomial(table.law, rows, True, generator=generator)
    drawn = draw(estimator, torch.zeros(rows, N, dtype=torch.bool), generator)
    sets = (drawn.masked * torch.tensor([4, 2, 1])).sum(-1)
    found = (drawn.weight.double() * table.values[sets, cells]).mean(0)
    exact = moments(estimator, table)
    assert abs(float(found.mean()) - exact.mean) <= 5 * float(found.std()) / rows**0.5
    assert float(found.var()) == pytest.approx(exact.variance, rel=0.08)


def test_infinite_variance_says_how_it_grows(table: LossTable) -> None:
    found = moments(Estimator("time"), table)
    assert found.variance == float("inf")
    ends = [moments(Estimator("clipped", level=clipped(least)), table).mask for least in (1e-5, 1e-6)]
    assert (ends[1] - ends[0]) / np.log(10) == pytest.approx(found.mask_growth, rel=1e-3)
    heavier = moments(Estimator("1/t squared", weight=Weight("1/t^2", lambda t, k, m, p: t**-2)), table)
    assert heavier.mask_growth == float("inf")


def test_a_batch_with_strata_has_the_variance_of_its_draws(table: LossTable) -> None:
    batch, repeats, generator = 4, 12_000, torch.Generator().manual_seed(0)
    estimator = Estimator("batch", Exactly(), BY_COUNT, strata="batch")
    values = []
    for _ in range(repeats):
        cells = torch.multinomial(table.law, batch, True, generator=generator)
        drawn = draw(estimator, torch.zeros(batch, N, dtype=torch.bool), generator)
        sets = (drawn.masked[0] * torch.tensor([4, 2, 1])).sum(-1)
        values.append(float((drawn.weight[0].double() * table.values[sets, cells]).mean()))
    assert np.var(values) == pytest.approx(batch_variance(estimator, table, batch), rel=0.07)  # its own error is 1.3 %
    alone = moments(COUNT, table).variance / batch
    assert batch_variance(COUNT, table, batch, 1) == pytest.approx(alone, rel=1e-12)
    assert batch_variance(COUNT, table, batch) < batch_variance(COUNT, table, batch, 2) < alone


def test_which_public_losses_are_biased(table: LossTable) -> None:
    """Divided by the masked count, independent masks give n / (n + 1) of the NELBO; capped weights lose a part."""
    found = {name: moments(each, table) for name, each in ZOO.items()}
    unbiased = {name for name, each in found.items() if abs(each.bias) < 1e-10}
    assert unbiased == {
        "1/t, uniform t", "m/k, uniform count (ARDM, RADD)", "1/(t p), p of t^-1/2", "1/t, mirrored masks (MIRROR)",
        "m/k, opposite masks",
    }  # fmt: skip
    ratio = {name: each.mean / each.nelbo for name, each in found.items()}
    assert ratio["mean over masked tokens, uniform t"] == pytest.approx(N / (N + 1), rel=1e-12)
    assert 0.99 < ratio["1/t, t above 1/1000 (LLaDA)"] < 1


def test_cumulative_integrals_are_those_of_powers() -> None:
    grid = halving(40)
    for w in (0.3, 1.0, 2.5):
        found = grid.cumulative(w * grid.t ** (w - 1)) + float(grid.edges[0]) ** w
        assert float((found / grid.t**w - 1).abs().max()) < 1e-12
        assert grid.from_zero(w * grid.t ** (w - 1)) == pytest.approx(1, rel=1e-12)


def test_mistakes(world, denoiser, table) -> None:
    with pytest.raises(InvalidInput, match="not finite where masks are drawn"):
        moments(Estimator("bad", weight=Weight("nan", lambda t, k, m, p: t * float("nan"))), table)
    with pytest.raises(InvalidInput, match="a quantile outside"):
        moments(Estimator("bad", level=Level("negative", torch.ones_like, lambda u: u - 0.5)), table)
    with pytest.raises(InvalidInput, match="independent or fixed-count"):
        moments(Estimator("bad", Scheduled(lambda t: t[..., None].expand(*t.shape, N)), partner="complement"), table)
    with pytest.raises(InvalidInput, match="expected a divisor"):
        batch_variance(COUNT, table, 6, 4)
    zero = TableDenoiser(torch.log(torch.tensor([1.0, 0.0])).expand((D + 1) ** N, N, D).clone())
    with pytest.raises(InvalidInput, match="probability zero to a token of a possible sequence"):
        loss_table(world, zero)
    other = loss_table(TableWorld([0.5, 0.5, 0, 0], 2, 2))
    with pytest.raises(InvalidInput, match="different worlds"):
        table - other
