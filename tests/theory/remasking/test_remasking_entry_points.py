"""Every way into remasking refuses wrong denoisers and states with one line; what a start does, exactly and sampled."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor

from theory import worlds
from theory.denoisers import TableDenoiser, denoiser, tabulated
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import bounds, chain, drafts, predictor, sampling, schedules
from theory.remasking.claims.inputs import F1, F2, F3, Case, triples, uniform
from theory.remasking.sampling import masked_batch, sample, started
from theory.remasking.selection import Selection
from theory.worlds import TableWorld

STAR = schedules.star(3)


class Model:
    """A model of three bits that returns its world's conditionals, changed by a function."""

    def __init__(self, change: Callable[[Tensor], Tensor], n: int = 3, d: int = 2) -> None:
        self.change, self.n, self.d = change, n, d

    def __call__(self, z: Tensor) -> Tensor:
        return self.change(F2(z))


WRONG = {
    "unnormalised": Model(lambda p: p + 0.1),
    "probabilities": Model(torch.exp),
    "raw logits": Model(lambda p: p.clamp(min=-3) * 2 + 4),
    "NaN": Model(lambda p: p * torch.nan),
    "the mask's column": Model(lambda p: torch.cat((p, p[..., :1]), -1)),
    "another n": uniform(4, 2),
    "another d": uniform(3, 3),
}

BY_DENOISER = {
    "remask": lambda model: chain.remask(STAR, F2, model),
    "remask from a start": lambda model: chain.remask(STAR, F2, model, [1, 2, 2]),
    "sample": lambda model: sample(model, STAR, masked_batch(F2, 5)),
    "sample with a plain function": lambda model: sample(lambda z: model(z), STAR, masked_batch(F2, 5)),
    "advance": lambda model: sampling.advance(model, masked_batch(F2, 5), STAR[0]),
}

OWN_SIZE = {
    "factorised": drafts.factorised,
    "negative_bound": lambda model: bounds.negative_bound(model, STAR),
    "loss_profile": bounds.loss_profile,
    "tabulated": tabulated,
}


@pytest.mark.parametrize("entry", BY_DENOISER)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_denoiser_is_refused(entry: str, wrong: str) -> None:
    if entry == "sample with a plain function" and wrong.startswith("another"):
        pytest.skip("the wrapped world refuses the states itself, as `advance` shows")
    with pytest.raises(InvalidInput) as refused:
        BY_DENOISER[entry](WRONG[wrong])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("entry", OWN_SIZE)
