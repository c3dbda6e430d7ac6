"""The record store: one checked JSON file per experiment and config, reused while both stand.

A record is reused only when its config, the code that its numbers depend on, the data that come from other packages and
the versions of the numerical libraries are what they were, and one that joins the rows of several runs only when these
are the same runs. A record that was cut short or edited is never used. Where none is at hand, a published one is
(`synthetic.published`), if it is whole and of the same config, code and data.
Everything is computed on one thread, since sums depend on the number of threads.
"""

from __future__ import annotations

import hashlib
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic import catalogue, provenance, published
from synthetic.digest import PLUMBING, PROJECT, code_digest
from synthetic.encoding import (
    Scalar,
    canonical,
    decode,
    decode_table,
    encode_config,
    encode_scalars,
    encode_table,
)
from synthetic.experiments import registry
from synthetic.loading import load
from synthetic.progress import Progress, Silent
from synthetic.sealed import Damage, checksum, seal, unseal
from synthetic.sizes import SIZES, size_of
from theory.errors import InvalidInput, unknown
from theory.files import records_folder, write_atomically

if TYPE_CHECKING:
    import pandas as pd

PRESETS = ("smoke", "laptop", "h100", "gpu")


class DamagedRecord(UserWarning):
    """A stored record does not say what was once written, and is computed again."""


@dataclass(frozen=True)
class Record:
    """One result, and everything it rests on."""

    experiment: str
    config: dict[str, Any]
    seed: int | None
    table: pd.DataFrame
    scalars: dict[str, Scalar]
    modules: dict[str, str]
    versions: dict[str, str]
    machine: dict[str, str | int | None]
    seconds: float
    checksum: str
    data: dict[str, str] = field(default_factory=dict)
    device: str = "cpu"
    runs: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Status:
    """Whether the stored record can be used; each reason says precisely why not.

    `notes` says what is wrong with a record of one's own where a published one is used in its place.
    """

    reasons: tuple[str, ...]
    checksum: str | None = None
    damaged: bool = False
    published: bool = False
    notes: tuple[str, ...] = ()

    @property
    def fresh(self) -> bool:
        return not self.reasons


