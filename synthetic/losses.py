"""The loss of masked tokens and the held-out NELBO of a denoiser, in nats per sequence.

Masks and weights are drawn by an estimator of `theory.training.estimators`, whose mean is the NELBO of
theory/reference/nelbo.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.training.estimators import BY_COUNT, Estimator, Exactly, draw

Conditionals = Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n d"]]
"""States to log-conditionals."""

EXACT_COUNTS = 8
"""Up to this many free tokens a held-out NELBO takes every count, beyond it a stratified sample of them."""


def masked_loss(
    log_p: Float[Tensor, "*batch n d"],
    tokens: Int[Tensor, "*batch n"],
    masked: Bool[Tensor, "*batch n"],
    weight: Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch"]:
    """Return weight times the sum over masked positions of -ln p of the true token, in nats."""
    surprise = -log_p.gather(-1, tokens[..., None]).squeeze(-1)
    return weight * torch.where(masked, surprise, 0.0).sum(-1)


@dataclass(frozen=True)
class HeldOut:
    """A NELBO on sequences that were not trained on, its standard error (nats), and how many there were."""

    nelbo: float
    standard_error: float
    rows: int


def held_out_nelbo(
    denoise: Conditionals,
    tokens: Int[Tensor, "rows n"],
    given: Bool[Tensor, "rows n"],
    d: int,
    *,
    control: Float[Tensor, " rows"] | None = None,
) -> HeldOut:
    """Estimate the mean NELBO (nats) and the standard error of it, from the rows' `held_out_losses`.

    `control` holds a value a row whose mean over the law is zero; subtracting it leaves the mean as it is. The
    losses of the exact conditionals less the entropy are one, and the standard error is then that of
    NELBO - entropy alone. Raises InvalidInput for fewer than two rows.
    """
    if len(tokens) < 2:
        raise InvalidInput(f"{len(tokens)} held-out sequences; a standard error needs at least two")
    values = held_out_losses(denoise, tokens, given, d)
    if control is not None:
        values = values - control
    return HeldOut(float(values.mean()), float(values.std() / math.sqrt(len(values))), len(values))


@torch.no_grad()
def held_out_losses(
    denoise: Conditionals,
    tokens: Int[Tensor, "rows n"],
    given: Bool[Tensor, "rows n"],
    d: int,
    *,
    seed: int = 0,
    draws: int = 4,
    batch: int = 512,
) -> Float[Tensor, " rows"]:
    """Estimate the NELBO of each row (nats) by count: every count once where they are few, else `draws` strata.

    Only the sets, and the counts within a stratum, are drawn; they are the same for every denoiser. Float64
    on the CPU.
    """
    most = int((~given).sum(-1).max())
    repeats = max(1, most if most <= EXACT_COUNTS else draws)
    estimator = Estimator("held out", Exactly(), BY_COUNT, levels=repeats, strata="draws")
    generator = torch.Generator().manual_seed(seed)
    means = []
    for x, kept in _chunks(tokens, given, max(1, batch // repeats)):
        drawn = draw(estimator, kept.cpu(), generator)
        masked, weight = (part.flatten(0, 1).to(x.device) for part in (drawn.masked, drawn.weight))
        true = x.repeat(repeats, 1)
        losses = masked_loss(denoise(true.masked_fill(masked, d)), true, masked, weight)
        means.append(losses.double().view(repeats, -1).mean(0).cpu())
    return torch.cat(means)


def _chunks(tokens: Tensor, given: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(tokens.split(rows), given.split(rows), strict=True)
