"""The scores of a rule's samples under a judge, and the count of rank reversals, by plain loops over paths."""

from __future__ import annotations

import functools
import itertools
import math

import pandas as pd
import pytest
import torch

from figures import duel_samples as picture
from synthetic import small_worlds
from synthetic.experiments import duel_samples
from synthetic.experiments.duel_elbo import perturbed
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.worlds import states

WORLD = "six atoms"
CONFIG = duel_samples.Config(worlds=(WORLD,), confidences=(0.8,), draws=1)


@functools.cache
def measured() -> tuple[pd.DataFrame, dict[str, float]]:
    return duel_samples.run(CONFIG, Silent())


def threshold(sure: float) -> reference_paths.LiteralRule:
    def rule(rows: reference_paths.Rows) -> list[tuple[int, tuple[int, ...]]]:
        first = min(rows, key=lambda i: (-max(rows[i]), i))
        return [(1, tuple(i for i in rows if i == first or max(rows[i]) >= sure))]

    return rule


RULES: dict[tuple[str, float], reference_paths.LiteralRule] = {
    ("left to right", 2.0): lambda rows: [(1, tuple(sorted(rows)[:2]))],
    ("confidence", 2.0): reference_paths.top_k(2),
    ("margin", 3.0): reference_paths.top_k(3, "margin"),
    ("threshold", 0.8): threshold(0.8),
}


@pytest.mark.parametrize("kind", ["exact", "perturbed"])
@pytest.mark.parametrize("rule", RULES)
def test_scores_of_samples_by_following_every_path(kind: str, rule: tuple[str, float]) -> None:
    world = small_worlds.small(WORLD)
    table = world if kind == "exact" else perturbed(world, CONFIG.noise, torch.Generator().manual_seed(0))
    rows = table(states.all_states(5, 2)).exp().tolist()

    def denoiser(z: tuple[int, ...], i: int, v: int) -> float:
        return float(rows[functools.reduce(lambda place, token: 3 * place + token, z, 0)][i][v])

    law = dict(zip(reference.sequences(5, 2), world.law().tolist(), strict=True))
    followed = list(reference_paths.paths(law, denoiser, RULES[rule], 5, 2))
    output = reference_paths.output(followed)
    judge = {x: 0.99 * p + 0.01 / 32 for x, p in law.items()}
    expected = {
        "calls": math.fsum(path.sampler * len(path.partition) for path in followed),
        "nll": -math.fsum(p * math.log(judge[x]) for x, p in output.items()),
        "kl": math.fsum(q * math.log(q / output[x]) for x, q in law.items() if q > 0),
        "entropy": -math.fsum(p * math.log(p) for p in output.values() if p > 0),
        "missing": math.fsum(p for x, p in output.items() if law[x] == 0),
    }
    found = measured()[0].query("denoiser == @kind and family == @rule[0] and parameter == @rule[1]").iloc[0]
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    other = {x: 0.9899 * p + 0.0101 / 32 for x, p in law.items()}  # a judge whose share of the uniform law is 1 % off
    assert abs(-math.fsum(p * math.log(other[x]) for x, p in output.items()) - found["nll"]) > 1e-6


def test_generative_nll_is_the_entropy_and_the_divergence_from_the_judge() -> None:
    """With exact conditionals one token at a time the samples are the data's, for every rule."""
    table, scalars = measured()
    assert scalars[f"{WORLD}/data"] > scalars[f"{WORLD}/entropy"]
    single = table[(table["denoiser"] == "exact") & (table["parameter"] == 1)]
    assert len(single) == 3
    assert single["nll"].to_numpy() == pytest.approx(scalars[f"{WORLD}/data"], abs=1e-10)
    assert single["entropy"].to_numpy() == pytest.approx(scalars[f"{WORLD}/entropy"], abs=1e-10)
    assert (table["nll"] >= table["entropy"]).all()


def test_reversals_are_counted_again_one_by_one() -> None:
    table, scalars = measured()
    for kind, mine in table.groupby("denoiser"):
        seen: dict[tuple[float, ...], str] = {}
        for row in mine.itertuples():
            seen.setdefault((round(row.calls, 9), round(row.kl, 9), round(row.nll, 9)), row.family)
        pairs = turned = 0
        for (one, family), (two, other) in itertools.combinations(seen.items(), 2):
            if (
                family != other
                and abs(one[0] - two[0]) <= CONFIG.near
                and abs(one[1] - two[1]) > 1e-6 < abs(one[2] - two[2])
            ):
                pairs += 1
                turned += (one[1] < two[1]) != (one[2] < two[2])
        assert (scalars[f"{WORLD}/{kind}/pairs"], scalars[f"{WORLD}/{kind}/reversed"]) == (pairs, turned)


def test_a_planted_pair_is_ranked_oppositely_and_its_copy_is_not_counted() -> None:
    rows = [("left to right", 2.0, 0.3, 1.9), ("confidence", 2.05, 0.4, 1.8), ("margin", 2.05, 0.4, 1.8)]
    rows += [("threshold", 2.2, 0.5, 1.7)]  # further than 0.1 calls from all
    table = pd.DataFrame(rows, columns=["family", "calls", "kl", "nll"])
    assert duel_samples.comparisons(table, 0.1) == (1, 1)
    assert duel_samples.comparisons(table.assign(nll=table["kl"]), 0.1) == (1, 0)
    assert duel_samples.comparisons(table, 0.3) == (3, 3)


def test_the_caption_adds_the_counts_of_all_worlds() -> None:
    counts = pd.DataFrame({"part": "pairs", "denoiser": ["perturbed", "exact"] * 2, "pairs": [5, 2, 6, 3],
                           "reversed": [2, 0, 4, 1]})  # fmt: skip
    curve = pd.DataFrame({"part": "curve", "world": ["one", "two"], "nll": [1.0, 2.0], "data_nll": [1.5, 1.5]})
    said = picture.findings(pd.concat((curve, counts), ignore_index=True))
    assert "6 of 11 pairs with perturbed and 1 of 5 pairs with exact" in said
    assert "In 1 of 2 cases" in said
    assert "on 1 of 2 worlds" in said
