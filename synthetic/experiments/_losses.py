"""A denoiser's losses on held-out sequences, row by row: by number of revealed tokens, and by time under any schedule.

The sum over m of what a masked token costs when m tokens are revealed is the NELBO (theory/reference/nelbo.py).
Weighted with the widths of a grid instead, it is the path code length of that schedule (schedules notes, 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from synthetic.tasks import Examples
    from theory.denoisers import Denoiser
    from theory.schedules import Schedule


def by_count(denoiser: Denoiser, examples: Examples, repeats: int, seed: int) -> Float[Tensor, "rows counts"]:
    """Return at [r, m] the mean of -ln p over the masked tokens of row r when m of its free tokens are revealed.

    Averaged over `repeats` uniformly random orders of revealing; 0 where m reaches the
    number of free tokens. Nats; a row's sum over m is an unbiased estimate of its NELBO.
    """
    import torch

    free = ~examples.given
    count = free.sum(-1)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(len(examples), int(count.max()), dtype=torch.float64)
    for _ in range(repeats):
        noise = torch.rand(free.shape, dtype=torch.float64, generator=generator)
        rank = torch.where(free, noise, torch.inf).argsort(-1).argsort(-1)
        for m in range(total.shape[1]):
            rows = (count > m).nonzero()[:, 0]
            masked = free[rows] & (rank[rows] >= m)
            total[rows, m] += surprise(denoiser, examples.tokens[rows], masked) / (count[rows] - m)
    return total / repeats


def by_time(
    denoiser: Denoiser, examples: Examples, schedule: Schedule, draws: int, seed: int
) -> Float[Tensor, " rows"]:
    """Return an unbiased estimate of each row's NELBO with masks drawn by a mask schedule at random times.

    Times are stratified in `draws` strata; a free token is masked with probability 1 - alpha(t), and the loss of
    the masked ones is weighted with alpha'(t) / (1 - alpha(t)). The noise depends on the seed alone, so schedules
    are compared with common random numbers.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(len(examples), dtype=torch.float64)
    for k in range(draws):
        time = (k + torch.rand(len(examples), dtype=torch.float64, generator=generator)) / draws
        noise = torch.rand(examples.tokens.shape, dtype=torch.float64, generator=generator)
        hidden = torch.from_numpy(schedule.complement(time.numpy()))
        weight = torch.from_numpy(schedule.derivative(time.numpy())) / hidden
        masked = (noise < hidden[:, None]) & ~examples.given
        total += weight * surprise(denoiser, examples.tokens, masked)
    return total / draws


def surprise(
    denoiser: Denoiser, tokens: Int[Tensor, "rows n"], masked: Bool[Tensor, "rows n"]
) -> Float[Tensor, " rows"]:
    """Return the sum over masked positions of -ln p of the true token."""
    import torch

    from theory.unmasking.rules.base import ask

    log_p = ask(denoiser, tokens.masked_fill(masked, denoiser.d))
    own = log_p.gather(-1, tokens[..., None])[..., 0]
    return torch.where(masked, -own, 0.0).sum(-1)
