"""A denoiser's losses on held-out sequences, row by row: by number of revealed tokens, and by time under any schedule.

The sum over m of what a masked token costs when m tokens are revealed is the NELBO (theory/reference/nelbo.py).
Weighted with the widths of a grid instead, it is the path code length of that schedule (schedules notes, 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from synthetic.tasks import Examples
    from theory.denoisers import Denoiser
    from theory.schedules import Schedule


def by_count(denoiser: Denoiser, examples: Examples, repeats: int, seed: int) -> Float[Tensor, "rows counts"]:
    """Return each row's mean cross-entropy of a masked token by the number of revealed ones (`losses_by_count`)."""
    import torch

    from theory.unmasking.losses import losses_by_count

    generator = torch.Generator().manual_seed(seed)
    return losses_by_count(denoiser, examples.tokens, examples.given, repeats, generator)


def by_time(
    denoiser: Denoiser, examples: Examples, schedule: Schedule, draws: int, seed: int
) -> Float[Tensor, " rows"]:
    """Return an unbiased estimate of each row's NELBO with masks drawn by a mask schedule at random times.

    Times are stratified in `draws` strata; a free token is masked with probability 1 - alpha(t), and the loss of
    the masked ones is weighted with alpha'(t) / (1 - alpha(t)). The noise depends on the seed alone, so schedules
    are compared with common random numbers.
    """
    import torch

    from theory.unmasking.losses import surprise

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
