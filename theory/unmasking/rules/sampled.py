"""Ordering by the probability of the token just drawn: a common shortcut outside the theorems, kept as a control."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.denoisers import Denoiser
from theory.unmasking.rules.base import ValueRule, ask, draw_candidates
from theory.worlds import states


@dataclass(frozen=True)
class SampledConfidence(ValueRule):
    """Draw a token for every masked position, reveal only the one whose drawn token is most probable.

    "Low-confidence remasking" at temperature above zero. Ties go to the smaller index.
    """

    name: str = "sampled-token confidence"

    def outcomes(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Int[Tensor, "batch c n"], Int[Tensor, "batch c"]]:
        """List all draws of the masked positions with the state that each leads to."""
        y, chance, p = candidate_draws(denoiser, z)
        hidden = (z == denoiser.d)[:, None]
        confidence = torch.where(hidden, p, -1.0)
        chosen = torch.nn.functional.one_hot(confidence.argmax(-1), z.shape[1]).bool()
        after = torch.where(chosen & hidden, y, z[:, None])
        return chance, after, torch.ones(after.shape[:2], dtype=torch.long)

    def step(
        self, denoiser: Denoiser, z: Int[Tensor, "batch n"], generator: Generator | None = None
    ) -> tuple[Int[Tensor, "batch n"], Int[Tensor, "batch"]]:
        """Draw a token for every masked position and reveal the most probable one; complete rows stay, at no call."""
        log_p, hidden = ask(denoiser, z), z == denoiser.d
        y = draw_candidates(log_p, z, generator)
        drawn = log_p.gather(-1, y.clamp(max=denoiser.d - 1)[..., None])[..., 0].exp()
        chosen = torch.nn.functional.one_hot(torch.where(hidden, drawn, -1.0).argmax(-1), z.shape[1]).bool()
        return torch.where(chosen & hidden, y, z), hidden.any(-1).long()


def candidate_draws(
    denoiser: Denoiser, z: Int[Tensor, "batch n"]
) -> tuple[Int[Tensor, "batch c n"], Float[Tensor, "batch c"], Float[Tensor, "batch c n"]]:
    """Return all d^m draws of the masked positions (as many in every row): tokens, chance, each token's probability."""
    found, d = ask(denoiser, z), denoiser.d
    hidden: Bool[Tensor, "batch n"] = z == d
    masks = int(hidden.sum(-1).max())
    positions = hidden.nonzero()[:, 1].reshape(len(z), masks)
    values = states.digits(torch.arange(d**masks), masks, d)
    y = z[:, None].repeat(1, len(values), 1)
    y.scatter_(-1, positions[:, None].expand(-1, len(values), -1), values.expand(len(z), -1, -1))
    log_p = found[:, None].expand(-1, len(values), -1, -1)
    p = log_p.gather(-1, y.clamp(max=d - 1)[..., None])[..., 0].exp()
    p = torch.where(hidden[:, None], p, 1.0)
    return y, p.prod(-1), p
