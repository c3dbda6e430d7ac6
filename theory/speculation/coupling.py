"""The reflection coupling of N(m_p, s^2 I) and N(m_q, s^2 I): accept the draft, or mirror its noise.

De Bortoli et al., arXiv 2501.05370, Algorithm 4 and Prop. 3.1. With the mismatch Delta = (m_p - m_q) / s and
delta its Euclidean norm, the draft m_p + s Z is kept iff ln U <= -<Z, Delta> - delta^2 / 2, else it becomes
m_q + s (I - 2 e e^T) Z with e = Delta / delta. The result has law N(m_q, s^2 I), and it is the draft with
probability 1 - TV = 2 Phi(-delta / 2), which no coupling exceeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theory.errors import InvalidInput

Correction = Callable[[Tensor, Tensor], Tensor]
"""From the rejected noise and the mismatch, both (*batch, dim), to the noise that is added to m_q."""


def acceptance(delta: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return 2 Phi(-delta / 2) = erfc(delta / (2 sqrt 2)), the probability that the draft is kept."""
    found: Tensor = torch.special.erfc(delta / (2 * math.sqrt(2)))
    return found


def rejection(delta: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return 2 Phi(delta / 2) - 1 = erf(delta / (2 sqrt 2)), the total variation; accurate for small delta."""
    found: Tensor = torch.special.erf(delta / (2 * math.sqrt(2)))
    return found


def divergence(delta: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """Return KL(p || q) = delta^2 / 2 of one step, in nats."""
    return delta.square() / 2


def mismatch_norm(mismatch: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """Return delta, the Euclidean norm over all coordinates (a sum, never a mean)."""
    found: Tensor = torch.linalg.vector_norm(mismatch, dim=-1)
    return found


def log_ratio(noise: Float[Tensor, "*batch dim"], mismatch: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch"]:
    """Return ln q(y) - ln p(y) at the draft y = m_p + s Z: -<Z, Delta> - delta^2 / 2, in nats."""
    return -((noise + mismatch / 2) * mismatch).sum(-1)


def reflect(noise: Float[Tensor, "*batch dim"], mismatch: Float[Tensor, "*batch dim"]) -> Float[Tensor, "*batch dim"]:
    """Return (I - 2 e e^T) Z; the noise itself where the mismatch is zero."""
    delta = mismatch_norm(mismatch)[..., None]
    direction = torch.where(delta > 0, mismatch / torch.where(delta > 0, delta, 1.0), 0.0)
    return noise - 2 * (noise * direction).sum(-1, keepdim=True) * direction


def couple(
    draft: Float[Tensor, "*batch dim"],
    mean: Float[Tensor, "*batch dim"],
    sigma: float | Float[Tensor, ""],
    mismatch: Float[Tensor, "*batch dim"],
    noise: Float[Tensor, "*batch dim"],
    log_uniform: Float[Tensor, "*batch"],
    correct: Correction = reflect,
) -> tuple[Float[Tensor, "*batch dim"], Bool[Tensor, "*batch"]]:
    """Return the next state and whether it is the draft, bit for bit. `mean` is m_q; zero mismatch always accepts.

    Raises InvalidInput unless sigma > 0: without noise the two laws have no overlap to accept from.
    """
    if not float(sigma) > 0:
        raise InvalidInput(f"sigma {float(sigma):g}; expected > 0: without noise a draft is never accepted")
    kept = (log_uniform <= log_ratio(noise, mismatch)) | (mismatch == 0).all(-1)
    corrected = mean + sigma * correct(noise, mismatch)
    return torch.where(kept[..., None], draft, corrected), kept
