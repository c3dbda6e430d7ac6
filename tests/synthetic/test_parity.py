"""One model in several number formats: differences within the derived budget, planted ones outside it."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch

from synthetic import parity
from synthetic import trained as trained_models
from synthetic.denoisers import Architecture, Transformer
from synthetic.models import trained
from synthetic.parity import CPU16, CPU32, GPU16, GPU32, Precision, compare, error_budget, evaluate, reference, settled
from synthetic.progress import Silent
from theory.errors import InvalidInput
from theory.unmasking.rules.sets import EntropyBounded, TopK
from theory.worlds.states import all_states

N, D = 12, 5
RULES = tuple(rule for by in ("confidence", "entropy", "margin") for rule in (TopK(3, by), EntropyBounded(0.5, by)))
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here: float32 and bfloat16 on it are unchecked")


def model_of(width: int = 32, depth: int = 3, gain: float = 1.0) -> Transformer:
    """Return a denoiser with weights as large as those of trained ones, embeddings and head included."""
    torch.manual_seed(0)
    model = Transformer(Architecture(width, depth, heads=4), (N,), D)
    with torch.no_grad():
        for embedding in (model.symbols, *model.positions):
            embedding.normal_(std=0.5)
        model.head.weight.normal_(std=gain * 4 / math.sqrt(width))
    return model.requires_grad_(False).eval()


def states(rows: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(D, (rows, N), generator=generator)
    hidden = torch.rand(rows, N, generator=generator) < 0.6
    hidden[:, 0] = True
    return tokens.masked_fill(hidden, D)


def test_float32_stays_within_a_budget_that_says_something() -> None:
    found = compare(model_of(), states(), CPU32, RULES)
    assert found.holds
    assert 0 < found.difference <= found.budget < 1e-3
    assert all(count > 0.9 * found.states for count in found.settled.values())
    assert sum(found.different.values()) == 0


def test_bfloat16_stays_within_a_larger_budget() -> None:
    found, fine = (compare(model_of(), states(), precision, RULES) for precision in (CPU16, CPU32))
    assert found.holds
    assert 100 * fine.budget < found.budget < 2
    assert 100 * fine.difference < found.difference


def test_a_trained_model_stays_within_its_budget(tmp_path: Path) -> None:
    spec = trained_models.spec("small/Markov chain", "smoke", 0)
    model = trained(spec, Silent(), root=tmp_path)
    z = all_states(model.n, model.d)
    found = compare(model, z[(z == model.d).any(-1)], CPU32, RULES)
    assert found.holds
    assert found.budget < 1e-4


@gpu
@pytest.mark.parametrize("precision", [GPU32, GPU16], ids=lambda precision: precision.name)
def test_the_gpu_stays_within_its_budget(precision: Precision) -> None:
    assert compare(model_of(), states(), precision, RULES).holds


@pytest.mark.parametrize("name", ["head.weight", "blocks.1.up.weight", "blocks.0.query_key_value.weight", "symbols"])
def test_one_wrong_weight_exceeds_the_budget(name: str) -> None:
    """The planted error: the largest weight of a matrix off by a twentieth, some 10^5 roundings."""
    right = model_of()
    wrong = copy.deepcopy(right)
    weights = dict(wrong.named_parameters())[name].view(-1)
    with torch.no_grad():
        weights[weights.abs().argmax()] *= 1.05
    found = compare(right, states(), CPU32, RULES, other=wrong)
    assert found.difference > found.budget
    assert not found.holds


def test_a_result_rounded_to_bfloat16_is_no_float32() -> None:
    """The planted error of a GPU that quietly takes fewer digits: bfloat16 against the budget of float32."""
    single = error_budget(model_of(), states(), CPU32)
    rough = evaluate(model_of(), states(), CPU16)
    hidden = states() == D
    assert float((rough - reference(model_of())(states()))[hidden].abs().max()) > single


def test_the_budget_grows_with_the_roundoff_and_the_size_of_logits() -> None:
    few = states(16)
    base = error_budget(model_of(), few, CPU32)
    assert error_budget(model_of(gain=10), few, CPU32) > 3 * base
    ten = Precision("ten times", "cpu", 0.0, 10 * parity.SINGLE, 10 * parity.SINGLE)
    assert error_budget(model_of(), few, ten) == pytest.approx(10 * base, rel=0.35)


def test_no_hook_stays_behind() -> None:
    model = model_of()
    before = model(states())
    error_budget(model, states(), CPU32)
    assert torch.equal(model(states()), before)
    assert model.head.weight.dtype == torch.float32


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("error", [1e-6, 1e-2, 0.1])
def test_settled_selections_withstand_every_change_within_the_error(rule: TopK | EntropyBounded, error: float) -> None:
    """Random changes and the worst ones found by chance: none alters a settled selection, some alter others."""
    generator = torch.Generator().manual_seed(3)
    log_p = (2 * torch.randn(400, N, D, dtype=torch.float64, generator=generator)).log_softmax(-1)
    masked = states(400) == D
    sure = settled(rule, log_p, masked, error)
    chosen = rule.select(log_p, masked)
    flipped = torch.zeros_like(sure)
    for k in range(40):
        noise = torch.rand(log_p.shape, dtype=torch.float64, generator=generator) * 2 - 1
        step = error / 2 * (noise.sign() if k % 2 else noise)  # normalising again at most doubles a change
        flipped |= (rule.select((log_p + step).log_softmax(-1), masked) != chosen).any(-1)
    assert not bool((flipped & sure).any())
    assert error > 0.05 or bool(sure.any())
    assert error < 1e-3 or bool(flipped.any())


def test_ties_are_never_settled() -> None:
    even = torch.full((1, N, D), -math.log(D), dtype=torch.float64)
    everything = torch.ones(1, N, dtype=torch.bool)
    assert not bool(settled(TopK(2), even, everything, 1e-9).any())
    assert bool(settled(TopK(N), even, everything, 1e-9).all())
    assert not bool(settled(EntropyBounded(math.log(D)), even, everything, 1e-9).any())


def test_a_complete_batch_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no position of the batch is masked"):
        compare(model_of(), torch.zeros(2, N, dtype=torch.long), CPU32, RULES)
