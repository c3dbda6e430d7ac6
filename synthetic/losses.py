"""The NELBO of a masked denoiser as an average over masks, by count or by time, in nats per sequence.

Of a sequence with m free tokens (the rest are given, never masked),

    by count    k uniform on 1..m, a uniform set of k free tokens masked, weight m / k
    by time     t uniform on (0, 1], every free token masked with probability t, weight 1 / t

times the sum over masked i of -ln p(x_i | z) has the NELBO of theory/reference/nelbo.py as its mean (arXiv 2406.03736,
section 3). k and t are stratified over the batch: that of each sequence alone is still uniform.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown

Form = Literal["count", "time"]
Masks = tuple[Bool[Tensor, "batch n"], Float[Tensor, " batch"]]
Conditionals = Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n d"]]
"""States to log-conditionals."""

EXACT_COUNTS = 8
"""Up to this many free tokens a held-out NELBO takes every count, beyond it a stratified sample of them."""


def draw_masks(form: str, given: Bool[Tensor, "batch n"], generator: Generator) -> Masks:
    """Return masked positions and the weight of each sequence, on the CPU. Raises InvalidInput for an unknown form."""
    if form not in FORMS:
        raise unknown("loss", form, FORMS)
    batch = len(given)
    shuffled = torch.randperm(batch, generator=generator)
    quantiles = (shuffled + torch.rand(batch, generator=generator, dtype=torch.float64)) / batch
    return FORMS[form](given, quantiles, generator)


def count_masks(given: Bool[Tensor, "batch n"], quantile: Float[Tensor, " batch"], generator: Generator) -> Masks:
    """Mask k of the m free tokens, k = 1 + floor(m quantile); the weight is m / k (0 where nothing is free)."""
    free = (~given).sum(-1)
    count = torch.minimum((quantile * free).long() + 1, free)
    scores = torch.rand(given.shape, generator=generator).masked_fill(given, 2.0)
    first = torch.arange(given.shape[-1]) < count[:, None]
    masked = torch.zeros_like(given).scatter(-1, scores.argsort(-1), first)
    return masked, (free / count.clamp(min=1)).float()


def time_masks(given: Bool[Tensor, "batch n"], quantile: Float[Tensor, " batch"], generator: Generator) -> Masks:
    """Mask every free token with probability t = 1 - quantile; the weight is 1 / t."""
    time = (1 - quantile).float()
    return (torch.rand(given.shape, generator=generator) < time[:, None]) & ~given, 1 / time


FORMS: dict[str, Callable[[Tensor, Tensor, Generator], Masks]] = {"count": count_masks, "time": time_masks}


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
    generator = torch.Generator().manual_seed(seed)
    means = []
    for x, kept in _chunks(tokens, given, max(1, batch // repeats)):
        x, kept = x.repeat_interleave(repeats, 0), kept.repeat_interleave(repeats, 0)
        strata = torch.arange(repeats).repeat(len(x) // repeats)
        quantiles = (strata + torch.rand(len(x), generator=generator, dtype=torch.float64)) / repeats
        masks = count_masks(kept.cpu(), quantiles, generator)
        masked, weight = (part.to(x.device) for part in masks)
        losses = masked_loss(denoise(x.masked_fill(masked, d)), x, masked, weight)
        means.append(losses.double().view(-1, repeats).mean(-1).cpu())
    return torch.cat(means)


def _chunks(tokens: Tensor, given: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(tokens.split(rows), given.split(rows), strict=True)
