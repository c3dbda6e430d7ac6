"""PUNT, Info-Gain and speculation on trained models: tables by literal routes, and judges on planted tables."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic import trained as trained_models
from synthetic.claims import info_gain, punt, speculative
from synthetic.claims.base import Empirical, Judgement, judge
from synthetic.experiments import _drawn, registry, trained_infogain, trained_punt, trained_speculative
from synthetic.itemised import pack, unpack
from synthetic.progress import Silent
from synthetic.tasks import task
from theory import worlds
from theory.errors import InvalidInput
from theory.unmasking.likelihood import log_likelihood
from theory.unmasking.rules.actions import winning
from theory.unmasking.rules.info_gain import SampledInfoGain
from theory.unmasking.rules.punt import Punt, influence
from theory.unmasking.rules.sets import EntropyBounded, TopK
from theory.unmasking.walks import walk
from theory.worlds import states
from theory.worlds.tree import sticky_chain

JUDGED = {"trained_punt": punt, "trained_infogain": info_gain, "trained_speculative": speculative}


@pytest.fixture(autouse=True, scope="module")
def _models(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNMASKED_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@functools.cache
def smoke(name: str) -> SimpleNamespace:
    module = importlib.import_module(registry()[name])
    found = [module.run(part, Silent()) for part in module.parts(module.PRESETS["smoke"])]
    scalars = {key: value for _, part in found for key, value in part.items()}
    return SimpleNamespace(table=pd.concat([table for table, _ in found], ignore_index=True), scalars=scalars)


@pytest.mark.parametrize("name", JUDGED)
def test_smoke_records_are_judged_and_small(name: str) -> None:
    record = smoke(name)
    assert 10 < len(record.table) < 500
    judged = [judge(claim, {name: record}) for claim in JUDGED[name].CLAIMS]
    assert all(np.isfinite(finding.estimate.mean) for each in judged for finding in each.findings)


def test_punt_in_order_knows_its_own_law() -> None:
    world, rule = sticky_chain(4), Punt(0.05, "confidence", "in-order")
    law = walk(rule, world).output.law()
    found = _drawn.draw(world, rule, torch.full((200, 4), 2), seed=0)
    index = (found.tokens * torch.tensor([8, 4, 2, 1])).sum(-1)
    assert torch.allclose(found.log_p, law.log()[index], atol=1e-9)


@pytest.mark.parametrize("rule", [TopK(2, "confidence"), EntropyBounded(0.4)])
def test_drawn_log_p_is_that_of_teacher_forcing(rule: Any) -> None:
    world = worlds.dirichlet(4, 3, 0.5, torch.Generator().manual_seed(0))
    found = _drawn.draw(world, rule, torch.full((64, 4), 3), seed=1)
    score = log_likelihood(rule, world, found.tokens)
    assert torch.allclose(found.log_p, score.log_likelihood, atol=1e-9)
    assert torch.equal(found.calls, score.calls)


def test_drawn_calls_and_sequences_follow_the_exact_walk() -> None:
    world, rule = sticky_chain(4), Punt(0.05, "confidence")
    exact = walk(rule, world)
    found = _drawn.draw(world, rule, torch.full((4000, 4), 2), seed=3)
    calls = found.calls.double()
    assert float(calls.mean()) == pytest.approx(exact.calls, abs=4 * float(calls.std()) / 63)
    counts = torch.bincount((found.tokens * torch.tensor([8, 4, 2, 1])).sum(-1), minlength=16)
    law = exact.output.law()
    spread = (law * (1 - law) / 4000).sqrt()
    assert bool(((counts / 4000 - law).abs() < 4.5 * spread + 1e-12).all())


def entropy_of(rows: list[tuple[int, ...]]) -> float:
    counts = [rows.count(row) for row in set(rows)]
    return -math.fsum(c / len(rows) * math.log(c / len(rows)) for c in counts)


def projected(x: list[list[int]]) -> float:
    n = len(x[0])
    pairs = math.fsum(entropy_of([tuple(r[i : i + 2]) for r in x]) for i in range(n - 1))
    return pairs - math.fsum(entropy_of([(r[i],) for r in x]) for i in range(1, n - 1))


def pooled(x: list[list[int]]) -> float:
    n, near = len(x[0]), [pair for r in x for pair in itertools.pairwise(r)]
    step = entropy_of(near) - entropy_of([(a,) for a, _ in near])
    return entropy_of([(r[0],) for r in x]) + (n - 1) * step


@pytest.mark.parametrize(("engine", "by_hand"), [("markov_entropy", projected), ("pooled_markov_entropy", pooled)])
def test_entropies_are_jackknifed_literally(engine: str, by_hand: Any) -> None:
    x = torch.randint(0, 3, (7, 5), generator=torch.Generator().manual_seed(0))
    rows = x.tolist()
    wanted = [7 * by_hand(rows) - 6 * by_hand(rows[:k] + rows[k + 1 :]) for k in range(7)]
    assert getattr(_drawn, engine)(x, 3).tolist() == pytest.approx(wanted, abs=1e-9)


def test_the_projected_divergence_is_zero_on_data_and_a_lower_bound() -> None:
    world = task("chain").world
    assert world is not None
    x = world.sample(1024, torch.Generator().manual_seed(0))
    gap = -world.log_prob(x) - _drawn.markov_entropy(x, 4)
    assert abs(float(gap.mean())) < 4 * float(gap.std()) / 32
    found = _drawn.draw(world, TopK(8, "confidence"), torch.full((512, 32), 4), seed=0)
    surprisal = -world.log_prob(found.tokens)
    path = float((found.log_p + surprisal).mean())
    for engine in (_drawn.markov_entropy, _drawn.pooled_markov_entropy):
        assert 1 < float((surprisal - engine(found.tokens, 4)).mean()) < path


def test_one_sequence_has_no_jackknife() -> None:
    with pytest.raises(InvalidInput, match="at least two"):
        _drawn.markov_entropy(torch.zeros(1, 4, dtype=torch.long), 2)
    with pytest.raises(InvalidInput, match="size divides"):
        _drawn.grouped(torch.zeros(5), 2)


def test_stability_counts_agree_with_single_states() -> None:
    config, chain = trained_punt.PRESETS["smoke"], task("small/Markov chain")
    assert chain.world is not None
    found = trained_punt.stability(config, chain, chain.world, seed=0)
    assert set(found) == set(config.eps)
    for counts in found.values():
        arrays = {name: np.array(values) for name, values in counts.items()}
        assert (arrays["failed"] <= arrays["passed"]).all()
        assert (arrays["composed"] <= arrays["tested"]).all()
        assert (arrays["failed"] + arrays["composed"] <= arrays["contested"]).all()
    parity = worlds.even_parity(3)
    start, one, two = (torch.tensor([z]) for z in ([2, 2, 2], [0, 2, 2], [0, 1, 2]))
    law = parity(start)
    moved = [influence(law, parity(z))[:, None] for z in (one, one, two)]
    counts = trained_punt._failures(moved, torch.tensor([[[False, False, True]]]), 0.1)
    assert counts == {"passed": [0], "failed": [0], "tested": [1], "composed": [1], "contested": [1]}


def test_best_of_n_is_the_least_of_independent_draws() -> None:
    world = worlds.dirichlet(3, 2, 1.0, torch.Generator().manual_seed(1))
    cost = _drawn.path_entropy(world, states.all_sequences(3, 2))
    law = walk(TopK(1, "entropy"), world).output.law()
    wins = winning(law[None], -cost[None], 2)[0]
    by_hand = torch.zeros(8, dtype=torch.float64)
    for i, j in itertools.product(range(8), repeat=2):
        by_hand[i if cost[i] <= cost[j] + 1e-12 else j] += law[i] * law[j]
    assert torch.allclose(wins, by_hand, atol=1e-9)


def test_followed_entropy_greedy_is_the_expected_cumulative_entropy() -> None:
    world = worlds.dirichlet(4, 2, 1.0, torch.Generator().manual_seed(1))
    start = torch.full((3000, 4), 2)
    tokens, surprise, steps = _drawn.follow(world, SampledInfoGain(1), start, seed=0)
    assert bool((steps == 4).all()) and int(tokens.max()) == 1
    error = float(surprise.std()) / math.sqrt(3000)
    assert float(surprise.mean()) == pytest.approx(entropy_by_table(world), abs=4 * error)


def entropy_by_table(world: Any) -> float:
    return -math.fsum(p * math.log(p) for p in world.law().tolist() if p > 0)


def test_case_chances_are_those_of_the_walk() -> None:
    rows = smoke("trained_infogain").table
    mine = rows[(rows["part"] == "case") & (rows["denoiser"] == "exact") & (rows["form"] == "sum")]
    assert unpack(mine[mine["candidates"] == 0]["first"].iloc[0]) == pytest.approx([1.0])
    greedy = rows[(rows["part"] == "case") & (rows["denoiser"] == "exact") & (rows["form"] == "")]
    assert unpack(greedy[greedy["candidates"] == 0]["product"].iloc[0]) == pytest.approx([1.0])


def test_speculative_laws_are_equal_and_the_naive_correction_is_not() -> None:
    rows = smoke("trained_speculative").table
    mine = rows[(rows["part"] == "law") & (rows["parameter"] > 1)]
    assert mine["tv"].map(float).max() < 1e-12
    assert mine["naive"].map(float).max() > 1e-3


# Planted tables: each judge must return all three verdicts.

NOISE = np.random.default_rng(0).normal(size=(3, 24))


def around(mean: float, spread: float = 0.01, turn: int = 0) -> list[list[float]]:
    """Return values with the same mean for every seed; two conditions with other turns differ item by item."""
    return (mean + spread * np.roll(NOISE - NOISE.mean(1, keepdims=True), turn, 1)).tolist()


def single(mean: float, spread: float) -> list[list[float]]:
    return [[mean - spread], [mean], [mean + spread]]


def planted(rows: list[dict[str, Any]], lists: tuple[str, ...]) -> pd.DataFrame:
    found = []
    for row in rows:
        for seed in range(3):
            values = {name: pack(row[name][seed]) if name in row else "" for name in lists}
            found.append({**{k: v for k, v in row.items() if k not in lists}, "seed": seed, **values})
    return pd.DataFrame(found)


def record(name: str, rows: list[dict[str, Any]], lists: tuple[str, ...], **scalars: float) -> dict[str, Any]:
    return {name: SimpleNamespace(table=planted(rows, lists), scalars=scalars)}


def verdict(findings: Any) -> str:
    return Judgement(Empirical("any", "", "", (), lambda records: ()), tuple(findings)).verdict


def punt_rows(gap: float, spread: float, rise: float, fail: float, delta: float, worse: float = 0.0) -> dict[str, Any]:
    """Return PUNT's KL `gap` above Top-k's, and EB's `worse` above it, at equal calls."""
    base = {"task": "chain", "denoiser": "trained", "part": "frontier"}
    rows: list[dict[str, Any]] = [
        {
            **base,
            "family": family,
            "parameter": k,
            "nfe": around(calls),
            "kl": around(kl + more, 0.0),
            "kept": around(1.0),
        }
        for family, more in (("Top-k", 0.0), ("EB", worse))
        for k, calls, kl in ((1.0, 32.0, 0.0), (4.0, 8.0, 4.0))
    ]
    for k, eps in enumerate((0.1, 0.3)):
        values = around(2.0 + gap, spread)
        rows.append({**base, "family": "PUNT", "parameter": eps, "nfe": around(20.0, 0.0), "kl": values,
                     "kept": around(2.0 + k * rise, spread, k)})  # fmt: skip
        rows.append({**base, "part": "delta", "family": "PUNT", "parameter": eps, "nfe": around(20.0),
                     "delta": around(eps * delta, spread / 10)})  # fmt: skip
        counts = {"passed": around(100.0), "failed": around(100 * fail, 100 * spread)}
        rows.append({**base, "part": "stability", "family": "PUNT", "parameter": eps, **counts})
    return record("trained_punt", rows, trained_punt.LISTS)


