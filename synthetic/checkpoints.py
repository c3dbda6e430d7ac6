"""Checkpoints: tensors in safetensors, all else in JSON beside them, each file written whole or not at all.

A checkpoint exists once its JSON does; the JSON holds the checksum of the tensors and of itself. The last two
are kept: where the newer is damaged the older one is used, with a warning.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from synthetic.encoding import decode, encode
from synthetic.sealed import Damage, seal, unseal
from theory.errors import InvalidInput
from theory.files import write_atomically

KEPT = 2
NAME = re.compile(r"step-(\d{9})\.json")


class DamagedCheckpoint(UserWarning):
    """A checkpoint on disk is not what was once written; an earlier one is used, or none."""


@dataclass(frozen=True)
class Checkpoint:
    """A run after `step` steps: tensors by name, facts (history, optimiser scalars), the config that describes it.

    Facts and config hold what JSON does; tuples come back as lists.
    """

    step: int
    tensors: Mapping[str, Tensor]
    config: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint and drop all but the last two.

    Raises InvalidInput where it cannot be written (no space, say); the checkpoints before it stay.
    """
    data = safetensors.torch.save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    )
    payload = {
        "step": checkpoint.step,
        "config": encode(checkpoint.config, "config"),
        "facts": encode(checkpoint.facts, "facts"),
        "tensors": hashlib.sha256(data).hexdigest(),
    }
    path = folder / f"step-{checkpoint.step:09d}.json"
    try:
        write_atomically(path.with_suffix(".safetensors"), data)
        write_atomically(path, seal(payload))
    except OSError as error:
        stays = [int(NAME.fullmatch(name.name)[1]) for name in _newest_first(folder) if name != path]  # type: ignore[index]  # the pattern matched when the names were listed
        raise InvalidInput(
            f"cannot write the checkpoint of step {checkpoint.step} in {folder} ({error.strerror}); "
            f"{f'that of step {stays[0]} stays' if stays else 'there is none before it'}: "
            "make room there and start again to go on from it"
        ) from error
    _prune(folder)


def load(folder: Path, config: Mapping[str, Any] | None = None) -> Checkpoint | None:
    """Return the newest checkpoint that is whole, or None. Warns DamagedCheckpoint about each that is not.

    Raises InvalidInput where it is of a run with another config than the one given, naming the fields.
    """
    for path in _newest_first(folder):
        try:
            payload, data = _read(path)
        except Damage as damage:
            warnings.warn(
                f"{path} cannot be used ({damage}): going back to the one before it", DamagedCheckpoint, stacklevel=2
            )
            continue
        stored, facts = decode(payload["config"]), decode(payload["facts"])
        if config is not None:
            _check_config(path, stored, decode(encode(config, "config")))
        return Checkpoint(payload["step"], safetensors.torch.load(data), stored, facts)
    return None


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """Name each field in which two JSON-like values differ, as `field before -> now`."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        names = dict.fromkeys((*before, *now))
        return [
            difference
            for name in names
            for difference in differences(before.get(name), now.get(name), f"{where}.{name}" if where else name)
        ]
    return [] if before == now else [f"{where} {before} -> {now}"]


def _newest_first(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("step-*.json") if NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    payload = unseal(path.read_bytes(), "checkpoint")
    try:
        data = path.with_suffix(".safetensors").read_bytes()
    except OSError as error:
        raise Damage(f"its tensors cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != payload["tensors"]:
        raise Damage("its tensors are truncated or altered")
    return payload, data


def _check_config(path: Path, stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    found = differences(stored, wanted)
    if found:
        raise InvalidInput(
            f"{path} is a checkpoint of another run ({', '.join(found)}); ask for that run, or name another folder"
        )


def _prune(folder: Path) -> None:
    """Remove all but the newest checkpoints, and what a killed process left half written."""
    kept = {path.stem for path in _newest_first(folder)[:KEPT]}
    for pattern in ("step-*.json", "step-*.safetensors", ".step-*.tmp"):
        for path in folder.glob(pattern):
            if path.stem not in kept:
                path.unlink(missing_ok=True)