class Store:
    """The records under one folder.

    `experiments` maps names to dotted modules found under `sources`; by default they are this
    project's. The folder is `root`, else $UNMASKED_RECORDS, else `records/` in the project. `shared` is the folder of
    published records; None has every record computed here.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        experiments: Mapping[str, str] | None = None,
        sources: Path = PROJECT,
        shared: Path | None = published.FOLDER,
    ) -> None:
        self.root, self.shared = root or default_root(), shared
        self.experiments = registry() if experiments is None else experiments
        self.sources = sources

    def get_or_compute(
        self,
        experiment: str,
        config: Any,
        *,
        force: bool = False,
        progress: Progress | None = None,
    ) -> Record:
        """Return the stored record where it is fresh, and compute and store it where not."""
        status, payload = self._inspect(experiment, config)
        used = payload is not None and not force
        if status.damaged:
            instead = "the published one is used" if used else "computing it again"
            warnings.warn(f"{'; '.join(status.reasons or status.notes)}: {instead}", DamagedRecord, stacklevel=2)
        if payload is not None and not force:
            return _record(payload)
        payload = self._compute(experiment, config, progress or Silent())
        write_atomically(self.path(experiment, config), seal(payload))
        return _record(payload)

    def computed(self, experiment: str, config: Any, progress: Progress) -> Record:
        """Return a record of a config that cannot be kept, as where it holds worlds or rules of one's own."""
        table, scalars, seconds = self._run(experiment, config, progress)
        return Record(
            experiment, {}, getattr(config, "seed", None), table, dict(scalars), self._code(experiment, config),
            provenance.versions(), provenance.machine(), seconds, "not kept", _data(config), _device(),
        )  # fmt: skip

    def status(self, experiment: str, config: Any) -> Status:
        """Say whether the record can be used as it is, without importing the experiment."""
        return self._inspect(experiment, config)[0]

    def preset(self, experiment: str, preset: str) -> Any:
        """Return the config that `experiment` names `preset`; this imports its (light) module.

        Experiments without models gain nothing from a GPU: their "h100" is their "laptop".
        """
        presets = load(self.module(experiment), self.sources)[0].PRESETS
        if preset == "h100" and preset not in presets:
            preset = "laptop"
        if preset not in presets:
            raise unknown("preset", preset, presets)
        return presets[preset]

    def module(self, experiment: str) -> str:
        """Return the dotted module of `experiment`."""
        if experiment not in self.experiments:
            raise unknown("experiment", experiment, self.experiments)
        return self.experiments[experiment]

    def path(self, experiment: str, config: Any) -> Path:
        """Return the file that keeps the record of `experiment` with `config`."""
        key = hashlib.sha256(canonical([experiment, encode_config(config)])).hexdigest()
        return self.root / experiment / f"{key[:16]}.json"

    def parts(self, experiment: str, config: Any) -> tuple[Any, ...]:
        """Return the configs that `config` is made of, each a record of its own; none where it is one run."""
        divide = getattr(load(self.module(experiment), self.sources)[0], "parts", None)
        return () if divide is None else tuple(divide(config))

    def missing(self, experiment: str, config: Any) -> list[Any]:
        """Return the runs still to be computed: the parts without a fresh record, or the config itself."""
        if self.status(experiment, config).fresh:
            return []
        parts = self.parts(experiment, config) or (config,)
        return [part for part in parts if not self.status(experiment, part).fresh]

    def _joined(self, experiment: str, parts: tuple[Any, ...], progress: Progress) -> tuple[Any, dict[str, Scalar]]:
        """Return the rows of all parts one after the other; a scalar must have its own name in each."""
        import pandas as pd

        records = [self.get_or_compute(experiment, part, progress=progress) for part in parts]
        scalars: dict[str, Scalar] = {}
        for record in records:
            if twice := scalars.keys() & record.scalars.keys():
                raise InvalidInput(f"{experiment}: parts share the scalar {sorted(twice)[0]!r}; put it in the table")
            scalars |= record.scalars
        return pd.concat([record.table for record in records], ignore_index=True), scalars

    def _inspect(self, experiment: str, config: Any) -> tuple[Status, dict[str, Any] | None]:
        own, payload = self._own(experiment, config)
        if payload is not None or self.shared is None:
            return own, payload
        path = published.path(self.shared, self.path(experiment, config))
        if not path.exists():
            return own, None
        try:
            found = unseal(published.unpacked(path), "record")
        except Damage as damage:
            return Status((f"{path} cannot be used: {damage}",), damaged=True), None
        changes = self._changes(experiment, config, found)
        if changes:
            return Status((*own.reasons, *(f"published record: {change}" for change in changes))), None
        notes = own.reasons if own.damaged else ()
        return Status((), checksum=checksum(found), published=True, damaged=own.damaged, notes=notes), found

    def _own(self, experiment: str, config: Any) -> tuple[Status, dict[str, Any] | None]:
        path = self.path(experiment, config)
        if not path.exists():
            return Status((self._absence(experiment, encode_config(config)),)), None
        try:
            payload = unseal(path.read_bytes(), "record")
        except Damage as damage:
            return Status((f"{path} cannot be used: {damage}",), damaged=True), None
        wanted = os.environ.get("UNMASKED_DEVICE") or payload.get("device")
        reasons = [
            *self._changes(experiment, config, payload),
            *provenance.changed_versions(payload["versions"], provenance.versions()),
            *([] if wanted == payload.get("device") else [f"computed on {payload.get('device')}, not {wanted}"]),
        ]
        status = Status(tuple(reasons), checksum=checksum(payload))
        return status, payload if status.fresh else None

    def _changes(self, experiment: str, config: Any, payload: dict[str, Any]) -> list[str]:
        """Name what a record's numbers depend on and what has changed since."""
        edits = _changed_config(payload["config"], encode_config(config))
        before, now = payload.get("data", {}), _data(config)
        reasons = [
            *([_describe_change(edits)] if edits else []),
            *provenance.changed_modules(payload["modules"], self._code(experiment, config)),
            *(f"{what} changed" for what in now if before.get(what) != now[what]),
        ]
        if not reasons and payload.get("runs", []) != self._runs(experiment, config):
            reasons.append("its runs changed")
        return reasons

    def _runs(self, experiment: str, config: Any) -> list[str]:
        """Return the names of the records that a whole one joins: how many seeds a task has is no part of a config."""
        return [self.path(experiment, part).stem for part in self.parts(experiment, config)]

    def _code(self, experiment: str, config: Any) -> dict[str, str]:
        """Return the digests of the modules that the numbers of a record depend on."""
        tasks = getattr(config, "tasks", ()) if self.sources == PROJECT else ()
        modules = {self.module(experiment), *(catalogue.module(task) for task in tasks)}
        found = [code_digest(module, self.sources, PLUMBING) for module in sorted(modules)]
        return {name: digest for each in found for name, digest in each.items()}

    def _absence(self, experiment: str, config: dict[str, Any]) -> str:
        differences = []
        for path in sorted((self.root / experiment).glob("*.json")):
            try:
                differences.append(_changed_config(unseal(path.read_bytes(), "record")["config"], config))
            except Damage:
                continue
        nearest = min(differences, key=len, default=[])
        return _describe_change(nearest) if nearest else "no record"

    def _compute(self, experiment: str, config: Any, progress: Progress) -> dict[str, Any]:
        table, scalars, seconds = self._run(experiment, config, progress)
        return {
            "experiment": experiment,
            "config": encode_config(config),
            "seed": getattr(config, "seed", None),
            "table": encode_table(table),
            "scalars": encode_scalars(scalars),
            "modules": self._code(experiment, config),
            "data": _data(config),
            "device": _device(),
            "versions": provenance.versions(),
            "machine": provenance.machine(),
            "seconds": seconds,
            "runs": self._runs(experiment, config),
        }

    def _run(self, experiment: str, config: Any, progress: Progress) -> tuple[Any, Any, float]:
        """Run an experiment; return its table and scalars and the seconds that it took."""
        from synthetic.devices import one_thread

        name = self.module(experiment)
        module, _ = load(name, self.sources)
        parts = self.parts(experiment, config)
        start = time.perf_counter()
        with one_thread():
            result = self._joined(experiment, parts, progress) if parts else module.run(config, progress)
        seconds = time.perf_counter() - start
        if not isinstance(result, tuple) or len(result) != 2:
            raise InvalidInput(f"{name}.run returns (table, scalars), not {type(result).__name__}")
        return *result, seconds


