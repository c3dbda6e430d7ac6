"""What bounds the joint dependence error of a block, with exact and with predicted entropies. Nats.

S5, X3, X4 and X5 of the EB-Sampler notes (Ben-Hamu et al., arXiv 2505.24857; supplements derived there).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def sum_minus_max(h: Float[Tensor, "*batch k"]) -> Float[Tensor, "*batch"]:
    """Return B = sum h - max h: a joint entropy is at least any marginal one, so B bounds the total correlation."""
    return h.sum(-1) - h.amax(-1)


def oracle_guarantee(budget: float, several: Float[Tensor, "*worlds"]) -> Float[Tensor, "*worlds"]:
    """Return X3, budget * E[number of steps that reveal two tokens or more], a bound on KL(q || p_phi)."""
    return budget * several


def continuity(delta: Float[Tensor, "*batch"], d: int) -> Float[Tensor, "*batch"]:
    """Return delta ln(d - 1) + h_b(delta): Fannes-Audenaert, |H(q) - H(p)| for total variation delta <= 1 - 1/d."""
    binary = -torch.xlogy(delta, delta) - torch.xlogy(1 - delta, 1 - delta)
    return delta * math.log(max(d - 1, 1)) + binary


def model_side_bound(
    predicted: Float[Tensor, "*batch k"], delta: Float[Tensor, "*batch k"], d: int
) -> Float[Tensor, "*batch"]:
    """Return X4: B of the predicted entropies plus the continuity terms of every token in the block."""
    return sum_minus_max(predicted) + continuity(delta, d).sum(-1)


def greedy_error(bound: float) -> float:
    """Return epsilon = B / (2 ln 2): all but the most uncertain token equal their modes up to epsilon (X5)."""
    return bound / (2 * math.log(2))