@pytest.mark.parametrize(
    ("size", "wanted"), [(-0.5, "supported"), (0.5, "refuted"), (0.0, "undecided")],
)  # fmt: skip
def test_punt_judges_give_every_verdict(size: float, wanted: str) -> None:
    spread = 1.0 if size == 0 else 0.01
    records = punt_rows(size, spread, -size, 0.2 + 0.2 * size, 1 + size)
    for judged in (punt.rising, punt.mean_delta):
        assert verdict(judged(records)) == wanted
    for rivals in (("Top-k",), ("EB",), ("Top-k", "EB")):
        assert verdict(punt.frontier(records, "trained", rivals)) == wanted
    assert verdict(punt.failures(records, "passed", "failed")) == wanted


def test_punt_between_its_rivals_is_judged_by_their_mean() -> None:
    records = punt_rows(0.4, 0.01, 0.5, 0.1, 0.5, worse=1.0)
    assert verdict(punt.frontier(records, "trained", ("Top-k",))) == "refuted"
    assert verdict(punt.frontier(records, "trained", ("EB",))) == "supported"
    (mean,) = punt.frontier(records, "trained", ("Top-k", "EB"))
    assert mean.supported and abs(mean.estimate.mean + 0.1) < 0.02


def text_rows(gain: float, spread: float) -> dict[str, Any]:
    base = {"task": "text", "denoiser": "trained", "part": "frontier"}
    rows = [
        {**base, "family": family, "parameter": k, "nfe": around(calls, 0.0), "quality": around(0.5, 0.0)}
        for family in ("Top-k", "EB")
        for k, calls in ((1.0, 64.0), (16.0, 4.0))
    ]
    quality = around(0.5 + gain, spread)
    rows.append({**base, "family": "PUNT", "parameter": 0.1, "nfe": around(20.0, 0.0), "quality": quality})
    return record("trained_punt", rows, trained_punt.LISTS)


