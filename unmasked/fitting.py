"""`fit`: a small masked diffusion model of one's own sequences, trained on this machine and measured."""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synthetic import models, tasks
from synthetic.denoisers import Architecture, exact
from synthetic.denoisers import preset as architecture
from synthetic.encoding import encode
from synthetic.progress import reporter
from synthetic.sizes import SIZES
from synthetic.tasks.base import Examples
from synthetic.trained import spec
from synthetic.training import Trained, Training, train
from theory.denoisers import Denoiser
from theory.errors import InvalidInput, unknown
from theory.schedules import Schedule
from theory.showing import Shown
from theory.training.estimators import Estimator
from theory.unmasking import losses, sampling
from theory.worlds import World
from unmasked.entry import sampler

HELD_OUT = 0.1
"""The share of the rows, at least two, that is kept from training and measured on."""


@dataclass(frozen=True)
class Rows:
    """Sequences as training asks for them."""

    name: str
    shape: tuple[int, ...]
    d: int
    train: Examples
    test: Examples
    world: World | None


@dataclass(frozen=True, repr=False)
class Run(Shown):
    """A trained model of one's own data. Likelihoods are in nats a sequence, on rows it was not trained on.

    A run is a denoiser: it may stand wherever one is asked for, as in `um.measure(rule, law, denoiser=run)`.
    """

    name: str
    rows: Rows
    trained: Trained

    @property
    def n(self) -> int:
        """Return the length of the sequences."""
        return math.prod(self.rows.shape)

    @property
    def d(self) -> int:
        """Return the number of symbols; d itself is the mask."""
        return self.rows.d

    def __call__(self, z: Tensor) -> Tensor:
        """Return ln p(x_i = v | z) in float64, exactly normalised, for states (batch, n)."""
        return self.denoiser(z)

    @property
    def nelbo(self) -> float:
        """Return the negative ELBO, an upper bound on the negative log-likelihood."""
        return self.trained.held_out.nelbo

    @property
    def standard_error(self) -> float:
        """Return the standard error of the negative ELBO over the held-out rows."""
        return self.trained.held_out.standard_error

    @functools.cached_property
    def denoiser(self) -> Denoiser:
        """Return the model as a denoiser: float64 log-conditionals, exactly normalised."""
        return exact(self.trained.denoiser)

    @functools.cached_property
    def cross_entropy_by_count(self) -> losses.CrossEntropy:
        """Return the mean cross-entropy of a masked token by the number of revealed ones, with standard errors."""
        return losses.cross_entropy_by_count(self.denoiser, self.rows.test.tokens)

    def sample(
        self, rule: Any, count: int = 512, *, start: Any = None, temperature: float = 1.0, seed: int = 0
    ) -> sampling.Samples:
        """Draw sequences with a rule: `tokens`, and `calls`, the mean number of denoiser calls.

        `start` holds partially masked states, a row each (all masked unless given; token d is the mask).
        """
        method = sampler(rule)
        if isinstance(method, Schedule):
            raise InvalidInput(f"{method.name} is a schedule; sample takes a rule")
        begin = count if start is None else torch.as_tensor(start)
        return sampling.sample(method, self.denoiser, begin, seed=seed, temperature=temperature)

    def _facts(self) -> dict[str, object]:
        return {
            "nelbo (nats)": f"{self.nelbo:.4g}, standard error {self.standard_error:.1g}",
            "train rows": len(self.rows.train),
            "test rows": len(self.rows.test),
            "steps": int(self.trained.history["step"].iloc[-1]),
        }


