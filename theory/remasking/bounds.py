"""Variational bounds of samplers that remask, in closed form: weighted masked cross-entropies. Nats.

The step from alpha_now to alpha_next of ReMDM's family costs KL(q(z' | z, x) || p(z' | z)) = reveal * (-ln p(x_i | z))
at every masked position, nothing at a visible one (arXiv 2503.00307, NELBO; arXiv 2510.08369 for the star-shaped
process, whose weight is alpha_next). The last step is the reconstruction, with weight 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from theory.denoisers import Denoiser, tabulated
from theory.errors import InvalidInput
from theory.remasking.drafts import draft_layout
from theory.remasking.schedules import Step
from theory.worlds import World
from theory.worlds.table import table_of


def negative_bound(denoiser: Denoiser, steps: Sequence[Step]) -> Float[Tensor, "cells"]:
    """Return the bound on -ln p(x) of every sequence, in nats, for a denoiser of known n (a world is one).

    Raises InvalidInput for wrong conditionals, and for a step that is not a posterior step: guided and counted
    samplers have no such bound.
    """
    losses = loss_profile(denoiser)
    return weighted(losses, [float(step.alpha_now) for step in steps], step_weights(steps))


def step_weights(steps: Sequence[Step]) -> list[float]:
    """Return the weight of each step, its reveal chance."""
    for step in steps:
        if step.kind != "posterior":
            raise InvalidInput(f"a {step.kind} step has no bound of this kind; expected posterior steps only")
    return [float(step.posterior.reveal) for step in steps]


def excess_weights(steps: Sequence[Step]) -> list[float]:
    """Return sigma alpha_now / (1 - alpha_now), what sigma adds to masked diffusion's weight; 0 at alpha_now = 1."""
    return [float(s.sigma * s.alpha_now / (1 - s.alpha_now)) if s.alpha_now < 1 else 0.0 for s in steps]


def weighted(
    losses: Float[Tensor, "*batch counts"], alphas: Sequence[float], weights: Sequence[float]
) -> Float[Tensor, "*batch"]:
    """Return the sum over steps of weight * E[loss], the number of masks binomial with chance 1 - alpha."""
    alpha = torch.tensor(alphas, dtype=torch.float64)[:, None]
    masks = torch.arange(losses.shape[-1], dtype=torch.float64)
    n = losses.shape[-1] - 1
    ways = torch.tensor([math.comb(n, k) for k in range(n + 1)], dtype=torch.float64)
    chance = ways * (1 - alpha) ** masks * alpha ** (n - masks)
    total = (torch.tensor(weights, dtype=torch.float64)[:, None] * chance).sum(0)
    return torch.where(total > 0, total * losses, 0.0).sum(-1)


def loss_profile(denoiser: Denoiser) -> Float[Tensor, "cells counts"]:
    """Return for every sequence and k = 0..n the mean over sets M of k masks of sum over M of -ln p(x_i | x off M)."""
    listed = tabulated(denoiser)
    if listed.worlds:
        raise InvalidInput(f"a batch of {listed.worlds} denoisers; expected one: a bound is that of one sampler")
    n, d, log_p = listed.n, listed.d, listed.log_p
    table = draft_layout(n, d)
    loss = torch.zeros(len(table.state), dtype=torch.float64)
    for i in range(n):
        loss -= torch.where(table.flags[:, i], log_p[table.state, i, table.tokens[:, i]], 0.0)
    sums = torch.zeros(d**n * (n + 1), dtype=torch.float64)
    sums.index_add_(0, table.cell * (n + 1) + table.sizes, loss)
    return sums.reshape(d**n, n + 1) / torch.tensor([math.comb(n, k) for k in range(n + 1)], dtype=torch.float64)


def entropy_profile(world: World) -> Float[Tensor, "counts"]:
    """Return h_0..h_n, the mean over sets M of k masks of sum over M of H(x_i | x off M), exact conditionals."""
    listed = table_of(world)
    q = listed.law()[:, None]
    return torch.where(q > 0, q * loss_profile(listed), 0.0).sum(0)


def star_growth(profile: Float[Tensor, "counts"]) -> float:
    """Return lim (star bound) / T for linear alpha: sum over k of h_k (n - k + 1) / ((n + 1)(n + 2)), in nats a step.

    By the integral of alpha B(k; n, 1 - alpha) over [0, 1] (docs/derivations.md, gstar.5).
    """
    n = profile.shape[-1] - 1
    return math.fsum(float(h) * (n - k + 1) / ((n + 1) * (n + 2)) for k, h in enumerate(profile))


def standard_limit(profile: Float[Tensor, "counts"]) -> float:
    """Return lim of masked diffusion's bound: sum over k >= 1 of h_k / k, the entropy for exact conditionals."""
    return math.fsum(float(h) / k for k, h in enumerate(profile) if k)
