"""Training denoisers on a task, several seeds at once: resumed after a crash, their NELBO against the entropy.

The initial weights are a function of the seed, the batch and the masks of a step of (seed, step). Seeds are trained
together as one stack of networks, each as it would be alone. On one CPU with the same number of threads a run that was
killed and resumed ends with the same bits as one that was not.
"""

from __future__ import annotations

import functools
import hashlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from synthetic import checkpoints
from synthetic.checkpoints import Checkpoint
from synthetic.denoisers import Architecture, Transformer, members, stacked
from synthetic.devices import device as choose_device
from synthetic.devices import keep_freed_memory
from synthetic.encoding import encode
from synthetic.losses import HeldOut, held_out_losses, held_out_nelbo, masked_loss
from synthetic.optimisation import Optimiser, Schedule
from synthetic.trainable import Trainable, check, entropy
from theory.errors import InvalidInput
from theory.training.estimators import Estimator, draw, named

if TYPE_CHECKING:
    from synthetic.progress import Progress

COMPILED_STEPS = 5000
"""Steps from which compiling pays on a GPU, where each kernel that is fused saves its launch."""
CHECKED_EVERY = 20


@dataclass(frozen=True)
class Training:
    """How a denoiser is trained. Counts are steps; `loss` draws masks and weights, a name or an estimator of one's own.

    `compile` None compiles long runs on a GPU. On a CPU it costs time: measured, a compiled step takes 1.9 times the
    step's matrix products and an eager one 1.3.
    """

    steps: int = 2000
    batch: int = 64
    rate: float = 3e-3
    warmup: int = 100
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.999
    loss: str | Estimator = "count"
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
        named(self.loss)


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
    def of(cls, denoiser: Transformer, facts: Mapping[str, Any], member: int = 0) -> Trained:
        """Return the run of a member of the stack whose last checkpoint keeps these facts."""
        columns = ["step", "loss", "nelbo", "standard_error", "rows"]
        history = pd.DataFrame(facts["history"][member]).astype({"step": int, "rows": int})
        return cls(denoiser, history[columns], facts["entropy"])


def train(
    task: Trainable,
    architecture: Architecture,
    training: Training,
    seeds: Sequence[int],
    folder: Path,
    progress: Progress,
    device: str | None = None,
) -> list[Trained]:
    """Train a denoiser for each seed, all together, and return them averaged, in the order of the seeds.

    Training goes on in `folder` from its newest whole checkpoint where there is one; a finished run is loaded. Raises
    InvalidInput where the folder holds another run, no checkpoint can be written, a demanded GPU is missing, or a loss
    stops being finite (the last good checkpoint stays).
    """
    run = Run(task, architecture, training, seeds, folder, choose_device(device))
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
    facts = run.facts()
    return [Trained.of(one, facts, k) for k, one in enumerate(members(run.optimiser.average))]


