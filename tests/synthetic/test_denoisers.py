"""The denoiser: uniform at birth, blind to nothing, sized as its preset says; error predictors; devices."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch.nn import functional

from synthetic import devices
from synthetic.denoisers import (
    NARROW,
    PARTS,
    PRESETS,
    Architecture,
    ErrorPredictor,
    Transformer,
    attention,
    exact,
    log_softmax,
    parameter_count,
    preset,
)
from theory.denoisers import Denoiser, check_conditionals
from theory.errors import InvalidInput

D = 4
SIZES = {"tiny": (0.015, 0.03), "small": (0.08, 0.12), "medium": (0.8, 1.2), "large": (5.5, 6.5)}


@pytest.fixture
def denoiser() -> Transformer:
    """A denoiser on a 2 x 3 grid whose weights are all random."""
    torch.manual_seed(0)
    built = Transformer(Architecture(width=16, depth=2, heads=2), (2, 3), D)
    for parameter in built.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return built.eval()


def states(rows: int = 5) -> torch.Tensor:
    return torch.randint(0, D + 1, (rows, 6), generator=torch.Generator().manual_seed(1))


def test_an_untrained_denoiser_is_uniform() -> None:
    log_p = Transformer(PRESETS["tiny"], (6,), D)(states())
    assert torch.equal(log_p, torch.full((5, 6, D), -math.log(D)))


def test_conditionals_are_conditionals(denoiser) -> None:
    z = states()
    log_p = check_conditionals(denoiser(z), z, D)
    assert log_p.shape == (5, 6, D)
    assert denoiser.features(z).shape == (5, 6, 16)
    assert log_p.std() > 0.01


def test_every_position_sees_every_other(denoiser) -> None:
    z = torch.full((1, 6), D)
    for i in range(6):
        changed = z.clone()
        changed[0, i] = 0
        assert ((denoiser(changed) - denoiser(z)).abs().amax(-1) > 0).all()


def test_positions_differ_by_row_and_by_column(denoiser) -> None:
    log_p = denoiser(torch.full((1, 6), D))[0]
    assert len(log_p.round(decimals=4).unique(dim=0)) == 6
    assert [tuple(p.shape) for p in denoiser.positions] == [(2, 16), (3, 16)]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_have_the_size_they_claim(name: str) -> None:
    low, high = SIZES[name]
    assert low <= parameter_count(Transformer(preset(name), (9, 9), 9)) / 1e6 <= high


@pytest.mark.parametrize("part", PARTS)
def test_an_error_predictor_changes_its_part_only(denoiser, part) -> None:
    before = copy.deepcopy(denoiser.state_dict())
    predictor = ErrorPredictor(denoiser, part)
    frozen = {name: p.clone() for name, p in predictor.named_parameters() if not p.requires_grad}
    torch.nn.init.normal_(predictor.head.weight)
    optimiser = torch.optim.SGD([p for p in predictor.parameters() if p.requires_grad], lr=0.1)
    tokens = states() % D
    logits = predictor(tokens)
    assert logits.shape == (5, 6)
    torch.nn.functional.binary_cross_entropy_with_logits(logits, (tokens == 0).float()).backward()
    optimiser.step()
    after = dict(predictor.named_parameters())
    assert all(torch.equal(after[name], value) for name, value in frozen.items())
    assert all(torch.equal(value, before[name]) for name, value in denoiser.state_dict().items())
    moved = {name for name, p in after.items() if p.requires_grad}
    blocks = {name.split(".")[2] for name in moved if name.startswith("backbone.blocks")}
    assert blocks == {"head": set(), "block": {"1"}, "full": {"0", "1"}}[part]
    assert "head.weight" in moved
    assert "backbone.head.weight" not in moved


def test_an_exact_denoiser_keeps_the_protocol_and_the_network_s_numbers(denoiser) -> None:
    wide, z = exact(denoiser, batch=5), states()
    assert isinstance(wide, Denoiser) and (wide.n, wide.d) == (6, D)
    found = wide(z)
    assert found.dtype == torch.float64 and not found.requires_grad
    assert float((found.exp().sum(-1) - 1).abs().max()) < 1e-14
    assert float((found - denoiser(z)).abs().max()) < 1e-6
    with pytest.raises(InvalidInput, match=r"expected torch\.int64"):
        wide(z.int())


@pytest.mark.parametrize("rows", [1, 2, 21, 40])
def test_an_exact_denoiser_asked_in_parts_answers_every_state(denoiser, rows) -> None:
    """Parts of sixteen states, filled up to pairs: whatever is added is cut off again."""
    z = states(rows)
    expected = denoiser(z).double().log_softmax(-1)
    assert torch.allclose(exact(denoiser, batch=16)(z), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n", [3, NARROW - 1, NARROW, 20])
def test_attention_and_log_softmax_are_torch_s(n: int) -> None:
    """Against torch's own, values and gradients, for sequences and alphabets on both sides of where the way changes."""
    generator = torch.Generator().manual_seed(n)
    parts = [torch.randn(2, 3, n, 4, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(3)]
    logits = torch.randn(2, 3, n, generator=generator, dtype=torch.float64).requires_grad_()
    for ours, theirs, inputs in (
        (attention(*parts), functional.scaled_dot_product_attention(*parts), parts),
        (log_softmax(logits), logits.log_softmax(-1), [logits]),
    ):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-13)
        weight = torch.randn(ours.shape, generator=generator, dtype=torch.float64)
        slopes = zip(
            torch.autograd.grad(ours, inputs, weight), torch.autograd.grad(theirs, inputs, weight), strict=True
        )
        assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in slopes)


