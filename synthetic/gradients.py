"""Sums over all masked sets of the gradients of a network's losses: what exact gradient variances are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from synthetic.denoisers import stacked
from theory.training.loss_table import masked_sets
from theory.training.moments import Sums
from theory.training.pairs import Products
from theory.worlds import states
from theory.worlds.table import table_of

if TYPE_CHECKING:
    from synthetic.denoisers import Transformer
    from theory.worlds import World


def gradient_sums(network: Transformer, world: World) -> Sums:
    """Return the sums of `theory.training.moments` with the gradients of L(S, x) in all weights for the losses.

    Products become inner products, so that `sources` gives traces of covariance matrices. Costs a pass forth and back
    for each sequence of positive probability and each of the 2^n sets.
    """
    data = table_of(world)
    n, law = data.n, data.law()
    sets = masked_sets(n)
    count = sets.sum(-1)
    size_of = torch.nn.functional.one_hot(count, n + 1).double()
    average = size_of / size_of.sum(0)
    disjoint = (~(sets[:, None] & sets).any(-1)).double()
    pairs = torch.einsum("sj,tk,st->stjk", size_of, size_of, disjoint).flatten(0, 1).flatten(1)
    within, squares = torch.zeros(n + 1, n + 1, dtype=torch.float64), torch.zeros(n + 1, dtype=torch.float64)
    masked, visible = (torch.zeros((n + 1) ** 2, dtype=torch.float64) for _ in range(2))
    mean: Tensor | float = 0.0
    copies = stacked([network] * len(sets)).requires_grad_(True)
    for x, q in zip(states.all_sequences(n, data.d), law.tolist(), strict=True):
        if not q:
            continue
        rows = _gradients(copies, x, sets, data.d)
        by_size = average.T @ rows
        gram = rows @ rows.T
        within += q * by_size @ by_size.T
        squares += q * (average.T @ gram.diagonal())
        masked += q * gram.flatten() @ pairs
        visible += q * gram.flip(0, 1).flatten() @ pairs
        mean = mean + q * by_size
    assert isinstance(mean, Tensor)
    size = (n + 1, n + 1)
    return Sums(within, mean @ mean.T, squares, Products(masked.reshape(size), visible.reshape(size)))


def _gradients(copies: Transformer, x: Tensor, sets: Tensor, d: int) -> Tensor:
    """Return the gradient of L(S, x) for every masked set, a row each, in float64: one copy of the weights a set."""
    z = torch.where(sets, d, x)[:, None]
    log_p = copies(z)[:, 0]
    chosen = log_p.gather(-1, x.expand(len(sets), -1)[..., None])[..., 0]
    losses = -torch.where(sets, chosen, 0.0).sum()
    found = torch.autograd.grad(losses, list(copies.parameters()), materialize_grads=True)
    return torch.cat([part.flatten(1) for part in found], -1).double()
