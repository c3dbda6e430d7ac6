"""Speculative decoding of masked sequences with trained models: rounds, calls, and quality at equal calls.

The masked counterpart of De Bortoli et al., arXiv 2501.05370. The law of the sampler is that of one-token decoding by
theorem; what is asked of trained models is what it costs, and that a parallel sampler pays in quality.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import nested
from synthetic.itemised import Curve, curve, halves, unpack

if TYPE_CHECKING:
    import pandas as pd

PAPER = "De Bortoli, Galashov, Gretton, Doucet, Speculative sampling (arXiv 2501.05370), masked counterpart"
EXPERIMENTS = ("trained_speculative",)
ROUNDING = 1e-12
"""Total variation of two laws that are computed by different sums of at most 4^5 products in double precision."""
MARGIN = 0.02
"""Nats a token within which two samplers count as equally good; this project's margin."""


def rows_of(records: Records, part: str, side: str = "trained") -> pd.DataFrame:
    """Return the rows of a part with one denoiser."""
    table = records["trained_speculative"].table
    return table[(table["part"] == part) & (table["denoiser"] == side)]


def windows(rows: pd.DataFrame, task: str, order: str, measure: str, cost: str = "calls") -> Curve:
    """Return calls and a measure over the windows of an order on a task; window 1 is one-token decoding."""
    return curve(rows[(rows["task"] == task) & (rows["order"] == order)], measure, cost)


def same_law(records: Records) -> tuple[Finding, ...]:
    """Judge the total variation from one-token decoding on small tasks, the largest over windows."""
    rows, found = rows_of(records, "law"), []
    for (task, order), mine in rows.groupby(["task", "order"], sort=False):
        worst = mine.assign(tv=mine["tv"].map(float)).groupby("seed")["tv"].max()
        found.append(Finding(f"{task}, {order}: TV", nested(worst.to_numpy()[:, None]), ROUNDING, "below"))
    return tuple(found)


def bounded(records: Records) -> tuple[Finding, ...]:
    """Judge ceil(n / L) + rejections - rounds on every path: the least over paths, of each seed."""
    rows, scalars, found = rows_of(records, "window"), records["trained_speculative"].scalars, []
    for (task, order), mine in rows.groupby(["task", "order"], sort=False):
        slack: dict[int, float] = {}
        for seed, window, rounds, rejections in mine[["seed", "parameter", "rounds", "rejections"]].itertuples(
            index=False
        ):
            most = np.ceil(float(scalars[f"{task}/{seed}/tokens"]) / window) + unpack(rejections)
            slack[seed] = min(slack.get(seed, np.inf), float((most - unpack(rounds)).min()))
        least = nested(np.array(list(slack.values()))[:, None])
        found.append(Finding(f"{task}, {order}: least of ceil(n/L) + rejections - rounds", least, -0.5))
    return tuple(found)


def faster(records: Records, order: str) -> tuple[Finding, ...]:
    """Judge tokens per sequential call in an order, at the window that is best on every other sequence."""
    rows, found = rows_of(records, "window"), []
    for task in rows["task"].unique():
        one = windows(rows, task, order, "rounds")
        first, second = halves(one.nfe.shape[-1])
        if len(one.parameters) < 2:
            continue
        k = 1 + int(np.argmin(one.items(first).mean_nfe[1:]))
        gain = nested(one.items(second).nfe[0] / one.items(second).nfe[k])
        found.append(Finding(f"{task}, {order}, L = {one.parameters[k]:g}: tokens a sequential call", gain, 1.0))
    return tuple(found)


def mostly_order(records: Records) -> tuple[Finding, ...]:
    """Judge the share of rejections in the confidence order that the order itself causes, at the widest window."""
    rows, found = rows_of(records, "window"), []
    for task in rows["task"].unique():
        wrong, all_ = (windows(rows, task, "confidence", name).quality[-1] for name in ("mismatches", "rejections"))
        if all_.sum() > 0:
            share = wrong.sum() / all_.sum()
            values = share + (wrong - share * all_) / all_.mean()
            found.append(Finding(f"{task}: share of rejections by order", nested(values), 0.5))
    return tuple(found)


def as_good(records: Records) -> tuple[Finding, ...]:
    """Judge KL a token of the widest window minus that of one-token decoding, within the margin, on chains."""
    table, found = records["trained_speculative"].table, []
    for side in ("trained", "exact"):
        rows = rows_of(records, "window", side)
        for task in rows.loc[rows["kl"] != "", "task"].unique():
            tokens = float(records["trained_speculative"].scalars[f"{task}/{table['seed'].iloc[0]}/tokens"])
            pairs = [windows(rows, task, order, "kl").quality for order in rows["order"].unique()]
            gap = nested(np.mean([values[-1] - values[0] for values in pairs], axis=0) / tokens)
            label = f"{task}, {side}: KL a token, widest window - one-token decoding, mean of orders"
            found += [Finding(label, gap, MARGIN, "below"), Finding(label, gap, -MARGIN)]
    return tuple(found)


def better_than_parallel(records: Records, cost: str) -> tuple[Finding, ...]:
    """Judge the KL of Top-k at equal calls or rounds, on tasks with a law, by trained and by exact conditionals.

    Order and window are those that cost least on every other sequence.
    """
    found = []
    for side in ("trained", "exact"):
        rows, tops = rows_of(records, "window", side), rows_of(records, "parallel", side)
        for task in rows.loc[rows["kl"] != "", "task"].unique():
            curves = {order: windows(rows, task, order, "kl", cost) for order in rows["order"].unique()}
            other = curve(tops[tops["task"] == task], "kl", cost)
            first, second = halves(other.nfe.shape[-1])
            prices = {
                (order, k): price
                for order, mine in curves.items()
                for k, price in enumerate(mine.items(first).mean_nfe)
            }
            order, k = min(prices, key=lambda each: prices[each])
            mine = curves[order].items(second)
            label = f"{task}, {side}, {order}, L = {mine.parameters[k]:g} ({mine.mean_nfe[k]:.1f} {cost})"
            found.append(Finding(f"{label}: KL - Top-k's", nested(mine.gain(other.items(second), k)), 0.0, "below"))
    return tuple(found)


CLAIMS = (
    Empirical(
        "speculative.T1", PAPER, "Speculative decoding of a trained model has the law of its one-token decoding",
        EXPERIMENTS, same_law,
    ),
    Empirical(
        "speculative.T2", PAPER, "On every path rounds <= ceil(n / L) + rejections", EXPERIMENTS, bounded,
    ),
    *(
        Empirical(
            f"speculative.T3{letter}", PAPER, f"Speculation takes fewer sequential calls than tokens ({order})",
            EXPERIMENTS, partial(faster, order=order),
        )
        for letter, order in (("a", "left to right"), ("b", "random"), ("c", "confidence"))
    ),
    Empirical(
        "speculative.T4", PAPER, "In the confidence order most rejections are changes of the order, not of the token",
        EXPERIMENTS, mostly_order,
    ),
    Empirical(
        "speculative.T5", PAPER, "A wide window decodes as well as one token at a time", EXPERIMENTS, as_good,
    ),
    Empirical(
        "speculative.T6", PAPER, "At equal rounds Top-k decodes a chain worse than speculation in its fastest order",
        EXPERIMENTS,
        partial(better_than_parallel, cost="rounds"),
    ),
    Empirical(
        "speculative.T7", PAPER, "At equal sequential calls Top-k decodes a chain worse than speculation in its "
        "fastest order",
        EXPERIMENTS, partial(better_than_parallel, cost="calls"),
    ),
)  # fmt: skip
