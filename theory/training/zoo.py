"""Losses that masked diffusion and masked language models are trained with, as estimators of a sequence's NELBO.

Each is scaled to nats a sequence, so that an unbiased one has the NELBO as its mean; public code often divides by the
length n as well, which changes nothing but the unit. Which of them are biased, and by how much, `moments` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from theory.training.estimators import BY_COUNT, BY_LEVEL, UNIFORM, Estimator, Exactly, Level, Weight, clipped, power

FLOOR = 1e-3
"""The smallest masking rate in LLaDA's public training code."""
CEILING = 10.0
"""A ceiling on the weight 1/t."""

COSINE = Level(
    "cos(pi u / 2)",
    lambda t: 2 / (math.pi * (1 - t**2).clamp(min=1e-300).sqrt()),
    lambda u: torch.sin(math.pi * u / 2),
)
"""MaskGIT's masking ratio cos(pi u / 2) for uniform u (arXiv 2202.04200), written as the sine of the complement."""

BY_RATE = Weight("1 / t", lambda t, k, m, p: 1 / t)


@dataclass(frozen=True)
class BentWeight(Weight):
    """A weight that bends at some levels, which quadrature is told."""

    edges: tuple[float, ...] = ()


CAPPED = BentWeight("min(1 / t, 10)", lambda t, k, m, p: (1 / t).clamp(max=CEILING), (1 / CEILING,))
FLAT = Weight("1", lambda t, k, m, p: torch.ones_like(t))

FIFTEEN = Level("always 0.15", lambda t: torch.ones_like(t), lambda u: torch.full_like(u, 0.15))
"""BERT's masking rate: not a density, so weights that divide by p(t) do not suit it."""

ZOO: dict[str, Estimator] = {
    "1/t, uniform t": Estimator("1/t, uniform t"),
    "1/t, t above 1/1000 (LLaDA)": Estimator("1/t, t above 1/1000", weight=BY_RATE, level=clipped(FLOOR)),
    "m/k, uniform count (ARDM, RADD)": Estimator("m/k, uniform count", Exactly(), BY_COUNT),
    "mean over masked tokens, uniform t": Estimator("mean over masked tokens", weight=BY_COUNT),
    "1/t capped at 10": Estimator("1/t capped at 10", weight=CAPPED),
    "sum over masked tokens, uniform t": Estimator("sum over masked tokens", weight=FLAT),
    "mean over masked tokens, cosine count (MaskGIT)": Estimator("cosine count", Exactly(), BY_COUNT, COSINE),
    "mean over masked tokens, 15 % (BERT)": Estimator("15 % of tokens", Exactly(), BY_COUNT, FIFTEEN),
    "1/(t p), p of t^-1/2": Estimator("t^-1/2 importance sampling", weight=BY_LEVEL, level=power(0.5)),
    "1/t, mirrored masks (MIRROR)": Estimator("1/t, mirrored masks", level=UNIFORM, partner="mirrored mask"),
    "m/k, opposite masks": Estimator("m/k, opposite masks", Exactly(), BY_COUNT, partner="complement"),
}
"""By what they do, with where it is done. k tokens of the m free ones are masked, t is the masking rate.

Opposite masks, the k first and the m + 1 - k last of a random order, share one token and leave none out.
"""
