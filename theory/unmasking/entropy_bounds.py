"""What bounds the joint dependence error of a block, with exact and with predicted entropies. Nats.

Claims eb.4, eb.5, eb.9a and eb.9b on the EB-Sampler (Ben-Hamu et al., arXiv 2505.24857); proofs in
docs/derivations.md.
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
    """Return budget * E[number of steps that reveal two tokens or more], a bound on KL(q || p_phi)."""
    return budget * several


def continuity(delta: Float[Tensor, "*batch"], d: int) -> Float[Tensor, "*batch"]:
    """Return delta ln(d - 1) + h_b(delta), the most by which entropies at total variation delta can differ (Fano)."""
    binary = -torch.xlogy(delta, delta) - torch.xlogy(1 - delta, 1 - delta)
    return delta * math.log(max(d - 1, 1)) + binary


def model_side_bound(
    predicted: Float[Tensor, "*batch k"], delta: Float[Tensor, "*batch k"], d: int
) -> Float[Tensor, "*batch"]:
    """Return the sum minus the largest of what each entropy can be at most: predicted plus continuity term (eb.9a)."""
    return sum_minus_max(predicted + continuity(delta, d))


def greedy_error(bound: float) -> float:
    """Return epsilon = B / (2 ln 2): all but the most uncertain token equal their modes up to epsilon (eb.9b)."""
    return bound / (2 * math.log(2))
