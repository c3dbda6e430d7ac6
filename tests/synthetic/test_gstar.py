"""Trained error predictors by hand: pairs counted, laws written out, calls counted, verdicts on planted tables."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic import predictors
from synthetic.claims import gstar as claims
from synthetic.claims.base import judge
from synthetic.denoisers import Architecture, ErrorPredictor, Transformer
from synthetic.experiments import gstar
from synthetic.experiments._refinement import Exact, evaluations, window, within
from synthetic.itemised import pack, unpack
from synthetic.predictors import Fitting, area, drafts, error_loss, fit, iterated, logits, merged
from synthetic.progress import Silent
from synthetic.records import Record
from synthetic.tasks import unconditional
from theory.denoisers import TableDenoiser, denoiser
from theory.errors import InvalidInput
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking
from theory.remasking import predictor as best
from theory.remasking import sampling
from theory.remasking.drafts import factorised
from theory.remasking.schedules import standard
from theory.worlds import TableWorld, states

LAW = TableWorld([0.45, 0.05, 0.1, 0.4], 2, 2)
"""Two correlated bits."""

BY_ID = {claim.id: claim for claim in claims.CLAIMS}


def untrained(shape: tuple[int, ...] = (2,), d: int = 2) -> Transformer:
    torch.manual_seed(0)
    return Transformer(Architecture(16, 1, heads=2), shape, d).eval()


def uniform(n: int) -> TableWorld:
    return TableWorld(torch.full((2**n,), 2.0**-n, dtype=torch.float64), n, 2)


def pairs(rows: int = 4096) -> torch.Tensor:
    drawn = torch.multinomial(LAW.law(), rows, replacement=True, generator=torch.Generator().manual_seed(1))
    return states.all_sequences(2, 2)[drawn]


@pytest.fixture(scope="module", autouse=True)
def own_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASKED_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@functools.cache
def ran() -> dict[tuple[str, int], tuple[pd.DataFrame, dict[str, float]]]:
    parts = gstar.parts(gstar.PRESETS["smoke"])
    return {(part.tasks[0], part.seeds[0]): gstar.run(part, Silent()) for part in parts}


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_the_auc_counts_pairs(levels: int) -> None:
    generator = torch.Generator().manual_seed(levels)
    scores = torch.randint(levels, (60,), generator=generator).double()
    positive = torch.rand(60, generator=generator) < 0.3
    won = [
        (a > b) + (a == b) / 2
        for a, b in itertools.product(scores[positive].tolist(), scores[~positive].tolist())
    ]  # fmt: skip
    assert area(scores, positive) == pytest.approx(np.mean(won), abs=1e-12)


def test_an_auc_needs_errors_and_correct_tokens() -> None:
    for positive in (torch.zeros(4).bool(), torch.ones(4).bool()):
        with pytest.raises(InvalidInput, match="errors and correct tokens"):
            area(torch.arange(4.0), positive)


def test_merging_equal_drafts_changes_neither_loss_nor_gradient(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(3)
    draft, wrong, free = (torch.randint(2, (64, 3), generator=generator) for _ in range(3))
    module = ErrorPredictor(untrained((3,)), "full")
    torch.nn.init.normal_(module.head.weight)
    found = []
    for bits in (62, 0):
        monkeypatch.setattr(predictors, "BITS", bits)
        batch = merged(draft, wrong.bool(), free.bool(), 2)
        assert len(batch[0]) == (64 if not bits else len({*map(tuple, torch.cat((draft, free), 1).tolist())}))
        loss = error_loss(module, *batch)
        found.append((loss.item(), torch.autograd.grad(loss, module.head.weight)[0]))
    each = torch.nn.functional.binary_cross_entropy_with_logits(module(draft), wrong.float(), reduction="none")
    assert found[0][0] == pytest.approx(float((each * free).sum().detach() / free.sum()), abs=1e-6)
    assert found[0][0] == pytest.approx(found[1][0], abs=1e-6)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-6)


def test_given_tokens_are_kept_and_labels_are_as_frequent_as_computed() -> None:
    tokens = pairs(20_000)
    given = torch.zeros_like(tokens, dtype=torch.bool)
    given[:10_000, 0] = True
    draft = drafts(uniform(2), tokens, given, torch.Generator().manual_seed(0))
    assert bool((draft[given] == tokens[given]).all())
    rate = float((draft != tokens)[~given].double().mean())
    assert rate == pytest.approx(1 / 4, abs=5 * math.sqrt(0.25 / 30_000))


def test_a_trained_predictor_reaches_the_bayes_optimal_one_and_an_untrained_one_does_not() -> None:
    tokens = pairs()
    law = TableWorld(torch.bincount(tokens @ torch.tensor([2, 1]), minlength=4).double() / len(tokens), 2, 2)
    proposal = factorised(uniform(2))
    optimum, drafted = best.error_probabilities(law, proposal), best.drafted_law(law, proposal).law()
    found = {}
    for steps in (1, 200):
        module = fit(untrained(), uniform(2), unconditional(tokens), Fitting(steps, 1024), 0, {"full": 5e-3})["full"]
        g = torch.sigmoid(logits(module)(states.all_sequences(2, 2)))
        found[steps] = float(drafted @ (g - optimum).abs().mean(-1))
    assert found[200] < 0.02 < found[1]


def test_training_is_a_function_of_its_seed_and_leaves_the_denoiser_alone() -> None:
    denoiser, tokens = untrained(), unconditional(pairs(64))
    before = [p.clone() for p in denoiser.parameters()]
    heads = [
        fit(denoiser, uniform(2), tokens, Fitting(5, 32), seed, rates)["block"].head.weight
        for seed, rates in ((0, {"block": 2e-3}), (0, {"head": 1e-2, "block": 2e-3}), (1, {"block": 2e-3}))
    ]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    assert all(map(torch.equal, before, denoiser.parameters()))
    with pytest.raises(InvalidInput, match="trainable part"):
        fit(denoiser, uniform(2), tokens, Fitting(5, 32), 0, {"tail": 1e-3})


def test_iterated_drafts_start_from_what_is_shown() -> None:
    tokens, generator = pairs(2000), torch.Generator().manual_seed(0)
    assert torch.equal(iterated(uniform(2), tokens, [1.0], generator), tokens)
    wrong = iterated(uniform(2), tokens, [0.6], generator) != tokens
    assert float(wrong.double().mean()) == pytest.approx(0.2, abs=0.03)
    again = iterated(uniform(2), tokens, [0.0, 0.5], generator) != tokens
    assert float(again.double().mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("on", [0.3, 0.7, 1.0])
def test_evaluations_are_those_that_the_sampler_counts(guided: bool, on: float) -> None:
    rows = 4000
    for plan in (standard(7), window(7, on)):
        start = sampling.masked_batch(uniform(3), rows)
        guide = (lambda tokens: tokens.double()) if guided else None
        generator = torch.Generator().manual_seed(0)
        found = sampling.sample(uniform(3), plan, start, predictor=guide, generator=generator)
        calls = (found.denoiser_calls + found.predictor_calls).double()
        slack = 5 * float(calls.std()) / math.sqrt(rows) + 1e-9
        assert float(calls.mean()) == pytest.approx(evaluations(plan, 3, guided), abs=slack)


def test_a_plan_within_a_budget_is_the_longest() -> None:
    for budget, guided in itertools.product((2.0, 8.0, 15.5), (False, True)):
        plan = within(budget, functools.partial(window, on=0.5), 5, guided)
        assert evaluations(plan, 5, guided) <= budget < evaluations(window(len(plan) + 1, 0.5), 5, guided)
    assert len(within(0.5, standard, 5)) == 1


def test_the_exact_law_of_guided_refinement_is_the_one_written_out() -> None:
    generator = torch.Generator().manual_seed(2)
    table = torch.randn(9, 2, 2, generator=generator, dtype=torch.float64).log_softmax(-1)
    scores = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    plan = window(4, 0.75)

    def conditional(z: tuple[int, ...], i: int, v: int) -> float:
        return float(table[states.index_of(torch.tensor(z), 2), i, v].exp())

    fill, law = reference_remasking.independent(conditional, 2), {(2, 2): 1.0}
    for step in plan:
        now, after = float(step.alpha_now), float(step.alpha_next)
        if step.kind == "counted":
            counts = {math.ceil(2 * (1 - after) - 1e-9): 1.0}
            law = reference_remasking.counted_step(
                law, fill, lambda y: scores[2 * y[0] + y[1]].exp().tolist(), counts, 2
            )
        else:
            law = reference_remasking.posterior_step(law, fill, now, after, 0.0, 2)
    q = reference.floats(LAW)
    bench = Exact(LAW, TableDenoiser(table))
    found = bench.refined(plan, bench.refinement(best.tabulated(scores)))
    assert sum(step.kind == "counted" for step in plan) == 3
    assert found["kl"] == pytest.approx([reference.kullback_leibler(q, law)], abs=1e-12)
    assert found["tv"] == pytest.approx([sum(abs(q[x] - law.get(x, 0)) for x in q) / 2], abs=1e-12)
    assert found["entropy"] == pytest.approx([reference.entropy(list(law.values()))], abs=1e-12)
    many = bench.refined(standard(512), None)["tv"][0]
    assert bench.one_by_one()["tv"][0] == pytest.approx(many, abs=0.01)


def test_the_smoke_run_has_every_condition_once_and_its_claims_can_be_judged() -> None:
    config = gstar.PRESETS["smoke"]
    assert len(ran()) == 4
    for (task, seed), (table, scalars) in ran().items():
        keys = ["part", "method", "measure", "t_on", "budget", "steps"]
        assert not table.duplicated(keys).any()
        assert scalars[f"{task}/{seed}/n"] in (6, 16)
        chunks = {len(unpack(text)) for text in table.loc[table["part"] == "drafts", "values"]}
        assert chunks == {config.chunks}
        spent = table[table["budget"] > 0]
        assert (spent["evaluations"] <= spent["budget"] + 1e-9).all()
    whole = pd.concat([table for table, _ in ran().values()], ignore_index=True)
    for claim in claims.CLAIMS:
        assert judge(claim, {"gstar": record(whole)}).findings


def test_the_distance_and_the_auc_of_a_run_are_recomputed() -> None:
    part = next(p for p in gstar.parts(gstar.PRESETS["smoke"]) if p.tasks == ("small/Markov chain",))
    table, _ = ran()["small/Markov chain", part.seeds[0]]
    from synthetic import trained as trained_models

    task, denoise = trained_models.denoiser(part, Silent())
    denoise = denoiser(denoise, n=6, d=2, outputs="log-probabilities")
    proposal, law = factorised(denoise), task.world
    optimum, drafted = best.error_probabilities(law, proposal), best.drafted_law(law, proposal).law()
    from synthetic.models import trained

    model = trained(trained_models.spec(part.tasks[0], part.scale, part.seeds[0]), Silent())
    head = gstar.fitted(part, task, model, denoise)["head"]
    x = states.all_sequences(6, 2)
    wanted = sum(
        float(drafted[k]) * float((torch.sigmoid(head(x[k : k + 1])[0]) - optimum[k]).abs().mean()) for k in range(64)
    )
    row = table[(table["part"] == "predictor") & (table["method"] == "head")]
    assert float(row["values"].iloc[0]) == pytest.approx(wanted, rel=1e-5)


def record(table: pd.DataFrame) -> Record:
    return Record("gstar", {}, None, table, {}, {}, {}, {}, 0.0, "")


def rows(
    part: str, method: str, measure: str, values: list[float], t_on: float = 0.0, budget: int = 0, cost: float = 7.0
) -> pd.DataFrame:
    """Return planted rows of five seeds, two items each: the values given with a small spread."""
    spread = [[value - 0.001, value + 0.001] for value in values]
    return pd.DataFrame(
        {"task": "small/planted", "seed": range(5), "part": part, "method": method, "measure": measure, "t_on": t_on,
         "budget": budget, "steps": round(cost), "evaluations": cost, "values": [pack(each) for each in spread]}
    )  # fmt: skip


def planted(kind: str, gap: list[float]) -> pd.DataFrame:
    """Return a table in which the effect that a claim is about has the given size in each seed."""
    zero, half = [0.0] * 5, [0.5] * 5
    up, down = [0.5 + g for g in gap], [0.5 - g for g in gap]
    if kind == "distance":
        return rows("predictor", "full", "distance", [0.02 - g for g in gap])
    if kind == "shift":
        return pd.concat([rows("drafts", "full", m, v) for m, v in (("one-step", up), ("iterated", half))])
    if kind == "small":
        less = [0.48 + g for g in gap]
        found = [rows("drafts", m, "one-step", v) for m, v in (("full", half), ("head", less), ("block", less))]
    elif kind == "budget":
        found = [rows("MDLM", "one by one", "tv", half), *plain_sides()]
        found += [rows("budget", m, "tv", down, 0.3, b) for m in claims.METHODS for b in (8, 32)]
    elif kind == "window":
        found = plain_sides()
        found += [
            rows("window", m, "tv", half if on in (0.1, 1.0) else down if on == 0.5 else [0.9] * 5, on, 16)
            for m in claims.METHODS for on in (0.1, 0.3, 0.5, 1.0)
        ]  # fmt: skip
    else:
        found = [rows("steps", m, "entropy", v, 0.3) for m, v in (("Star+", gap), ("G-Star+", zero))]
    return pd.concat(found, ignore_index=True)


def plain_sides() -> list[pd.DataFrame]:
    """Return masked diffusion with 6 and 9 evaluations, whose error at 7 is one half."""
    return [rows("MDLM", "MDLM", "tv", [error] * 5, cost=cost) for cost, error in ((6.0, 0.6), (9.0, 0.3))]


EFFECTS = {
    "gstar.8.trained": "distance", "gstar.16a": "shift", "gstar.16b": "small", "gstar.16c.few": "budget",
    "gstar.16c.many": "budget", "gstar.16c.reused": "budget", "gstar.16d.random": "window",
    "gstar.16d.guided": "window", "gstar.16e": "entropy",
}  # fmt: skip


@pytest.mark.parametrize("name", BY_ID)
@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        ([0.1, 0.11, 0.12, 0.1, 0.11], "supported"),
        ([-0.1, -0.11, -0.12, -0.1, -0.11], "refuted"),
        ([0.1, -0.12, 0.1, -0.1, 0.01], "undecided"),
    ],
)
def test_verdicts_follow_planted_effects(name: str, gap: list[float], verdict: str) -> None:
    table = planted(EFFECTS[name], gap)
    assert judge(BY_ID[name], {"gstar": record(table)}).verdict == verdict


def test_a_window_is_never_chosen_on_the_seed_it_is_judged_on() -> None:
    swept = np.array([[[1.0], [1.0], [1.0]], [[0.0], [2.0], [2.0]]])
    assert claims.left_out(swept)[:, 0].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(InvalidInput, match="seeds"):
        claims.left_out(swept[:, :1])


def test_masked_diffusion_is_matched_in_evaluations() -> None:
    table = pd.concat(plain_sides())
    for cost, error in ((6.0, 0.6), (7.5, 0.45), (9.0, 0.3)):
        found = claims.matched(table, rows("budget", "Star+", "tv", [0.1] * 5, cost=cost))
        assert found.mean() == pytest.approx(error, abs=1e-12)
    with pytest.raises(InvalidInput, match="calls wanted"):
        claims.matched(table, rows("budget", "Star+", "tv", [0.1] * 5, cost=10.0))


def test_missing_and_doubled_conditions_are_named() -> None:
    table = rows("budget", "MDLM", "tv", [0.5] * 5)
    for wrong in (table[:0], pd.concat([table, table])):
        with pytest.raises(InvalidInput, match="one for each seed"):
            claims.values(wrong, method="MDLM")
