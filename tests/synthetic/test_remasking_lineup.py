"""Samplers that remask at equal evaluations: two by literal enumeration, their budgets by counting, and who wins."""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import pandas as pd
import pytest

from synthetic.experiments import remasking_lineup
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import remasking as reference_remasking

MOVES = {True: Fraction(17, 20), False: Fraction(3, 20)}
START = (Fraction(7, 10), Fraction(3, 10))


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    return remasking_lineup.run(remasking_lineup.PRESETS["smoke"], Silent())


@functools.cache
def data() -> reference.Law:
    return {
        x: START[x[0]] * math.prod(MOVES[a == b] for a, b in itertools.pairwise(x)) for x in reference.sequences(3, 2)
    }


def row(law: str, sampler: str, budget: int) -> dict[str, float]:
    table = smoke()[0]
    mine = table[(table["law"] == law) & (table["sampler"] == sampler) & (table["budget"] == budget)]
    (found,) = mine.to_dict("records")
    return found


def measures(output: reference.Law) -> tuple[float, float, float]:
    q, p = {x: float(v) for x, v in data().items()}, {x: float(output.get(x, 0)) for x in data()}
    kl = math.fsum(q[x] * math.log(q[x] / p[x]) for x in q)
    return kl, math.fsum(abs(q[x] - p[x]) for x in q) / 2, -math.fsum(v * math.log(v) for v in p.values())


def test_masked_diffusion_cap_and_loop_by_hand() -> None:
    fill = reference_remasking.independent(reference.conditionals_of(data(), 2), 2)
    even = [(Fraction(k, 8), Fraction(k + 1, 8)) for k in range(8)]
    most = [min(Fraction(1), (1 - s) / t) if t else Fraction(1) for t, s in even]
    cap = min(Fraction(1), Fraction(512, 100) / 8)
    nodes = [0, Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), *[Fraction(9, 10)] * 4, 1]
    climbing = [Fraction(2 * k, 8) for k in range(4)] + [Fraction(9, 10)] * 4 + [Fraction(1)]
    assert climbing == nodes
    loop = [(t, s, Fraction(1, 9) if t == s else Fraction(0)) for t, s in itertools.pairwise(climbing)]
    for sampler, triples in {
        "masked diffusion": [(t, s, Fraction(0)) for t, s in even],
        "ReMDM-cap": [(t, s, min(cap, top)) for (t, s), top in zip(even, most, strict=True)],
        "ReMDM-loop": loop,
    }.items():
        output = reference_remasking.output_law(fill, triples, 3, 2)
        found = row("chain of 3", sampler, 8)
        assert (found["kl"], found["tv"], found["entropy"]) == pytest.approx(measures(output), abs=1e-11)


def test_star_and_conf_by_hand() -> None:
    conditional = reference.conditionals_of(data(), 2)
    fill = reference_remasking.independent(conditional, 2)
    star = reference_remasking.refined_law(fill, lambda y: [Fraction(1)] * 3, 8, 6, 3, 2)
    found = row("chain of 3", "Star+", 8)
    assert (found["kl"], found["tv"], found["entropy"]) == pytest.approx(measures(star), abs=1e-11)
    triples = [(k / 8, (k + 1) / 8, min(1.0, (7 - k) / k) if k else 1.0) for k in range(8)]
    conf = reference_remasking.confident_law(conditional, triples, 3, 2)
    found = row("chain of 3", "ReMDM-conf", 8)
    assert (found["kl"], found["tv"], found["entropy"]) == pytest.approx(measures(conf), abs=1e-11)


def test_a_predictor_s_calls_are_paid_for() -> None:
    """The window t <= .3 of 13 steps holds 3 whole steps; the last masks nothing, so that two read the predictor."""
    table = smoke()[0]
    assert (table["evaluations"] <= table["budget"]).all()
    alone = table[~table["sampler"].isin(remasking_lineup.GUIDED)]
    assert (alone["steps"] == alone["budget"]).all()
    guided = row("chain of 3", "G-Star+", 16)
    assert (guided["steps"], guided["evaluations"]) == (13, 13 + 2)
    loop = row("chain of 3", "G-Star-loop", 8)
    assert loop["steps"] == 6
    assert loop["evaluations"] == 6 + sum(k / 6 >= 0.45 and (k + 1) / 6 <= 0.95 for k in range(6))


def test_guidance_wins_under_constraints_and_loses_diversity_on_the_chain() -> None:
    table, scalars = smoke()
    kl = table[table["budget"] == 16].pivot(index="sampler", columns="law", values="kl")
    assert kl["two copied pairs"].idxmin() == "G-Star-loop"
    assert kl["chain of 3"].idxmin() == "Star+"
    entropy = table[table["law"] == "chain of 3"].set_index(["sampler", "budget"])["entropy"]
    own = scalars["chain of 3/entropy"]
    assert own == pytest.approx(-math.fsum(float(p) * math.log(p) for p in data().values()), rel=1e-12)
    for sampler in ("G-Star+", "G-Star-loop", "confidence-star"):
        assert entropy[sampler, 16] < entropy[sampler, 8] < own
    for sampler in ("ReMDM-cap", "ReMDM-conf", "ReMDM-loop"):
        assert own < entropy["masked diffusion", 16] < entropy[sampler, 16]
