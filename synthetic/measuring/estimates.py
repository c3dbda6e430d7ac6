"""From the rows of `scores` to tables with intervals: one table for each question that is asked of a model.

Sequences are taken as an independent sample; every number is a mean over them with the 95 % interval of
`synthetic.intervals`, in nats a sequence unless it says otherwise. Differences are taken sequence by sequence.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from synthetic.intervals import Estimate, of_seeds
from synthetic.measuring.scores import REPLICATES

FEW = 5
"""Sequences below which no interval is given: it would say little but that they are few."""
MANY = 20
"""Sequences from which the skewness of their numbers is estimated."""
BINS = 10
"""Equal parts of the share of revealed tokens in which cross-entropies are averaged."""
NOISE_SHARE = 0.1
"""The share of the variance between sequences that the noise of the masks may have before more draws are asked for."""


def estimate(values: Float[ndarray, " items"]) -> Estimate:
    """Return the mean over sequences with its interval; there is none where there is a single sequence.

    Of fewer than `MANY` sequences the skewness is not known well enough to shift the interval by it.
    """
    each = dataclasses.replace(of_seeds(np.asarray(values, dtype=float)), unit="sequences")
    return each if len(values) >= MANY else dataclasses.replace(each, skewness=0.0)


def columns_of(
    values: Float[ndarray, " items"], name: str = "", least: float = -math.inf, most: float = math.inf
) -> dict[str, float]:
    """Return mean and interval as columns of a table, the interval cut to the numbers that the quantity can be.

    It is infinite where there are fewer than `FEW` sequences.
    """
    each, prefix = estimate(values), f"{name}_" if name else ""
    interval = {"low": max(float(each.low), least), "high": min(float(each.high), most)}
    if len(values) < FEW:
        interval = {"low": -math.inf, "high": math.inf}
    return {name or "mean": float(each.mean), **{f"{prefix}{end}": value for end, value in interval.items()}}


def draws_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the masks that were drawn, the fully masked state among them, one row each.

    `share` is what the mean cross-entropy at that count has to be multiplied with so that the sum over a sequence's
    rows estimates the sum over all counts: 1 where everything is masked, weight * k / draws elsewhere.
    """
    drawn = rows[rows.kind.isin(["draw", "all masked"])].copy()
    count = drawn[drawn.kind == "draw"].groupby("item").size()
    number = drawn.item.map(count).fillna(1)
    drawn["share"] = np.where(drawn.kind == "draw", drawn.weight * drawn.parameter / number, 1.0)
    return drawn


def nelbo(rows: pd.DataFrame) -> Float[ndarray, " items"]:
    """Return an unbiased estimate of each sequence's NELBO: one token at a time in a uniformly random order."""
    drawn = draws_of(rows)
    sums: pd.Series[float] = (drawn.share * drawn.value).groupby(drawn.item).sum()
    return sums.to_numpy()


def mask_noise(rows: pd.DataFrame) -> float:
    """Return the mean variance of a sequence's NELBO estimate that comes from its masks, from the two replicates."""
    drawn = draws_of(rows)
    drawn = drawn[drawn.kind == "draw"]
    halves = (drawn.share * drawn.value * REPLICATES).groupby([drawn.item, drawn.name]).sum().unstack()
    if halves.shape[1] < REPLICATES:
        return 0.0
    difference = (halves.iloc[:, 0] - halves.iloc[:, 1]) / 2
    return float((difference**2).mean())