def fit(
    rows: Any,
    d: int | None = None,
    *,
    steps: int = 600,
    model: Architecture | str = "small",
    loss: str | Estimator = "count",
    given: Any = None,
    world: World | None = None,
    seed: int = 0,
    name: str = "own rows",
    folder: Path | None = None,
    device: str | None = None,
) -> Run:
    """Train a masked diffusion model on rows of tokens 0..d-1 and measure it on a tenth of them.

    `rows` is an integer array (rows, n), `given` marks positions that are conditioned on and never masked, `model` a
    size ("tiny", "small", "medium", "large") or an Architecture, `world` the exact law of the rows where it is known.
    `loss` draws masks and weights: "count", "time", or an estimator of `um.training`; one with several draws passes
    each row of a batch as often.
    The run is kept on disk by what determines it: the same call finds it again, and one that was interrupted goes on
    where it was. Raises InvalidInput.

    >>> import numpy as np, unmasked as um
    >>> bits = np.random.default_rng(0).integers(0, 2, (400, 1)).repeat(4, 1)      # one bit, four times
    >>> run = um.fit(bits, d=2, steps=60, model="tiny")
    >>> run.sample(um.EntropyBounded(0.1)).tokens.shape
    torch.Size([512, 4])
    """
    data = _rows(rows, d, given, name, world)
    size = architecture(model) if isinstance(model, str) else model
    training = Training(
        steps=steps, loss=loss, warmup=max(1, steps // 20), ema=0.99 if steps < 5000 else 0.999,
        evaluate_every=max(1, steps // 4), checkpoint_every=max(1, steps // 4),
    )  # fmt: skip
    with reporter() as progress:
        where = folder or models.own_folder(name, _digest(data, size, training, seed))
        (found,) = train(data, size, training, [seed], where, progress, device)
    return Run(name, data, found)


def trained(task: str, preset: str = "laptop", seed: int = 0) -> Run:
    """Return the small model that the figures use for a task, found on disk or trained now.

    `task` is one of `um.tasks.names()`; models of one task differ in size by the preset and in weights by the seed.
    Raises InvalidInput with the nearest names for an unknown task or preset.
    """
    if preset not in SIZES:
        raise unknown("preset", preset, SIZES)
    found = tasks.task(task)
    with reporter() as progress:
        run = models.finished(spec(task, preset, seed), progress)
    return Run(task, Rows(found.name, found.shape, found.d, found.train, found.test, found.world), run)


def _rows(rows: Any, d: int | None, given: Any, name: str, world: World | None) -> Rows:
    try:
        tokens = torch.as_tensor(rows)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"rows that are no array ({error}); expected whole numbers 0..d-1 in (rows, n): number the symbols first"
        ) from error
    if tokens.ndim != 2 or tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise InvalidInput(f"rows of {tokens.dtype}, shape {tuple(tokens.shape)}; expected whole numbers (rows, n)")
    tokens = tokens.long()
    if len(tokens) < 20:
        raise InvalidInput(f"{len(tokens)} rows; expected at least 20, a tenth of which is held out")
    size = int(tokens.max()) + 1 if d is None else d
    if int(tokens.min()) < 0 or int(tokens.max()) >= size:
        raise InvalidInput(
            f"tokens from {int(tokens.min())} to {int(tokens.max())}; expected 0..{size - 1}: is d right?"
        )
    shown = torch.zeros_like(tokens, dtype=torch.bool) if given is None else torch.as_tensor(given, dtype=torch.bool)
    order = torch.randperm(len(tokens), generator=torch.Generator().manual_seed(0))
    held = max(2, math.ceil(HELD_OUT * len(tokens)))
    all_rows = Examples(tokens, shown.expand(tokens.shape).clone())
    return Rows(name, (tokens.shape[1],), size, all_rows.rows(order[held:]), all_rows.rows(order[:held]), world)


def _digest(data: Rows, size: Architecture, training: Training, seed: int) -> str:
    parts: list[Tensor] = [data.train.tokens, data.train.given, data.test.tokens, data.test.given]
    settings = encode(asdict(training), "training")  # functions of one's own by what they compute
    digest = hashlib.sha256(repr((data.shape, data.d, size, settings, seed)).encode())
    for part in parts:
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()
