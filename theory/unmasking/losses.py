"""What a masked token costs a denoiser when m tokens are revealed: exactly on small worlds, from rows of data on any.

The mean cross-entropies CE_0..CE_{n-1}, in nats, take the place of the information curve for a learned denoiser: a
schedule's path KL is sum_k s_k CE_{N_{k-1}} - H(X) (Chen, Cong, Li, arXiv 2511.04647, Lemma 35; docs/derivations.md,
schedules.7), and their sum is the NELBO.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser, check_conditionals, for_world
from theory.errors import InvalidInput
from theory.showing import Shown
from theory.unmasking.kernels import block_costs, reveal_kernel
from theory.worlds import World, information, states
from theory.worlds.table import table_of

BATCH = 4096
"""Rows that the denoiser is asked for at a time."""


@dataclass(frozen=True, repr=False, eq=False)
class CrossEntropy(Shown):
    """Mean cross-entropy of a masked token when m = 0, 1, ... tokens are revealed, with standard errors, in nats.

    `mean[m]` is nan where no row has more than m free tokens; `rows` is the number of rows.
    """

    mean: Float[Tensor, "counts"]
    standard_error: Float[Tensor, "counts"]
    rows: int
    name: str = "cross-entropy by count"

    def _facts(self) -> dict[str, object]:
        ends = {f"m = {m}": m for m in sorted({0, len(self.mean) // 2, len(self.mean) - 1})}
        shown = {k: f"{self.mean[m]:.4g} +- {self.standard_error[m]:.1g}" for k, m in ends.items()}
        return {"counts": len(self.mean), **shown, "sum (nats)": float(self.mean.sum()), "rows": self.rows}


def cross_entropies(world: World, denoiser: Any = None) -> Float[Tensor, "*worlds n"]:
    """Return CE_0..CE_{n-1} of a denoiser on a small world, exactly; the world's own conditionals unless given."""
    data = table_of(world)
    costs = block_costs(reveal_kernel(data, denoiser), data.table)
    means = information.mean_entropies(data.set_entropies())
    return costs[..., 1:, 1].flip(-1) + means.diff(dim=-1)


def cross_entropy_by_count(
    denoiser: Any,
    rows: Any,
    *,
    d: int | None = None,
    given: Bool[Tensor, "rows n"] | None = None,
    repeats: int = 1,
    generator: Generator | None = None,
) -> CrossEntropy:
    """Return the mean cross-entropy of a masked token by the number of revealed ones, from rows of data.

    `rows` is an integer array (rows, n). The free tokens of a row, all but those `given`, which are always shown and
    not counted, are revealed in `repeats` uniformly random orders; every row and order counts at every m. `denoiser`
    is anything with n and d, or a function of states beside `d`. Standard errors are over rows. Raises InvalidInput.
    """
    tokens = torch.as_tensor(rows)
    size = getattr(denoiser, "d", d) if d is None else d
    if size is None:
        raise InvalidInput("a function of states as denoiser: give d, its number of symbols")
    if tokens.ndim != 2 or len(tokens) < 2:
        raise InvalidInput(f"rows of shape {tuple(tokens.shape)}; expected at least two rows of n tokens")
    states.check_states(tokens, tokens.shape[-1], size)
    kept = torch.zeros_like(tokens, dtype=torch.bool) if given is None else given
    source = for_world(denoiser, _Size(tokens.shape[-1], size))
    found = losses_by_count(source, tokens, kept, repeats, generator or Generator().manual_seed(0))
    free = (~kept).sum(-1)
    means, errors = [], []
    for m in range(found.shape[-1]):
        seen = found[free > m, m]
        means.append(float(seen.mean()) if len(seen) else math.nan)
        errors.append(float(seen.std() / math.sqrt(len(seen))) if len(seen) > 1 else math.nan)
    values, deviations = (torch.tensor(x, dtype=torch.float64) for x in (means, errors))
    return CrossEntropy(values, deviations, len(tokens))


@torch.no_grad()
def losses_by_count(
    denoiser: Denoiser,
    tokens: Int[Tensor, "rows n"],
    given: Bool[Tensor, "rows n"],
    repeats: int,
    generator: Generator,
) -> Float[Tensor, "rows counts"]:
    """Return at [r, m] the mean of -ln p over the masked tokens of row r when m of its free tokens are revealed.

    Averaged over `repeats` uniformly random orders of revealing; 0 where m reaches the number of free tokens. Nats; a
    row's sum over m is an unbiased estimate of its NELBO. Raises InvalidInput for wrong rows or conditionals.
    """
    d = denoiser.d
    if states.check_states(tokens, tokens.shape[-1], d).numel() and int(tokens.max()) >= d:
        raise InvalidInput(f"rows hold the mask {d}; expected complete sequences of tokens 0..{d - 1}")
    if given.shape != tokens.shape or given.dtype != torch.bool:
        raise InvalidInput(
            f"given of {given.dtype}, {tuple(given.shape)}; expected bool of shape {tuple(tokens.shape)}"
        )
    if repeats < 1:
        raise InvalidInput(f"repeats = {repeats}; expected at least one order of revealing")
    free = ~given
    count = free.sum(-1)
    total = torch.zeros(len(tokens), int(count.max()), dtype=torch.float64)
    for _ in range(repeats):
        noise = torch.rand(free.shape, dtype=torch.float64, generator=generator)
        rank = torch.where(free, noise, torch.inf).argsort(-1).argsort(-1)
        for m in range(total.shape[1]):
            rows = (count > m).nonzero()[:, 0]
            masked = free[rows] & (rank[rows] >= m)
            total[rows, m] += surprise(denoiser, tokens[rows], masked) / (count[rows] - m)
    return total / repeats


def surprise(
    denoiser: Denoiser, tokens: Int[Tensor, "rows n"], masked: Bool[Tensor, "rows n"]
) -> Float[Tensor, "rows"]:
    """Return the sum over masked positions of -ln p of the true token, in nats."""
    found = [torch.zeros(0, dtype=torch.float64)]
    for x, hidden in zip(torch.split(tokens, BATCH), torch.split(masked, BATCH), strict=True):
        z = x.masked_fill(hidden, denoiser.d)
        log_p = check_conditionals(denoiser(z), z, denoiser.d)
        own = log_p.gather(-1, x[..., None])[..., 0]
        found.append(torch.where(hidden, -own, 0.0).sum(-1).to("cpu", torch.float64))
    return torch.cat(found)


@dataclass(frozen=True)
class _Size:
    """The size that a denoiser must have."""

    n: int
    d: int
    worlds: tuple[int, ...] = ()
