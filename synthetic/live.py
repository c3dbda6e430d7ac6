"""A live check of the published records: one small model trained here, measured, and compared with its record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from synthetic.comparing import difference
from synthetic.progress import Progress
from synthetic.records import Store

EXPERIMENT, TASK, SEED = "decomposition", "small/copied pairs", 1
"""Half a minute of work in all, and 58 rules whose errors are exact functions of the weights."""


def part(store: Store, preset: str = "laptop") -> Any:
    """Return the run that is computed again."""
    return replace(store.preset(EXPERIMENT, preset), tasks=(TASK,), seeds=(SEED,))


def is_due(store: Store) -> bool:
    """Return whether the record of this run is a published one."""
    return EXPERIMENT in store.experiments and store.status(EXPERIMENT, part(store)).published


def check(store: Store, progress: Progress) -> str:
    """Train the model where that was not done yet, measure it, and say how its numbers agree with the published ones.

    Where a processor rounds as the publisher's does they are equal; rounding errors grow in training, so elsewhere the
    model is another one of the same law, and its numbers differ as those of two seeds do.
    """
    config = part(store)
    live = Store(store.root / "_live", shared=None).get_or_compute(EXPERIMENT, config, progress=progress)
    published = store.get_or_compute(EXPERIMENT, config)
    other = store.get_or_compute(EXPERIMENT, replace(config, seeds=(SEED + 1,)))
    found = difference(live.table, published.table)
    between = difference(other.table.assign(seed=SEED), published.table)
    return (
        f"live check: {TASK}, seed {SEED}, trained and measured here against its published record: {found} "
        f"(two seeds differ by up to {between.largest:.2g})"
    )
