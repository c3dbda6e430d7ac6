"""`record`: the result of an experiment, found where it was kept or computed now."""

from __future__ import annotations

from typing import Any

from figures.drawing import configured_experiment
from synthetic.progress import reporter
from synthetic.records import Record, Store


def record(experiment: str, preset: str = "laptop", **settings: Any) -> Record:
    """Return an experiment's record: `table`, `scalars`, and all that they rest on.

    Settings take the place of fields of its config, as in record("steps", most=4). Raises InvalidInput with the nearest
    names for an unknown experiment, preset or setting.
    """
    store = Store()
    with reporter() as progress:
        return configured_experiment(store, experiment, preset, settings, progress)
