"""The record store: one checked JSON file per experiment and config, reused while both stand.

A record is reused only when its config, the code its experiment can reach, and the versions of
the numerical libraries are what they were. A record that was cut short or edited is never used.
"""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic import provenance
from synthetic.digest import PROJECT, code_digest
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
from theory.errors import InvalidInput, unknown
from theory.files import records_folder, write_atomically

if TYPE_CHECKING:
    import pandas as pd

PRESETS = ("smoke", "laptop", "gpu")


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


@dataclass(frozen=True)
class Status:
    """Whether the stored record can be used; each reason says precisely why not."""

    reasons: tuple[str, ...]
    checksum: str | None = None
    damaged: bool = False

    @property
    def fresh(self) -> bool:
        return not self.reasons


class Store:
    """The records under one folder.

    `experiments` maps names to dotted modules found under `sources`; by default they are this
    project's. The folder is `root`, else $UNMASKED_RECORDS, else `records/` in the project.
    """

    def __init__(
        self,
        root: Path | None = None,
        *,
        experiments: Mapping[str, str] | None = None,
        sources: Path = PROJECT,
    ) -> None:
        self.root = root or default_root()
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
        if payload is not None and not force:
            return _record(payload)
        if status.damaged:
            warnings.warn(
                f"{self.path(experiment, config)} cannot be used ({'; '.join(status.reasons)}): computing it again",
                DamagedRecord,
                stacklevel=2,
            )
        payload = self._compute(experiment, config, progress or Silent())
        write_atomically(self.path(experiment, config), seal(payload))
        return _record(payload)

    def computed(self, experiment: str, config: Any, progress: Progress) -> Record:
        """Return a record of a config that cannot be kept, as where it holds worlds or rules of one's own."""
        table, scalars, modules, seconds = self._run(experiment, config, progress)
        return Record(
            experiment, {}, getattr(config, "seed", None), table, dict(scalars), modules, provenance.versions(),
            provenance.machine(), seconds, "not kept",
        )  # fmt: skip

    def status(self, experiment: str, config: Any) -> Status:
        """Say whether the record can be used as it is, without importing the experiment."""
        return self._inspect(experiment, config)[0]

    def preset(self, experiment: str, preset: str) -> Any:
        """Return the config that `experiment` names `preset`; this imports its (light) module."""
        presets = load(self.module(experiment), self.sources)[0].PRESETS
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
        module = self.module(experiment)
        path, encoded = self.path(experiment, config), encode_config(config)
        if not path.exists():
            return Status((self._absence(experiment, encoded),)), None
        try:
            payload = unseal(path.read_bytes(), "record")
        except Damage as damage:
            return Status((str(damage),), damaged=True), None
        edits = _changed_config(payload["config"], encoded)
        reasons = [
            *([_describe_change(edits)] if edits else []),
            *provenance.changed_modules(payload["modules"], code_digest(module, self.sources)),
            *provenance.changed_versions(payload["versions"], provenance.versions()),
        ]
        status = Status(tuple(reasons), checksum=checksum(payload))
        return status, payload if status.fresh else None

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
        table, scalars, modules, seconds = self._run(experiment, config, progress)
        return {
            "experiment": experiment,
            "config": encode_config(config),
            "seed": getattr(config, "seed", None),
            "table": encode_table(table),
            "scalars": encode_scalars(scalars),
            "modules": modules,
            "versions": provenance.versions(),
            "machine": provenance.machine(),
            "seconds": seconds,
        }

    def _run(self, experiment: str, config: Any, progress: Progress) -> tuple[Any, Any, dict[str, str], float]:
        """Run an experiment; return its table and scalars, the digest of its code and the seconds that it took."""
        name = self.module(experiment)
        module, modules = load(name, self.sources)
        parts = self.parts(experiment, config)
        start = time.perf_counter()
        result = self._joined(experiment, parts, progress) if parts else module.run(config, progress)
        seconds = time.perf_counter() - start
        if not isinstance(result, tuple) or len(result) != 2:
            raise InvalidInput(f"{name}.run returns (table, scalars), not {type(result).__name__}")
        return *result, modules, seconds


def default_root() -> Path:
    """Return the folder of records: $UNMASKED_RECORDS, else `records/` in the project."""
    return records_folder()


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
