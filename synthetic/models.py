"""Trained denoisers by what they are: trained where missing, resumed where interrupted, reused where finished.

A model's folder is named by the sha256 of its spec, of the code that determines its weights and of torch's version,
so a stale model is never found. One process at a time trains a model; others wait and load it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from synthetic import checkpoints, provenance, tasks
from synthetic.denoisers import Architecture, Transformer, preset
from synthetic.devices import device as choose_device
from synthetic.digest import PROJECT, code_digest
from synthetic.encoding import canonical, encode_config
from synthetic.loading import load
from synthetic.training import Trained, Training, train
from theory.files import make_folder

if TYPE_CHECKING:
    from synthetic.progress import Progress

CODE = ("synthetic.denoisers", "synthetic.losses", "synthetic.training")
LISTS = ("synthetic.tasks",)
"""Packages that name every task: an edit to another task leaves a model as it is."""


@dataclass(frozen=True)
class ModelSpec:
    """A task by name, an architecture (or the name of a preset), how it is trained, and the seed of all of it.

    The task's data are those of seed 0 for every model: seeds differ in initial weights, batches and masks.
    """

    task: str
    architecture: Architecture | str = "small"
    training: Training = dataclasses.field(default_factory=Training)
    seed: int = 0

    @property
    def label(self) -> str:
        """Name the model in tables and on progress bars."""
        found = self.architecture
        size = found if isinstance(found, str) else f"{found.width} x {found.depth}"
        return f"{self.task}, {size}, seed {self.seed}"

    def resolved(self) -> ModelSpec:
        """Return the spec with a preset's name replaced by what it stands for."""
        return dataclasses.replace(self, architecture=_architecture(self))


def trained(spec: ModelSpec, progress: Progress, device: str | None = None, root: Path | None = None) -> Transformer:
    """Return the averaged denoiser of a spec in eval mode, trained first where it is not on disk.

    Raises InvalidInput as `synthetic.training.train` does.
    """
    return finished(spec, progress, device, root).denoiser


def finished(spec: ModelSpec, progress: Progress, device: str | None = None, root: Path | None = None) -> Trained:
    """Return the finished run of a spec: the denoiser with its history, held-out NELBO and entropy."""

    where = folder(spec, root)
    with _locked(where):
        return _stored(spec, where, device) or _train(spec, where, progress, device)


def summary(spec: ModelSpec, progress: Progress, device: str | None = None, root: Path | None = None) -> dict[str, Any]:
    """Return one row of a table: task, seed, parameters, nelbo, standard_error, entropy (nats; nan where unknown)."""
    run = finished(spec, progress, device, root)
    return {
        "task": spec.task,
        "seed": spec.seed,
        "parameters": sum(p.numel() for p in run.denoiser.parameters()),
        "nelbo": run.held_out.nelbo,
        "standard_error": run.held_out.standard_error,
        "entropy": float("nan") if run.entropy is None else run.entropy,
    }


def is_trained(spec: ModelSpec, root: Path | None = None) -> bool:
    """Return whether the finished run of a spec is on disk."""
    where = folder(spec, root)
    found = checkpoints.load(where) if where.is_dir() else None
    return found is not None and found.step >= spec.training.steps


def operations(spec: ModelSpec, n: int) -> float:
    """Return about how many floating-point operations training on n tokens takes: six a parameter, token and step."""
    found = _architecture(spec)
    parameters = found.depth * (4 + 2 * found.expansion) * found.width**2
    return 6.0 * parameters * n * spec.training.batch * spec.training.steps


def own_folder(name: str, digest: str, root: Path | None = None) -> Path:
    """Return the folder of a model of one's own data, by what determines it: a digest of data, sizes and seed."""
    code = {key: value for module in CODE for key, value in code_digest(module, without=LISTS).items()}
    whole = hashlib.sha256(canonical([digest, code, provenance.version("torch")])).hexdigest()
    plain = "".join(ch if ch.isalnum() else "-" for ch in name)
    return _base(root) / "own" / f"{plain}-{whole[:16]}"


def folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Return the folder of a model: under `root`, else $UNMASKED_MODELS, else `models/` in the project."""
    return _base(root) / spec.task.replace("/", "-") / key(spec)[:16]


def key(spec: ModelSpec) -> str:
    """Return the sha256 of the spec, of the code that determines the weights and of torch's version."""
    modules = (*CODE, tasks.module(spec.task))
    code = {name: digest for module in modules for name, digest in code_digest(module, without=LISTS).items()}
    return hashlib.sha256(canonical([encode_config(spec.resolved()), code, provenance.version("torch")])).hexdigest()


def _stored(spec: ModelSpec, where: Path, device: str | None) -> Trained | None:
    """Return the run where its last step is on disk; this needs none of the task's data."""
    found = checkpoints.load(where)
    if found is None or found.step < spec.training.steps:
        return None
    with torch.random.fork_rng(devices=[]):
        denoiser = Transformer(_architecture(spec), tuple(found.config["shape"]), found.config["d"])
    prefix = "average/"
    denoiser.load_state_dict({k.removeprefix(prefix): v for k, v in found.tensors.items() if k.startswith(prefix)})
    return Trained.of(denoiser.to(choose_device(device)).requires_grad_(False).eval(), found.facts)


def _train(spec: ModelSpec, where: Path, progress: Progress, device: str | None) -> Trained:
    for module in (*CODE, tasks.module(spec.task)):
        load(module)  # refuses code that was edited after it was imported
    return train(tasks.task(spec.task), _architecture(spec), spec.training, spec.seed, where, progress, device)


def _architecture(spec: ModelSpec) -> Architecture:
    return preset(spec.architecture) if isinstance(spec.architecture, str) else spec.architecture


def _base(root: Path | None) -> Path:
    return root or Path(os.environ.get("UNMASKED_MODELS") or PROJECT / "models")


@contextlib.contextmanager
def _locked(where: Path) -> Iterator[None]:
    """Hold the model's lock; wait for it while another process does. A killed process lets go of it."""
    make_folder(where)
    with (where / "lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
