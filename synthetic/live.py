"""A live check of the published records: one small model trained here, measured, and compared with its record."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from synthetic.comparing import difference
from synthetic.progress import Progress
from synthetic.records import Store

if TYPE_CHECKING:
    import pandas as pd

EXPERIMENT, TASK, SEED = "decomposition", "small/copied pairs", 1
"""Seconds of training, and the errors of 58 rules, which are exact functions of the weights."""


def part(store: Store, preset: str = "laptop") -> Any:
    """Return the run that is computed again."""
    return replace(store.preset(EXPERIMENT, preset), tasks=(TASK,), seeds=(SEED,))


def is_due(store: Store) -> bool:
    """Return whether the record of this run is a published one."""
    return EXPERIMENT in store.experiments and store.status(EXPERIMENT, part(store)).published


def check(store: Store, progress: Progress) -> str:
    """Train the model where that was not done yet, measure it, and say how its numbers agree with the published ones.

    Where a processor rounds as the publisher's does they are equal; rounding errors grow in training, so elsewhere the
    model is another one of the same law, and its numbers differ at most as those of two seeds do.
    """
    config = part(store)
    live = Store(store.root / "_live", shared=None).get_or_compute(EXPERIMENT, config, progress=progress)
    published = store.get_or_compute(EXPERIMENT, config)
    other = store.get_or_compute(EXPERIMENT, replace(config, seeds=(SEED + 1,)))
    said = agreement(live.table, published.table, other.table)
    return f"live check: {TASK}, seed {SEED}, trained and measured here: {said}"


def agreement(live: pd.DataFrame, published: pd.DataFrame, other: pd.DataFrame) -> str:
    """Say how a live table agrees with the published one, beside how much another seed's table differs from that."""
    found = difference(live, published)
    between = difference(other.assign(seed=published["seed"]), published)
    if found.largest > between.largest:
        return (
            f"it DISAGREES with its published record: {found}, and two seeds differ by {between.largest:.2g} only. The "
            "published records do not describe this machine: compute your own with `unmasked reproduce`"
        )
    return f"{found} beside its published record (two seeds differ by up to {between.largest:.2g})"
