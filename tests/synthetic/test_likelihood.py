"""The likelihood experiment: estimates against sums written out, and verdicts on planted tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from synthetic import tasks
from synthetic.claims import duel
from synthetic.claims.base import Empirical, judge
from synthetic.claims.schedules import CLAIMS as SCHEDULE_CLAIMS
from synthetic.experiments import _losses, likelihood
from synthetic.progress import Silent
from synthetic.tasks import Examples, unconditional
from theory import schedules
from theory.denoisers import TableDenoiser
from theory.unmasking import likelihood as exact_likelihood
from theory.unmasking.rules.sets import TopK
from theory.worlds import states

N, D = 3, 2
CLAIMS = {claim.id: claim for claim in (*duel.CLAIMS, *SCHEDULE_CLAIMS)}


def table_denoiser(seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Return a denoiser whose conditionals have nothing to do with one another."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((D + 1) ** N, N, D, dtype=torch.float64, generator=generator)
    return TableDenoiser((0.5 * noise).log_softmax(-1))


def along(denoise: Callable[[Tensor], Tensor], x: tuple[int, ...], order: tuple[int, ...]) -> float:
    """Return the log-probability of x along one order, position by position."""
    z, value = [D] * N, 0.0
    for i in order:
        value += float(denoise(torch.tensor([z]))[0, i, x[i]])
        z[i] = x[i]
    return value


def elbo_by_hand(denoise: Callable[[Tensor], Tensor], x: tuple[int, ...]) -> float:
    return math.fsum(along(denoise, x, order) for order in itertools.permutations(range(N))) / math.factorial(N)


def test_losses_by_count_and_by_time_have_the_elbo_as_their_mean() -> None:
    denoise, x = table_denoiser(), (1, 0, 1)
    rows = unconditional(torch.tensor([x]).repeat(20_000, 1))
    wanted = -elbo_by_hand(denoise, x)
    found = {"count": _losses.by_count(denoise, rows, 1, seed=0).sum(-1)}
    for mask in (schedules.LINEAR, schedules.SQUARED_SINE, schedules.beta_mask(*likelihood.SHAPES)):
        found[mask.name] = _losses.by_time(denoise, rows, mask, 16, seed=1)
    for name, values in found.items():
        error = float(values.std()) / math.sqrt(len(values))
        assert 0 < 4 * error < 0.1 * wanted, name
        assert abs(float(values.mean()) - wanted) < 4 * error, name


def test_the_exact_law_on_the_same_masks_takes_noise_and_no_mean() -> None:
    """The model mixes the chain's conditionals with an eighth of uniform ones; its ELBO is the mean over all orders."""
    task, x = tasks.task("small/Markov chain"), torch.tensor([[0, 0, 1, 1, 0, 1]])
    assert task.world is not None and task.n == 6

    model = TableDenoiser((0.875 * task.world.conditionals(states.all_states(6, 2)) + 0.0625).log())
    rows = unconditional(x.repeat(4000, 1))
    wanted = float(exact_likelihood.elbo(exact_likelihood.order_terms(model, x))[0])

    def estimate(denoise: Callable[[Tensor], Tensor]) -> Tensor:
        return -_losses.by_time(denoise, rows, schedules.SQUARED_SINE, 4, seed=3)

    plain, found = estimate(model), likelihood.controlled(estimate, model, task, rows)
    error = float(found.std()) / math.sqrt(len(found))
    assert abs(float(found.mean()) - wanted) < 4 * error
    assert float(found.std()) < 0.5 * float(plain.std())


def test_a_given_token_is_never_masked_and_costs_nothing() -> None:
    denoise, tokens = table_denoiser(), torch.tensor([[1, 0, 1], [0, 0, 1]])
    given = torch.tensor([[True, False, True], [False, False, False]])
    found = _losses.by_count(denoise, Examples(tokens, given), 3, seed=0)
    alone = denoise(torch.tensor([[1, D, 1]]))[0, 1, 0]
    assert found[0].tolist() == pytest.approx([-float(alone), 0, 0])
    assert (found[1] > 0).all()


