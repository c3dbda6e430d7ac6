"""What Info-Gain's parameters cost, by the literal sampler of the pseudocode, step by step."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import pandas as pd
import pytest

from synthetic.experiments import infogain_costs
from synthetic.progress import Silent
from theory.reference import info_gain as literal
from theory.reference import laws as reference
from theory.reference.laws import State

CONFIG = infogain_costs.Config(
    reasoning=2, candidates=(1, 3), temperatures=(0.3,), bypasses=(0.6, 0.75, infogain_costs.OFF), count=3
)
N, D, BLIND = 3, 3, Fraction(4, 5)


@functools.cache
def measured() -> pd.DataFrame:
    return infogain_costs.run(CONFIG, Silent())[0]


def world() -> dict[State, Fraction]:
    return {
        (a, b, answer): Fraction(7 if a == b else Fraction(3, 2), 30)
        if answer == int((a + b) % 3 == 0)
        else Fraction(0)
        for a, b, answer in reference.sequences(N, D)
    }


@functools.cache
def denoiser(z: State, i: int, v: int) -> Any:
    exact = conditionals()(z, i, v)
    return exact if i == N - 1 else (1 - BLIND) * exact + BLIND * conditionals()((*z[:-1], D), i, v)


@functools.cache
def conditionals() -> reference.Conditional:
    return reference.conditionals_of(world(), D)


PARTS: list[tuple[str, float, int, float, float | None]] = [
    ("N", 1, 1, 0.1, None),
    ("N", 3, 3, 0.1, None),
    ("tau", 0.3, 3, 0.3, None),
]
PARTS += [("gamma", 0.6, 3, 0.1, 0.6), ("gamma", 0.75, 3, 0.1, 0.75)]


@pytest.mark.parametrize(("parameter", "value", "count", "tau", "level"), PARTS)
def test_a_run_by_the_pseudocode(parameter: str, value: float, count: int, tau: float, level: float | None) -> None:
    now: dict[State, float] = {(D,) * N: 1.0}
    output: dict[State, float] = {}
    evaluated, skipped, cumulative = 1.0, 0.0, 0.0
    while now:
        after: dict[State, float] = {}
        for z, mass in now.items():
            sure = literal.bypassed(denoiser, z, D, 1, level)
            skipped += mass if sure is not None else 0.0
            if z.count(D) > 1:
                evaluated += mass * (1 if sure is not None else count)
            for x, p in literal.sampled_step(denoiser, z, D, "mean", count, tau, 1.0, greedy=True, level=level).items():
                if p == 0:
                    continue
                (i,) = (i for i in range(N) if z[i] == D != x[i])
                cumulative += mass * p * reference.entropy([denoiser(z, i, v) for v in range(D)])
                into = after if D in x else output
                into[x] = into.get(x, 0.0) + mass * p
        now = after
    table = measured()
    found = table[(table["parameter"] == parameter) & (table["value"] == value)].iloc[0]
    expected = {
        "accuracy": math.fsum(p for x, p in output.items() if x[2] == int((x[0] + x[1]) % 3 == 0)),
        "cumulative": cumulative,
        "entropy": -math.fsum(p * math.log(p) for p in output.values() if p > 0),
        "tv": math.fsum(abs(output.get(x, 0.0) - float(q)) for x, q in world().items()) / 2,
        "evaluated": evaluated,
        "bypassed": skipped,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert abs(1.01 * evaluated - found["evaluated"]) > 1e-3


def test_one_greedy_candidate_draws_a_single_sequence_and_the_bypass_that_nothing_reaches_is_none() -> None:
    table = measured().set_index(["parameter", "value"])
    assert table.loc[("N", 1), "entropy"] == pytest.approx(0.0, abs=1e-12)
    assert table.loc[("gamma", infogain_costs.OFF), "bypassed"] == 0.0
    assert table.loc[("gamma", infogain_costs.OFF), "tv"] == table.loc[("N", 3), "tv"]
    assert table["default"].tolist() == [False, True, False, False, False, True]
