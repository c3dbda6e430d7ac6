"""The experiments on the schedules of Theorem 9 and on lower bounds, by literal recursions, partitions and counts."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
from fractions import Fraction

import pandas as pd
import pytest

from synthetic import worlds as shared
from synthetic.experiments import registry
from synthetic.progress import Silent
from theory.reference import laws as reference
from theory.reference import samplers as reference_samplers


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float]]:
    module = importlib.import_module(registry()[name])
    found: tuple[pd.DataFrame, dict[str, float]] = module.run(module.PRESETS["smoke"], Silent())
    return found


def printed_sizes(n: int, zeta: int) -> list[int]:
    """Return the TC version as printed: N -> floor(N + (n - N) / zeta) while that moves, then unit steps."""
    nodes = [0]
    while nodes[-1] < n:
        nodes.append(nodes[-1] + max(1, math.floor(Fraction(n - nodes[-1], zeta))))
    return [b - a for a, b in itertools.pairwise(nodes)]


@pytest.mark.parametrize("world", ["Markov chain", "repetition"])
def test_errors_are_those_of_all_partitions_into_the_printed_blocks(world: str) -> None:
    table = smoke("constructions")[0].query("world == @world and zeta > 0")
    law = shared.world(world)
    exact = reference.exact(law)
    denoiser = reference.conditionals_of(exact, law.d)
    for row in table.itertuples():
        sizes = printed_sizes(law.n, row.zeta) if row.zeta < law.n else [1] * law.n
        blocks = sizes if row.method == "from TC" else sizes[::-1]
        assert row.steps == len(blocks)
        error = reference_samplers.fixed_size_error(exact, denoiser, blocks, law.n, law.d)
        assert row.error == pytest.approx(error, abs=1e-12)
        if row.error > 1e-9:
            assert row.error != pytest.approx(1.01 * error, abs=1e-12)


def test_no_construction_beats_the_optimum_and_all_keep_their_guarantee() -> None:
    table = smoke("constructions")[0]
    best = table[table["zeta"] == 0].set_index(["world", "steps"])["error"]
    for row in table[table["zeta"] > 0].itertuples():
        assert row.error <= row.guarantee + 1e-12
        assert row.steps <= 2 + row.zeta * (1 + math.log(row.n))
        if (row.world, row.steps) in best.index:
            assert best[row.world, row.steps] <= row.error + 1e-12


@pytest.mark.parametrize("n", [16, 64])
def test_the_harmonic_optimum_is_that_of_the_plain_programme_in_fractions(n: int) -> None:
    z = [Fraction(1, n + 1 - j) - Fraction(1, n) for j in range(1, n + 1)]
    total = sum(z)
    sums = [Fraction(0), *itertools.accumulate(z)]

    def area(a: int, b: int) -> Fraction:
        return sums[b] - sums[a] - (b - a) * z[a]

    table, scalars = smoke("lower_bounds")
    values = table.query("part == 'harmonic' and n == @n").set_index("steps")["value"]
    least = {b: area(0, b) for b in range(1, n + 1)}
    for steps in range(1, 7):
        expected = float(steps * least[n] / total) / math.log(n)
        assert values[steps] == pytest.approx(expected, rel=1e-10)
        assert values[steps] != pytest.approx(1.01 * expected, rel=1e-10)
        least = {b: min(least[a] + area(a, b) for a in range(steps, b)) for b in range(steps + 1, n + 1)}
    assert scalars[f"{n}/TC"] == pytest.approx(float(total), rel=1e-12)


def test_codes_lie_over_the_least_prime_and_above_the_bound() -> None:
    table, scalars = smoke("lower_bounds")
    assert (scalars["8/symbols"], scalars["16/symbols"]) == (11.0, 17.0)
    codes = table[table["part"] == "codes"]
    assert (codes["value"] >= codes["limit"]).all()
    for row in codes[codes["n"] == 8].itertuples():
        nodes = [k * 7 // row.steps for k in range(1, row.steps + 1)]
        gaps = [b - a for a, b in itertools.pairwise([0, *nodes])]
        noticed = sum((Fraction(1, 11**i) for gap in gaps for i in range(gap)), Fraction(0))
        assert row.value == pytest.approx(float(1 - noticed / 7), abs=1e-14)
