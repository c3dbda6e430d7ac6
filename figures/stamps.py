"""When a figure must be drawn again: its records, its code or its files are not what they were."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures.gallery import Entry
from figures.saving import output_paths
from synthetic import provenance
from synthetic.digest import code_digest, source_path, syntax_tree
from synthetic.encoding import canonical
from synthetic.records import Status, Store
from theory.errors import InvalidInput
from theory.files import write_atomically

STYLE = Path(__file__).with_name("style.mplstyle")


@dataclass(frozen=True)
class Plan:
    """What drawing one figure involves: the state of its records, and why to draw it, if at all."""

    name: str
    statuses: Mapping[str, Status]
    reasons: tuple[str, ...]


def plan(name: str, entry: Entry, store: Store, preset: str, out: Path) -> Plan:
    """Decide what to compute and draw for one figure, without importing it or its libraries."""
    statuses = {
        experiment: store.status(experiment, store.preset(experiment, preset))
        for experiment in experiments(entry.module, store.sources)
    }
    stale = [f"record {experiment}: {reason}" for experiment, status in statuses.items() for reason in status.reasons]
    checksums = {name: status.checksum for name, status in statuses.items() if status.fresh}
    current = fingerprint(entry.module, checksums, preset, store.sources)
    return Plan(name, statuses, (*stale, *_changes(name, current, store, out)))


def experiments(module: str, sources: Path) -> tuple[str, ...]:
    """Read the literal tuple `EXPERIMENTS` in the source of a figure's module."""
    path = source_path(module, sources)
    for node in syntax_tree(path).body if path else ():
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if "EXPERIMENTS" in {getattr(target, "id", None) for target in targets}:
            return tuple(ast.literal_eval(node.value))  # type: ignore[attr-defined]  # an assignment
    raise InvalidInput(f"{module} defines no EXPERIMENTS; add a tuple of experiment names")


def fingerprint(module: str, checksums: Mapping[str, str | None], preset: str, sources: Path) -> dict[str, Any]:
    """Return everything that the files of a figure are a function of."""
    return {
        "preset": preset,
        "records": dict(checksums),
        "modules": {
            **code_digest("figures.saving"),
            **code_digest(module, sources),
            STYLE.name: _sha256(STYLE),
        },
        "versions": {"matplotlib": provenance.version("matplotlib")},
    }


def write_stamp(name: str, current: dict[str, Any], store: Store, out: Path) -> None:
    """Remember what the files of a figure were drawn from, and what is in them."""
    stamp = {**current, "outputs": {path.name: _sha256(path) for path in output_paths(name, out)}}
    write_atomically(_stamp_path(name, store, out), canonical(stamp) + b"\n")


def _changes(name: str, current: dict[str, Any], store: Store, out: Path) -> list[str]:
    missing = [path.name for path in output_paths(name, out) if not path.exists()]
    if missing:
        return [f"no file {', '.join(missing)}"]
    try:
        stamp = json.loads(_stamp_path(name, store, out).read_bytes())
        preset, records, outputs = stamp["preset"], stamp["records"], stamp["outputs"]
        modules, versions = stamp["modules"], stamp["versions"]
    except FileNotFoundError:
        return ["not known from which records it was drawn"]
    except (ValueError, KeyError, TypeError):
        return ["its stamp is damaged"]
    if preset != current["preset"]:
        return [f"preset changed: {preset} -> {current['preset']}"]
    return [
        *provenance.changed_modules(modules, current["modules"]),
        *provenance.changed_versions(versions, current["versions"]),
        *(
            f"record {experiment} is another"
            for experiment, checksum in current["records"].items()
            if records.get(experiment) != checksum
        ),
        *(f"file {path.name} changed" for path in output_paths(name, out) if outputs.get(path.name) != _sha256(path)),
    ]


def _stamp_path(name: str, store: Store, out: Path) -> Path:
    place = hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:8]
    return store.root / "_figures" / f"{name}-{place}.json"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