def likelihood(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the NELBO, a sequence and a token, and how many masks a sequence would have been enough."""
    values = nelbo(rows)
    tokens = rows.groupby("item").free.first().to_numpy()
    draws = int((rows.kind == "draw").groupby(rows.item).sum().max())
    noise = mask_noise(rows)
    table = pd.DataFrame(
        [
            {"quantity": "NELBO of a sequence", **columns_of(values, least=0.0), "sequences": len(values)},
            {"quantity": "NELBO of a token", **columns_of(values / tokens, least=0.0), "sequences": len(values)},
        ]
    )
    between = max(float(np.var(values, ddof=1)) - noise, 0.0) if len(values) > 1 else math.nan
    needed = math.ceil(noise * draws / (NOISE_SHARE * between)) if between > 0 else math.nan
    table["draws"], table["noise of the masks"], table["draws needed"] = draws, math.sqrt(noise), needed
    return table


def cross_entropies(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the mean cross-entropy of a masked token by the share of tokens that are revealed, in `BINS` parts.

    The last row is the fully masked state. A sequence counts in a part by the mean of its draws there.
    """
    drawn = draws_of(rows)
    revealed = 1 - drawn.parameter / drawn.free
    part = np.minimum((revealed * BINS).astype(int), BINS - 1)
    cells = drawn.assign(part=np.where(drawn.kind == "draw", part, -1), revealed=revealed)
    table = []
    for _, cell in cells.groupby("part"):
        values = cell.groupby("item").value.mean().to_numpy()
        row = {"revealed": float(cell.revealed.mean()), **columns_of(values, least=0.0), "sequences": len(values)}
        table.append(row)
    return pd.DataFrame(table)


def orders(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the log-likelihood along each order, one token a step, and its difference from a random order."""
    chosen = rows[rows.kind == "order"]
    if not len(chosen):
        return pd.DataFrame(columns=["order", "mean", "low", "high", "sequences", "gain", "gain_low", "gain_high"])
    values = chosen.groupby(["item", "name"]).value.mean().unstack()
    table = []
    for name in [name for name in ORDERS if name in values]:
        own = values[name].to_numpy()
        gain = own - values["random"].to_numpy() if "random" in values else np.full(len(own), math.nan)
        more = columns_of(gain, "gain") if "random" in values else dict.fromkeys(GAIN, math.nan)
        table.append({"order": name, **columns_of(own, most=0.0), "sequences": len(own), **more})
    return pd.DataFrame(table)


GAIN = ("gain", "gain_low", "gain_high")
ORDERS = ("random", "left to right", "confidence", "margin", "entropy")


def spread(rows: pd.DataFrame) -> Estimate | None:
    """Return the mean, over sequences, of the best order's log-likelihood minus the worst one's.

    All orders agree where the conditionals are those of one law. None where fewer than two orders were scored.
    """
    chosen = rows[rows.kind == "order"]
    values = chosen.groupby(["item", "name", "parameter"]).value.mean().groupby("item")
    if not len(chosen) or int(values.size().min()) < 2:
        return None
    return estimate((values.max() - values.min()).to_numpy())


def entropy_bounds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return, for each of EB's budgets, calls, calls saved, the entropy bound and what revealing together really cost.

    The cost is the log-likelihood of the path with each step's tokens revealed one at a time minus that of the path
    itself: its mean over a true law's own sequences is the joint dependence error, which the bound bounds.
    """
    table = []
    keys = ["item", "parameter"]
    wide = {
        kind: rows[(rows.kind == kind) & (rows.name == "EB")].set_index(keys)
        for kind in ("rule", "bound", "one by one")
    }
    for budget, path in wide["rule"].groupby("parameter"):
        bound, divided = wide["bound"].loc[path.index], wide["one by one"].loc[path.index]
        cost = (divided.value - path.value).to_numpy()
        row = {"budget": float(budget), "calls": float(path.calls.mean())}
        row |= columns_of(1 - (path.calls / path.free).to_numpy(), "saved", 0.0, 1.0)
        row |= columns_of(bound.value.to_numpy(), "bound", 0.0) | columns_of(cost, "cost")
        row |= columns_of(bound.value.to_numpy() - cost, "slack")
        table.append(row | {"sequences": len(path)})
    return pd.DataFrame(table)


def rules(rows: pd.DataFrame) -> pd.DataFrame:
    """Return calls and log-likelihood of every rule, those of one token a step included."""
    table = []
    for (family, parameter), each in paths(rows).items():
        calls = each.calls.to_numpy()
        table.append(
            {
                "family": family,
                "parameter": parameter,
                "calls": float(calls.mean()),
                **columns_of(each.value.to_numpy()),
            }
        )
    return pd.DataFrame(table, columns=["family", "parameter", "calls", "mean", "low", "high", "sequences"])


def paths(rows: pd.DataFrame) -> Mapping[tuple[str, float], pd.DataFrame]:
    """Return the rows of each rule by family and parameter, by falling calls, the orders as rules of one token."""
    single = rows[(rows.kind == "order") & rows.name.isin(["left to right", "confidence", "entropy"])]
    several = rows[rows.kind == "rule"]
    ones = [single.assign(parameter=1.0), several]
    for family, own in (("EB", "entropy"), ("threshold", "confidence")):  # at budget 0 and threshold 1 one token a step
        ones.append(single[single.name == own].assign(name=family, parameter=0.0 if family == "EB" else 1.0))
    every = pd.concat(ones, ignore_index=True)
    by_rule = {
        (str(name), float(p)): part.sort_values("item") for (name, p), part in every.groupby(["name", "parameter"])
    }
    return dict(sorted(by_rule.items(), key=lambda each: (each[0][0], -float(each[1].calls.mean()))))


def equal_calls(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare the families of rules where they make a half, a quarter or an eighth of a call for each token.

    A row says what a family that can make so few calls loses against its own rule of one token a step, and by how much
    its log-likelihood is above that of the best other family.

    Between two parameters of a family the sampler is meant that takes either at random, so that its mean calls are the
    wanted ones: its log-likelihood is at least the mean of the two, which is what is listed.
    """
    reach: dict[str, list[tuple[float, ndarray]]] = {}
    for (family, _), each in paths(rows).items():
        reach.setdefault(family, []).append((float(each.calls.mean()), each.value.to_numpy()))
    most = min((max(calls for calls, _ in points) for points in reach.values()), default=0.0)
    table = []
    for share in SHARES:
        calls = most * share
        able = {family: points for family, points in reach.items() if min(c for c, _ in points) <= calls}
        values = {family: _at(points, calls) for family, points in able.items()}
        for family, own in values.items():
            single = max(able[family], key=lambda point: point[0])[1]
            row = {"share": share, "calls": calls, "family": family, "log_likelihood": float(own.mean())}
            row |= columns_of(single - own, "loss")
            rivals = [name for name in values if name != family]
            if rivals:
                rival = max(rivals, key=lambda name: values[name].mean())
                row |= {"rival": rival, **columns_of(own - values[rival], "above")}
            else:
                row |= {"rival": "", **dict.fromkeys(("above", "above_low", "above_high"), math.nan)}
            table.append(row)
    names = ["share", "calls", "family", "log_likelihood", "loss", "loss_low", "loss_high", "rival", "above",
             "above_low", "above_high"]  # fmt: skip
    return pd.DataFrame(table, columns=names)


SHARES = (0.5, 0.25, 0.125)
"""Calls a token at which rules are compared."""


def _at(points: list[tuple[float, ndarray]], calls: float) -> Float[ndarray, " items"]:
    """Return the values at a mean number of calls, the mixture of the two parameters about it."""
    ordered = sorted(points, key=lambda point: point[0])
    for (low, below), (high, above) in itertools.pairwise(ordered):
        if low <= calls <= high * (1 + 1e-12) and high > low:
            share = min(1.0, (calls - low) / (high - low))
            return (1 - share) * below + share * above
    return ordered[0][1] if calls <= ordered[0][0] else ordered[-1][1]


def acceptance(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the probability that a drafted token is kept, by its place in the window."""
    chosen = rows[rows.kind == "accepted"]
    table = []
    for place, each in chosen.groupby("parameter"):
        values = each.groupby("item").value.mean().to_numpy()
        table.append({"place": int(place) + 1, **columns_of(values, "", 0.0, 1.0), "sequences": len(values)})
    return pd.DataFrame(table, columns=["place", "mean", "low", "high", "sequences"])
