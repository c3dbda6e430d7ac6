"""The Bayes-optimal error predictor, exactly: the chance that a token of a draft differs from the drawn original.

Meshchaninov et al., arXiv 2510.08369: a predictor g(x^) is trained on one-shot completions x^ of masked data x with
labels e_i = 1[x^_i != x_i]. Its optimum under binary cross-entropy is
    g*_i(x^) = sum over M with i of W(M | x^) (1 - q(x^_i | x^ off M)),
W(M | x^) proportional to w_|M| q(x^ off M) prod over j in M of p_j(x^_j | x^ off M), w_m the mean of
(1 - alpha)^m alpha^(n - m) over training times (docs/derivations.md, gstar.8).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.remasking.drafts import Proposal, cell_index, draft_layout, symbols_of
from theory.schedules import LINEAR, Schedule
from theory.worlds import TableWorld, World, states
from theory.worlds.table import table_of

Predictor = Callable[[Int[Tensor, "batch n"]], Float[Tensor, "batch n"]]
"""From complete sequences to a logit of each token being an error."""

NODES = 200
CLAMP = 1e-12
"""Distance from 0 and 1 at which error probabilities become logits."""


def mask_weights(n: int, schedule: Schedule = LINEAR) -> Float[Tensor, "counts"]:
    """Return w_m, the mean of (1 - alpha)^m alpha^(n - m) over uniform times; for linear alpha 1 / ((n+1) C(n, m)).

    Other schedules by Gauss-Legendre quadrature with 200 nodes, exact for polynomials of degree 399.
    """
    if schedule is LINEAR:
        return torch.tensor([1 / ((n + 1) * math.comb(n, m)) for m in range(n + 1)], dtype=torch.float64)
    x, w = np.polynomial.legendre.leggauss(NODES)
    shown, hidden = schedule.value((1 + x) / 2), schedule.complement((1 + x) / 2)
    return torch.tensor([float((w / 2 * hidden**m * shown ** (n - m)).sum()) for m in range(n + 1)]).double()


def error_probabilities(
    world: World, proposal: Proposal, weights: Float[Tensor, "counts"] | None = None
) -> Float[Tensor, "cells n"]:
    """Return g* for every sequence and position; 1/2 for a sequence that is never drafted.

    `weights` are those of `mask_weights` (linear schedule, uniform time, unless given).
    """
    n, d = proposal.n, proposal.d
    table = draft_layout(n, d)
    chance = _draft_masses(world, proposal, weights)
    q = table_of(world).table
    context, places = q[table.state], states.place_values(n, d)
    total = chance.new_zeros(d**n).index_add(0, table.cell, chance)
    found = []
    for i in range(n):
        shown = q[table.state + torch.where(table.flags[:, i], (table.tokens[:, i] - d) * places[i], 0)]
        wrong = torch.where(context > 0, 1 - shown / context.clamp(min=1e-300), 1 - 1 / d) * table.flags[:, i]
        found.append(chance.new_zeros(d**n).index_add(0, table.cell, chance * wrong))
    return torch.where(total[:, None] > 0, torch.stack(found, -1) / total.clamp(min=1e-300)[:, None], 0.5)


def drafted_law(world: World, proposal: Proposal, weights: Float[Tensor, "counts"] | None = None) -> TableWorld:
    """Return the law of the training drafts x^."""
    chance = _draft_masses(world, proposal, weights)
    n, d = proposal.n, proposal.d
    drafted = chance.new_zeros(d**n).index_add(0, draft_layout(n, d).cell, chance)
    return TableWorld(drafted, n, d, f"drafts of {world.name}")


def error_logits(
    world: World, proposal: Proposal, weights: Float[Tensor, "counts"] | None = None
) -> Float[Tensor, "cells n"]:
    """Return ln(g* / (1 - g*)), g* kept a distance 1e-12 from 0 and 1."""
    return torch.logit(error_probabilities(world, proposal, weights), eps=CLAMP)


def tabulated(logits: Float[Tensor, "cells n"]) -> Predictor:
    """Return the predictor that looks logits of all d^n sequences up, on the device of its tokens.

    Raises InvalidInput for another number of sequences, and the predictor for tokens outside 0..d-1.
    """
    d, n = symbols_of(logits, "logits"), int(logits.shape[-1])

    def predict(tokens: Int[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
        x = states.check_states(tokens, n, d)
        if bool((x == d).any()):
            raise InvalidInput("an error predictor reads complete sequences; fill the masks first")
        return logits.to(x.device)[cell_index(x, d)]

    return predict


def _draft_masses(world: World, proposal: Proposal, weights: Tensor | None) -> Float[Tensor, "drafts"]:
    n, d = proposal.n, proposal.d
    if proposal.worlds or world.worlds:
        raise InvalidInput(
            f"proposal of batch {proposal.worlds} and world of batch {world.worlds}; expected that of one denoiser "
            "and one law"
        )
    if (world.n, world.d) != (n, d):
        raise InvalidInput(
            f"world of n = {world.n}, d = {world.d} beside a proposal of n = {n}, d = {d}; give one size"
        )
    w = mask_weights(n) if weights is None else weights
    if tuple(w.shape) != (n + 1,) or not bool((w >= 0).all()):
        raise InvalidInput(f"weights of shape {tuple(w.shape)}; expected n + 1 = {n + 1} nonnegative numbers")
    table = draft_layout(n, d)
    q = table_of(world).table
    return w.double()[table.sizes] * q[table.state] * proposal.chance
