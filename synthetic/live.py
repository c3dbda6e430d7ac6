"""A live check of the published records: one small model trained here, measured, and compared with its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from synthetic.comparing import difference, numbers
from synthetic.progress import Progress
from synthetic.records import Store

if TYPE_CHECKING:
    import pandas as pd

EXPERIMENT, TASK, SEED = "decomposition", "small/copied pairs", 1
"""Seconds of training, and the errors of 58 rules, which are exact functions of the weights."""
ROUNDING = 1e-12
"""Numbers that differ by less between seeds are zero, or one, up to rounding."""


def part(store: Store, preset: str = "laptop") -> Any:
    """Return the run that is computed again."""
    return replace(store.preset(EXPERIMENT, preset), tasks=(TASK,), seeds=(SEED,))


def is_due(store: Store) -> bool:
    """Return whether the record of this run is a published one."""
    return EXPERIMENT in store.experiments and store.status(EXPERIMENT, part(store)).published


def check(store: Store, progress: Progress) -> str:
    """Train the model where that was not done yet, measure it, and say how its numbers agree with the published ones.

    Where a processor rounds as the publisher's does they are equal. Rounding errors grow in training, so elsewhere the
    model is another one of the same law, and its numbers lie about as far from the seeds' medians as a seed's do.
    """
    config = part(store)
    live = Store(store.root / "_live", shared=None).get_or_compute(EXPERIMENT, config, progress=progress)
    seeds = store.preset(EXPERIMENT, "laptop").seeds
    published = {seed: store.get_or_compute(EXPERIMENT, replace(config, seeds=(seed,))).table for seed in seeds}
    said = agreement(live.table, published.pop(SEED), list(published.values()))
    return f"live check: {TASK}, seed {SEED}, trained and measured here: {said}"


def agreement(live: pd.DataFrame, published: pd.DataFrame, others: Sequence[pd.DataFrame]) -> str:
    """Say how a live table agrees with the published one, beside how far the tables of other seeds lie apart.

    It disagrees where its typical distance is more than twice the largest of a seed's: twice, since a seed of as many
    as there are goes beyond the others once.
    """
    found = difference(live, published)
    if not found.moved:
        return str(found)
    rows = [numbers(table.drop(columns="seed")) for table in (published, *others)]
    seeds = [typical_distance(row, rows[:k] + rows[k + 1 :]) for k, row in enumerate(rows)]
    here = typical_distance(numbers(live.drop(columns="seed")), rows[1:])
    beside = f"{here:.2g} standard deviations of the seeds from their median, those of a seed up to {max(seeds):.2g}"
    moved = (
        f"{found.moved:,} of {found.numbers:,} numbers differ from its published record's; typically they lie {beside}"
    )
    if here > 2 * max(seeds):
        return (
            f"it DISAGREES: {moved}. The published records do not describe this machine: compute your own with "
            "`unmasked reproduce`"
        )
    return f"{moved}. That is another model of the same law: rounding errors grow in training"


def typical_distance(row: ndarray, others: Sequence[ndarray]) -> float:
    """Return the median of |x - median of the others| over their standard deviation, where that is above rounding."""
    values = np.stack(others)
    centre, spread = np.median(values, 0), values.std(0, ddof=1)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(row) & np.isfinite(spread) & (spread > ROUNDING * np.maximum(1.0, np.abs(centre)))
    return float(np.median(np.abs(row - centre)[known] / spread[known])) if known.any() else 0.0
