"""Trained denoisers by what they are: trained where missing, resumed where interrupted, reused where finished.

A model's folder is named by the sha256 of its spec and of all that its weights depend on, so a stale model is never
found. Seeds of one kind are trained together. One process at a time trains a model; others wait and load it. Training
runs on one thread, since the order of sums depends on the number of threads.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic import catalogue, checkpoints, provenance, tasks
from synthetic.checkpoints import Checkpoint
from synthetic.denoisers import Architecture, Transformer, preset
from synthetic.devices import device as choose_device
from synthetic.devices import one_thread
from synthetic.digest import PLUMBING, PROJECT, code_digest
from synthetic.encoding import canonical, encode_config
from synthetic.loading import load
from synthetic.training import Trained, Training, train, untrained
from theory.errors import InvalidInput
from theory.files import make_folder

if TYPE_CHECKING:
    from synthetic.progress import Progress

CODE = ("synthetic.denoisers", "synthetic.losses", "synthetic.training")
BOOKKEEPING = ("evaluate_every", "evaluate_rows", "checkpoint_every")
"""Settings that leave the weights as they are."""
STACKED = 2**19
"""Numbers in a hidden state (members x batch x n x width) up to which a CPU stacks.

Measured on one core: a stack of 20 takes a third less a seed at n = 6, width 32, one of 4 nothing less at n = 32, 64.
"""


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
    return together([spec], progress, device, root)[0]


def together(
    specs: Sequence[ModelSpec], progress: Progress, device: str | None = None, root: Path | None = None
) -> list[Trained]:
    """Return the finished runs of specs that differ in the seed alone; those not on disk are trained as one stack.

    Raises InvalidInput for specs of more than one kind, and as `synthetic.training.train` does.
    """
    kinds = {dataclasses.replace(spec, seed=0).resolved() for spec in specs}
    if len(kinds) != 1 or len(set(specs)) != len(specs):
        raise InvalidInput(f"{len(kinds)} kinds of models; expected different seeds of one kind, at least one")
    places = [folder(spec, root) for spec in specs]
    with contextlib.ExitStack() as locks:
        for where in sorted(places):
            locks.enter_context(_locked(where))
        missing = {
            spec: where for spec, where in zip(specs, places, strict=True) if _stored(spec, where, device) is None
        }
        if missing:
            _train(missing, progress, device, root)
        found = [_stored(spec, where, device) for spec, where in zip(specs, places, strict=True)]
    return [run for run in found if run is not None]


def stacks(specs: Iterable[ModelSpec], device: str | None = None) -> list[list[ModelSpec]]:
    """Divide specs into groups to train as one stack each: seeds of one kind, as many as a processor's cache holds.

    Beyond that a CPU gains nothing, and groups can be spread over processes; a GPU takes all seeds of a kind at once.
    """
    kinds: dict[ModelSpec, list[ModelSpec]] = {}
    for spec in specs:
        kinds.setdefault(dataclasses.replace(spec, seed=0), []).append(spec)
    if choose_device(device).type != "cpu":
        return list(kinds.values())
    groups = []
    for kind, found in kinds.items():
        size = max(1, STACKED // (kind.training.batch * tasks.length(kind.task) * _architecture(kind).width))
        parts = -(-len(found) // size)
        groups += [found[k::parts] for k in range(parts)]
    return groups


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
    return 6.0 * _architecture(spec).weights * n * spec.training.batch * spec.training.steps


def own_folder(name: str, digest: str, root: Path | None = None) -> Path:
    """Return the folder of a model of one's own data, by what determines it: a digest of data, sizes and seed."""
    whole = hashlib.sha256(canonical([digest, _conditions(CODE)])).hexdigest()
    plain = "".join(ch if ch.isalnum() else "-" for ch in name)
    return _base(root) / "own" / f"{plain}-{whole[:16]}"


def folder(spec: ModelSpec, root: Path | None = None) -> Path:
    """Return the folder of a model: under `root`, else $UNMASKED_MODELS, else `models/` in the project."""
    return _base(root) / spec.task.replace("/", "-") / key(spec)[:16]


def key(spec: ModelSpec) -> str:
    """Return the sha256 of what determines a model's weights: its spec, the code, the data, torch and the device."""
    found = encode_config(spec.resolved())
    settings = {name: value for name, value in found["training"].items() if name not in BOOKKEEPING}
    data = [catalogue.builder(spec.task), catalogue.source(spec.task)]
    parts = [{**found, "training": settings}, data, _conditions((*CODE, catalogue.module(spec.task)))]
    return hashlib.sha256(canonical(parts)).hexdigest()


def _conditions(modules: Sequence[str]) -> dict[str, Any]:
    code = {name: digest for module in modules for name, digest in code_digest(module, without=PLUMBING).items()}
    return {"code": code, "torch": provenance.version("torch"), "device": choose_device().type}


def _stored(spec: ModelSpec, where: Path, device: str | None) -> Trained | None:
    """Return the run where its last step is on disk; this needs none of the task's data."""
    found = checkpoints.load(where)
    if found is None or found.step < spec.training.steps:
        return None
    denoiser = untrained(_architecture(spec), tuple(found.config["shape"]), found.config["d"], spec.seed)
    denoiser.load_state_dict(dict(found.tensors))
    return Trained.of(denoiser.to(choose_device(device)).requires_grad_(False).eval(), found.facts)


def _train(missing: Mapping[ModelSpec, Path], progress: Progress, device: str | None, root: Path | None) -> None:
    """Train a stack in a folder of its own, keep the averaged weights of each model, and remove the stack's folder."""
    for module in (*CODE, *{catalogue.module(spec.task) for spec in missing}):
        load(module)  # refuses code that was edited after it was imported
    specs = list(missing)
    first = specs[0]
    whole = hashlib.sha256(canonical([key(spec) for spec in specs])).hexdigest()
    where = _base(root) / "stacks" / whole[:16]
    with one_thread(), _locked(where):
        runs = train(
            tasks.task(first.task), _architecture(first), first.training, [spec.seed for spec in specs], where,
            progress, device,
        )  # fmt: skip
        for run, (spec, place) in zip(runs, missing.items(), strict=True):
            facts = {"history": [run.history.to_dict("records")], "entropy": run.entropy}
            config = {"shape": run.denoiser.shape, "d": run.denoiser.d, **encode_config(spec.resolved())}
            checkpoints.save(place, Checkpoint(first.training.steps, run.denoiser.state_dict(), config, facts))
    shutil.rmtree(where)


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