def test_enumerated_rows_are_those_of_all_orders() -> None:
    task = likelihood_task()
    denoise, config = table_denoiser(3), replace(likelihood.PRESETS["smoke"], items=4)
    rows, scalars = likelihood.enumerated(config, task, denoise)
    sequences, law = list(itertools.product(range(D), repeat=N)), task.world.law()
    orders = list(itertools.permutations(range(N)))
    best = {x: max(along(denoise, x, order) for order in orders) for x in sequences}
    assert scalars["log oracle sum"] == pytest.approx(math.log(math.fsum(math.exp(v) for v in best.values())))
    in_order = {x: along(denoise, x, (0, 1, 2)) for x in sequences}
    uniform = {
        x: math.log(sum(math.exp(along(denoise, x, order)) for order in orders) / len(orders)) for x in sequences
    }
    found = {(kind, rule): value for _, kind, rule, _, value, _ in rows}
    assert [item for item, *_ in rows] == [0] * len(rows)
    wanted = {
        ("elbo", "all orders"): {x: elbo_by_hand(denoise, x) for x in sequences},
        ("data", "exact law"): {x: math.log(q) for x, q in zip(sequences, law.tolist(), strict=True)},
        ("random order", "ln mean"): uniform,
        ("oracle", "best order"): best,
        ("duel", "left to right"): in_order,
        ("duel", "confidence"): {x: greedy(denoise, x) for x in sequences},
    }
    for key, values in wanted.items():
        mean = math.fsum(float(q) * values[x] for q, x in zip(law, sequences, strict=True))
        assert found[key] == pytest.approx(mean, abs=1e-8), key
    assert found["duel", "left to right"] <= found["best rule", "of one token a step"] + 1e-9


def greedy(denoise: Callable[[Tensor], Tensor], x: tuple[int, ...]) -> float:
    """Return the log-probability of x where the most confident position is always next."""
    z, value = [D] * N, 0.0
    while D in z:
        log_p = denoise(torch.tensor([z]))[0]
        i = max((i for i in range(N) if z[i] == D), key=lambda i: float(log_p[i].max()))
        value += float(log_p[i, x[i]])
        z[i] = x[i]
    return value


def likelihood_task() -> Any:
    from theory import worlds

    generator = torch.Generator().manual_seed(0)
    world = worlds.dirichlet(N, D, 1.0, generator)
    return SimpleNamespace(n=N, d=D, world=world, test=unconditional(world.sample(6, generator)))


