"""Mask schedules of trained models: searched, computed from their losses, and free of effect on the NELBO.

arXiv 2509.13866 (energies and Beta schedules), arXiv 2511.04647 (optimal schedules and learned denoisers).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np

from synthetic.claims._pairs import values
from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import crossed, of_seeds
from theory.schedules import NAMED

if TYPE_CHECKING:
    import pandas as pd

ENERGY = "Chen, Nie, Sun, Feng, Li, Wen, Li, arXiv 2509.13866"
UNMASKING = "Chen, Cong, Li, arXiv 2511.04647"
EQUAL = 0.01
"""Two estimates agree when they differ by less than this share of the NELBO, in the mean over tasks."""
RANKED = 0.5
"""Kendall's tau from which two rankings agree: three pairs of four stand in the same order."""
MEASURES = {
    "per_token": "path KL, per token", "blocks": "path KL, blocks",
    "kl_per_token": "KL of the output law, per token", "kl_blocks": "KL of the output law, blocks",
}  # fmt: skip
"""Code lengths are path KLs up to the entropy, which differences do not see."""
AS_WELL = {"success": -0.02, "per_token": 0.05}
"""One schedule does as well as another when it loses less than this share of successes, or nats a sequence."""


def invariance(records: Records) -> tuple[Finding, ...]:
    """Judge that the NELBO is that of counts with masks drawn by any schedule: two findings for each.

    The two agree for every sequence, so that only the noise of the masks lies between them, which each seed draws
    anew: a seed gives one number, the mean over its sequences and over the tasks, of seeds that all tasks have.
    """
    table, found = records["likelihood"].table, []
    sampled = table[table["kind"] == "time"]
    means = table.groupby(["kind", "rule", "task", "seed"])["value"].mean()
    counts = means["elbo", "by count"].unstack("task")[list(dict.fromkeys(sampled["task"]))].dropna()
    for schedule in dict.fromkeys(sampled["rule"]):
        times = means["time", schedule].unstack("task").loc[counts.index, counts.columns]
        gap = of_seeds(((counts - times) / -counts.mean()).mean(axis=1).to_numpy())
        measure = f"relative NELBO, {schedule} - by count, mean of {counts.shape[1]} tasks"
        found += [Finding(measure, gap, EQUAL, "below"), Finding(measure, gap, -EQUAL, "above")]
    return tuple(found)


def searched(records: Records) -> tuple[Finding, ...]:
    """Judge the best Beta shape on a validation half against the best named schedule there, on the other half."""
    return tuple(
        Finding(f"{task}: success, searched Beta - searched named", crossed(difference))
        for task, mine in searches(records)
        for difference in [column(mine, "searched Beta", "success") - column(mine, "searched named", "success")]
    )


def subsets(records: Records) -> tuple[Finding, ...]:
    """Judge the agreement of the Beta shapes' ranks on a random subset with their ranks on all other rows."""
    table = records["trained_schedules"].table
    ranks = table[table["part"] == "agreement"]
    return tuple(
        Finding(f"{task}: tau of {size} rows with the rest", of_seeds(values(mine, "tau_rest").mean(-1)), RANKED)
        for (task, size), mine in ranks.groupby(["task", "steps"], sort=False)
    )


def without_search(records: Records) -> tuple[Finding, ...]:
    """Judge the computed schedule against the searched Beta shape: success in blocks, code length per token."""
    sides: dict[str, Literal["above", "below"]] = {"success": "above", "per_token": "below"}
    return tuple(
        Finding(f"{task}: {measure}, computed - searched Beta", crossed(difference), AS_WELL[measure], side)
        for task, mine in searches(records)
        for measure, side in sides.items()
        for difference in [column(mine, "computed", measure) - column(mine, "searched Beta", measure)]
    )


def computed(records: Records) -> tuple[Finding, ...]:
    """Judge the computed schedule against the best named one, averaged over the numbers of steps.

    On test rows both are judged by path KL, and the named one is that of least mean on the validation half, for each
    model and number of steps; where all is enumerated, by the KL of the output law, and it is the one truly best.
    """
    table = records["trained_schedules"].table
    return tuple(
        Finding(f"{task}: {name}, computed - best named", crossed(against_named(mine, measure)), 0.0, "below")
        for task, mine in table.groupby("task", sort=False)
        for measure, name in MEASURES.items()
        if measure.startswith("kl_") == ("law" in set(mine["part"]))
    )


def against_named(table: pd.DataFrame, measure: str) -> np.ndarray:
    """Return computed minus the best named schedule, of shape (seeds, items), averaged over the numbers of steps."""
    judged = table[table["part"].isin(["item", "law"]) & table["schedule"].isin(["computed", *NAMED])]
    chosen = table[(table["part"] == "choice") | ((table["part"] == "law") & table["schedule"].isin(list(NAMED)))]
    best = chosen.loc[chosen.groupby(["seed", "steps"])[measure].idxmin(), ["seed", "steps", "schedule"]]
    rivals = judged.merge(best, on=["seed", "steps", "schedule"])
    own = judged[judged["schedule"] == "computed"]
    pair = own.merge(rivals, on=["seed", "steps", "item"], suffixes=("", " of the rival"))
    pair["difference"] = pair[measure] - pair[f"{measure} of the rival"]
    return values(pair.groupby(["seed", "item"], as_index=False)["difference"].mean(), "difference")


def searches(records: Records) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each task that was searched through, with its rows at the number of steps of the search."""
    table = records["trained_schedules"].table
    items = table[table["part"] == "item"]
    for task, mine in items.groupby("task", sort=False):
        steps = set(mine.loc[mine["schedule"] == "searched Beta", "steps"])
        if steps:
            yield str(task), mine[mine["steps"].isin(steps)]


def column(table: pd.DataFrame, schedule: str, measure: str) -> np.ndarray:
    """Return a measure of one schedule, of shape (seeds, items)."""
    return values(table[table["schedule"] == schedule], measure)


CLAIMS = (
    Empirical(
        "energy.7.trained", ENERGY,
        "The NELBO does not depend on the mask schedule that its masks are drawn by.",
        ("likelihood",), invariance,
    ),
    Empirical(
        "energy.9a", ENERGY,
        "The Beta schedule of most success on a validation half succeeds more often than the best named schedule, at "
        "equal steps.",
        ("trained_schedules",), searched,
        reported=(
            "Tables 2 to 7: from 8 to 128 steps Beta schedules from a search beat linear and squared sine, 34.8 "
            "against 16.4 and 20.6 % on MBPP at 32 steps. We choose on one half of the items and judge on the "
            "other."
        ),
    ),
    Empirical(
        "energy.9b", ENERGY,
        "Random subsets of 50 to 150 items rank the Beta schedules as the remaining items do.",
        ("trained_schedules",), subsets,
        reported=(
            "Section E.1: rankings on subsets of 50 to 150 items agree with those on the full set. We ask for "
            "Kendall's tau above one half, with the rows left out."
        ),
    ),
    Empirical(
        "energy.9c", ENERGY,
        "The schedule computed from the measured cross-entropies does as well as the searched Beta schedule, without "
        "any search.",
        ("trained_schedules",), without_search,
    ),
    Empirical(
        "schedules.25.trained", UNMASKING,
        "A schedule computed from a model's cross-entropies beats the best named schedule with the same conditionals "
        "and number of steps, on path KL, and where it is known on the KL of the output law.",
        ("trained_schedules",), computed,
    ),
)  # fmt: skip
