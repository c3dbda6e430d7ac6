"""The reasoning world and what rules do on it, from fractions and the literal procedures."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest
import torch

from synthetic.experiments import infogain_answer
from synthetic.progress import Silent
from theory.reference import info_gain as literal
from theory.reference import laws as reference
from theory.reference import paths as reference_paths
from theory.reference.laws import State

CONFIG = infogain_answer.Config(reasoning=2, stay=0.7, blind=(0.0, 0.4), candidates=3)
N, D = 3, 3
STAY = Fraction(7, 10)


@functools.cache
def law() -> dict[State, Fraction]:
    """Return the world: two symbols, kept with probability 7/10, and whether their sum is divisible by three."""
    found: dict[State, Fraction] = {}
    for a, b, answer in reference.sequences(N, D):
        chance = Fraction(1, 3) * (STAY if a == b else (1 - STAY) / 2)
        found[a, b, answer] = chance if answer == (1 if (a + b) % 3 == 0 else 0) else Fraction(0)
    return found


def denoiser(blind: Fraction) -> Callable[[State, int, int], Any]:
    exact = reference.conditionals_of(law(), D)

    @functools.cache
    def answer(z: State, i: int, v: int) -> Any:
        if i == N - 1:
            return exact(z, i, v)
        return (1 - blind) * exact(z, i, v) + blind * exact((*z[:-1], D), i, v)

    return answer


@functools.cache
def measured() -> pd.DataFrame:
    return infogain_answer.run(CONFIG, Silent())[0]


def rows(blind: float, rule: str) -> pd.DataFrame:
    table = measured()
    return table[(table["blind"] == blind) & (table["rule"] == rule)].sort_values("place")


def distance(output: dict[State, Any]) -> float:
    return math.fsum(abs(float(output.get(x, 0)) - float(q)) for x, q in law().items()) / 2


def right(output: dict[State, Any]) -> float:
    return math.fsum(float(p) for x, p in output.items() if x[2] == (1 if (x[0] + x[1]) % 3 == 0 else 0))


def test_the_world_is_the_law_written_in_fractions() -> None:
    world = infogain_answer.reasoned(CONFIG)
    assert world.law().tolist() == pytest.approx([float(law()[x]) for x in reference.sequences(N, D)], abs=1e-15)
    assert sum(law().values()) == 1


@pytest.mark.parametrize("blind", [Fraction(0), Fraction(2, 5)])
@pytest.mark.parametrize("rule", ["left to right", "entropy", "random"])
def test_orders_by_following_every_path(blind: Fraction, rule: str) -> None:
    rules: dict[str, reference_paths.LiteralRule] = {
        "left to right": lambda hidden: [(1, (min(hidden),))],
        "entropy": reference_paths.top_k(1, "entropy"),
        "random": reference_paths.random_one,
    }
    followed = [p for p in reference_paths.paths(law(), denoiser(blind), rules[rule], N, D) if p.sampler > 0]
    output = reference_paths.output(followed)
    found = rows(float(blind), rule)
    assert found["accuracy"].iloc[0] == pytest.approx(right(output), abs=1e-12)
    assert found["tv"].iloc[0] == pytest.approx(distance(output), abs=1e-12)
    places = [math.fsum(float(p.sampler) for p in followed if p.partition.index((N - 1,)) == k) for k in range(N)]
    assert found["share"].to_list() == pytest.approx(places, abs=1e-12)
    if rule == "entropy" and blind:  # a share of blindness that is one percent larger is noticed
        other = reference_paths.paths(law(), denoiser(blind * Fraction(101, 100)), rules[rule], N, D)
        assert abs(right(reference_paths.output(list(other))) - found["accuracy"].iloc[0]) > 1e-4


@pytest.mark.parametrize("form", infogain_answer.FORMS)
def test_info_gain_by_listing_all_draws_of_candidates(form: str) -> None:
    model = denoiser(Fraction(2, 5))

    def step(z: State) -> literal.Law:
        return literal.sampled_step(model, z, D, form, 3, 0.1, 1.0, greedy=True)

    output, calls = literal.run(step, N, D)
    assert calls == pytest.approx(N)
    found = rows(0.4, f"Info-Gain, {form}")
    assert found["accuracy"].iloc[0] == pytest.approx(right(output), abs=1e-9)
    assert found["tv"].iloc[0] == pytest.approx(distance(output), abs=1e-9)
    entropy = -math.fsum(p * math.log(p) for p in output.values() if p > 0)
    assert found["entropy"].iloc[0] == pytest.approx(entropy, abs=1e-9)
    first = math.fsum(p for z, p in step((D,) * N).items() if z[N - 1] != D)
    assert found["share"].iloc[0] == pytest.approx(first, abs=1e-9)


def test_an_exact_denoiser_is_right_in_any_order_and_its_entropies_sum_to_the_data_s() -> None:
    table = measured()
    orders = table[(table["family"] == "order") & (table["blind"] == 0)]
    entropy = -math.fsum(float(p) * math.log(p) for p in law().values() if p > 0)
    for column, value in (("accuracy", 1.0), ("tv", 0.0), ("cumulative", entropy), ("entropy", entropy)):
        assert orders[column].to_numpy() == pytest.approx(value, abs=1e-12)
    assert table.groupby(["blind", "rule"])["share"].sum().to_numpy() == pytest.approx(1.0, abs=1e-12)


def test_the_half_blind_denoiser_is_exact_where_no_answer_is_there() -> None:
    world = infogain_answer.reasoned(CONFIG)
    table = infogain_answer.half_blind(world, 0.4)
    z = torch.tensor([[D, D, D], [1, D, D], [D, D, 1], [1, 2, D]])
    mine, exact = table(z).exp(), world.conditionals(z)
    assert torch.allclose(mine[[0, 1, 3]], exact[[0, 1, 3]], atol=1e-14)
    expected = [0.6 * float(exact[2, 0, v]) + 0.4 / 3 for v in range(D)]
    assert mine[2, 0].tolist() == pytest.approx(expected, abs=1e-14)