def test_of_two_tokens_the_three_proxies_rank_alike() -> None:
    log_p = torch.randn(50, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    masked = torch.ones(50, 6, dtype=torch.bool)
    chosen = [TopK(2, by).select(log_p, masked) for by in ("confidence", "margin", "entropy")]
    assert torch.equal(chosen[0], chosen[1])
    assert torch.equal(chosen[0], chosen[2])
    families = {family for family, _, _ in likelihood.rules(likelihood.PRESETS["smoke"], 2)}
    assert families == {"left to right", "confidence", "EB"}


def test_the_smoke_preset_scores_every_item_and_every_claim_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNMASKED_MODELS", str(tmp_path))
    config, tables, scalars = likelihood.PRESETS["smoke"], [], {}
    runs = likelihood.parts(config)
    assert [spec.task for run in runs for spec in likelihood.models(run)] == [
        t for t in config.tasks for _ in config.seeds
    ]
    for run in runs:
        table, found = likelihood.run(run, Silent())
        tables.append(table)
        assert not set(scalars) & set(found)
        scalars |= found
    table = pd.concat(tables, ignore_index=True)
    assert np.isfinite(table["value"]).all()
    counts = table.groupby(["task", "seed", "kind", "rule", "parameter"])["item"].nunique()
    assert set(counts["sudoku4 free"]) == {config.items}
    assert set(counts["small/Markov chain"]) == {1}
    calls = (
        table[(table["rule"] == "confidence") & (table["task"] == "sudoku4 free")].groupby("parameter")["calls"].max()
    )
    assert calls.tolist() == [16, 8, 4]
    records = {"likelihood": SimpleNamespace(table=table, scalars=scalars)}
    for claim in (*duel.CLAIMS, CLAIMS["energy.7.trained"]):
        assert judge(claim, records).findings


LENGTH = 8
"""Tokens of the planted sequences."""


def planted(effects: dict[tuple[str, str, float], float], noise: float = 0.3) -> dict[str, Any]:
    """Return a record of one task "toy" whose conditions have these mean values, around one spread of items."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(3, 60))
    calls = {1.0: 8.0, 2.0: 4.0, 4.0: 2.0}
    rows = [
        ("toy", seed, item, LENGTH, kind, rule, k, base[seed, item] + mean + noise * rng.normal(), calls[k])
        for (kind, rule, k), mean in effects.items()
        for seed, item in itertools.product(range(3), range(60))
    ]
    columns = ["task", "seed", "item", "n", "kind", "rule", "parameter", "value", "calls"]
    scalars = {f"toy/{seed}/log oracle sum": 0.4 for seed in range(3)}
    return {"likelihood": SimpleNamespace(table=pd.DataFrame(rows, columns=columns), scalars=scalars)}


def verdict(claim: str, effects: dict[tuple[str, str, float], float], **options: float) -> str:
    judged: Empirical = CLAIMS[claim]
    return judge(judged, planted(effects, **options)).verdict


ELBO, TRUTH = ("elbo", "by count", 1.0), ("time", "linear", 1.0)


def rule(name: str, k: float) -> tuple[str, str, float]:
    return ("duel", name, k)


@pytest.mark.parametrize(("gain", "wanted"), [(0.5, "supported"), (-0.5, "refuted"), (0.0, "undecided")])
def test_confidence_against_the_elbo(gain: float, wanted: str) -> None:
    assert verdict("duel.9", {ELBO: -10, rule("confidence", 1.0): -10 + gain}) == wanted


@pytest.mark.parametrize(
    ("margin", "left", "single", "wanted"),
    [
        (0.5, -0.5, 0.0, "supported"),
        (-0.5, -0.5, 0.0, "refuted"),
        (0.5, 0.5, 0.0, "refuted"),
        (0.0, -0.5, 0.0, "supported"),
        (-0.01 * LENGTH, -0.5, 0.0, "undecided"),
        (0.5, -0.5, 1.0, "refuted"),
    ],
)
def test_the_ranking_of_rules(margin: float, left: float, single: float, wanted: str) -> None:
    effects = {
        rule("confidence", 2.0): -12.0, rule("margin", 2.0): -12.0 + margin, rule("left to right", 2.0): -12.0 + left,
        rule("confidence", 1.0): -10.0, rule("margin", 1.0): -10.0 + single, rule("left to right", 1.0): -10.0,
    }  # fmt: skip
    assert verdict("duel.10", effects) == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [((-10.0, -9.0, -12.0), "supported"), ((-12.0, -9.0, -10.0), "refuted"), ((-10.0, -9.0, -10.0), "undecided")],
)
def test_more_calls(values: tuple[float, ...], wanted: str) -> None:
    found = verdict("duel.11", {rule("margin", k): v for k, v in zip((1.0, 2.0, 4.0), values, strict=True)})
    assert found == wanted


@pytest.mark.parametrize(("gain", "wanted"), [(0.5, "supported"), (-0.5, "refuted"), (0.0, "undecided")])
def test_the_oracle(gain: float, wanted: str) -> None:
    assert verdict("duel.12", {rule("left to right", 1.0): -10, ("oracle", "best order", 1.0): -10 + gain}) == wanted


@pytest.mark.parametrize(
    ("gap", "noise", "wanted"),
    [(0.0, 0.1, "supported"), (0.08, 0.02, "supported"), (0.12, 0.02, "refuted"), (0.2, 2.0, "undecided")],
)
def test_the_invariance_of_the_nelbo(gap: float, noise: float, wanted: str) -> None:
    """The planted NELBO is 10 nats, so that a gap of .12 is 1.2 per cent, a fifth of a per cent beyond the margin."""
    assert verdict("energy.7.trained", {ELBO: -10, TRUTH: -10 + gap}, noise=noise) == wanted
