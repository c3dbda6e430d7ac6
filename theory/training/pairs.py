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
from theory.training.quadrature import Rule


class Products(NamedTuple):
    """Sums of L(S, x) L(S', x) by the two sizes: over disjoint masked sets, and over disjoint visible sets."""

    masked: Float[Tensor, "sizes sizes cells"]
    visible: Float[Tensor, "sizes sizes cells"]


def disjoint_products(table: LossTable) -> Products:
    """Return the products of a loss table: n / 2 subset-sum transforms of it, each n passes over its 2^n rows."""
    return Products(_disjoint(table.values, table.n), _disjoint(table.values.flip(0), table.n))


def _disjoint(values: Float[Tensor, "sets cells"], n: int) -> Float[Tensor, "sizes sizes cells"]:
    """Return the products by both sizes; the smaller of two disjoint sets has at most n / 2 positions."""
    count, half = masked_sets(n).sum(-1), n // 2 + 1
    products = values.new_zeros(n + 1, n + 1, values.shape[-1])
    for size in range(half):
        inside = subset_sums(torch.where((count == size)[:, None], values, 0.0), n)
        products[size].index_add_(0, count, values * inside.flip(0))  # flipping takes the complement
    products[half:, :half] = products[:half, half:].transpose(0, 1)
    return products


def subset_sums(values: Float[Tensor, "sets cells"], n: int) -> Float[Tensor, "sets cells"]:
    """Return, for each set, the sum over its subsets."""
    found = values.clone().reshape(*[2] * n, -1)
    for axis in range(n):
        found.select(axis, 1).add_(found.select(axis, 0))
    return found.reshape(values.shape)


def pair_coefficients(
    estimator: Estimator,
    n: int,
    grid: Rule,
    first: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
    second: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
) -> Products:
    """Return what the sums over disjoint sets are to be multiplied with: E[loss_1 loss_2] is the sum of the products.

    `first` and `second` hold the levels of both masks at the nodes of a rule, and the weights of all counts 0..n.
    """
    found = [pair_chances(estimator, n, first, second, visible) for visible in (False, True)]
    masked, visible = (grid.from_zero(each) for each in found)
    return Products(masked, visible)


def pair_chances(
    estimator: Estimator,
    n: int,
    first: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
    second: tuple[Float[Tensor, " nodes"], Float[Tensor, "nodes counts"]],
    visible: bool,
) -> Float[Tensor, "nodes sizes sizes"]:
    """Return the chance of each pair of disjoint sets of two sizes times both weights, at each node.

    The sets are the masked ones where the levels add up to at most one, else the visible ones; the other kind has no
    chance. Raises InvalidInput for a mask law other than independent or fixed-count.
    """
    (t, w), (s, v) = first, second
    law = estimator.mask
    if isinstance(law, Independent):
        found = _independent(1 - t, 1 - s, w.flip(-1), v.flip(-1)) if visible else _independent(t, s, w, v)
        return torch.where(((t + s <= 1) != visible)[:, None, None], found, 0.0)
    if isinstance(law, Exactly):
        full = torch.full_like(t, n)
        j, k = law.count(t, full).long(), law.count(s, full).long()
        weight = w.gather(1, j[:, None])[:, 0] * v.gather(1, k[:, None])[:, 0]
        rows, columns = (n - j, n - k) if visible else (j, k)
        found = t.new_zeros(len(t), n + 1, n + 1)
        found[torch.arange(len(t)), rows, columns] = torch.where((j + k <= n) != visible, weight, 0.0)
        return found * _shares(n)
    raise InvalidInput(f"partners of mask law {law.name}; expected independent or fixed-count masks")


def _independent(
    t: Float[Tensor, " nodes"],
    s: Float[Tensor, " nodes"],
    w: Float[Tensor, "nodes counts"],
    v: Float[Tensor, "nodes counts"],
) -> Float[Tensor, "nodes sizes sizes"]:
    """Return t^|S| s^|S'| (1 - t - s)^rest times both weights; 0 where sizes add up to more than all."""
    size = torch.arange(w.shape[-1])
    rest = (w.shape[-1] - 1) - size[:, None] - size
    chance = (1 - t - s).clamp(min=0)[:, None, None] ** rest.clamp(min=0)
    left = torch.where(w.isfinite(), w, 0.0) * t[:, None] ** size
    right = torch.where(v.isfinite(), v, 0.0) * s[:, None] ** size
    return torch.where(rest >= 0, left[:, :, None] * right[:, None] * chance, 0.0)


def _shares(n: int) -> Float[Tensor, "sizes sizes"]:
    """Return one over the number of pairs of disjoint sets of two sizes, 0 where there is none."""
    pairs = [[math.comb(n, j) * math.comb(n - j, k) for k in range(n + 1)] for j in range(n + 1)]
    return torch.tensor([[1 / m if m else 0.0 for m in row] for row in pairs], dtype=torch.float64)