def default_root() -> Path:
    """Return the folder of records: $UNMASKED_RECORDS, else `records/` in the project."""
    return records_folder()


def _data(config: Any) -> dict[str, str]:
    """Return what a result rests on beside code and config: data from other packages, the sizes of trained models."""
    tasks = [task for task in getattr(config, "tasks", ()) if isinstance(task, str)]
    found = {f"data of {task}": catalogue.source(task) for task in tasks}
    scale = getattr(config, "scale", None)
    if scale in SIZES:
        found |= {f"models of {task}": size_of(task, scale).described() for task in tasks}
    return {name: digest for name, digest in found.items() if digest}


def _device() -> str:
    """Return the kind of device on which trained models are computed: on a CPU in float32, on a GPU in bfloat16."""
    from synthetic.devices import device

    return device().type


def _record(payload: dict[str, Any]) -> Record:
    decoded = {
        **payload,
        "config": decode(payload["config"]),
        "table": decode_table(payload["table"]),
        "scalars": decode(payload["scalars"]),
    }
    return Record(**decoded, checksum=checksum(payload))


def _changed_config(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    fields = {**before, **now}
    return [f"{name} {before.get(name)} -> {now.get(name)}" for name in fields if before.get(name) != now.get(name)]


def _describe_change(edits: list[str]) -> str:
    return f"config changed: {', '.join(edits)}"
