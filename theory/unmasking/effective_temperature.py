"""A law of drawn tokens beside the law that is meant, and the temperature that the difference amounts to.

Zheng et al. (arXiv 2409.02908, abstract read) say that draws in float32 lower the effective temperature of masked
diffusion models. Two definitions make a number of it (see docs/derivations.md, draws.temperature).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.optimize import brentq
from torch import Tensor

COLDEST = 45.0
"""Temperatures at which the second likeliest token has less than e^-45 of the likeliest one's chance count as 0."""


@dataclass(frozen=True)
class DrawLaw:
    """The law of a draw beside the one that is meant, both of shape (d,), and the logits as the number type holds them.

    `error` bounds the total variation of `law` from the exact law of the draw, rounding of sums left aside, and
    `group_error` the same for the probabilities of groups of tokens with equal logits. Entropies and divergences are in
    nats.
    """

    law: Float[Tensor, "d"]
    intended: Float[Tensor, "d"]
    logits: Float[Tensor, "d"]
    error: float
    group_error: float

    @property
    def total_variation(self) -> float:
        """Return half the sum of the absolute differences."""
        return float((self.law - self.intended).abs().sum() / 2)

    @property
    def divergence(self) -> float:
        """Return KL(law || intended): finite also where the draw has lost tokens."""
        return float((torch.xlogy(self.law, self.law) - self.law * self.intended.log().clamp(min=-1e300)).sum())

    @property
    def reverse_divergence(self) -> float:
        """Return KL(intended || law), infinite where a token can no longer be drawn."""
        kept = self.intended > 0
        meant = self.intended[kept]
        return float((meant * (meant.log() - self.law[kept].log())).sum())

    @property
    def entropy(self) -> float:
        """Return the entropy of the law."""
        return float(-torch.xlogy(self.law, self.law).sum())

    @property
    def intended_entropy(self) -> float:
        """Return the entropy of the law that is meant."""
        return float(-torch.xlogy(self.intended, self.intended).sum())

    @property
    def temperature(self) -> float:
        """Return T' for which softmax(log intended / T') is nearest: KL(law || .) is least where the means of log
        intended agree. It is 1 for an exact draw; nan where all tokens are equally likely, 0 where only likeliest ones
        are drawn, and infinite where the law prefers unlikely ones. See docs/derivations.md, draws.temperature.
        """
        level = self._levels()
        return _inverse_temperature(level, lambda p: float((p * level).sum()), float((self.law * level).sum()))

    @property
    def entropy_temperature(self) -> float:
        """Return T' for which softmax(log intended / T') has the entropy of the law; nan and 0 as in `temperature`."""
        return _inverse_temperature(self._levels(), lambda p: float(torch.xlogy(p, p).sum()), -self.entropy)

    def _levels(self) -> Float[Tensor, "d"]:
        level = self.intended.clamp(min=1e-300).log()
        return level - level.max()


def _inverse_temperature(level: Float[Tensor, "d"], statistic: Callable[[Tensor], float], target: float) -> float:
    """Return T for which the statistic of softmax(level / T), rising as T falls, meets the target."""
    if float(level.min()) == 0.0:
        return math.nan
    gap = -float(level[level < 0].max())

    def excess(inverse: float) -> float:
        return float(statistic((inverse * level).softmax(-1))) - target

    coldest = COLDEST / gap
    if excess(coldest) <= 0:
        return 0.0
    return math.inf if excess(0.0) >= 0 else 1 / float(brentq(excess, 0.0, coldest, xtol=1e-15, rtol=1e-13))
