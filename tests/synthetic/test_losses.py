"""The two forms of the loss have the theory's NELBO as their mean, a wrong weight does not; held-out estimates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from synthetic import losses
from synthetic.losses import held_out_losses, held_out_nelbo, masked_loss
from theory import denoisers, worlds
from theory.errors import InvalidInput
from theory.reference import nelbo as reference_nelbo
from theory.training.estimators import BY_COUNT, BY_LEVEL, Exactly
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
        level = torch.tensor([(k - 0.5) / N], dtype=torch.float64)
        masked = Exactly().draw(level, torch.rand(1, N), torch.zeros(1, N, dtype=torch.bool))
        assert int(masked.sum()) == k
        weight = BY_COUNT.of(level, masked.sum(-1), torch.tensor([N]), torch.ones(1))
        sets = [shown for shown in itertools.product((0, 1), repeat=N) if N - sum(shown) == k]
        total += sum(mean_loss(table, law, s, weight * k / (k + plant)) for s in sets) / len(sets) / N
    return total


def timed(table: np.ndarray, law: np.ndarray, power: float = 1.0) -> float:
    """The integral over t by Gauss-Legendre (exact: a polynomial), with the weights that the code gives."""
    nodes, shares = np.polynomial.legendre.leggauss(N)
    total = 0.0
    for t, share in zip((nodes + 1) / 2, shares / 2, strict=True):
        weight = BY_LEVEL.of(torch.tensor([t]), torch.tensor([0]), torch.tensor([N]), torch.ones(1))
        for shown in itertools.product((0, 1), repeat=N):
            chance = t ** (N - sum(shown)) * (1 - t) ** sum(shown)
            total += share * chance * mean_loss(table, law, shown, weight**power)
    return total


def test_both_forms_have_the_nelbo_as_their_mean(table, law) -> None:
    model = denoisers.denoiser(table, outputs="probabilities")
    claimed = reference_nelbo.nelbo_by_count(model, worlds.TableWorld(law))
    rounding = N * 2.0**-23  # the weights of the form by count are float32; one relative rounding in each
    for found in (counted(table, law), timed(table, law)):
        assert abs(found - claimed) <= claimed * rounding


def test_a_wrong_weight_is_refuted(table, law) -> None:
    model = denoisers.denoiser(table, outputs="probabilities")
    claimed = reference_nelbo.nelbo_by_count(model, worlds.TableWorld(law))
    for found in (counted(table, law, plant=1.0), counted(table, law, plant=0.01), timed(table, law, power=0.99)):
        assert abs(found - claimed) > 1e-3 * claimed


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
    with pytest.raises(InvalidInput, match="at least two"):
        held_out_nelbo(lambda z: torch.zeros(*z.shape, 2), torch.zeros(1, 3).long(), given[:1], 2)
    assert losses.EXACT_COUNTS >= 2
