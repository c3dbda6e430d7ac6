"""The best rules by dynamic programming against every rule there is on tiny worlds; the hull; mixtures; bad input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from tests.denoisers import Raw
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.unmasking import likelihood, walks
from theory.unmasking.best_rules import (
    Optimum,
    TabulatedRule,
    best_fixed_order,
    best_mixture,
    best_rule,
    expected_log_likelihood,
    frontier,
    tabulate,
)  # fmt: skip
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import TableWorld, copied_pairs, even_parity, information, repetition, states
from theory.worlds.tree import sticky_chain

N, D = 3, 2


def inconsistent(seed: int, n: int = N, d: int = D) -> tuple[TableWorld, TableDenoiser]:
    """Return a random world and an unrelated random denoiser."""
    generator = torch.Generator().manual_seed(seed)
    law = torch.rand(d**n, generator=generator, dtype=torch.float64)
    table = torch.randn((d + 1) ** n, n, d, generator=generator, dtype=torch.float64).log_softmax(-1)
    return TableWorld(law / law.sum(), n, d), TableDenoiser(table)


def every_rule(largest: int) -> Iterator[TabulatedRule]:
    """Yield every deterministic rule that reveals at most `largest` of three bits a step."""
    z = states.all_states(N, D)
    options = []
    for row in (z == D).tolist():
        hidden = [i for i in range(N) if row[i]]
        sizes = range(1, min(largest, len(hidden)) + 1)
        options.append([s for k in sizes for s in itertools.combinations(hidden, k)] or [()])
    for chosen in itertools.product(*options):
        sets = torch.zeros(len(z), N, dtype=torch.bool)
        for row, block in enumerate(chosen):
            sets[row, list(block)] = True
        yield TabulatedRule("one of all", sets, D)


@pytest.mark.parametrize("seed", range(3))
def test_singleton_optimum_against_all_192_rules(seed: int) -> None:
    world, denoiser = inconsistent(seed)
    x, law = states.all_sequences(N, D), world.law()
    scores = [float(law @ likelihood.log_likelihood(r, denoiser, x).log_likelihood) for r in every_rule(1)]
    assert len(scores) == 192
    found = best_rule(world, denoiser=denoiser, largest=1)
    assert expected_log_likelihood(found, world) == pytest.approx(max(scores), abs=1e-13)
    assert float(law @ likelihood.log_likelihood(found.rule, denoiser, x).log_likelihood) == pytest.approx(
        max(scores), abs=1e-13
    )
    assert found.calls == pytest.approx(3)


@pytest.mark.parametrize("exact", [True, False])
def test_set_optimum_and_hull_against_all_5103_rules(exact: bool) -> None:
    world, denoiser = inconsistent(7)
    denoiser = world if exact else denoiser
    points, law = [], world.law()
    x, entropy = states.all_sequences(N, D), float(information.entropy(law))
    for rule in every_rule(N):
        score = likelihood.log_likelihood(rule, denoiser, x)
        points.append((float(law @ score.calls.double()), -entropy - float(law @ score.log_likelihood)))
    calls, divergence = np.array(points).T
    assert len(points) == 7 * 3**6
    for price in (0.0, 0.01, 0.05, 0.1, 0.3, 2.0):
        found = best_rule(world, price, denoiser)
        assert found.cost == pytest.approx((divergence + price * calls).min(), abs=1e-12)
    hull = frontier(world, denoiser=denoiser)
    for vertex in hull:
        assert np.hypot(calls - vertex.calls, divergence - vertex.divergence).min() < 1e-12
    assert (divergence - on_hull(hull, calls)).min() > -1e-10


def on_hull(hull: list[Optimum], calls: object) -> np.ndarray:
    """Return the hull's divergence at any E[NFE], flat beyond its end."""
    return np.interp(np.asarray(calls), [v.calls for v in hull], [v.divergence for v in hull])


WORLDS = {
    "copied pairs": copied_pairs(2),
    "parity": even_parity(4),
    "repetition": repetition(4),
    "chain": sticky_chain(5),
    "random": None,
}


@pytest.mark.parametrize("name", WORLDS)
def test_hull_is_convex_and_below_every_implemented_rule(name: str) -> None:
    world = WORLDS[name] or inconsistent(3, 4, 2)[0]
    hull = frontier(world)
    calls, divergence = np.array([(v.calls, v.divergence) for v in hull]).T
    assert (np.diff(calls) > 0).all() and (np.diff(divergence) < 0).all()
    assert (np.diff(np.diff(divergence) / np.diff(calls)) > 0).all()
    assert divergence[-1] == pytest.approx(0, abs=1e-12)
    total = world.total_correlation()
    assert (calls[0], divergence[0]) == (1.0, pytest.approx(total, abs=1e-12)) or len(hull) == 1
    rules = [LeftToRight(2), Dilated(2), RandomOne(), Threshold(0.3)]
    rules += [TopK(k, by) for k in (1, 2, 3) for by in ("confidence", "entropy", "margin")]
    rules += [EntropyBounded(b, by) for b in (0.0, 0.1, 0.4, 1.0) for by in ("confidence", "entropy", "margin")]
    for rule in rules:
        done = walks.walk(rule, world)
        assert done.path_divergence >= on_hull(hull, done.calls_of_data) - 1e-9, rule.name
    for vertex in hull:
        done = walks.walk(vertex.rule, world)
        assert done.calls_of_data == pytest.approx(vertex.calls, abs=1e-12)
        assert float(done.path_divergence) == pytest.approx(vertex.divergence, abs=1e-12)
        assert float(done.divergence) == pytest.approx(vertex.divergence, abs=1e-12)


