"""The experiments on a normal score and on the ablation of masks, by adaptive quadrature and by listing all masks."""

from __future__ import annotations

import functools
import importlib
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import integrate, stats

from synthetic.experiments import preference_variances, registry
from synthetic.progress import Silent


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float]]:
    module = importlib.import_module(registry()[name])
    found: tuple[pd.DataFrame, dict[str, float]] = module.run(module.PRESETS["smoke"], Silent())
    return found


def expected(f: object, deviation: float) -> float:
    """Return E f(X) of a normal X with mean 0, in two adaptive pieces."""
    pieces = [(-12.0, 0.0), (0.0, 12.0)]
    return math.fsum(
        integrate.quad(lambda u: f(deviation * u) * stats.norm.pdf(u), a, b, epsabs=1e-13)[0]  # type: ignore[operator]  # a quantity by its name
        for a, b in pieces
    )


def loss(x: float) -> float:
    return math.log1p(math.exp(-x)) if x > 0 else -x + math.log1p(math.exp(x))


def test_moments_of_the_normal_score_are_those_of_adaptive_quadrature() -> None:
    rows = smoke("preference_normal")[0].query("part == 'variance'")
    for row in rows.itertuples():
        deviation = math.sqrt(row.variance)
        mean = expected(loss, deviation)
        assert row.bias == pytest.approx(mean - math.log(2), rel=1e-9)
        assert row.absolute == pytest.approx(expected(lambda x: abs(loss(x) - math.log(2)), deviation), rel=1e-5)
        second = expected(lambda x, mean=mean: (loss(x) - mean) ** 2, deviation)
        assert row.spread == pytest.approx(second, rel=1e-9)
        assert row.spread != pytest.approx(1.01 * second, rel=1e-3)


def test_drawn_moments_lie_near_and_all_keep_the_sharp_bounds() -> None:
    table, scalars = smoke("preference_normal")
    rows = table[table["part"] == "variance"]
    v = rows["variance"].to_numpy()
    assert (rows["bias"] <= np.log(np.cosh(np.sqrt(v) / 2))).all()
    assert (rows["absolute"] <= np.sqrt(v)).all()
    assert (rows["spread"] <= v).all()
    error = np.sqrt(rows["spread"] / scalars["draws"])
    assert ((rows["drawn_bias"] - rows["bias"]).abs() < 5 * error).all()


def test_the_density_is_the_derivative_of_the_distribution_function() -> None:
    """P(ln sigma(X) <= y) = Phi(ln(e^y / (1 - e^y)))."""
    for row in smoke("preference_normal")[0].query("part == 'density'").itertuples():
        ends = [stats.norm.cdf(math.log(math.exp(y) / (1 - math.exp(y)))) for y in (row.value - 1e-5, row.value + 1e-5)]
        assert row.density == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-6)


CONFIG = preference_variances.Config(n=3, d=2, distance=0.5, beta=0.7, repeats=20_000)


def listed(pair: dict[str, torch.Tensor], shared: bool) -> tuple[float, float, float]:
    """Return the variances of score, loss and gradient for one mask a response, over all masks, by plain loops."""
    n, d = CONFIG.n, CONFIG.d
    sets = [s for k in range(1, n + 1) for s in itertools.combinations(range(n), k)]
    chance = {s: 1 / (n * math.comb(n, len(s))) for s in sets}

    def row(
        log_p: torch.Tensor, response: list[int], hidden: tuple[int, ...]
    ) -> tuple[float, dict[tuple[int, int, int], float]]:
        state = sum((d if i in hidden else response[i]) * (d + 1) ** i for i in range(n))
        value, slope = 0.0, {}
        for i in hidden:
            value += n / len(hidden) * float(log_p[state, i, response[i]])
            for v in range(d):
                slope[state, i, v] = n / len(hidden) * ((v == response[i]) - math.exp(float(log_p[state, i, v])))
        return value, slope

    winner, loser = (response.tolist() for response in pair["responses"])
    policy = [{s: row(pair["policy"], y, s) for s in sets} for y in (winner, loser)]
    other = [{s: row(pair["reference"], y, s)[0] for s in sets} for y in (winner, loser)]
    own = [None] if shared else list(itertools.product(sets, sets))
    scores, weights, slopes = [], [], []
    for a, b in itertools.product(sets, sets):
        for alone in own:
            c, e = alone or (a, b)
            scores.append(CONFIG.beta * (policy[0][a][0] - other[0][c] - policy[1][b][0] + other[1][e]))
            weights.append(chance[a] * chance[b] * (1.0 if shared else chance[c] * chance[e]))
            slope: dict[tuple[int, int, int], float] = {}
            for sign, part in ((1, policy[0][a][1]), (-1, policy[1][b][1])):
                for key, g in part.items():
                    slope[key] = slope.get(key, 0.0) + sign * CONFIG.beta * g
            slopes.append(slope)

    def spread(values: list[float]) -> float:
        mean = math.fsum(w * v for w, v in zip(weights, values, strict=True))
        return math.fsum(w * (v - mean) ** 2 for w, v in zip(weights, values, strict=True))

    keys = {key for slope in slopes for key in slope}
    factor = [-1 / (1 + math.exp(s)) for s in scores]
    gradient = [[f * slope.get(key, 0.0) for f, slope in zip(factor, slopes, strict=True)] for key in keys]
    return spread(scores), spread([loss(s) for s in scores]), math.fsum(spread(values) for values in gradient)


@pytest.mark.parametrize("shared", [True, False])
def test_variances_of_one_mask_are_those_of_all_masks_listed(shared: bool) -> None:
    generator = torch.Generator().manual_seed(5)
    pair = preference_variances.drawn_pair(CONFIG, generator)
    found = preference_variances.moments(pair, 1, 1, shared, CONFIG, generator)
    score, of_loss, gradient = listed(pair, shared)
    assert found["score"] == pytest.approx(score, rel=1e-10)
    assert found["score"] != pytest.approx(1.01 * score, rel=1e-4)
    assert found["score_drawn"] == pytest.approx(score, rel=0.06)
    assert found["loss"] == pytest.approx(of_loss, rel=0.06)
    assert found["gradient"] == pytest.approx(gradient, rel=0.06)


def test_levels_divide_the_variance_and_masks_divide_a_part_of_it() -> None:
    table = smoke("preference_variances")[0].set_index(["levels", "masks", "shared", "pair"])["score"]
    for pair in range(3):
        one, four, eight = (table[levels, 1, 1.0, pair] for levels in (1, 4, 8))
        assert (four, eight) == (pytest.approx(one / 4, rel=1e-12), pytest.approx(one / 8, rel=1e-12))
        assert four <= table[2, 2, 1.0, pair] <= table[1, 4, 1.0, pair] <= one
