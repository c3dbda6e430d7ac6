"""Every entry point that takes a denoiser or states refuses what is none, in one line."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.denoisers import Raw
from theory.errors import InvalidInput
from theory.unmasking import best_rules, evaluation, likelihood, long_walks, sampling, walks
from theory.unmasking.rules.beam import beam
from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain, immediate_cost
from theory.unmasking.rules.punt import Punt, candidates
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, TopK
from theory.worlds import TableWorld
from theory.worlds.tree import sticky_chain

WORLD = sticky_chain(3)
START = torch.full((2, 3), 2)
VALUE_RULES = (Punt(0.1), InfoGain("mean", "drawn"), InfoGain(), SampledInfoGain(2), SampledConfidence())

STATES: dict[str, Callable[[object, Tensor], object]] = {
    **{f"{rule.name}: step": lambda f, z, rule=rule: rule.step(f, z) for rule in VALUE_RULES},
    **{f"{rule.name}: outcomes": lambda f, z, rule=rule: rule.outcomes(f, z) for rule in VALUE_RULES},
    "PUNT: keep": lambda f, z: Punt(0.1).keep(f, z, torch.zeros_like(z)),
    "PUNT: step error": lambda f, z: Punt(0.1).step_error(f, z),
    "PUNT: candidates": candidates,
    "immediate cost": lambda f, z: immediate_cost(InfoGain(), f, z),
    "beam": lambda f, z: beam(f, z[0]),
    "sample": lambda f, z: sampling.sample(EntropyBounded(0.3), f, z, seed=0),
    "sample with a value rule": lambda f, z: sampling.sample(Punt(0.1), f, z, seed=0),
    "sample sizes": lambda f, z: sampling.sample_sizes(f, (z == 2).sum(-1, keepdim=True), z, seed=0),
    "likelihood from a start": lambda f, z: likelihood.log_likelihood(TopK(1), f, torch.zeros(2, 3).long(), z),
}
"""What takes a denoiser and states."""

WHOLE: dict[str, Callable[[object], object]] = {
    "walk of a set rule": lambda f: walks.walk(TopK(2), WORLD, f),
    "walk of a value rule": lambda f: walks.walk(Punt(0.1), WORLD, f),
    "walk of a batch": lambda f: walks.walk(TopK(2), TableWorld(torch.full((2, 8), 0.125), 3, 2), f),
    "walk from a start": lambda f: walks.walk(TopK(2), WORLD, f, [2, 0, 2]),
    "sampled walk": lambda f: long_walks.sample_walk(TopK(2), WORLD, 4, denoiser=f),
    "best rule": lambda f: best_rules.best_rule(WORLD, denoiser=f),
    "frontier": lambda f: best_rules.frontier(WORLD, denoiser=f),
    "tabulate": lambda f: best_rules.tabulate(TopK(1), f),
    "log-likelihood": lambda f: likelihood.log_likelihood(TopK(1), f, torch.zeros(2, 3).long()),
    "order terms": lambda f: likelihood.order_terms(f, torch.zeros(2, 3).long()),
    "evaluate": lambda f: next(iter(evaluation.evaluate(TopK(1), {"chain": WORLD}, f))),
    "sample a number of rows": lambda f: sampling.sample(TopK(1), f, 2, seed=0),
}
"""What takes a denoiser and begins by itself."""

OF_ANY_SIZE = ("tabulate", "sample a number of rows", "log-likelihood", "order terms")
"""What fits any denoiser: no world stands beside it, and zeros are tokens of all."""

LOGITS = torch.tensor([1.0, 3.0], dtype=torch.float64)
WRONG_ANSWERS = {
    "logits": (LOGITS, "apply log_softmax"),
    "probabilities": (LOGITS.softmax(-1), "return their logarithms"),
    "unnormalised": (LOGITS.log_softmax(-1) - 0.1, "expected 1 within"),
    "nan": (LOGITS * math.nan, "without NaN"),
    "the mask's column": (torch.zeros(3, dtype=torch.float64).log_softmax(-1), "drop the mask's column"),
    "one number a position": (torch.zeros(1), r"expected \(batch, n, d\)"),
}


@pytest.mark.parametrize("answer", WRONG_ANSWERS)
@pytest.mark.parametrize("point", [*WHOLE, *STATES])
def test_a_wrong_answer_is_refused(point: str, answer: str) -> None:
    row, message = WRONG_ANSWERS[answer]
    denoiser = Raw(lambda z: row.expand(*z.shape, len(row)), 2, 3)
    with pytest.raises(InvalidInput, match=message) as told:
        WHOLE[point](denoiser) if point in WHOLE else STATES[point](denoiser, START)
    assert "\n" not in str(told.value)


WRONG_STATES = {
    "an id of minus one": (torch.tensor([[2, -1, 2], [2, 2, 2]]), r"expected 0\.\.1, or 2 for the mask"),
    "the id d + 3": (torch.tensor([[2, 5, 2], [2, 2, 2]]), r"expected 0\.\.1, or 2 for the mask"),
    "int32": (START.int(), r"expected torch\.int64"),
    "another length": (START[:, :2], "expected n = 3 positions"),
}


@pytest.mark.parametrize("states", WRONG_STATES)
@pytest.mark.parametrize("point", STATES)
def test_wrong_states_are_refused(point: str, states: str) -> None:
    z, message = WRONG_STATES[states]
    if (point, states) == ("likelihood from a start", "another length"):
        return  # the shapes are checked with those of the sequences
    with pytest.raises(InvalidInput, match=message):
        STATES[point](WORLD, z)


@pytest.mark.parametrize("point", [p for p in WHOLE if p not in OF_ANY_SIZE])
def test_a_denoiser_of_another_size_is_refused(point: str) -> None:
    for other in (sticky_chain(4), Raw(lambda z: torch.zeros(*z.shape, 3).log_softmax(-1), 3, 3)):
        with pytest.raises(InvalidInput, match=r"expected n|denoiser with [nd] ="):
            WHOLE[point](other)


def test_a_denoiser_of_any_length_does_not_say_how_long_its_rows_are() -> None:
    denoiser = Raw(lambda z: torch.zeros(*z.shape, 2).log_softmax(-1), 2)
    with pytest.raises(InvalidInput, match="give the start states"):
        sampling.sample(TopK(1), denoiser, 2, seed=0)
    with pytest.raises(InvalidInput, match="give it n to tabulate"):
        best_rules.tabulate(TopK(1), denoiser)


def test_a_function_without_a_size_is_told_how_to_get_one() -> None:
    with pytest.raises(InvalidInput, match="wrap it"):
        Punt(0.1).step(lambda z: torch.zeros(*z.shape, 2).log_softmax(-1), START)


def test_a_likelihood_from_a_start_that_the_sequence_does_not_continue() -> None:
    with pytest.raises(InvalidInput, match="does not continue the start"):
        likelihood.log_likelihood(TopK(1), WORLD, torch.zeros(2, 3).long(), [2, 1, 2])