@pytest.mark.parametrize("wrong", [name for name in WRONG if not name.startswith("another")])
def test_a_wrong_denoiser_without_a_world_beside_it_is_refused(entry: str, wrong: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        OWN_SIZE[entry](WRONG[wrong])
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("source", [lambda z: F2(z), torch.zeros(27, 3, 2).double()])
def test_what_has_no_n_and_d_is_no_denoiser_yet(source: object) -> None:
    with pytest.raises(InvalidInput, match=r"without n and d; expected a world or a denoiser of known length"):
        tabulated(source)


BY_STATE = {
    "remask": lambda z: chain.remask(STAR, F2, start=z),
    "output_law": lambda z: chain.output_law(drafts.factorised(F2), STAR, start=z),
    "started": lambda z: started(z[None], 2),
    "sample": lambda z: sample(F2, STAR, started(z[None], 2)),
}


@pytest.mark.parametrize("entry", BY_STATE)
@pytest.mark.parametrize(
    ("state", "message"),
    [
        (torch.tensor([0, -1, 2]), r"expected 0\.\.1, or 2 for the mask"),
        (torch.tensor([0, 5, 2]), r"expected 0\.\.1, or 2 for the mask"),
        (torch.tensor([0, 1, 2], dtype=torch.int32), r"states of dtype torch\.int32; expected torch\.int64"),
    ],
)
def test_a_wrong_start_is_refused(entry: str, state: Tensor, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        BY_STATE[entry](state)


def test_a_start_of_another_length_or_of_no_probability_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"expected n = 3 positions"):
        chain.remask(STAR, F2, start=[0, 2])
    with pytest.raises(InvalidInput, match=r"denoiser with n = 4 beside a world with n = 3"):
        sample(F1, STAR, started(torch.tensor([[0, 2, 2]]), 2))
    with pytest.raises(InvalidInput, match=r"worlds of n = 3, d = 2 and n = 4, d = 2; give one size"):
        chain.distances(F2, F1)
    with pytest.raises(InvalidInput, match=r"has probability zero"):
        chain.remask(STAR, worlds.copied_pairs(2), start=[0, 1, 2, 2])


def test_states_are_checked_at_every_step() -> None:
    batch = masked_batch(F2, 4)
    for tokens, message in (
        (batch.tokens.int(), r"dtype torch\.int32"),
        (batch.tokens + 3, r"expected 0\.\.1, or 2 for the mask"),
    ):
        with pytest.raises(InvalidInput, match=message):
            sampling.Batch(tokens, 2, batch.denoiser_calls, batch.predictor_calls, batch.revealed_with, batch.fixed)


def test_a_result_has_floats_a_world_and_a_short_repr() -> None:
    found = chain.remask(schedules.star(8), F2)
    exact = Case(F2)
    assert isinstance(found.divergence, float) and isinstance(found.calls, float)
    assert found.total_variation == pytest.approx(exact.distance(schedules.star(8)), abs=1e-15)
    assert found.output == chain.output_law(exact.factorised, schedules.star(8))
    assert " ".join(repr(found).split()).startswith(
        "Remasked(remasking: n = 3, d = 2, steps = 8, KL(data || output) (nats) = 0.0"
    )
    assert "<td>E[calls]</td>" in found._repr_html_()


def test_products_are_exact_and_a_joint_fill_is_exact_for_any_world() -> None:
    assert chain.remask(schedules.star(5), F3).total_variation < 1e-14
    assert chain.distances(F2, chain.output_law(drafts.joint(F2), schedules.star(5)))[0] < 1e-14


@pytest.mark.parametrize("steps", [schedules.star(6), schedules.counted(6, (0.5, 1.0)), schedules.standard(3)])
def test_expected_calls_are_those_that_the_sampler_counts(steps: tuple[schedules.Step, ...]) -> None:
    run = sample(F1, steps, masked_batch(F1, 40_000), generator=Generator().manual_seed(0))
    calls = chain.remask(steps, F1).calls
    assert abs(float(run.denoiser_calls.double().mean()) - calls) < hoeffding_margin(40_000, float(len(steps)))


def test_many_worlds_at_once_are_those_one_by_one() -> None:
    batch = TableWorld(torch.stack([worlds.dirichlet(3, 2).law() for _ in range(3)]), 3, 2)
    together = chain.remask(STAR, batch)
    assert together.divergence.shape == together.calls.shape == (3,)
    for k in range(3):
        alone = chain.remask(STAR, batch[k])
        assert float(together.divergence[k]) == pytest.approx(alone.divergence, abs=1e-14)
        assert float(together.calls[k]) == pytest.approx(alone.calls, abs=1e-14)
    assert " ".join(repr(together).split()).startswith(
        "Remasked(remasking: worlds = 3, n = 3, d = 2, steps = 3, mean KL"
    )


@pytest.mark.parametrize("start", [[2, 1, 2, 2], [0, 2, 2, 1], [2, 2, 2, 2], [0, 1, 1, 0]])
def test_a_prompt_stays_and_the_rest_is_the_sampler_of_the_free_positions(start: list[int]) -> None:
    """Every draft written out, over states in which the prompt is never masked."""
    steps = schedules.star(4)
    found = chain.remask(steps, F1, start=start)
    conditional = reference.conditionals_of(reference.floats(F1), 2)
    free = [i for i, token in enumerate(start) if token == 2]

    def alone(z: reference.State, i: int, v: int) -> float:
        state = list(start)
        for place, token in zip(free, z, strict=True):
            state[place] = token
        return float(conditional(tuple(state), free[i], v))

    if free:
        short = reference_remasking.output_law(reference_remasking.independent(alone, 2), triples(steps), len(free), 2)
    else:
        short = {(): 1.0}
    wanted = dict.fromkeys(itertools.product(range(2), repeat=4), 0.0)
    for tokens, p in short.items():
        x = list(start)
        for place, token in zip(free, tokens, strict=True):
            x[place] = token
        wanted[tuple(x)] = p
    assert found.output.law().tolist() == pytest.approx(list(wanted.values()), abs=1e-14)
    assert found.world == F1.given(start)
    assert found.calls == 0 if not free else found.calls > 0


@pytest.mark.parametrize("guided", [False, True])
def test_a_prompt_is_what_fixed_positions_are_to_the_sampler(guided: bool) -> None:
    case, start, paths = Case(F1), torch.tensor([2, 1, 2, 2]), 60_000
    steps, selection = schedules.counted(5), Selection(0.5)
    refine = case.guided(selection) if guided else drafts.unguided(selection, F1)
    exact = chain.remask(steps, F1, start=start, refine=refine).output.law()
    run = sample(
        F1, steps, started(start.expand(paths, -1), 2, (start < 2).expand(paths, -1)), selection=selection,
        predictor=predictor.tabulated(case.logits) if guided else None, generator=Generator().manual_seed(1),
    )  # fmt: skip
    index = (run.tokens * torch.tensor([8, 4, 2, 1])).sum(-1)
    frequency = torch.bincount(index, minlength=16) / paths
    assert float((frequency - exact).abs().max()) < hoeffding_margin(paths, 1.0, 1e-9 / 16)


def test_float32_tables_and_checked_functions_are_denoisers_too() -> None:
    exact = chain.remask(STAR, F2).output.law()
    single = Model(lambda p: p.float())
    listed = TableDenoiser(F2(worlds.states.all_states(3, 2)))
    function = denoiser(lambda z: F2(z).exp(), d=2, n=3, outputs="probabilities")
    for model in (single, listed, function, lambda z: F2(z)):
        assert torch.allclose(chain.remask(STAR, F2, model).output.law(), exact, atol=1e-6)
