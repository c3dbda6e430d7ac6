"""The batch sampler: evaluations counted, chunks, devices, dtypes, conf's memory, reproducibility, bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Generator

from theory import worlds
from theory.denoisers import denoiser
from theory.errors import InvalidInput
from theory.ledger import hoeffding_margin
from theory.remasking import chain, sampling, schedules
from theory.remasking.claims.inputs import F1, F2, Case
from theory.remasking.predictor import tabulated
from theory.remasking.sampling import confident_sigma, draw_tokens, masked_batch, sample, started
from theory.remasking.selection import Selection

ANY_LENGTH = denoiser(lambda z: torch.full((*z.shape, 2), 0.5).log(), d=2)
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def rng(seed: int = 0, device: str = "cpu") -> Generator:
    return Generator(device).manual_seed(seed)


class Counted:
    """A network that counts the rows it evaluates."""

    def __init__(self, function: object) -> None:
        self.function, self.rows = function, 0

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        self.rows += len(tokens)
        return self.function(tokens)


@pytest.mark.parametrize("count", ["ceil", "floor", "bernoulli"])
def test_calls_are_the_rows_that_the_networks_have_seen(count: str) -> None:
    w = Case(F1)
    denoise, score = Counted(w.denoise), Counted(tabulated(w.logits))
    steps = schedules.counted(9, (0.4, 1.0))
    run = sample(
        denoise, steps, masked_batch(F1, 300), selection=Selection(count=count), predictor=score, generator=rng()
    )
    assert int(run.denoiser_calls.sum()) == denoise.rows and int(run.predictor_calls.sum()) == score.rows
    assert bool((run.tokens < 2).all()) and int(run.denoiser_calls.max()) <= 9
    if count == "ceil":
        counted = [s for s in steps if s.kind == "counted"]
        assert run.predictor_calls.unique().tolist() == [len(counted) - 1], "none is asked where no mask follows"


def test_without_a_predictor_none_is_counted() -> None:
    run = sample(Case(F2).denoise, schedules.counted(6), masked_batch(F2, 50), generator=rng())
    assert int(run.predictor_calls.sum()) == 0
    full = sample(Case(F2).denoise, schedules.standard(6), masked_batch(F2, 50), generator=rng())
    assert bool((full.denoiser_calls <= 6).all()) and bool((full.denoiser_calls >= 1).all())


def test_the_given_batch_is_not_changed_and_a_seed_repeats_a_run() -> None:
    w, start = Case(F1), masked_batch(F1, 100)
    one, two = (sample(w.denoise, schedules.star(6), start, generator=rng(3)) for _ in range(2))
    assert torch.equal(one.tokens, two.tokens) and bool((start.tokens == 2).all())
    assert int(start.denoiser_calls.sum()) == 0


def test_revealed_tokens_stay_without_remasking_and_prompts_too() -> None:
    w = Case(F1)
    start = started(torch.tensor([[1, 2, 2, 0]]).expand(64, -1), 2)
    run = sample(w.denoise, schedules.standard(5), start, generator=rng())
    assert bool((run.tokens[:, 0] == 1).all()) and bool((run.tokens[:, 3] == 0).all())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_schedule_runs_on_every_device_with_any_float(device: str, dtype: torch.dtype) -> None:
    """A stand-in for a network: n = 40, a vocabulary of 50, logits from a fixed random matrix."""
    matrix = torch.randn(51, 50, generator=rng()).to(device, dtype)

    def denoise(z: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(matrix[z] + matrix[z].mean(-2, keepdim=True), -1)

    def score(y: torch.Tensor) -> torch.Tensor:
        return matrix[y, 0]

    grid = [k / 12 for k in range(13)]
    plans = (
        schedules.star(12), schedules.plan(grid, schedules.cap(0.1)), schedules.plan(grid, schedules.rescale(0.5)),
        schedules.plan(grid, schedules.cap(0.5), "confident"),
        schedules.loop(20, kind="counted"), schedules.counted(12, (0.7, 1.0)),
    )  # fmt: skip
    for steps in plans:
        run = sample(
            denoise,
            steps,
            started(torch.full((16, 40), 50, device=device), 50),
            predictor=score,
            generator=rng(1, device),
        )
        assert run.tokens.device.type == device and run.tokens.dtype == torch.long
        assert int(run.tokens.min()) >= 0 and int(run.tokens.max()) < 50
        assert bool(((run.revealed_with > 0) & (run.revealed_with <= 1)).all())


@pytest.mark.parametrize("count", ["ceil", "floor", "bernoulli"])
def test_fixed_positions_stay_and_do_not_count(count: str) -> None:
    """Prompts of different length in one batch: none is masked, and (1 - alpha) of the free positions are."""
    w = Case(F1)
    tokens = torch.tensor([[1, 0, 2, 2], [0, 2, 2, 2]]).repeat(100, 1)
    start = started(tokens, 2, tokens < 2)
    for steps in (schedules.counted(6), schedules.star(6)):
        run = sample(
            w.denoise, steps, start, selection=Selection(count=count), predictor=tabulated(w.logits), generator=rng()
        )
        assert torch.equal(run.tokens[start.fixed], tokens[start.fixed]) and bool((run.tokens < 2).all())
    half = sampling.advance(w.denoise, start, schedules.Step(0.0, 0.4, kind="counted"), generator=rng())
    assert half.hidden.sum(-1).tolist() == [2, 2] * 100


def test_masks_left_after_each_refinement_step_are_as_prescribed() -> None:
    w, batch, left = Case(F1), masked_batch(F1, 40), []
    for step in schedules.counted(8, (0.5, 1.0)):
        batch = sampling.advance(w.denoise, batch, step, predictor=tabulated(w.logits), generator=rng(5))
        if step.kind == "counted":
            left.append(batch.hidden.sum(-1).unique().tolist())
    assert left == [[2], [1], [1], [0]]


def test_drawn_tokens_have_their_law_in_chunks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    p = torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0]).double()
    monkeypatch.setattr(sampling, "CHUNK", 64)
    found = torch.bincount(draw_tokens(p.log().expand(50_000, -1), rng()), minlength=5) / 50_000
    assert found[1] == found[4] == 0
    assert float((found - p).abs().max()) < hoeffding_margin(50_000, 1.0, 1e-9 / 5)
    assert draw_tokens(torch.zeros(0, 5)).shape == (0,)


def test_conf_remasks_the_least_sure_token_first() -> None:
    psi, hidden = torch.tensor([[0.9, 0.2, 1.0, 0.5]]).double(), torch.tensor([[False, False, True, False]])
    sigma = confident_sigma(psi, hidden, 0.6)[0]
    assert float(sigma[2]) == 0 and float(sigma.sum()) == pytest.approx(0.6)
    assert sigma[1] > sigma[3] > sigma[0]
    assert float(confident_sigma(psi, torch.ones_like(hidden), 0.6).sum()) == 0


def test_conf_remembers_the_probability_at_the_last_reveal() -> None:
    world = worlds.product(torch.tensor([[0.2, 0.8], [0.6, 0.4]], dtype=torch.float64))
    run = sample(
        world,
        schedules.plan([0, 0.4, 0.8, 1], schedules.cap(0.5), "confident"),
        masked_batch(world, 200),
        generator=rng(),
    )
    rows = torch.tensor([[0.2, 0.8], [0.6, 0.4]], dtype=torch.float64)
    assert torch.allclose(run.revealed_with, rows[torch.arange(2), run.tokens])


def test_a_long_product_world_keeps_its_marginals_under_remasking() -> None:
    """n = 200 in one batch: the frequency of token 1 at every position, after a loop."""
    world = worlds.product(torch.tensor([[0.3, 0.7]], dtype=torch.float64).repeat(200, 1))
    run = sample(world, schedules.loop(20, schedules.cap(0.2)), masked_batch(world, 4000), generator=rng())
    assert abs(float(run.tokens.double().mean()) - 0.7) < hoeffding_margin(800_000, 1.0)


@pytest.mark.parametrize("device", DEVICES)
def test_sampled_law_on_the_device_is_the_exact_one(device: str) -> None:
    w, steps = Case(F2), schedules.counted(6, (0.3, 1.0))
    table = w.denoise.log_p.to(device)
    places = torch.tensor([9, 3, 1], device=device)
    run = sample(
        lambda z: table[(z * places).sum(-1)], steps, masked_batch(F2, 100_000, device=device),
        predictor=tabulated(w.logits), generator=rng(0, device),
    )  # fmt: skip
    frequency = torch.bincount((run.tokens.cpu() * torch.tensor([4, 2, 1])).sum(-1), minlength=8) / 100_000
    exact = chain.output_law(w.factorised, steps, w.guided()).law()
    assert float((frequency - exact).abs().max()) < hoeffding_margin(100_000, 1.0, 1e-9 / 8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: masked_batch(F2, 0), r"paths = 0; expected at least 1"),
        (lambda: masked_batch(F2, 3, 4), r"n = 4 for a denoiser with n = 3; give them one size"),
        (lambda: masked_batch(ANY_LENGTH, 3), r"denoiser without n or d; give n"),
        (lambda: masked_batch(ANY_LENGTH, 3, 0), r"n = 0; expected at least 1"),
        (
            lambda: sample(lambda z: torch.zeros(len(z), 2, 2), schedules.star(2), masked_batch(F2, 5)),
            r"returned \(5, 2, 2\); expected \(batch, n, d\) = \(5, 3, 2\)",
        ),
        (
            lambda: sample(lambda z: torch.full((len(z), 3, 2), torch.nan), schedules.star(2), masked_batch(F2, 5)),
            r"expected 1 within .*, without NaN",
        ),
        (
            lambda: sample(F2, schedules.counted(4), masked_batch(F2, 5), predictor=lambda y: torch.zeros(len(y))),
            r"error predictor returned shape \(5,\); expected one logit a token, \(5, 3\)",
        ),
    ],
)
def test_bad_input_says_what_was_given_and_expected(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
