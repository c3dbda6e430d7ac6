"""What a learned decoding order buys: the NELBO, the order that is found, and the variance of its estimates."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.experiments.learned_orders import FLEXIBLE
from synthetic.intervals import Estimate, of_seeds

if TYPE_CHECKING:
    import pandas as pd

SOURCES = "Garg, Kohli, Sarawagi, arXiv 2511.19152"
NO_GAIN = 0.01
"""Nats for three tokens below which a difference counts as none: less than one in a hundred of the entropy."""
BEST = 0.1
TENTH = math.log(1.1)


def tasks(records: Records) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the tasks with small models and their rows: all but the flexible one."""
    table = records["learned_orders"].table
    yield from ((task, mine) for task, mine in table.groupby("task", sort=False) if task != FLEXIBLE)


def nelbo(mine: pd.DataFrame, first: tuple[str, str], second: tuple[str, str]) -> Estimate:
    """Return the difference of NELBOs over seeds, each of a model trained one way and decoded in one way."""
    wide = mine[mine["part"] == "nelbo"].pivot(index="seed", columns=["trained", "weights"], values="value")
    return of_seeds((wide[first] - wide[second]).to_numpy())


def gains(records: Records) -> tuple[Finding, ...]:
    """Judge how far equal weights are above learned ones, each model decoded as it was trained."""
    return tuple(
        Finding(f"{task}: NELBO, equal - learned weights", nelbo(mine, ("equal", "equal"), ("learned", "learned")))
        for task, mine in tasks(records)
    )


def modes(records: Records) -> tuple[Finding, ...]:
    """Judge the share of random fixed orders that are better than the likeliest learned one, each trained alone."""
    return tuple(
        Finding(f"{task}: share of orders better than the mode", of_seeds(shares(mine)), BEST, "at most")
        for task, mine in tasks(records)
    )


def shares(mine: pd.DataFrame) -> np.ndarray:
    """Return, for each seed, the share of random fixed orders whose model has a lower NELBO than that of its mode."""
    fixed = mine[mine["part"] == "order"]
    random = fixed[fixed["weights"] == "random"]["value"].to_numpy()
    mode = fixed[fixed["weights"] == "mode"].sort_values("seed")["value"].to_numpy()
    return (random < mode[:, None]).mean(-1)


def control(records: Records) -> tuple[Finding, ...]:
    """Judge that the flexible model gains nothing and loses nothing."""
    table = records["learned_orders"].table
    gain = nelbo(table[table["task"] == FLEXIBLE], ("equal", "equal"), ("learned", "learned"))
    return (
        Finding(f"{FLEXIBLE}: NELBO, equal - learned weights, gain", gain, NO_GAIN, "at most"),
        Finding(f"{FLEXIBLE}: NELBO, equal - learned weights, loss", gain, -NO_GAIN, "at least"),
    )


def moments(records: Records) -> tuple[Finding, ...]:
    """Judge ln E[f^2] of the estimate by level, learned less equal weights."""
    return tuple(
        Finding(f"{task}: ln E[f^2] by level, learned - equal", _moment(mine, "level")) for task, mine in tasks(records)
    )


def by_count(records: Records) -> tuple[Finding, ...]:
    """Judge ln E[f^2] of the estimate by count: hardly larger with learned weights."""
    return tuple(
        Finding(f"{task}: ln E[f^2] by count, learned - equal", _moment(mine, "count"), TENTH, "at most")
        for task, mine in tasks(records)
    )


def _moment(mine: pd.DataFrame, form: str) -> Estimate:
    rows = mine[(mine["part"] == "moment") & (mine["trained"] == form)]
    wide = np.log(rows.pivot(index="seed", columns="weights", values="value"))
    return of_seeds((wide["learned"] - wide["equal"]).to_numpy())


def mismatches(records: Records) -> tuple[Finding, ...]:
    """Judge what a model loses where it is decoded with the other weights than it was trained with."""
    return tuple(
        Finding(f"{task}, trained with {own} weights: NELBO, {other} - {own}", nelbo(mine, (own, other), (own, own)))
        for task, mine in tasks(records)
        for own, other in (("learned", "equal"), ("equal", "learned"))
    )


CLAIMS = (
    Empirical(
        "orders.11.trained", SOURCES,
        "Trained for as many steps, a model with learned weights of its decoding order has a lower NELBO than one with "
        "equal weights.",
        ("learned_orders",), gains,
        reported=(
            "Table of results: the best validation loss is lower on four of six tables (86,000 parameters). We ask it "
            "of the exact NELBO: two laws of six tokens, models of 4,000 parameters too small for them, and two real "
            "tables in quantile classes, held-out rows."
        ),
    ),
    Empirical(
        "orders.11.mode", SOURCES,
        "The likeliest order that was learned is among the best tenth of fixed orders, a model trained for each alone.",
        ("learned_orders",), modes,
    ),
    Empirical(
        "orders.12.trained", SOURCES,
        "A model with a free number for every conditional gains and loses less than .01 nats by learned weights.",
        ("learned_orders",), control,
    ),
    Empirical(
        "orders.13.trained", SOURCES,
        "Learned weights raise the second moment of the estimate by level (levels above 1/1000).",
        ("learned_orders",), moments,
        reported="The authors suspect a larger variance of the loss where gains are small. We compute it exactly.",
    ),
    Empirical(
        "orders.13.count", SOURCES,
        "By count, learned weights raise the second moment of the estimate by less than a tenth.",
        ("learned_orders",), by_count,
    ),
    Empirical(
        "orders.14.trained", SOURCES,
        "A model has a larger NELBO where it is decoded with other weights than it was trained with: equal ones in the "
        "place of learned ones, and the learned ones of the same seed in the place of equal ones.",
        ("learned_orders",), mismatches,
    ),
)  # fmt: skip
