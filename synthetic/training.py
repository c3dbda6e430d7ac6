"""Training a denoiser on a task: deterministic in the seed, resumed after a crash, its NELBO against the entropy.

The batch and the masks of a step are a function of (seed, step) alone. On one CPU with the same number of threads
a run that was killed and resumed ends with the same bits as one that was not.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from synthetic import checkpoints
from synthetic.checkpoints import Checkpoint
from synthetic.denoisers import Architecture, Transformer, parameter_count
from synthetic.devices import device as choose_device
from synthetic.devices import keep_freed_memory
from synthetic.losses import FORMS, Form, HeldOut, draw_masks, held_out_losses, held_out_nelbo, masked_loss
from synthetic.optimisation import Optimiser, Schedule
from theory.errors import InvalidInput, unknown

if TYPE_CHECKING:
    from synthetic.progress import Progress
    from theory.worlds import World

COMPILED_WORK = 1e13
"""Floating-point operations of a run from which compiling pays on a CPU: it saves a tenth and costs 10 s."""
COMPILED_STEPS = 5000
"""Steps from which it pays on a GPU, where each kernel that is fused saves its launch."""
CHECKED_EVERY = 20


class Sequences(Protocol):
    """Sequences with the positions that are given, never masked."""

    @property
    def tokens(self) -> Int[Tensor, "rows n"]: ...
    @property
    def given(self) -> Bool[Tensor, "rows n"]: ...


class Trainable(Protocol):
    """What training asks of a task."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def d(self) -> int: ...
    @property
    def train(self) -> Sequences: ...
    @property
    def test(self) -> Sequences: ...
    @property
    def world(self) -> World | None: ...


@dataclass(frozen=True)
class Training:
    """How a denoiser is trained. Counts are steps; `compile` None compiles where the run is long enough to pay."""

    steps: int = 2000
    batch: int = 64
    rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    loss: Form = "count"
    evaluate_every: int = 500
    evaluate_rows: int = 512
    checkpoint_every: int = 500
    compile: bool | None = None

    def __post_init__(self) -> None:
        counts = (self.steps, self.batch, self.evaluate_every, self.evaluate_rows, self.checkpoint_every)
        if min(counts) < 1 or self.warmup < 0:
            raise InvalidInput(f"{self}; expected positive counts and a warm-up of 0 or more steps")
        if not (self.rate > 0 and self.clip > 0 and self.weight_decay >= 0 and 0 <= self.ema < 1):
            raise InvalidInput(f"{self}; expected rate, clip > 0, weight_decay >= 0 and 0 <= ema < 1")
        if self.loss not in FORMS:
            raise unknown("loss", self.loss, FORMS)


@dataclass(frozen=True)
class Trained:
    """A finished run: the averaged denoiser in eval mode, and what it measured on the way.

    `history` has a row an evaluation: step, loss (mean of the training losses since the last row), nelbo and
    standard_error on held-out sequences; all in nats per sequence. `entropy` is the task's, where it is known;
    the NELBO is then measured against the exact conditionals on the same masks, so that its standard error is
    that of NELBO - entropy.
    """

    denoiser: Transformer
    history: pd.DataFrame
    entropy: float | None

    @property
    def held_out(self) -> HeldOut:
        """Return the last evaluation."""
        last = self.history.iloc[-1]
        return HeldOut(float(last["nelbo"]), float(last["standard_error"]), int(last["rows"]))

    @classmethod
    def of(cls, denoiser: Transformer, facts: Mapping[str, Any]) -> Trained:
        """Return the run whose last checkpoint keeps these facts."""
        columns = ["step", "loss", "nelbo", "standard_error", "rows"]
        history = pd.DataFrame(facts["history"]).astype({"step": int, "rows": int})
        return cls(denoiser, history[columns], facts["entropy"])


