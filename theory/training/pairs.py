"""Two masks of one sequence drawn from the same noise: E[loss of the first x loss of the second], exactly.

Mask 1 is {u_i < t_1}, mask 2 is {u_i > 1 - t_2} with one uniform u_i a position (MIRROR, arXiv 2511.18159, has t_1 =
t_2). For t_1 + t_2 <= 1 the masks are disjoint, otherwise the visible sets are. So all that is needed are sums of
L(S) L(S') over disjoint sets by their two sizes, which subset sums give without listing pairs of sets.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.training.estimators import Estimator, Exactly, Independent
from theory.training.loss_table import LossTable, masked_sets


class Products(NamedTuple):
    """Sums of L(S, x) L(S', x) by the two sizes: over disjoint masked sets, and over disjoint visible sets."""

    masked: Float[Tensor, "sizes sizes cells"]
    visible: Float[Tensor, "sizes sizes cells"]


def disjoint_products(table: LossTable) -> Products:
    """Return the products of a loss table: n subset-sum transforms of it, each n passes over its 2^n rows."""
    return Products(_disjoint(table.values, table.n), _disjoint(table.values.flip(0), table.n))


def _disjoint(values: Float[Tensor, "sets cells"], n: int) -> Float[Tensor, "sizes sizes cells"]:
    count = masked_sets(n).sum(-1)
    found = values.new_zeros(n + 1, n + 1, values.shape[-1])
    for size in range(n + 1):
        inside = subset_sums(torch.where((count == size)[:, None], values, 0.0), n)
        found[size].index_add_(0, count, values * inside.flip(0))  # flipping takes the complement
    return found


def subset_sums(values: Float[Tensor, "sets cells"], n: int) -> Float[Tensor, "sets cells"]:
    """Return, for each set, the sum over its subsets."""
    found = values.clone().reshape(*[2] * n, -1)
    for axis in range(n):
        found.select(axis, 1).add_(found.select(axis, 0))
    return found.reshape(values.shape)


def pair_moments(
    estimator: Estimator,
    n: int,
    products: Products,
    first: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
    second: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
) -> Float[Tensor, "nodes cells"]:
    """Return E[loss_1 loss_2 | x, levels] at nodes with two levels each, both with the weights of all counts 0..n."""
    (t, w), (s, v) = first, second
    law = estimator.mask
    if isinstance(law, Independent):
        apart = _independent(t, s, products.masked, w, v, n)
        joined = _independent(1 - t, 1 - s, products.visible, w.flip(-1), v.flip(-1), n)
        return torch.where((t + s <= 1)[:, None], apart, joined)
    if isinstance(law, Exactly):
        full = torch.full_like(t, n)
        j, k = law.count(t, full).long(), law.count(s, full).long()
        weight = w.gather(1, j[:, None])[:, 0] * v.gather(1, k[:, None])[:, 0]
        apart, joined = _shares(products.masked, n)[j, k], _shares(products.visible, n)[n - j, n - k]
        return weight[:, None] * torch.where((j + k <= n)[:, None], apart, joined)
    raise InvalidInput(f"partners of mask law {law.name}; expected independent or fixed-count masks")


def _independent(
    t: Float[Tensor, " nodes"],
    s: Float[Tensor, " nodes"],
    products: Float[Tensor, "sizes sizes cells"],
    w: Float[Tensor, "nodes counts"],
    v: Float[Tensor, "nodes counts"],
    n: int,
) -> Float[Tensor, "nodes cells"]:
    """Return the sum over disjoint sets of t^|S| s^|S'| (1 - t - s)^rest times losses and weights."""
    size = torch.arange(n + 1)
    rest = (n - size[:, None] - size).clamp(min=0)
    chance = (1 - t - s).clamp(min=0)[:, None, None] ** rest
    left = torch.where(w.isfinite(), w, 0.0) * t[:, None] ** size
    right = torch.where(v.isfinite(), v, 0.0) * s[:, None] ** size
    return (left[:, :, None] * right[:, None] * chance).flatten(1) @ products.flatten(0, 1)


def _shares(products: Float[Tensor, "sizes sizes cells"], n: int) -> Float[Tensor, "sizes sizes cells"]:
    """Return means over pairs of disjoint sets of two sizes, in place of sums."""
    pairs = torch.tensor([[math.comb(n, j) * math.comb(n - j, k) for k in range(n + 1)] for j in range(n + 1)])
    return products / pairs.clamp(min=1)[..., None]  # no sets, no sum
