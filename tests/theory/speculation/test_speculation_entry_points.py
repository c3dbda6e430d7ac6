"""Every way into masked speculation refuses wrong denoisers and starts with one line; decoding from a start."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from theory.denoisers import denoiser
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.speculation import masked
from theory.speculation.claims.masked_inputs import BITS, FOUR


class Model:
    """A model of three bits that returns a world's conditionals, changed by a function."""

    n, d = 3, 2

    def __init__(self, change: Callable[[Tensor], Tensor]) -> None:
        self.change = change

    def __call__(self, z: Tensor) -> Tensor:
        return self.change(BITS(z))


WRONG = {
    "unnormalised": Model(lambda p: p + 0.1),
    "probabilities": Model(torch.exp),
    "raw logits": Model(lambda p: p.clamp(min=-3) * 2 + 4),
    "NaN": Model(lambda p: p * torch.nan),
    "the mask's column": Model(lambda p: torch.cat((p, p[..., :1]), -1)),
}

ENTRIES: dict[str, Callable[..., object]] = {
    "speculate": lambda model, start=None: masked.speculate(model, 2, 5, start=start),
    "sweep": lambda model, start=None: masked.sweep(model, 2, start=start),
    "sequential_law": lambda model, start=None: masked.sequential_law(model, start=start),
    "tempered": lambda model, start=None: masked.sweep(masked.tempered(model, 0.5), 2, start=start),
}


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_denoiser_is_refused(entry: str, wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        ENTRIES[entry](WRONG[wrong])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    ("start", "message"),
    [
        (torch.tensor([0, -1, 2]), r"expected 0\.\.1, or 2 for the mask"),
        (torch.tensor([0, 5, 2]), r"expected 0\.\.1, or 2 for the mask"),
        (torch.tensor([0, 1, 2], dtype=torch.int32), r"states of dtype torch\.int32; expected torch\.int64"),
        (torch.tensor([0, 2]), r"expected n = 3 positions"),
        ([3, 3, 3], r"expected 0\.\.1, or 2 for the mask"),
    ],
)
def test_a_wrong_start_is_refused(entry: str, start: Tensor, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        ENTRIES[entry](BITS, start)


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("priority", [masked.left_to_right, masked.confidence])
def test_decoding_from_a_start_has_the_data_law_given_it(window: int, priority: masked.Priority) -> None:
    for start in ([2, 1, 2, 2], [0, 2, 2, 1], [0, 1, 1, 0]):
        found, wanted = masked.sweep(FOUR, window, priority, start=start), FOUR.given(start)
        assert torch.allclose(found.output.law(), wanted.law(), atol=1e-14)
        assert torch.allclose(masked.sequential_law(FOUR, priority, start).law(), wanted.law(), atol=1e-14)
        assert found.rounds <= start.count(2)


def test_the_sampler_starts_there_too_and_counts_what_the_sweep_expects() -> None:
    start, paths = [2, 1, 2, 2], 40_000
    run = masked.speculate(FOUR, 3, paths, masked.confidence, Generator().manual_seed(0), start=start)
    exact = masked.sweep(FOUR, 3, masked.confidence, start=start)
    assert bool((run.sequences[:, 1] == 1).all())
    frequency = torch.bincount((run.sequences * torch.tensor([8, 4, 2, 1])).sum(-1), minlength=16) / paths
    assert float((frequency - exact.output.law()).abs().max()) < hoeffding_margin(paths, 1.0, 1e-9 / 16)
    assert abs(float(run.rounds.double().mean()) - exact.rounds) < hoeffding_margin(paths, 3.0)


def test_a_denoiser_of_any_length_decodes_from_masks_that_are_given() -> None:
    fair = denoiser(lambda z: torch.full((*z.shape, 2), 0.5).log(), d=2)
    run = masked.speculate(fair, 4, 7, start=torch.full((12,), 2))
    assert run.sequences.shape == (7, 12) and run.rounds.unique().tolist() == [3]


def test_results_show_themselves() -> None:
    assert " ".join(repr(masked.sweep(BITS, 2)).split()).startswith(
        "Sweep(speculative decoding, exactly: n = 3, d = 2, E[rounds] = "
    )
    assert " ".join(repr(masked.speculate(BITS, 2, 5)).split()).startswith(
        "MaskedRun(speculative decoding: paths = 5, n = 3, mean rounds"
    )
