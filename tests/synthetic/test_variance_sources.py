"""The experiment on the sources of variance, by sums over masked sets and plain quadrature at each level."""

from __future__ import annotations

import functools
import importlib
import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from synthetic.experiments import registry, variance_sources
from synthetic.experiments.duel_elbo import perturbed
from synthetic.progress import Silent
from synthetic.small_worlds import small
from theory.training.loss_table import LossTable, loss_table, masked_sets


@functools.cache
def smoke() -> tuple[pd.DataFrame, dict[str, float]]:
    module = importlib.import_module(registry()["variance_sources"])
    found: tuple[pd.DataFrame, dict[str, float]] = module.run(module.PRESETS["smoke"], Silent())
    return found


@functools.cache
def table() -> LossTable:
    world = small("copied pairs")
    return loss_table(world, perturbed(world, 0.5, torch.Generator().manual_seed(0)))


def single(t: float) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of L(S, x) / t over the masked sets of every sequence, set by set."""
    sets, values = masked_sets(table().n).tolist(), table().values.numpy()
    chance = np.array([math.prod(t if hidden else 1 - t for hidden in each) for each in sets])
    mean = chance @ values / t
    return mean, chance @ (values / t - mean) ** 2


def paired(t: float) -> np.ndarray:
    """Return the variance of the mean of a mirrored pair: each place is in the first, second, both or neither mask."""
    n, values = table().n, table().values.numpy()
    both = max(0.0, 2 * t - 1)
    either = {(1, 1): both, (1, 0): t - both, (0, 1): t - both, (0, 0): 1 - 2 * t + both}
    number = {tuple(int(v) for v in each): s for s, each in enumerate(masked_sets(n).tolist())}
    first = second = 0.0
    for places in itertools.product(either, repeat=n):
        chance = math.prod(either[place] for place in places)
        if chance > 0:
            loss = sum(values[number[tuple(p[k] for p in places)]] for k in (0, 1)) / (2 * t)
            first, second = first + chance * loss, second + chance * loss**2
    return np.asarray(second - first**2)


@pytest.mark.parametrize("row", [1, 4])
def test_the_correlation_is_that_of_all_pairs_of_masks(row: int) -> None:
    rows = smoke()[0].query("part == 'mirror'").iloc[row]
    law = table().law.numpy()
    alone, pair = single(rows["t"])[1], paired(rows["t"])
    assert rows["rho"] == pytest.approx(2 * float(pair @ law) / float(alone @ law) - 1, abs=1e-9)
    each = 2 * pair / alone - 1
    assert (rows["least"], rows["most"]) == (pytest.approx(each.min(), abs=1e-9), pytest.approx(each.max(), abs=1e-9))


def test_sources_are_those_of_simpsons_rule_over_levels() -> None:
    found = smoke()[0].query("part == 'source'").set_index("name")
    law, least = table().law.numpy(), 1e-3
    t = np.geomspace(least, 1.0, 801)
    weights = np.ones(801)
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    weights = weights * t * math.log(1 / least) / 800 / 3
    means, noises = (np.array(part) for part in zip(*(single(float(each)) for each in t), strict=True))
    pairs = np.array([paired(float(each)) if k % 8 == 0 else np.zeros_like(law) for k, each in enumerate(t)])
    whole = weights @ means
    data = float(whole**2 @ law - (whole @ law) ** 2)
    second = (means**2 + noises) @ law
    for name, density in (("standard", np.ones(801)), ("P-POTS", np.sqrt(second))):
        p = density / (weights @ density)
        mask = float(weights @ (noises @ law / p))
        level = float(weights @ (means**2 @ law / p) - whole**2 @ law)
        expected = {"mask": mask / 2, "level": level / 2, "data": data}
        for source, value in expected.items():
            assert found.loc[name, source] == pytest.approx(value, rel=1e-4)
            assert found.loc[name, source] != pytest.approx(1.01 * value, rel=1e-4)
    coarse = np.zeros(801)
    coarse[::8] = 8 * t[::8] * math.log(1 / least) / 800
    coarse[[0, -1]] /= 2
    mirrored = float(coarse @ (pairs @ law)) * (1 - least)
    assert found.loc["standard, MIRROR", "mask"] == pytest.approx(mirrored, rel=5e-3)
    assert found.loc["standard, MIRROR", "level"] == pytest.approx(2 * found.loc["standard", "level"], rel=1e-9)


def test_densities_have_mass_one_and_the_best_has_the_least_variance() -> None:
    best = smoke()[0].query("part == 'source'").set_index("name")[["mask", "level"]].sum(axis=1)
    assert best["P-POTS"] <= best["standard"]
    assert best["P-POTS, MIRROR"] <= best["standard, MIRROR"]
    assert smoke()[1]["copied pairs/divergence"] >= -1e-9


def test_growth_has_the_slope_of_the_last_tokens_losses() -> None:
    """On flat random conditionals: mask noise above 1e-6 less that above 1e-5 is the slope times ln 10."""
    config = variance_sources.Config(("Dirichlet(1)",), cuts=(1e-5, 1e-6), points=4)
    found, scalars = variance_sources.run(config, Silent())
    noise = found.query("part == 'growth'").set_index("least")["mask"]
    assert noise[1e-6] - noise[1e-5] == pytest.approx(math.log(10) * scalars["Dirichlet(1)/slope"], rel=1e-3)
