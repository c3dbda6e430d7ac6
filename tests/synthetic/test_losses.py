"""The two forms of the loss have the theory's NELBO as their mean, a wrong weight does not; held-out estimates."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from synthetic import losses
from synthetic.losses import FORMS, count_masks, draw_masks, held_out_losses, held_out_nelbo, masked_loss, time_masks
from theory import denoisers, worlds
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.reference import nelbo as reference_nelbo
from theory.worlds.tree import sticky_chain

N, D = 3, 2


@pytest.fixture(scope="module")
def law() -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.ones(D**N)).reshape((D,) * N)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """A denoiser with arbitrary positive conditionals."""
    return np.random.default_rng(1).dirichlet(np.ones(D), size=((D + 1) ** N, N)).reshape(((D + 1,) * N) + (N, D))


def log_conditionals(table: np.ndarray, z: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(table).log()[tuple(z.T)]


def mean_loss(table: np.ndarray, law: np.ndarray, shown: tuple[int, ...], weight: torch.Tensor) -> float:
    """The code's loss of one mask, averaged over the law."""
    x = torch.tensor(list(itertools.product(range(D), repeat=N)))
    masked = (torch.tensor(shown) == 0).expand(len(x), N)
    found = masked_loss(log_conditionals(table, x.masked_fill(masked, D)), x, masked, weight.expand(len(x)))
    return float((found.double() * torch.as_tensor(law).reshape(-1)).sum())


def counted(table: np.ndarray, law: np.ndarray, plant: float = 0.0) -> float:
    """The mean over every count and every set, with the weights that the code gives."""
    total = 0.0
    for k in range(1, N + 1):
        quantile = torch.tensor([(k - 0.5) / N], dtype=torch.float64)
        masked, weight = count_masks(torch.zeros(1, N, dtype=torch.bool), quantile, torch.Generator().manual_seed(k))
        assert int(masked.sum()) == k
        sets = [shown for shown in itertools.product((0, 1), repeat=N) if N - sum(shown) == k]
        total += sum(mean_loss(table, law, s, weight * k / (k + plant)) for s in sets) / len(sets) / N
    return total


def timed(table: np.ndarray, law: np.ndarray, power: float = 1.0) -> float:
    """The integral over t by Gauss-Legendre (exact: a polynomial), with the weights that the code gives."""
    nodes, shares = np.polynomial.legendre.leggauss(N)
    total = 0.0
    for t, share in zip((nodes + 1) / 2, shares / 2, strict=True):
        given = torch.zeros(1, N, dtype=torch.bool)
        _, weight = time_masks(given, torch.tensor([1 - t]), torch.Generator())
        for shown in itertools.product((0, 1), repeat=N):
            chance = t ** (N - sum(shown)) * (1 - t) ** sum(shown)
            total += share * chance * mean_loss(table, law, shown, weight**power)
    return total


def test_both_forms_have_the_nelbo_as_their_mean(table, law) -> None:
    model = denoisers.denoiser(table, outputs="probabilities")
    claimed = reference_nelbo.nelbo_by_count(model, worlds.TableWorld(law))
    rounding = N * 2.0**-23  # the weights are float32; one relative rounding in each, doubled in 1 - (1 - t)
    for found in (counted(table, law), timed(table, law)):
        assert abs(found - claimed) <= claimed * rounding


def test_a_wrong_weight_is_refuted(table, law) -> None:
    model = denoisers.denoiser(table, outputs="probabilities")
    claimed = reference_nelbo.nelbo_by_count(model, worlds.TableWorld(law))
    for found in (counted(table, law, plant=1.0), counted(table, law, plant=0.01), timed(table, law, power=0.99)):
        assert abs(found - claimed) > 1e-3 * claimed


def test_sets_of_a_count_are_equally_likely() -> None:
    rows = 60_000
    given = torch.zeros(rows, 5, dtype=torch.bool)
    given[:, 1] = True
    masked, weight = draw_masks("count", given, torch.Generator().manual_seed(3))  # rows independent within strata
    assert not masked[:, 1].any()
    assert torch.equal(weight, 4 / masked.sum(-1))
    sets = (masked * torch.tensor([1, 2, 4, 8, 16])).sum(-1)
    margin = hoeffding_margin(rows, 1)
    for shown in itertools.product((0, 1), repeat=5):
        code, k = sum(s << i for i, s in enumerate(shown)), sum(shown)
        expected = 0.0 if shown[1] or not k else 1 / (4 * math.comb(4, k))
        assert abs(float((sets == code).double().mean()) - expected) <= margin


