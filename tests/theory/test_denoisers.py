"""Denoisers from outside: what a network returns is recognised or refused, never guessed; ids and sizes are checked."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch

from theory import answers
from theory.denoisers import TableDenoiser, denoiser, for_world
from theory.errors import InvalidInput
from theory.unmasking.rules.sets import TopK
from theory.unmasking.walks import walk
from theory.worlds import TableWorld, even_parity

START = torch.full((1, 2), 2)
TRUTH = torch.tensor([0.9, 0.1], dtype=torch.float64)
NARROW = (torch.bfloat16, torch.float16, torch.float32)


def constant(row: torch.Tensor):
    return lambda z: row.expand(*z.shape, len(row))


@pytest.mark.parametrize("dtype", [*NARROW, torch.float64])
def test_probabilities_of_any_precision_are_recognised_and_renormalised(dtype: torch.dtype) -> None:
    model = denoiser(constant(TRUTH.to(dtype)), d=2)
    found = model(START)[0, 0].exp()
    assert "probabilities" in repr(model) and ("renormalised in float64" in repr(model)) == (dtype != torch.float64)
    assert found.sum() == pytest.approx(1.0, abs=1e-15)
    assert found.tolist() == pytest.approx(TRUTH.tolist(), abs=torch.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", NARROW)
def test_log_probabilities_of_low_precision_are_recognised_and_renormalised(dtype: torch.dtype) -> None:
    model = denoiser(constant(TRUTH.log().to(dtype)), d=2)
    assert model(START)[0, 0].exp().sum() == pytest.approx(1.0, abs=1e-15)
    assert "log-probabilities in" in repr(model)


def test_a_network_in_bfloat16_gives_nearly_the_divergence_of_the_law_that_it_knows() -> None:
    world = TableWorld([[0.81, 0.09], [0.09, 0.01]])
    model = denoiser(lambda z: world.conditionals(z).to(torch.bfloat16), d=2)
    assert float(walk(TopK(2), world, model).divergence) < 1e-4


@pytest.mark.parametrize("dtype", NARROW)
@pytest.mark.parametrize("d", [2, 100, 30_000])
def test_softmaxes_stay_within_the_rounding_that_is_derived(dtype: torch.dtype, d: int) -> None:
    logits = torch.randn(20, d, generator=torch.Generator().manual_seed(0)) * torch.linspace(0, 8, 20)[:, None]
    for function, kind in ((torch.softmax, "probabilities"), (torch.log_softmax, "log-probabilities")):
        assert answers.recognised(function(logits.to(dtype), -1), "it") == kind


def test_the_rounding_of_stored_probabilities_is_within_the_derivation_in_exact_fractions() -> None:
    for parts in ((1, 2), (1, 1, 1), (7, 11, 13, 17)):
        exact = torch.tensor([part / sum(parts) for part in parts], dtype=torch.float64)
        for dtype in NARROW:
            total = sum(Fraction(p) for p in exact.to(dtype).double().tolist())
            assert abs(total - 1) <= Fraction(torch.finfo(dtype).eps) / 2 < answers.rounding(dtype, 2, "probabilities")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("logarithms", [False, True])
def test_near_probabilities_are_refused_and_never_taken_for_logits(dtype: torch.dtype, logarithms: bool) -> None:
    row = TRUTH.to(torch.bfloat16).to(dtype)
    kind, remedy = ("log-probabilities", "logits") if logarithms else ("probabilities", "probabilities")
    answer = constant(row.log() if logarithms else row)
    with pytest.raises(InvalidInput, match=rf"look like {kind} that sum to 0\.998535.*outputs='{remedy}'") as told:
        denoiser(answer, d=2)(START)
    assert "\n" not in str(told.value)
    found = denoiser(answer, d=2, outputs=remedy)(START)[0, 0].exp()
    assert found.tolist() == pytest.approx((row / row.sum()).tolist(), abs=1e-6)
    table = (row.log() if logarithms else row).expand(9, 2, 2)
    with pytest.raises(InvalidInput, match="look like"):
        denoiser(table)


def test_one_odd_row_does_not_turn_probabilities_into_logits() -> None:
    with pytest.raises(InvalidInput, match=r"sum to 0\.7"):
        answers.recognised(torch.tensor([[0.5, 0.5], [0.2, 0.5], [0.9, 0.1]]), "it")


@pytest.mark.parametrize("row", [[0.0, 0.0], [0.2, 0.3], [-1.0, -2.0], [3.0, -1.0], [0.9, 0.4]])
def test_other_numbers_are_logits(row: list[float]) -> None:
    assert answers.recognised(torch.tensor([row]), "it") == "logits"


def test_named_probabilities_far_from_one_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"sum to 2; expected 1 within 0\.05"):
        denoiser(constant(torch.ones(2)), d=2, outputs="probabilities")(START)


def test_states_without_a_mask_say_nothing_about_the_outputs() -> None:
    model = denoiser(lambda z: torch.where((z == 2)[..., None], TRUTH, torch.tensor([3.0, 1.0])), d=2)
    model(torch.zeros(1, 2, dtype=torch.long))
    assert "not seen" in repr(model)
    assert model(START)[0, 0].exp().tolist() == pytest.approx(TRUTH.tolist())


def test_a_table_of_low_precision_is_renormalised() -> None:
    found = denoiser(TRUTH.to(torch.bfloat16).expand(9, 2, 2))
    assert found(START).exp().sum(-1)[0].tolist() == pytest.approx([1.0, 1.0], abs=1e-15)
    listed = denoiser(np.broadcast_to(TRUTH.numpy(), (9, 2, 2)).tolist())
    assert float(listed(START).exp()[0, 0, 0]) == pytest.approx(0.9, abs=1e-15)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask_id": -1}, "mask_id = -1; expected a whole number of at least 0"),
        ({"mask_id": 2.5}, "mask_id = 2.5; expected a whole number"),
        ({"d": 0}, "d = 0; expected a whole number of at least 1"),
        ({"d": "two"}, "d = 'two'; expected a whole number"),
        ({"n": 0}, "n = 0; expected"),
        ({"mask_id": 9}, "mask_id 9 is outside what the network takes"),
        ({"mask_id": 3, "d": 4}, "id 4, of d = 4 symbols, is outside what the network takes"),
    ],
)
def test_ids_and_sizes_that_cannot_be_are_refused_in_one_line(settings: dict[str, object], message: str) -> None:
    layer = torch.nn.Embedding(4, 4)
    with pytest.raises(InvalidInput, match=message) as told:
        model = denoiser(layer, **{"d": 3, **settings})
        model(torch.arange(model.d + 1)[None])
    assert "\n" not in str(told.value)


def test_a_mask_without_a_column_is_refused_where_there_are_more_columns_than_symbols() -> None:
    with pytest.raises(InvalidInput, match="3 columns for d = 2 symbols and mask_id 3"):
        denoiser(constant(torch.zeros(3)), d=2, mask_id=3)(START)
    assert denoiser(constant(torch.zeros(3)), d=2, mask_id=2)(START)[0, 0].tolist() == [-math.log(2)] * 2


@pytest.mark.parametrize(
    ("source", "message"), [(3, "3 is no denoiser"), ("model", "'model' is no denoiser"), (TableDenoiser, "is a class")]
)
def test_what_is_no_denoiser_is_refused_in_one_line(source: object, message: str) -> None:
    for call in (lambda: denoiser(source, d=2), lambda: for_world(source, even_parity(3))):
        with pytest.raises(InvalidInput, match=message) as told:
            call()
        assert "\n" not in str(told.value)
