"""Temperature, top-k and nucleus: written out in fractions, as the warpers of transformers do it, and at the edges."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from theory.reference import decoding as reference_decoding
from theory.unmasking.rules.tokens import TokenLaw, sharpened

rows_of_weights = st.lists(st.integers(0, 9), min_size=2, max_size=6).filter(any)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows_of_weights, st.sampled_from((1, 2, 3, None)), st.none() | st.integers(1, 7), st.none() | st.integers(1, 20))
def test_tokens_are_sharpened_as_written_out(
    row: list[int], power: int | None, top_k: int | None, mass: int | None
) -> None:
    """With ties and masses that are met exactly among the draws: rows of small whole numbers, twentieths."""
    p = [Fraction(w, sum(row)) for w in row]
    nucleus = None if mass is None else Fraction(mass, 20)
    wanted = reference_decoding.token_row(p, power, top_k, nucleus)
    log_p = torch.tensor([float(v) for v in p], dtype=torch.float64).log()
    found = sharpened(log_p, 1 / power if power else 0, top_k, None if nucleus is None else float(nucleus)).exp()
    assert found.tolist() == pytest.approx([float(v) for v in wanted], abs=1e-13)


@pytest.mark.parametrize(
    ("temperature", "top_k", "nucleus"), [(0.7, 5, 0.9), (1.3, 20, 0.5), (1.0, 3, 0.99), (0.2, 40, 0.3), (2.0, 7, 0.8)]
)
def test_tokens_are_sharpened_as_by_transformers(temperature: float, top_k: int, nucleus: float) -> None:
    """Its own warpers, unchanged, on 500 rows of 40 logits: the same tokens survive with the same probabilities."""
    logits = 3 * torch.randn(500, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    scores = logits
    for warper in (TemperatureLogitsWarper(temperature), TopKLogitsWarper(top_k), TopPLogitsWarper(nucleus)):
        scores = warper(None, scores)
    mine = sharpened(logits.log_softmax(-1), temperature, top_k, nucleus)
    assert torch.equal(mine > -torch.inf, scores > -torch.inf)
    assert float((mine.exp() - scores.softmax(-1)).abs().max()) < 1e-12


def test_top_k_keeps_what_ties_with_the_last_as_transformers_does() -> None:
    logits = torch.tensor([[2.0, 1.0, 1.0, 0.0]], dtype=torch.float64)
    kept = TopKLogitsWarper(2)(None, logits) > -torch.inf
    assert torch.equal(sharpened(logits.log_softmax(-1), top_k=2) > -torch.inf, kept)
    assert kept.tolist() == [[True, True, True, False]]


def test_the_nucleus_of_dream_exceeds_its_share() -> None:
    """Masses .5, .25, .25 and a share of .5: one token reaches it, and two are needed to exceed it."""
    p = [Fraction(1, 2), Fraction(1, 4), Fraction(1, 4)]
    assert reference_decoding.token_row(p, nucleus=Fraction(1, 2)) == [1, 0, 0]
    assert reference_decoding.token_row(p, nucleus=Fraction(1, 2), above=True) == [Fraction(2, 3), Fraction(1, 3), 0]
    log_p = torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64).log()
    assert sharpened(log_p, nucleus=0.5).exp().tolist() == [1, 0, 0]


def test_nothing_is_copied_where_nothing_is_asked() -> None:
    log_p = torch.randn(2, 3, 4).log_softmax(-1)
    assert sharpened(log_p) is log_p
    assert TokenLaw(1.0, 4, 1.0)(log_p) is log_p
    half = sharpened(log_p.bfloat16(), 0.5)
    assert half.dtype == torch.float32 and float((half.exp().sum(-1) - 1).abs().max()) < 1e-6


def test_a_cold_temperature_neither_overflows_nor_loses_ties() -> None:
    log_p = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64).log()
    assert sharpened(log_p, 1e-300).exp().tolist() == [0.5, 0.5, 0.0]
    assert sharpened(log_p, 0).exp().tolist() == [1.0, 0.0, 0.0]


def test_rare_tokens_in_float32_are_ranked_and_do_not_tie() -> None:
    """Beyond 16,000 tokens float32 probabilities are below the slack; their logarithms still tell them apart."""
    logits = torch.linspace(0, 1, 50_000)
    assert int((sharpened(logits.log_softmax(-1), top_k=50) > -torch.inf).sum()) == 50
    assert int(sharpened(logits.log_softmax(-1), 0).argmax()) > 49_990


@pytest.mark.parametrize("temperature", [0.5, 2.0, 3.0])
def test_sharpened_by_temperature_alone_is_a_power_of_the_law(temperature: float) -> None:
    log_p = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()
    power = log_p.exp() ** (1 / temperature)
    torch.testing.assert_close(sharpened(log_p, temperature).exp(), power / power.sum(), rtol=1e-14, atol=0)
