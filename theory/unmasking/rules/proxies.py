"""Error proxies that order the masked positions, low = trusted: confidence, entropy, margin.

Eq. (1) of Ben-Hamu et al., arXiv 2505.24857. Entropy is taken from the distribution that is sampled,
before any hardening, with p ln p = 0 at p = 0 so that filtered logits give no NaN.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import unknown
from theory.tolerance import tied

ProxyName = str
"""A key of PROXIES."""


def token_entropy(log_p: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Return the entropy of each row in nats."""
    log_p = _at_least_single(log_p)
    return -torch.where(log_p > -torch.inf, log_p.exp() * log_p, 0.0).sum(-1)


def confidence(log_p: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Return minus the largest probability."""
    return -_at_least_single(log_p).amax(-1).exp()


def margin(log_p: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch"]:
    """Return minus the gap between the two largest probabilities."""
    if log_p.shape[-1] < 2:
        return confidence(log_p)
    top = _at_least_single(log_p).topk(2, -1).values.exp()
    return top[..., 1] - top[..., 0]


PROXIES: dict[str, Callable[[Tensor], Tensor]] = {
    "confidence": confidence,
    "entropy": token_entropy,
    "margin": margin,
}


def proxy(name: str) -> Callable[[Tensor], Tensor]:
    """Return a proxy by name; InvalidInput with the nearest name when there is none."""
    if name not in PROXIES:
        raise unknown("proxy", name, PROXIES)
    return PROXIES[name]


def trusted_first(error: Float[Tensor, "batch n"], masked: Bool[Tensor, "batch n"]) -> Int[Tensor, "batch n"]:
    """Return the positions by ascending error, smaller index first in ties, unmasked positions last.

    Errors equal up to the slack of `theory.tolerance` tie, also where they were computed in two ways.
    """
    return torch.where(masked, tied(error), torch.inf).sort(dim=-1, stable=True).indices


def _at_least_single(log_p: Tensor) -> Tensor:
    """Return log-probabilities of lower precision than float32 in float32, as `theory.tolerance` asks."""
    return log_p if log_p.dtype in (torch.float32, torch.float64) else log_p.float()