def test_wide_products_are_not_rounded_to_bfloat16() -> None:
    """A sum of n products of float32 numbers is off by at most n eps sum |a b|, with bfloat16 by 2^-9 in every term."""
    generator, before = torch.Generator().manual_seed(0), torch.backends.mkldnn.matmul.fp32_precision
    a, b = (torch.rand(3, 128, 128, generator=generator) for _ in range(2))
    exactly = a.double() @ b.double()
    with devices.wide_products(torch.empty(1), math.inf):
        assert float(((a @ b).double() / exactly - 1).abs().max()) < 128 * torch.finfo(torch.float32).eps
        mixed = functional.scaled_dot_product_attention(a, a, b)
    assert torch.allclose(mixed, functional.scaled_dot_product_attention(a, a, b), rtol=0, atol=1e-5)
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_wide_products_leave_processors_that_round_alone(monkeypatch) -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    with devices.wide_products(torch.empty(10), devices.WORTHWHILE / 10 - 1):  # nor where there is little to do
        assert torch.backends.mkldnn.matmul.fp32_precision == before
    for told in ({"amx_bf16": True}, {}):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told)
        with devices.wide_products(torch.empty(1), math.inf):
            assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_mistakes(denoiser) -> None:
    with pytest.raises(InvalidInput, match="did you mean small"):
        preset("smal")
    with pytest.raises(InvalidInput, match="heads divide"):
        Architecture(width=10, heads=4)
    with pytest.raises(InvalidInput, match="positive lengths"):
        Transformer(PRESETS["tiny"], (0, 3), 2)
    with pytest.raises(InvalidInput, match=r"tokens 0\.\.5; expected 0\.\.3, or 4"):
        denoiser(torch.tensor([[0, 1, 2, 3, 4, 5]]))
    with pytest.raises(InvalidInput, match="did you mean block"):
        ErrorPredictor(denoiser, "blocks")


def test_devices(monkeypatch) -> None:
    monkeypatch.delenv("UNMASKED_DEVICE", raising=False)
    assert devices.device("cpu") == torch.device("cpu")
    assert devices.device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert not torch.backends.cuda.matmul.allow_tf32
    monkeypatch.setenv("UNMASKED_DEVICE", "cpu")
    assert devices.device() == torch.device("cpu")
    with pytest.raises(InvalidInput, match="unknown device 'gpu'"):
        devices.device("gpu")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InvalidInput, match="'cuda' was demanded, and 0 GPUs are found"):
        devices.device("cuda")
