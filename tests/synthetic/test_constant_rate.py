"""Chains at constant learning rates: what a step does, spheres, unbiased moments, and the networks they run on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from synthetic.constant_rate import Chains
from synthetic.crossbars import on_crossbars
from synthetic.denoisers import exact, stacked
from synthetic.digit_networks import NETWORKS, Convolutions, Perceptrons, digits, entropies, whole_loss
from synthetic.experiments import noise_temperature
from synthetic.progress import Silent
from synthetic.small_worlds import small
from theory.crossbar.mesh import equal_wires
from theory.crossbar.tiles import Device
from theory.errors import InvalidInput
from theory.training.loss_table import loss_table


class Weights(nn.Module):
    """A stack of weight vectors, in two parameters."""

    def __init__(self, members: int) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.arange(1.0, 2 * members + 1).view(members, 2))
        self.b = nn.Parameter(torch.ones(members, 1, 1))


def quadratic(module: Weights, shift: Tensor) -> Tensor:
    """Return (|a - shift|² + 3 b²) / 2 of each member."""
    return ((module.a - shift) ** 2).sum(1) / 2 + 1.5 * module.b[:, 0, 0] ** 2


def test_a_step_moves_each_member_down_its_own_gradient_at_its_own_rate() -> None:
    module = Weights(2)
    before, shift = module.a.detach().clone(), torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    chains = Chains(module, quadratic, torch.tensor([0.1, 0.3]), sphere=False)
    chains.step(shift)
    assert torch.allclose(module.a, before - torch.tensor([[0.1], [0.3]]) * (before - shift))
    assert torch.allclose(module.b[:, 0, 0], 1 - torch.tensor([0.1, 0.3]) * 3)
    assert torch.equal(chains.weights[:, :2], module.a)  # the rows are the weights, not a copy


def test_on_a_sphere_the_length_stays_and_the_gradient_lies_along_it() -> None:
    module = Weights(3)
    chains = Chains(module, quadratic, torch.full((3,), 0.2), sphere=True)
    length = chains.weights.norm(dim=1)
    gradient = chains.gradient(torch.zeros(3, 2))[1]
    assert float((gradient * chains.weights).sum(1).abs().max()) < 1e-5
    for _ in range(5):
        chains.step(torch.randn(3, 2))
    assert torch.allclose(chains.weights.norm(dim=1), length, rtol=1e-6)


def test_moments_are_unbiased() -> None:
    """With shifts +-s around 0 the gradient of a is a -+ s: mean a and noise |s|², by hand; few batches suffice."""
    module, generator = Weights(1), torch.Generator().manual_seed(0)
    chains = Chains(module, quadratic, torch.ones(1), sphere=False)

    def batch(_: int) -> tuple[Tensor]:
        return ((torch.randint(2, (1, 2), generator=generator) * 2.0 - 1.0),)

    found = torch.tensor([[float(v) for v in chains.moments(batch, 3)] for _ in range(4000)])
    mean, error = found.mean(0), found.std(0) / 4000**0.5
    assert abs(float(mean[0]) - (1 + 4 + 9)) < 6 * float(error[0])
    assert abs(float(mean[1]) - 2) < 6 * float(error[1])


@pytest.mark.parametrize("rates", [torch.tensor([0.1]), torch.tensor([0.1, 0.0]), torch.tensor([0.1, -1.0])])
def test_rates_are_one_positive_number_a_member(rates: Tensor) -> None:
    with pytest.raises(InvalidInput, match="one a member"):
        Chains(Weights(2), quadratic, rates, sphere=False)


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_on_digits_do_not_see_the_length_of_their_weights(name: str) -> None:
    module = NETWORKS[name]((0, 1), 4)
    images, classes = digits()
    rows = images[:100].expand(2, -1, -1), classes[:100].expand(2, -1)
    before = entropies(module, *rows)
    chains = Chains(module, entropies, torch.ones(2), sphere=False)
    gradient = chains.gradient(*rows)[1]
    cosine = (gradient * chains.weights).sum(1) / gradient.norm(dim=1)
    assert float(cosine.abs().max()) < 1e-3  # Euler: the gradient has no part along the weights
    assert torch.allclose(chains.weights.norm(dim=1), torch.ones(2))
    with torch.no_grad():
        chains.weights.mul_(3.0)
    assert torch.allclose(entropies(module, *rows), before, rtol=1e-4)
    assert whole_loss(module).shape == (2,)


def test_members_of_a_stack_are_the_networks_of_their_seeds() -> None:
    both, second = Perceptrons((0, 1), 3), Perceptrons((1,), 3)
    assert torch.equal(both.layers[0][1], second.layers[0][0])
    assert whole_loss(both)[1] == pytest.approx(float(whole_loss(second)[0]), rel=1e-5)


def test_a_convolution_is_that_of_torch() -> None:
    module = Convolutions((0,), 2)
    images = digits()[0][:50].reshape(50, 1, 8, 8)
    kernel = module.layers[0][0].T.reshape(2, 1, 3, 3)
    plain = nn.functional.conv2d(images, kernel, padding=1)
    patches = nn.functional.unfold(images, 3, padding=1).mT @ module.layers[0][0]
    assert torch.allclose(patches.mT.reshape(plain.shape), plain, atol=1e-6)
    assert sum(layer[0].numel() for layer in module.layers) == 9 * (2 + 2 * 4 + 4 * 8 + 8 * 16)


def test_the_exact_nelbo_of_a_stack_is_that_of_its_members() -> None:
    config = noise_temperature.PRESETS["smoke"]
    world = small(config.world)
    network = noise_temperature.start(world, 0, config, Silent())
    found = noise_temperature.nelbo_of(world)(stacked([network, network]))
    table = loss_table(world, exact(network.eval()))
    assert found.tolist() == pytest.approx([float(table.mean(table.nelbo()))] * 2, rel=1e-6)


def test_both_estimates_have_the_nelbo_as_their_mean() -> None:
    """The batches of both methods, at one network: each mean within six standard errors of the exact NELBO.

    Levels of 1/t below 1/1000 are left out, which costs less than 1/1000 of the NELBO near the uniform denoiser.
    """
    config = noise_temperature.PRESETS["smoke"]
    world = small(config.world)
    network = noise_temperature.start(world, 0, config, Silent())
    nelbo = float(noise_temperature.nelbo_of(world)(stacked([network]))[0])
    batches, module = noise_temperature.drawer(world, 200, 0, config), stacked([network] * 400)
    with torch.no_grad():
        found = torch.stack([noise_temperature.losses(module, *batches(step)) for step in range(20)]).double()
    for half in found.split(200, 1):
        error = float(half.std()) / half.numel() ** 0.5
        assert abs(float(half.mean()) - nelbo) < 6 * error + 1e-3 * nelbo


def test_without_resistance_a_network_on_crossbars_has_its_weights_cut_to_eight_bits() -> None:
    network = nn.Sequential(nn.Linear(20, 12), nn.ReLU(), nn.Linear(12, 5, bias=False))
    found = on_crossbars(network, (16, 16), device=Device(wires=equal_wires(0.0)))
    assert found.nf == found.weighted == 0.0
    for k in (0, 2):
        before, after = (each[k].weight.detach().abs() for each in (network, found.network))
        scale, gap = before.max() / 2**8, before - after
        assert float(gap.min()) >= -1e-6 and float((gap / scale).max()) <= 1 + 1e-4
    assert torch.equal(network[0].bias, found.network[0].bias)


def test_resistance_loses_current_and_more_of_it_where_it_is_larger() -> None:
    network = nn.Linear(20, 12)
    losses = [on_crossbars(network, (16, 16), device=Device(wires=equal_wires(ohms))) for ohms in (1.0, 10.0)]
    assert 0 < losses[0].nf < losses[1].nf and 0 < losses[0].weighted < losses[1].weighted
    sizes = [float(found.network.weight.detach().abs().sum()) for found in losses]
    assert sizes[1] < sizes[0]


def test_a_network_without_linear_layers_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"no nn\.Linear"):
        on_crossbars(nn.ReLU())