@pytest.mark.parametrize(
    ("gain", "spread", "wanted"), [(0.1, 0.01, "supported"), (-0.1, 0.01, "refuted"), (0.0, 0.3, "undecided")]
)
def test_better_samples_gives_every_verdict(gain: float, spread: float, wanted: str) -> None:
    assert verdict(punt.better_samples(text_rows(gain, spread))) == wanted


def small_calls(calls: float, spread: float) -> dict[str, Any]:
    base = {"task": "small/x", "denoiser": "trained", "part": "frontier"}
    rows = [
        {**base, "family": "PUNT", "parameter": 0.1, "nfe": single(calls, spread)},
        {**base, "family": "Top-k", "parameter": 1.0, "nfe": [[6.0]] * 3},
    ]
    return record("trained_punt", rows, trained_punt.LISTS)


@pytest.mark.parametrize(
    ("calls", "spread", "wanted"), [(8.0, 0.01, "supported"), (5.0, 0.01, "refuted"), (6.0, 1.0, "undecided")]
)
def test_break_even_gives_every_verdict(calls: float, spread: float, wanted: str) -> None:
    assert verdict(punt.break_even(small_calls(calls, spread))) == wanted


def info_rows(gap: float, spread: float, slope: float) -> dict[str, Any]:
    fixed = {"task": "chain", "denoiser": "trained"}
    greedy = {"rule": "entropy-greedy", "form": "", "candidates": 1, "size": 1}
    rows: list[dict[str, Any]] = []
    forms = [{"rule": "Info-Gain", "form": form, "candidates": 0, "size": 1} for form in trained_infogain.FORMS]
    for turn, rule in enumerate((greedy, *forms)):
        level = {"": 0.0, "mean": gap}.get(str(rule["form"]), 2 * gap)
        cost = around(5 + level, spread, turn)
        likely = (5 + slope * NOISE + (0.0 if slope else 1.0) * NOISE[::-1, ::-1]).tolist()
        varied = (5 + level + spread * NOISE).tolist() if slope else cost
        rows.append({**fixed, **rule, "part": "argmax", "surprise": varied, "quality": likely})
    for rule in (greedy, {"rule": "Best-of-N", "form": "", "candidates": 8, "size": 1}):
        same = dict.fromkeys(("surprise", "quality", "entropy"), around(5))
        rows.append({**fixed, **rule, "part": "drawn", **same})
    for count, size in ((1, 1), (8, 1), (4, 4)):
        level = 0.0 if count == 1 else gap
        rows.append({**fixed, "part": "drawn", "rule": "Info-Gain", "form": "mean", "candidates": count, "size": size,
                     "surprise": around(5 + level, spread, count), "quality": around(5 + level, spread, count),
                     "entropy": around(5.0, 0.0)})  # fmt: skip
    chance = single(0.5 - gap / 2, spread / 4)
    for rule, form, count in (("Info-Gain", "mean", 8), ("entropy-greedy", "", 1)):
        chances = dict.fromkeys(("first", "factors", "product"), chance)
        case = {"task": trained_infogain.CASE, "part": "case", "rule": rule, "form": form}
        rows.append({**fixed, **case, "candidates": count, "size": 1, **chances})
    return record("trained_infogain", rows, trained_infogain.LISTS)