def train(
    task: Trainable,
    architecture: Architecture,
    training: Training,
    seed: int,
    folder: Path,
    progress: Progress,
    device: str | None = None,
) -> Trained:
    """Train in `folder`, from its newest whole checkpoint on where there is one, and return the averaged denoiser.

    A finished run is loaded. Raises InvalidInput where the folder holds another run, no checkpoint can be
    written, a demanded GPU is missing, or the loss stops being finite (the last good checkpoint stays).
    """
    run = Run(task, architecture, training, seed, folder, choose_device(device))
    run.resume()
    for step in progress.track(range(run.step, training.steps), run.label):
        run.advance()
        at_end = step + 1 == training.steps
        evaluating = at_end or (step + 1) % training.evaluate_every == 0
        saving = at_end or (step + 1) % training.checkpoint_every == 0
        if evaluating or saving or (step + 1) % CHECKED_EVERY == 0:
            run.check()
        if evaluating:
            run.evaluate()
        if saving:
            run.save()
    return Trained.of(run.optimiser.average, run.facts())


def step_generator(seed: int, step: int) -> Generator:
    """Return the generator of a step's batch and masks: a function of (seed, step), on the CPU."""
    mixed = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(mixed[:7]))


def entropy(task: Trainable) -> float | None:
    """Return the entropy of the task's world in nats; None where unknown, or where some tokens are given."""
    return None if task.world is None or bool(task.test.given.any()) else task.world.entropy()


def run_config(task: Trainable, architecture: Architecture, training: Training, seed: int) -> dict[str, Any]:
    """Return what identifies a run in its checkpoints."""
    return {
        "architecture": asdict(architecture),
        "shape": list(task.shape),
        "d": task.d,
        "training": asdict(training),
        "seed": seed,
    }


def nelbo_objective(
    module: Transformer, z: Tensor, tokens: Tensor, masked: Tensor, weight: Tensor
) -> Float[Tensor, ""]:
    """Return the batch's mean NELBO estimate in nats per token; in bfloat16 on a GPU."""
    with torch.autocast("cuda", torch.bfloat16, enabled=z.is_cuda):
        log_p = module(z)
    return masked_loss(log_p, tokens, masked, weight).mean() / module.n