def test_known_optima() -> None:
    """Copied pairs: one of each pair, then the rest. Repetition: one, then all. Independent bits: all at once."""
    pairs = best_rule(copied_pairs(2))
    assert (pairs.calls, pairs.divergence) == (pytest.approx(2), pytest.approx(0, abs=1e-15))
    assert pairs.rule.sets[-1].tolist() == [True, False, True, False]
    assert best_rule(repetition(4)).calls == pytest.approx(2)
    assert best_rule(TableWorld.from_weights([1] * 16, 4, 2)).calls == pytest.approx(1)
    assert len(frontier(TableWorld.from_weights([1] * 16, 4, 2))) == 1


def test_prices_and_vertices_agree() -> None:
    world, _ = inconsistent(5, 4, 2)
    hull = frontier(world)
    some = frontier(world, prices=[0.0, 0.01, 0.02, 0.05, 0.1, 0.5])
    for vertex in some:
        assert vertex.divergence == pytest.approx(float(on_hull(hull, vertex.calls)), abs=1e-12)


def test_where_a_price_is_paid_the_optimum_is_monotone() -> None:
    world, denoiser = inconsistent(5, 4, 2)
    found = [best_rule(world, price, denoiser) for price in np.linspace(0, 0.5, 12)]
    assert (np.diff([o.calls for o in found]) <= 1e-12).all()
    assert (np.diff([o.divergence for o in found]) >= -1e-12).all()


def test_best_mixture_is_certified_and_beats_determinism() -> None:
    for seed in range(4):
        world, denoiser = inconsistent(seed, 4, 2)
        terms, law = likelihood.order_terms(denoiser, states.all_sequences(4, 2)), world.law()
        found = best_mixture(terms, world, 1e-6)
        value = expected_log_likelihood(best_rule(world, denoiser=denoiser, largest=1), world)
        fixed, order = best_fixed_order(terms, world)
        assert fixed == pytest.approx(float(law @ likelihood.along(terms, torch.tensor(order))), abs=1e-13)
        assert found.gap <= 1e-6 and float(found.weights.sum()) == pytest.approx(1)
        assert found.value > value >= fixed - 1e-12
        assert found.value >= float(law @ likelihood.log_uniform(terms)) - found.gap


def test_best_mixture_agrees_with_a_convex_programme() -> None:
    from scipy import optimize

    world, denoiser = inconsistent(2)
    terms, law = likelihood.order_terms(denoiser, states.all_sequences(N, D)), world.law()
    chances = torch.stack([likelihood.along(terms, torch.tensor(o)) for o in itertools.permutations(range(N))]).exp()
    solved = optimize.minimize(
        lambda w: -float(law @ (torch.from_numpy(w) @ chances).log()), np.full(6, 1 / 6), method="SLSQP",
        bounds=[(0, 1)] * 6, constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}], options={"ftol": 1e-14},
    )  # fmt: skip
    found = best_mixture(terms, world, 1e-7)
    assert found.value == pytest.approx(-solved.fun, abs=2e-7)


def test_states_without_mass_reveal_everything() -> None:
    world = TableWorld.from_weights([1, 0, 0, 0, 0, 0, 0, 0], 3, 2)
    impossible = int(states.index_of(torch.tensor([1, 2, 2]), 2))
    assert best_rule(world).rule.sets[impossible].tolist() == [False, True, True]
    assert best_rule(world, largest=1).rule.sets[impossible].tolist() == [False, True, False]
    assert best_rule(world, largest=1).rule.sets[-1].tolist() == [True, False, False]


def test_a_rule_and_its_table_are_one() -> None:
    world, denoiser = inconsistent(1)
    for rule in (TopK(2, "margin"), EntropyBounded(0.4)):
        table = tabulate(rule, denoiser)
        assert walks.walk(rule, world, denoiser).output == walks.walk(table, world, denoiser).output


WORLD = TableWorld.from_weights([1] * 8, 3, 2)
IMPOSSIBLE = Raw(lambda z: torch.tensor([0.0, -math.inf], dtype=torch.float64).expand(*z.shape, 2), 2, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_rule(WORLD, -0.1), "price -0.1; expected a finite number >= 0"),
        (lambda: best_rule(WORLD, math.nan), "price nan"),
        (lambda: best_rule(WORLD, largest=0), "largest = 0; expected at least one"),
        (lambda: best_rule(TableWorld(torch.full((2, 8), 0.125), 3, 2)), r"a batch of \(2,\) laws; give one"),
        (lambda: best_rule(WORLD, denoiser=lambda z: torch.zeros(*z.shape, 2)), r"probabilities sum to 1 \+1"),
        (lambda: tabulate(RandomOne(), IMPOSSIBLE), "chooses at random at state"),
        (lambda: frontier(WORLD, denoiser=IMPOSSIBLE), "infinite KL"),
        (lambda: best_mixture(torch.zeros(1, 64, 6), TableWorld([1.0], 6, 1)), "720 orders"),
        (lambda: TabulatedRule("short", torch.zeros(8, 3, dtype=torch.bool), 2), "table of 8 states .* expected 27"),
        (lambda: best_rule(WORLD).rule.select(torch.zeros(1, 3, 2), torch.ones(1, 3).bool()), "for_states"),
        (
            lambda: walks.walk(TabulatedRule("idle", torch.zeros(27, 3, dtype=torch.bool), 2), WORLD),
            r"'idle'.* reveals nothing",
        ),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