def test_positions_of_a_time_are_masked_alone() -> None:
    rows = 60_000
    given = torch.zeros(rows, 3, dtype=torch.bool)
    quantile = torch.full((rows,), 0.3, dtype=torch.float64)
    masked, weight = time_masks(given, quantile, torch.Generator().manual_seed(4))
    assert float(weight[0]) == pytest.approx(1 / 0.7, rel=2.0**-22)
    sets = (masked * torch.tensor([1, 2, 4])).sum(-1)
    for code in range(8):
        k = bin(code).count("1")
        share = float((sets == code).double().mean())
        assert abs(share - 0.7**k * 0.3 ** (3 - k)) <= hoeffding_margin(rows, 1)


@pytest.mark.parametrize("form", FORMS)
def test_given_tokens_are_never_masked_and_a_row_without_free_ones_weighs_nothing(form) -> None:
    given = torch.rand(64, 9, generator=torch.Generator().manual_seed(0)) < 0.5
    given[0] = True
    for seed in range(20):
        masked, weight = draw_masks(form, given, torch.Generator().manual_seed(seed))
        assert not (masked & given).any()
        assert weight.isfinite().all()
        assert not masked[0].any()


def test_counts_are_stratified_over_the_batch() -> None:
    masked, _ = draw_masks("count", torch.zeros(64, 8, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert masked.sum(-1).bincount(minlength=9).tolist() == [0] + [8] * 8


@pytest.mark.parametrize("n", [4, 24])
def test_the_held_out_nelbo_of_exact_conditionals_is_the_entropy(n: int) -> None:
    world = worlds.repetition(4) if n == 4 else sticky_chain(n)
    tokens = world.sample(400, torch.Generator().manual_seed(0))
    given = torch.zeros_like(tokens, dtype=torch.bool)
    found = held_out_nelbo(world, tokens, given, world.d)
    assert found.rows == 400
    assert abs(found.nelbo - world.entropy()) <= 5 * found.standard_error + 1e-12


def test_a_control_takes_the_spread_of_the_data_away() -> None:
    """A denoiser that mixes exact conditionals with uniform ones, against one that is exact."""
    world = sticky_chain(24)
    tokens = world.sample(400, torch.Generator().manual_seed(0))
    given = torch.zeros_like(tokens, dtype=torch.bool)

    def blurred(z: torch.Tensor) -> torch.Tensor:
        return (0.9 * world(z).exp() + 0.1 / world.d).log()

    control = held_out_losses(world, tokens, given, world.d) - world.entropy()
    plain = held_out_nelbo(blurred, tokens, given, world.d)
    sharp = held_out_nelbo(blurred, tokens, given, world.d, control=control)
    assert sharp.standard_error < plain.standard_error / 3
    assert abs(sharp.nelbo - plain.nelbo) <= 5 * plain.standard_error
    assert sharp.nelbo > world.entropy() + 5 * sharp.standard_error


def test_all_counts_are_taken_where_they_are_few(table) -> None:
    """With conditionals that depend on the number of masked tokens alone, no chance is left."""
    tokens = torch.tensor([[0, 1, 0], [1, 1, 1]])
    given = torch.tensor([[False, False, False], [True, False, False]])

    def denoise(z: torch.Tensor) -> torch.Tensor:
        k = (z == D).sum(-1).double()[:, None, None]
        return (-k).expand(len(z), N, D)

    exact = [(3 / 1 * 1 * 1 + 3 / 2 * 2 * 2 + 3 / 3 * 3 * 3) / 3, (2 / 1 * 1 * 1 + 2 / 2 * 2 * 2) / 2]
    found = held_out_nelbo(denoise, tokens[:1].expand(4, N), given[:1].expand(4, N), D)
    assert (found.nelbo, found.standard_error) == (pytest.approx(exact[0], rel=1e-7), pytest.approx(0, abs=1e-7))
    found = held_out_nelbo(denoise, tokens[1:].expand(4, N), given[1:].expand(4, N), D)
    assert found.nelbo == pytest.approx(exact[1], rel=1e-7)


def test_mistakes() -> None:
    given = torch.zeros(2, 3, dtype=torch.bool)
    with pytest.raises(InvalidInput, match="did you mean count"):
        draw_masks("counts", given, torch.Generator())
    with pytest.raises(InvalidInput, match="at least two"):
        held_out_nelbo(lambda z: torch.zeros(*z.shape, 2), torch.zeros(1, 3).long(), given[:1], 2)
    assert losses.EXACT_COUNTS >= 2
