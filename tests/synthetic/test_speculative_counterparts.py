"""The experiments on sweeps and on Langevin dynamics in a double well, against quadrature and closed forms."""

from __future__ import annotations

import functools
import importlib
import math

import pandas as pd
import pytest
import torch

from synthetic.experiments import registry
from synthetic.progress import Silent
from theory.speculation import wells
from theory.speculation.gaussian import TOY, diffusion
from theory.speculation.quadrature import grid, windows


@functools.cache
def smoke(name: str) -> tuple[pd.DataFrame, dict[str, float]]:
    module = importlib.import_module(registry()[name])
    found: tuple[pd.DataFrame, dict[str, float]] = module.run(module.PRESETS["smoke"], Silent())
    return found


def test_one_sweep_has_the_rounds_and_rejections_of_quadrature() -> None:
    """In one dimension, by the joint density of the window's first state and the state now; five standard errors."""
    table, scalars = smoke("speculative_sweeps")
    chain = diffusion(TOY, int(scalars["steps"]))
    exact = windows(chain, 5, grid(chain, 61))
    row = table.query("dimension == 1 and window == 5 and noise_in == 'every' and sweeps == 1").iloc[0]
    assert abs(row["rounds"] - exact.rounds) < 5 / 1.96 * row["rounds_error"]
    assert abs(1 - row["acceptance"] - exact.rejections / chain.steps) < 5 / 1.96 * row["acceptance_error"]


def test_calls_are_sweeps_and_verifications_of_the_windows() -> None:
    """Each window takes its sweeps and one batch; the last one may have a single step: one call is enough."""
    table, scalars = smoke("speculative_sweeps")
    assert (table["calls"] <= table["rounds"] * (table["sweeps"] + 1) + 1e-9).all()
    assert (table["calls"] >= table["rounds"] * (table["sweeps"] + 1) - table["sweeps"] - 1e-9).all()
    full = table[(table["noise_in"] == "every") & (table["acceptance"] == 1)]
    assert (full["rounds"] == scalars["steps"] / full["window"]).all()
    assert len(full)


def test_more_sweeps_keep_more_drafts_where_every_sweep_has_the_noise() -> None:
    table = smoke("speculative_sweeps")[0].query("noise_in == 'every'")
    for _, rows in table.groupby(["dimension", "window"]):
        expected = rows.sort_values("sweeps")["expected"]
        assert (expected.diff().dropna() > -1e-9).all()


@pytest.mark.parametrize("gamma", [0.02, 0.05])
def test_langevin_calls_and_acceptance_are_those_of_quadrature(gamma: float) -> None:
    table, scalars = smoke("speculative_langevin")
    well = wells.DoubleWell(scalars["barrier"])
    steps = round(scalars["time"] / gamma)
    y = torch.linspace(-wells.REACH, wells.REACH, 61, dtype=torch.float64)
    exact = windows(well.langevin(steps, gamma), 5, y)
    row = table[(table["draft"] == "frozen") & (table["dimension"] == 1) & (table["gamma"] == gamma)].iloc[0]
    assert row["steps"] == steps
    error = 5 / 1.96 * row["calls_error"]
    assert abs(row["calls"] - 2 * exact.rounds) < error + 1  # one call less where the last window has a single step
    refused = exact.rejections / (steps - exact.rounds)
    assert abs(1 - row["acceptance"] - refused) < 5 / 1.96 * row["acceptance_error"]


@pytest.mark.parametrize("gamma", [0.01, 0.05])
def test_the_draft_without_drift_is_kept_as_often_as_the_density_of_each_step_says(gamma: float) -> None:
    """Mean over steps of E erfc(sqrt(gamma / 2) |score| / (2 sqrt 2)) by densities after 0, 1, ... steps."""
    table, scalars = smoke("speculative_langevin")
    well, steps = wells.DoubleWell(scalars["barrier"]), round(scalars["time"] / gamma)
    y = wells.grid(gamma)
    kept = torch.special.erfc(math.sqrt(gamma / 2) * well.score(y[:, None])[:, 0].abs() / math.sqrt(8))
    means = [float((wells.density_after(well, gamma, k) * kept).sum() * (y[1] - y[0])) for k in range(steps)]
    row = table[(table["draft"] == "still") & (table["dimension"] == 1) & (table["gamma"] == gamma)].iloc[0]
    assert abs(row["acceptance"] - sum(means) / steps) < 5 / 1.96 * row["acceptance_error"]


def test_the_bias_falls_with_the_step_size_and_is_the_same_for_every_draft() -> None:
    table = smoke("speculative_langevin")[0]
    assert (table.groupby("gamma")["distance"].nunique() == 1).all()
    falls = table.groupby("gamma")["distance"].first()
    assert falls.is_monotonic_increasing
