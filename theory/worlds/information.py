"""Entropies of revealed sets, (dual) total correlation, the information curve and its smoothed form. Nats.

Definitions follow Chen, Cong, Li (arXiv 2511.04647): H_m is the mean entropy of X_S over |S| = m and
Z_j = E I(X_i; X_S) with |S| = j - 1, here computed as H_1 + H_{j-1} - H_j (Lemma 13).
"""

from __future__ import annotations

import functools
import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from theory.errors import InvalidInput
from theory.worlds.smoothing import bernstein, derivative

CHUNK = 2**22


def plogp(p: Tensor) -> Tensor:
    """Return p ln p with 0 ln 0 = 0."""
    return torch.xlogy(p, p)


def entropy(p: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch"]:
    """Return -sum p ln p over the last axis."""
    return -plogp(p).sum(-1)


def kullback_leibler(p: Float[Tensor, "*batch cells"], q: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch"]:
    """Return KL(p || q) over the last axis; infinite where q misses support of p."""
    ratio = torch.where(p > 0, p / torch.where(p > 0, q, 1.0), 1.0)
    return torch.xlogy(p, ratio).sum(-1)


def total_variation(p: Float[Tensor, "*batch cells"], q: Float[Tensor, "*batch cells"]) -> Float[Tensor, "*batch"]:
    """Return half the l1 distance over the last axis."""
    return (p - q).abs().sum(-1) / 2


def set_entropies(table: Float[Tensor, "*batch states"], n: int, d: int) -> Float[Tensor, "*batch sets"]:
    """Return H(X_S) for all 2^n sets S of revealed positions, from the marginal table.

    S is indexed in binary, first position most significant, bit 1 for *masked*: the same order as states
    with every revealed token written 0 and the mask written 1. Entry 0 is H(X), the last is H(empty) = 0.
    """
    batch = table.shape[:-1]
    folded = table.reshape(-1, d + 1, (d + 1) ** (n - 1))
    out = table.new_empty(folded.shape[0], 2, folded.shape[-1])
    width = max(1, CHUNK // (folded.shape[0] * (d + 1)))
    for start in range(0, folded.shape[-1], width):
        piece = plogp(folded[..., start : start + width])
        out[..., 0, start : start + width] = piece[:, :d].sum(1)
        out[..., 1, start : start + width] = piece[:, d]
    for axis in range(1, n):
        out = out.reshape(-1, 2**axis, d + 1, (d + 1) ** (n - 1 - axis))
        out = torch.stack((out[:, :, :d].sum(2), out[:, :, d]), dim=2)
    return -out.reshape(*batch, 2**n)


@functools.lru_cache(maxsize=64)
def set_sizes(n: int) -> Int[Tensor, "sets"]:
    """Return |S| of every revealed set, in the order of `set_entropies`."""
    masks = torch.arange(2**n)
    return n - sum(((masks >> i) & 1 for i in range(n)), torch.zeros_like(masks))


def mean_entropies(entropies: Float[Tensor, "*batch sets"]) -> Float[Tensor, "*batch counts"]:
    """Return H_0..H_n, the mean of H(X_S) over |S| = m."""
    n = entropies.shape[-1].bit_length() - 1
    sums = entropies.new_zeros(*entropies.shape[:-1], n + 1).index_add(-1, set_sizes(n), entropies)
    return sums / entropies.new_tensor([math.comb(n, m) for m in range(n + 1)])


def information_curve(means: Float[Tensor, "*batch counts"]) -> Float[Tensor, "*batch n"]:
    """Return Z_1..Z_n with Z_j = H_1 + H_{j-1} - H_j (Lemma 13)."""
    return means[..., 1:2] + means[..., :-1] - means[..., 1:]


def total_correlation(law: Float[Tensor, "*batch cells"], n: int, d: int) -> Float[Tensor, "*batch"]:
    """Return TC = sum_i H(X_i) - H(X), from the n single-site marginals."""
    cells = law.reshape(*law.shape[:-1], *[d] * n)
    lead = law.ndim - 1
    axes = range(lead, lead + n)
    single = [cells.sum([b for b in axes if b != a]) if n > 1 else cells for a in axes]
    return -plogp(torch.stack(single, -2)).sum((-1, -2)) - entropy(law)


def dual_total_correlation(law: Float[Tensor, "*batch cells"], n: int, d: int) -> Float[Tensor, "*batch"]:
    """Return DTC = H(X) - sum_i H(X_i | X_{-i}), from the n leave-one-out marginals."""
    cells = law.reshape(*law.shape[:-1], *[d] * n)
    lead = law.ndim - 1
    whole = entropy(law)
    rest = [entropy(cells.sum(a).reshape(*law.shape[:-1], -1)) for a in range(lead, lead + n)]
    return whole - (n * whole - torch.stack(rest).sum(0))


def smoothed_curve(curve: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"]) -> Tensor:
    """Return the Bernstein polynomial Z~(alpha) of the curve, shape (*batch, *points), at any length n.

    Z~ is the mean of E I(X_i; X_S) when S holds every other index independently with probability alpha
    (docs/derivations.md, schedules.7). All terms of a nonnegative curve are nonnegative, so nothing cancels.
    """
    return bernstein(curve, alpha)


def smoothed_curve_derivative(curve: Float[Tensor, "*batch n"], alpha: Float[Tensor, "*points"]) -> Tensor:
    """Return dZ~/dalpha: the Bernstein polynomial of (n - 1)(Z_{j+1} - Z_j)."""
    return derivative(curve, alpha)


def check_curve(curve: object) -> Float[Tensor, "*batch n"]:
    """Return the curve as float64; raise InvalidInput unless 0 = Z_1 <= ... <= Z_n (within rounding)."""
    z = torch.as_tensor(curve, dtype=torch.float64)
    if z.ndim < 1 or z.shape[-1] < 1 or not bool(torch.isfinite(z).all()):
        raise InvalidInput("information curve must hold at least one number and no NaN or infinity")
    seen = z.detach()
    slip = 1e-9 * max(1.0, float(seen.abs().max()))
    if float(seen[..., 0].abs().max()) > slip:
        raise InvalidInput(f"information curve starts at Z_1 = {float(seen[..., 0].max()):.3g}; expected 0")
    if z.shape[-1] > 1 and float(seen.diff(dim=-1).min()) < -slip:
        raise InvalidInput(f"information curve falls by {-float(seen.diff(dim=-1).min()):.3g}; expected nondecreasing")
    return z
