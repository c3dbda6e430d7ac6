"""The best rules by dynamic programming against every rule there is on tiny worlds; the hull; mixtures; bad input."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

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
from theory.unmasking.rules.base import Denoise
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import copied_pairs, even_parity, information, repetition, states
from theory.worlds.tree import sticky_chain

N, D = 3, 2


def inconsistent(seed: int, n: int = N, d: int = D) -> tuple[Tensor, Denoise]:
    """Return a random law and an unrelated random denoiser."""
    generator = torch.Generator().manual_seed(seed)
    law = torch.rand(d**n, generator=generator, dtype=torch.float64)
    table = torch.randn((d + 1) ** n, n, d, generator=generator, dtype=torch.float64).log_softmax(-1)
    return law / law.sum(), lambda z: table[states.index_of(z, d)]


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
    law, denoise = inconsistent(seed)
    x = states.all_sequences(N, D)
    scores = [float(law @ likelihood.log_likelihood(r, denoise, x, D).log_likelihood) for r in every_rule(1)]
    assert len(scores) == 192
    found = best_rule(law, N, D, denoise=denoise, largest=1)
    assert expected_log_likelihood(found, law) == pytest.approx(max(scores), abs=1e-13)
    assert float(law @ likelihood.log_likelihood(found.rule, denoise, x, D).log_likelihood) == pytest.approx(
        max(scores), abs=1e-13
    )
    assert found.calls == pytest.approx(3)


@pytest.mark.parametrize("exact", [True, False])
def test_set_optimum_and_hull_against_all_5103_rules(exact: bool) -> None:
    law, denoise = inconsistent(7)
    if exact:
        table = states.marginal_table(law, N, D)
        denoise = lambda z: states.table_conditionals(table, z, D).log()  # noqa: E731  # bound to this table
    points = []
    x, entropy = states.all_sequences(N, D), float(information.entropy(law))
    for rule in every_rule(N):
        score = likelihood.log_likelihood(rule, denoise, x, D)
        points.append((float(law @ score.calls.double()), -entropy - float(law @ score.log_likelihood)))
    calls, divergence = np.array(points).T
    assert len(points) == 7 * 3**6
    for price in (0.0, 0.01, 0.05, 0.1, 0.3, 2.0):
        found = best_rule(law, N, D, price, denoise)
        assert found.cost == pytest.approx((divergence + price * calls).min(), abs=1e-12)
    hull = frontier(law, N, D, denoise=denoise)
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
    world = WORLDS[name]
    n, d = (world.n, world.d) if world else (4, 2)
    law = world.law() if world else inconsistent(3, 4, 2)[0]
    hull = frontier(law, n, d)
    calls, divergence = np.array([(v.calls, v.divergence) for v in hull]).T
    assert (np.diff(calls) > 0).all() and (np.diff(divergence) < 0).all()
    assert (np.diff(np.diff(divergence) / np.diff(calls)) > 0).all()
    assert divergence[-1] == pytest.approx(0, abs=1e-12)
    total = float(information.total_correlation(law, n, d))
    assert (calls[0], divergence[0]) == (1.0, pytest.approx(total, abs=1e-12)) or len(hull) == 1
    rules = [LeftToRight(2), Dilated(2), RandomOne(), Threshold(0.3)]
    rules += [TopK(k, by) for k in (1, 2, 3) for by in ("confidence", "entropy", "margin")]
    rules += [EntropyBounded(b, by) for b in (0.0, 0.1, 0.4, 1.0) for by in ("confidence", "entropy", "margin")]
    for rule in rules:
        done = walks.walk(rule, law, n, d)
        assert float(done.path_divergence) >= on_hull(hull, float(done.mean_nfe[walks.DATA])) - 1e-9, rule.name
    for vertex in hull:
        done = walks.walk(vertex.rule, law, n, d)
        assert float(done.mean_nfe[walks.DATA]) == pytest.approx(vertex.calls, abs=1e-12)
        assert float(done.path_divergence) == pytest.approx(vertex.divergence, abs=1e-12)
        assert float(done.divergence) == pytest.approx(vertex.divergence, abs=1e-12)


def test_known_optima() -> None:
    """Copied pairs: one of each pair, then the rest. Repetition: one, then all. Independent bits: all at once."""
    pairs = best_rule(copied_pairs(2).law(), 4, 2)
    assert (pairs.calls, pairs.divergence) == (pytest.approx(2), pytest.approx(0, abs=1e-15))
    assert pairs.rule.sets[-1].tolist() == [True, False, True, False]
    assert best_rule(repetition(4).law(), 4, 2).calls == pytest.approx(2)
    assert best_rule(torch.full((16,), 1 / 16, dtype=torch.float64), 4, 2).calls == pytest.approx(1)
    assert len(frontier(torch.full((16,), 1 / 16, dtype=torch.float64), 4, 2)) == 1


def test_prices_and_vertices_agree() -> None:
    law, _ = inconsistent(5, 4, 2)
    hull = frontier(law, 4, 2)
    some = frontier(law, 4, 2, prices=[0.0, 0.01, 0.02, 0.05, 0.1, 0.5])
    for vertex in some:
        assert vertex.divergence == pytest.approx(float(on_hull(hull, vertex.calls)), abs=1e-12)


def test_where_a_price_is_paid_the_optimum_is_monotone() -> None:
    law, denoise = inconsistent(5, 4, 2)
    found = [best_rule(law, 4, 2, price, denoise) for price in np.linspace(0, 0.5, 12)]
    assert (np.diff([o.calls for o in found]) <= 1e-12).all()
    assert (np.diff([o.divergence for o in found]) >= -1e-12).all()


def test_best_mixture_is_certified_and_beats_determinism() -> None:
    for seed in range(4):
        law, denoise = inconsistent(seed, 4, 2)
        terms = likelihood.order_terms(denoise, states.all_sequences(4, 2), 2)
        found = best_mixture(terms, law, 1e-6)
        value = expected_log_likelihood(best_rule(law, 4, 2, denoise=denoise, largest=1), law)
        fixed, order = best_fixed_order(terms, law)
        assert fixed == pytest.approx(float(law @ likelihood.along(terms, torch.tensor(order))), abs=1e-13)
        assert found.gap <= 1e-6 and float(found.weights.sum()) == pytest.approx(1)
        assert found.value > value >= fixed - 1e-12
        assert found.value >= float(law @ likelihood.log_uniform(terms)) - found.gap


def test_best_mixture_agrees_with_a_convex_programme() -> None:
    from scipy import optimize

    law, denoise = inconsistent(2)
    terms = likelihood.order_terms(denoise, states.all_sequences(N, D), D)
    chances = torch.stack([likelihood.along(terms, torch.tensor(o)) for o in itertools.permutations(range(N))]).exp()
    solved = optimize.minimize(
        lambda w: -float(law @ (torch.from_numpy(w) @ chances).log()), np.full(6, 1 / 6), method="SLSQP",
        bounds=[(0, 1)] * 6, constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}], options={"ftol": 1e-14},
    )  # fmt: skip
    found = best_mixture(terms, law, 1e-7)
    assert found.value == pytest.approx(-solved.fun, abs=2e-7)


def test_states_without_mass_reveal_everything() -> None:
    law = torch.tensor([1.0, 0, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    impossible = int(states.index_of(torch.tensor([1, 2, 2]), 2))
    assert best_rule(law, 3, 2).rule.sets[impossible].tolist() == [False, True, True]
    assert best_rule(law, 3, 2, largest=1).rule.sets[impossible].tolist() == [False, True, False]
    assert best_rule(law, 3, 2, largest=1).rule.sets[-1].tolist() == [True, False, False]


def test_a_rule_and_its_table_are_one() -> None:
    law, denoise = inconsistent(1)
    for rule in (TopK(2, "margin"), EntropyBounded(0.4)):
        table = tabulate(rule, denoise, N, D)
        model = walks.denoiser_model(denoise)
        assert torch.equal(walks.walk(rule, law, N, D, model).output, walks.walk(table, law, N, D, model).output)


LAW = torch.full((8,), 0.125, dtype=torch.float64)
IMPOSSIBLE: Denoise = lambda z: torch.tensor([0.0, -math.inf], dtype=torch.float64).expand(*z.shape, 2)  # noqa: E731  # a value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_rule(LAW, 3, 2, -0.1), "price -0.1; expected a finite number >= 0"),
        (lambda: best_rule(LAW, 3, 2, math.nan), "price nan"),
        (lambda: best_rule(LAW, 3, 2, largest=0), "largest = 0; expected at least one"),
        (lambda: best_rule(LAW, 3, 3), r"expected d\^n"),
        (lambda: best_rule(LAW, 3, 2, denoise=lambda z: torch.zeros(*z.shape, 2)), "probabilities sum to 2"),
        (lambda: tabulate(RandomOne(), IMPOSSIBLE, 3, 2), "chooses at random at state"),
        (lambda: frontier(LAW, 3, 2, denoise=IMPOSSIBLE), "infinite KL"),
        (lambda: best_mixture(torch.zeros(1, 64, 6), torch.ones(1)), "720 orders"),
        (lambda: TabulatedRule("short", torch.zeros(8, 3, dtype=torch.bool), 2), "table of 8 states .* expected 27"),
        (lambda: best_rule(LAW, 3, 2).rule.select(torch.zeros(1, 3, 2), torch.ones(1, 3).bool()), "for_states"),
        (
            lambda: walks.walk(TabulatedRule("idle", torch.zeros(27, 3, dtype=torch.bool), 2), LAW, 3, 2),
            r"'idle'.* reveals nothing",
        ),
    ],
)
def test_bad_input_is_named(call: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        call()
