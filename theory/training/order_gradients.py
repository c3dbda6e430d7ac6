"""The gradient of the NELBO in the weights of per-position schedules t^w, and the variance of its estimates.

The paper, arXiv 2511.19152, names the leave-one-out estimator of the gradient; its parts are worked out here. Losses
enter as in `theory.training.orders`: terms[s, l] = ln q(x_l | x outside s), for one sequence or averaged over the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from theory.training.loss_table import masked_sets
from theory.training.orders import HALVINGS, decoded_before_by_steps, plackett_luce
from theory.training.quadrature import Rule, halving, rule
from theory.unmasking.likelihood import along

LEAST_WEIGHT = 1e-300
"""What the weight of the empty set is taken for, so that its share of nothing is nothing."""


@dataclass(frozen=True, eq=False)
class Gradient:
    """The gradient of the mean NELBO in w: the part that differentiates the loss, and the part that moves the masks."""

    explicit: Float[Tensor, " n"]
    score: Float[Tensor, " n"]

    @property
    def whole(self) -> Float[Tensor, " n"]:
        """Return the gradient."""
        return self.explicit + self.score


def gradient(terms: Float[Tensor, "sets n"], w: Sequence[float] | Tensor) -> Gradient:
    """Return both parts of the gradient in w of the NELBO under t^w, by enumeration of masks and quadrature in t.

    `terms` are means over the data. A draw is f = sum over masked l of (w_l / t)(-ln q_l) at a uniform t, with score
    d ln P(mask | t) / d w_l = ln t for a masked l, and -t^(w_l) ln t / (1 - t^(w_l)) for a visible one.
    """
    weights = torch.as_tensor(w, dtype=torch.float64)
    grid = halving(HALVINGS)
    chance, sets = _chances(weights, grid)
    f = -(terms * weights).sum(-1) / grid.t[:, None]
    t = grid.t[:, None, None]
    rate = t**weights
    log_t = t.log()
    score = torch.where(sets, log_t, -rate * log_t / (1 - rate))
    explicit = grid.integral((chance[..., None] * torch.where(sets, -terms / t, 0.0)).sum(1))
    return Gradient(explicit, grid.integral(((chance * f)[..., None] * score).sum(1)))


def gradient_by_orders(terms: Float[Tensor, "sets n"], w: Sequence[float] | Tensor) -> Float[Tensor, " n"]:
    """Return the same gradient from whole orders: E[-log-likelihood x d ln P(order) / d w], Plackett-Luce's score."""
    weights = [float(v) for v in w]
    total = torch.zeros(len(weights), dtype=torch.float64)
    for order, chance in plackett_luce(weights).items():
        score = [1 / weight for weight in weights]
        for k in range(len(order)):
            left = math.fsum(weights[later] for later in order[k:])
            for later in order[k:]:
                score[later] -= 1 / left
        loss = -float(along(terms[None], torch.tensor(order))[0])
        total += chance * loss * torch.tensor(score, dtype=torch.float64)
    return total


def second_moment(
    terms: Float[Tensor, "*cells sets n"], w: Sequence[float] | Tensor, least: float = 0.0
) -> tuple[float, float]:
    """Return E[f^2] with t uniform on [least, 1], and its growth for each unit of log(1 / least) near `least`.

    It is the mean over sequences where `terms` has several. With least = 0 the moment is infinite where some masked set
    M with a loss has weights that sum to at most one.
    """
    weights = torch.as_tensor(w, dtype=torch.float64)
    halvings = HALVINGS if least == 0 else max(1, math.ceil(-math.log2(least)))
    grid = halving(halvings) if least == 0 else _clipped(least, halvings)
    chance, sets = _chances(weights, grid)
    losses = (terms * weights).sum(-1).reshape(-1, len(sets))
    squares = (chance * (losses**2).mean(0)).sum(1) / grid.t**2
    heavy = (sets * weights).sum(-1)[(losses != 0).any(0)]
    if least == 0 and len(heavy) and float(heavy.min()) <= 1:
        return math.inf, math.inf if float(heavy.min()) < 1 else float(squares[0] * grid.t[0])
    whole = grid.from_zero(squares) if least == 0 else float(grid.integral(squares))
    return whole / (1 - least), float(squares[0] * grid.t[0])


def second_moment_by_count(terms: Float[Tensor, "*cells sets n"], w: Sequence[float] | Tensor) -> float:
    """Return E[f^2] of the estimate by count, f = n sum over masked l of w_l / w(M) (-ln q_l): always finite.

    All but the first k positions of a random order are masked, M, with k uniform on 0..n-1; see
    `synthetic.learned_orders`. It is the mean over sequences where `terms` has several.
    """
    weights = torch.as_tensor(w, dtype=torch.float64)
    n, sets = len(weights), masked_sets(len(weights))
    reached = decoded_before_by_steps(weights).sum(-1)
    share = torch.where(sets, weights, 0.0) / (sets * weights).sum(-1, keepdim=True).clamp(min=LEAST_WEIGHT)
    losses = (terms * share).sum(-1).reshape(-1, len(sets))
    return float(n * (reached * (losses**2).mean(0)).sum())


def _chances(w: Float[Tensor, " n"], grid: Rule) -> tuple[Float[Tensor, "nodes sets"], Tensor]:
    """Return the probability of each masked set at each node, and the sets."""
    sets = masked_sets(len(w))
    rate = (grid.t[:, None] ** w)[:, None]
    return torch.where(sets, rate, 1 - rate).prod(-1), sets


def _clipped(least: float, halvings: int) -> Rule:
    edges = halving(halvings).edges
    inner = edges[edges > least]
    return rule(torch.cat((torch.tensor([least], dtype=torch.float64), inner)))
