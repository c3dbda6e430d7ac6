"""Mask schedules on a measured model: the best grid of K steps, and how far linear, squared sine and Beta are from it.

A sampler that reveals every token at a step of its own, drawn by the grid 0 = alpha_0 < ... < alpha_K = 1, pays on a
sequence of M free tokens sum_k M (alpha_{k+1} - alpha_k) c~(alpha_k) nats, where c~(alpha) is the mean cross-entropy of
a token while each other one is revealed with probability alpha (Chen, Cong, Li, arXiv 2511.04647). That is linear in
the cross-entropies by count, so the drawn masks estimate it without bias, sequence by sequence. What it exceeds the
NELBO by is the cost of revealing tokens together.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from numpy import ndarray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import isotonic_regression

from synthetic.measuring.estimates import columns_of, draws_of
from theory.errors import InvalidInput
from theory.schedules import LINEAR, SQUARED_SINE
from theory.unmasking.beta_fit import best_beta
from theory.unmasking.optimal import optimal_grid

STEPS = (4, 8, 16, 32)
KNOTS = 12
"""Parts of the drawn counts in which cross-entropies are averaged before a curve is fitted."""
NODES = 64
"""Counts on which the best grid is solved for where sequences are longer: the grid is a function of shares."""


def schedules(rows: pd.DataFrame, steps: tuple[int, ...] = STEPS) -> pd.DataFrame:
    """Return for each number of steps the cost of each schedule and its excess over the computed one, in nats.

    The best grid and the best Beta are computed from one half of the sequences and measured on the other, and the
    other way round, so no schedule is measured on what it was made from. Steps beyond the free tokens are left out.
    """
    table = []
    for count, costs in _costs_by_steps(rows, steps).items():
        for name, values in costs.items():
            row = {"steps": count, "schedule": name, **columns_of(values)}
            table.append(row | columns_of(values - costs["computed"], "excess"))
    columns = ["steps", "schedule", "mean", "low", "high", "excess", "excess_low", "excess_high"]
    return pd.DataFrame(table, columns=columns)


def excess_over_computed(
    rows: pd.DataFrame, name: str, steps: tuple[int, ...] = STEPS
) -> dict[int, Float[ndarray, " items"]]:
    """Return by steps what a named schedule costs above the computed one on each sequence, in nats."""
    return {count: costs[name] - costs["computed"] for count, costs in _costs_by_steps(rows, steps).items()}


def _costs_by_steps(rows: pd.DataFrame, steps: tuple[int, ...]) -> dict[int, dict[str, Float[ndarray, " items"]]]:
    """Return by steps and schedule the cost on each sequence, of grids made from the half that it is not in."""
    drawn = draws_of(rows)
    items = np.sort(drawn.item.unique())
    halves = (items[::2], items[1::2])
    by_steps: dict[int, dict[str, Float[ndarray, " items"]]] = {}
    for count in [k for k in steps if k < drawn.free.min() and len(halves[1])]:
        costs: dict[str, dict[int, float]] = {}
        for own, other in (halves, halves[::-1]):
            mine = drawn[drawn.item.isin(own)]
            for name, grid in _grids(drawn[drawn.item.isin(other)], count).items():
                costs.setdefault(name, {}).update(_costs(mine, grid))
        by_steps[count] = {name: np.array([values[item] for item in items]) for name, values in costs.items()}
    return by_steps


def computed_grid(rows: pd.DataFrame, steps: int) -> Float[ndarray, " nodes"]:
    """Return the best grid of K steps from all sequences, for use: alpha_0 = 0 to alpha_K = 1.

    Raises InvalidInput for fewer than one step.
    """
    if steps < 1:
        raise InvalidInput(f"{steps} steps; expected at least 1")
    return np.asarray(_grids(draws_of(rows), steps)["computed"])


def curve(drawn: pd.DataFrame, n: int) -> Float[ndarray, " n"]:
    """Return a nondecreasing information curve Z_1..Z_n on n counts, fitted to the drawn masks.

    Z_j is what the cross-entropy of a masked token falls by when j - 1 of n tokens are revealed. Counts are compared by
    their share of the free tokens. The draws are averaged in `KNOTS` parts of equally many, made monotone (isotonic
    regression) and joined by a monotone cubic: a curve that bends no faster than the noise lets one see.
    """
    level, value, share = (drawn.parameter / drawn.free).to_numpy(), drawn.value.to_numpy(), drawn.share.to_numpy()
    knots, means, weights = [1.0], [value[level == 1].mean()], [float((level == 1).sum())]
    inner = level < 1
    if inner.any():
        edges = np.unique(np.quantile(level[inner], np.linspace(0, 1, KNOTS + 1)))
        part = np.searchsorted(edges[1:-1], level, side="left")
        for number in sorted(set(part[inner].tolist()), reverse=True):
            own = inner & (part == number)
            knots.insert(0, float(level[own].mean()))
            means.insert(0, float(np.average(value[own], weights=share[own])))
            weights.insert(0, float(share[own].sum()))
    fitted = isotonic_regression(means, weights=weights).x
    at = np.clip(np.arange(n, 0, -1) / n, knots[0], 1.0)
    values = PchipInterpolator(knots, fitted)(at) if len(knots) > 1 else np.full(n, fitted[0])
    return np.asarray(np.maximum.accumulate(values[0] - values).clip(min=0.0))


def _grids(drawn: pd.DataFrame, steps: int) -> dict[str, Float[ndarray, " nodes"]]:
    z = curve(drawn, min(NODES, int(drawn.free.median())))
    beta = best_beta(z, steps)
    return {
        "linear": LINEAR.grid(steps), "squared sine": SQUARED_SINE.grid(steps),
        "best Beta": beta.grid, "computed": optimal_grid(torch.from_numpy(z), steps).grid,
    }  # fmt: skip


def _costs(drawn: pd.DataFrame, grid: Float[ndarray, " nodes"]) -> dict[int, float]:
    """Return, for each sequence, the unbiased estimate of what the grid costs above one token at a time."""
    from scipy.stats import binom

    free, masked = drawn.free.to_numpy()[:, None], drawn.parameter.to_numpy()[:, None]
    alpha, width = np.asarray(grid)[None, :-1], np.diff(grid)[None]
    expected = (free * width * binom.pmf(masked - 1, free - 1, 1 - alpha)).sum(-1)
    cost: pd.Series[float] = (drawn.share * drawn.value * (expected - 1)).groupby(drawn.item).sum()
    return {int(item): float(value) for item, value in cost.items()}
