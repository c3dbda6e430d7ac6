"""The preset for one large GPU, in miniature on this machine: every experiment runs at its scale, within its budget."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest

from synthetic import models, tasks
from synthetic.experiments import registry
from synthetic.records import Store
from synthetic.sizes import SIZES
from synthetic.sweep import needed_models

TRAINED = [name for name, module in registry().items() if hasattr(importlib.import_module(module), "models")]
PETAFLOP = 1e15


@pytest.mark.parametrize("name", TRAINED)
def test_an_experiment_runs_at_this_scale(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the smallest sizes in the place of the preset's: the same path from models to a record and its verdicts."""
    module = importlib.import_module(registry()[name])
    monkeypatch.setenv("UNMASKED_MODELS", str(tmp_path / "models"))
    monkeypatch.setitem(SIZES, "h100", SIZES["smoke"])
    if name == "gstar":
        monkeypatch.setitem(module.FITS, "h100", module.FITS["smoke"])
    small = replace(module.PRESETS["smoke"], scale="h100", seeds=(0,))
    first = (module.parts(small) or (small,))[0]
    record = Store(tmp_path / "records", shared=None).get_or_compute(name, first)
    assert record.config["scale"] == "h100" and len(record.table)
    assert record.device == "cpu" and any(what.startswith("models of") for what in record.data)


def test_the_preset_s_training_fits_ten_minutes_of_a_large_gpu() -> None:
    """60 PFLOP in 600 s are 100 TFLOP/s, a tenth of the peak in bfloat16: an estimate, no measurement."""
    store = Store(shared=None)
    wanted = {name: store.preset(name, "h100") for name in TRAINED}
    assert all(config.scale == "h100" for config in wanted.values())
    _, specs = needed_models(store, wanted, force=True)
    assert {spec.seed for spec in specs} == set(range(10))
    assert {"sudoku9", "maze10"} <= {spec.task for spec in specs}
    lengths = {name: tasks.task(name).n for name in {spec.task for spec in specs}}
    assert sum(models.operations(spec, lengths[spec.task]) for spec in specs) < 60 * PETAFLOP