class Run:
    """One run in its folder: the optimiser, the step it has reached, and what it measured so far."""

    def __init__(
        self,
        task: Trainable,
        architecture: Architecture,
        training: Training,
        seed: int,
        folder: Path,
        device: torch.device,
    ) -> None:
        keep_freed_memory()
        self.task, self.training, self.seed, self.folder, self.device = task, training, seed, folder, device
        self.config = run_config(task, architecture, training, seed)
        self.entropy = entropy(task)
        for examples in (task.train, task.test):
            _check(examples, math.prod(task.shape), task.d)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = Transformer(architecture, task.shape, task.d).to(device)
        fields = {name: getattr(training, name) for name in Schedule.__dataclass_fields__}
        compiled = _worth_compiling(module, training, device) if training.compile is None else training.compile
        self.optimiser = Optimiser(module, nelbo_objective, Schedule(**fields), compiled=compiled)
        self.step, self.history = 0, list[dict[str, float]]()
        self._unchecked: list[Tensor] = []
        self._losses, self._saved = list[float](), 0
        tokens, given = (part[: training.evaluate_rows] for part in (task.test.tokens, task.test.given))
        self._test = tokens.to(device), given.to(device)

    def label(self) -> str:
        """Describe the run: the newest loss and, where the entropy is known, what the NELBO has above it."""
        parts = [f"{self.task.name}, seed {self.seed}"]
        if self._losses:
            parts.append(f"loss {self._losses[-1]:.3f}")
        if self.history:
            nelbo = self.history[-1]["nelbo"]
            above = f"NELBO {nelbo:.3f}" if self.entropy is None else f"NELBO - entropy {nelbo - self.entropy:.3f}"
            parts.append(above)
        return ", ".join(parts)

    @functools.cached_property
    def _control(self) -> Float[Tensor, " rows"] | None:
        """Return what the exact conditionals lose on the held-out masks, less the entropy: zero in the mean."""
        world, (tokens, given) = self.task.world, self._test
        if world is None or self.entropy is None:
            return None
        return held_out_losses(world, tokens.cpu(), given.cpu(), self.task.d) - self.entropy

    def advance(self) -> None:
        """Take one step."""
        generator = step_generator(self.seed, self.step)
        train = self.task.train
        rows = torch.randint(len(train.tokens), (self.training.batch,), generator=generator)
        tokens, given = train.tokens[rows], train.given[rows]
        masked, weight = draw_masks(self.training.loss, given, generator)
        batch = (tokens.masked_fill(masked, self.task.d), tokens, masked, weight)
        self._unchecked.append(self.optimiser.step(self.step, *(part.to(self.device) for part in batch)))
        self.step += 1

    def check(self) -> None:
        """Read the losses since the last check; InvalidInput naming the first step whose loss is not finite."""
        if not self._unchecked:
            return
        found = torch.stack(self._unchecked).cpu()
        bad = (~found.isfinite().all(-1)).nonzero()
        if len(bad):
            step = self.step - len(found) + int(bad[0, 0]) + 1
            kept = (
                f"the checkpoint of step {self._saved} in {self.folder} stays" if self._saved else "no checkpoint yet"
            )
            raise InvalidInput(
                f"loss {float(found[bad[0, 0], 0]) * self.optimiser.module.n:g} at step {step}, gradient norm "
                f"{float(found[bad[0, 0], 1]):g}; expected finite ones. {kept}: lower the rate or the clipping norm"
            )
        self._losses += (found[:, 0].double() * self.optimiser.module.n).tolist()
        self._unchecked = []

    def evaluate(self) -> None:
        """Measure the averaged weights on held-out sequences and add a row to the history."""
        found = held_out_nelbo(self.optimiser.average, *self._test, self.task.d, control=self._control)
        loss = sum(self._losses) / len(self._losses)
        self.history.append({"step": self.step, "loss": loss, **asdict(found)})
        self._losses = []

    def facts(self) -> dict[str, Any]:
        """Return what a checkpoint keeps beside the tensors."""
        measured = {"history": self.history, "losses": self._losses, "entropy": self.entropy}
        return {**measured, "optimiser": self.optimiser.scalars()}

    def save(self) -> None:
        """Write a checkpoint."""
        checkpoints.save(self.folder, Checkpoint(self.step, self.optimiser.tensors(), self.config, self.facts()))
        self._saved = self.step

    def resume(self) -> None:
        """Go on from the newest whole checkpoint, where there is one."""
        found = checkpoints.load(self.folder, self.config)
        if found is None:
            return
        self.optimiser.restore(found.step, dict(found.tensors))
        self.step = self._saved = found.step
        self.history, self._losses = list(found.facts["history"]), list(found.facts["losses"])


def _check(examples: Sequences, n: int, d: int) -> None:
    tokens, given = examples.tokens, examples.given
    if tokens.ndim != 2 or not len(tokens) or tokens.shape[1] != n or given.shape != tokens.shape:
        raise InvalidInput(
            f"tokens of shape {tuple(tokens.shape)}, given of shape {tuple(given.shape)}; expected (rows, {n}) for both"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= d:
        raise InvalidInput(f"tokens from {low} to {high}; expected 0..{d - 1}, without the mask: train on whole rows")
    if bool(given.all()):
        raise InvalidInput("every token is given; leave some to predict")


def _worth_compiling(module: Transformer, training: Training, device: torch.device) -> bool:
    if device.type != "cpu":
        return training.steps >= COMPILED_STEPS
    work = 6.0 * parameter_count(module) * module.n * training.batch * training.steps
    return work >= COMPILED_WORK