@pytest.mark.parametrize(("gap", "wanted"), [(-0.4, "supported"), (0.4, "refuted"), (0.0, "undecided")])
def test_info_gain_judges_give_every_verdict(gap: float, wanted: str) -> None:
    records = info_rows(gap, 1.0 if gap == 0 else 0.01, 0.0)
    for claim in info_gain.CLAIMS:
        if claim.id != "infogain.12.trained":
            assert verdict(claim.judge(records)) == wanted, claim.id


@pytest.mark.parametrize(("slope", "wanted"), [(1.0, "supported"), (-1.0, "refuted")])
def test_correlations_give_both_verdicts(slope: float, wanted: str) -> None:
    assert verdict(info_gain.correlated(info_rows(0.0, 1.0, slope))) == wanted
    x = np.random.default_rng(1).normal(size=(2, 3, 40))
    found = info_gain.correlation(x[0], x[1]).mean()
    assert found == pytest.approx(np.corrcoef(x[0].ravel(), x[1].ravel())[0, 1], abs=1e-12)


def speculative_rows(
    gap: float, spread: float, tv: float = 0.0, slack: float = 0.0, one: float = 0.0
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for side, order in itertools.product(("trained", "exact"), trained_speculative.orders(4, 0)):
        base = {"task": "chain", "denoiser": side, "order": order}
        for window in (1, 8):
            calls = around(32.0, 0.0) if window == 1 else around(32.0 + 8 * gap, 8 * spread)
            kl = around(2.0 + one, 0.0) if window == 1 else around(2.0 + gap, spread)
            rows.append({**base, "part": "window", "parameter": window, "calls": calls, "kl": kl,
                         "rounds": around(32 / window + 2 + slack, 0.0), "rejections": around(2.0, 0.0),
                         "mismatches": around(1.0 - gap, spread)})  # fmt: skip
        rows.append({**base, "task": "small/x", "part": "law", "parameter": 2, "tv": [[tv]] * 3})
        for k, calls in ((1, 80.0), (64, 1.0)):
            top = {**base, "part": "parallel", "parameter": k, "calls": around(calls, 0.0), "kl": around(2.0, 0.0)}
            if order == "confidence":
                rows.append({**top, "rounds": around(calls, 0.0)})
    scalars = {f"chain/{seed}/tokens": 32.0 for seed in range(3)}
    return record("trained_speculative", rows, trained_speculative.LISTS, **scalars)


@pytest.mark.parametrize(("gap", "wanted"), [(-0.5, "supported"), (0.5, "refuted"), (0.0, "undecided")])
def test_speculative_judges_give_every_verdict(gap: float, wanted: str) -> None:
    records = speculative_rows(gap, 0.5 if gap == 0 else 0.01, one=gap)
    for letter in ("T3a", "T3b", "T3c", "T4", "T6", "T7"):
        claim = next(c for c in speculative.CLAIMS if c.id == f"speculative.{letter}")
        assert verdict(claim.judge(records)) == wanted, claim.id


@pytest.mark.parametrize(
    ("gap", "spread", "wanted"), [(0.0, 0.01, "supported"), (2.0, 0.01, "refuted"), (0.6, 2.0, "undecided")]
)
def test_equal_quality_gives_every_verdict(gap: float, spread: float, wanted: str) -> None:
    assert verdict(speculative.as_good(speculative_rows(gap, spread))) == wanted


def test_exact_statements_can_fail() -> None:
    assert verdict(speculative.same_law(speculative_rows(0.0, 0.1))) == "supported"
    assert verdict(speculative.same_law(speculative_rows(0.0, 0.1, tv=1e-6))) == "refuted"
    assert verdict(speculative.bounded(speculative_rows(0.0, 0.1))) == "supported"
    assert verdict(speculative.bounded(speculative_rows(0.0, 0.1, slack=1.0))) == "refuted"


def test_models_are_those_of_the_table() -> None:
    for module in (trained_punt, trained_infogain, trained_speculative):
        config = module.PRESETS["laptop"]
        assert set(module.models(config)) == {
            trained_models.spec(t, "laptop", s) for t in config.tasks for s in trained_models.seeds_of(config, t)
        }


def test_walked_small_tasks_are_the_walk() -> None:
    config, chain = trained_punt.PRESETS["smoke"], task("small/Markov chain")
    assert chain.world is not None
    rows = {(row["family"], row["parameter"]): row for row in trained_punt.walked(config, chain, chain.world)}
    rule = Punt(config.eps[0], "confidence")
    found = walk(rule, chain.world)
    mine = rows["PUNT", config.eps[0]]
    assert mine["nfe"] == pytest.approx([found.calls])
    x = states.all_sequences(chain.n, chain.d)
    expected = -float(found.output.law() @ chain.world.log_prob(x))
    assert mine["quality"] == pytest.approx([expected], abs=1e-9)