def step_generator(seed: int, step: int) -> Generator:
    """Return the generator of a step's batch and masks: a function of (seed, step), on the CPU."""
    mixed = hashlib.sha256(f"{seed}/{step}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(mixed[:7]))


def run_config(task: Trainable, architecture: Architecture, training: Training, seeds: Sequence[int]) -> dict[str, Any]:
    """Return what identifies a run in its checkpoints."""
    return {
        "architecture": asdict(architecture),
        "shape": list(task.shape),
        "d": task.d,
        "training": encode(asdict(training), "training"),
        "seeds": list(seeds),
    }


def nelbo_objective(
    module: Transformer, z: Tensor, tokens: Tensor, masked: Tensor, weight: Tensor
) -> Float[Tensor, "*members"]:
    """Return the batch's mean NELBO estimate in nats per token, of each member; in bfloat16 on a GPU."""
    with torch.autocast("cuda", torch.bfloat16, enabled=z.is_cuda):
        log_p = module(z)
    return masked_loss(log_p, tokens, masked, weight).mean(-1) / module.n


def untrained(architecture: Architecture, shape: tuple[int, ...], d: int, seed: int) -> Transformer:
    """Return the network that training with a seed starts from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Transformer(architecture, shape, d)


class Run:
    """The runs of several seeds in one folder: the optimiser, the step they have reached, what they measured so far."""

    def __init__(
        self,
        task: Trainable,
        architecture: Architecture,
        training: Training,
        seeds: Sequence[int],
        folder: Path,
        device: torch.device,
    ) -> None:
        if not seeds or len(set(seeds)) != len(seeds):
            raise InvalidInput(f"seeds {list(seeds)}; expected at least one, each once")
        keep_freed_memory()
        self.task, self.training, self.seeds, self.folder, self.device = task, training, seeds, folder, device
        self.config = run_config(task, architecture, training, seeds)
        self.estimator = named(training.loss)
        self.entropy = entropy(task)
        for examples in (task.train, task.test):
            check(examples, math.prod(task.shape), task.d)
        module = stacked([untrained(architecture, task.shape, task.d, seed) for seed in seeds]).to(device)
        fields = {name: getattr(training, name) for name in Schedule.__dataclass_fields__}
        compiled = _worth_compiling(training, device) if training.compile is None else training.compile
        self.optimiser = Optimiser(module, nelbo_objective, Schedule(**fields), compiled=compiled, stack=True)
        self.step, self.history = 0, [list[dict[str, float]]() for _ in seeds]
        self._unchecked: list[Tensor] = []
        self._losses, self._saved = [list[float]() for _ in seeds], 0
        tokens, given = (part[: training.evaluate_rows] for part in (task.test.tokens, task.test.given))
        self._test = tokens.to(device), given.to(device)

    def label(self) -> str:
        """Describe the run: the newest loss and, where the entropy is known, what the NELBO has above it."""
        several = f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else f"seed {self.seeds[0]}"
        parts = [f"{self.task.name}, {several}"]
        if self._losses[0]:
            parts.append(f"loss {_mean(losses[-1] for losses in self._losses):.3f}")
        if self.history[0]:
            nelbo = _mean(rows[-1]["nelbo"] for rows in self.history)
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
        """Take one step: the batch and the masks of each seed are its own."""
        train, size = self.task.train, self.training.batch
        drawn = []
        for seed in self.seeds:
            generator = step_generator(seed, self.step)
            rows = torch.randint(len(train.tokens), (size,), generator=generator)
            masks = draw(self.estimator, train.given[rows], generator)
            tokens = train.tokens[rows].repeat(self.estimator.draws, 1)
            drawn.append((tokens, masks.masked.flatten(0, 1), masks.weight.flatten()))
        tokens, masked, weight = (torch.stack(parts) for parts in zip(*drawn, strict=True))
        batch = (tokens.masked_fill(masked, self.task.d), tokens, masked, weight)
        self._unchecked.append(self.optimiser.step(self.step, *(part.to(self.device) for part in batch)))
        self.step += 1

    def check(self) -> None:
        """Read the losses since the last check; InvalidInput naming the first step whose loss is not finite."""
        if not self._unchecked:
            return
        found = torch.stack(self._unchecked).cpu()
        bad = (~found.isfinite().all(1)).nonzero()
        if len(bad):
            step, member = (int(k) for k in bad[0])
            kept = (
                f"the checkpoint of step {self._saved} in {self.folder} stays" if self._saved else "no checkpoint yet"
            )
            raise InvalidInput(
                f"seed {self.seeds[member]}: loss {float(found[step, 0, member]) * self.optimiser.module.n:g} at step "
                f"{self.step - len(found) + step + 1}, gradient norm {float(found[step, 1, member]):g}; expected "
                f"finite ones. {kept}: lower the rate or the clipping norm"
            )
        for member, losses in enumerate((found[:, 0].double() * self.optimiser.module.n).T.tolist()):
            self._losses[member] += losses
        self._unchecked = []

    def evaluate(self) -> None:
        """Measure the averaged weights on held-out sequences and add a row to each history."""
        for one, history, losses in zip(members(self.optimiser.average), self.history, self._losses, strict=True):
            found = held_out_nelbo(one, *self._test, self.task.d, control=self._control)
            history.append({"step": self.step, "loss": _mean(losses), **asdict(found)})
            losses.clear()

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


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


def _worth_compiling(training: Training, device: torch.device) -> bool:
    return device.type != "cpu" and training.steps >= COMPILED_STEPS
