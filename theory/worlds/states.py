"""Partially masked states, their index, and the marginal table of a law over all (d + 1)^n of them.

A state z holds tokens 0..d-1 and the mask d; its index reads z as a number in base d + 1, first position
most significant. A *law* is a float64 tensor of d^n probabilities in the same order without the mask.
Leading axes are a batch of worlds everywhere.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from theory.errors import InvalidInput

ZeroRule = Literal["uniform", "raise"]
MEMORY_LIMIT = 8 * 2**30
"""Largest table, in bytes, that is allocated without asking; half of a small machine's memory."""


def require_memory(entries: int, what: str, bytes_per_entry: int = 8) -> None:
    """Raise InvalidInput when a table of `entries` numbers exceeds MEMORY_LIMIT, saying how large it is."""
    needed = entries * bytes_per_entry
    if needed > MEMORY_LIMIT:
        raise InvalidInput(
            f"{what} needs {needed / 2**30:,.1f} GiB ({entries:,} entries), more than the limit of "
            f"{MEMORY_LIMIT / 2**30:.0f} GiB; use a smaller n or d, or a world with message passing"
        )


def check_law(law: object, n: int, d: int) -> Float[Tensor, "*batch cells"]:
    """Return the law as float64 probabilities; raise InvalidInput for wrong size, sign, NaN or sum."""
    q = torch.as_tensor(law, dtype=torch.float64)
    if q.ndim < 1 or q.shape[-1] != d**n:
        raise InvalidInput(f"law of shape {tuple(q.shape)}; expected d^n = {d}^{n} = {d**n} on the last axis")
    if not bool(torch.isfinite(q).all()):
        raise InvalidInput(f"law holds {int((~torch.isfinite(q)).sum())} NaN or infinite entries; expected none")
    if bool((q < 0).any()):
        raise InvalidInput(f"law holds a negative probability {float(q.min()):.3g}; expected all >= 0")
    sums = q.detach().sum(-1).flatten()
    total = float(sums[(sums - 1).abs().argmax()])
    if (error := abs(total - 1)) > 1e-9:
        hint = "build it with dtype=torch.float64" if error < 1e-6 else "divide by its sum"
        raise InvalidInput(f"law sums to {total:.10g}; expected 1 within 1e-9: {hint}")
    return q


def normalised(weights: object) -> Float[Tensor, "*batch cells"]:
    """Return weights / sum. Raises InvalidInput where they do not sum to a positive number."""
    w = weights if isinstance(weights, Tensor) else torch.tensor([float(x) for x in weights], dtype=torch.float64)  # type: ignore[attr-defined]  # a sequence
    total = w.sum(-1, keepdim=True)
    if not bool((total > 0).all()):
        raise InvalidInput(f"weights sum to {float(total.min()):.3g}; expected a positive sum")
    return w / total


def normalised_law(weights: Sequence[float] | Tensor, n: int, d: int) -> Float[Tensor, "*batch cells"]:
    """Return weights / sum as a checked law."""
    return check_law(normalised(torch.as_tensor(weights, dtype=torch.float64)), n, d)


def marginal_table(law: Float[Tensor, "*batch cells"], n: int, d: int) -> Float[Tensor, "*batch states"]:
    """Return q(z_UM) for every state z: the law in the unmasked corner, sums over each axis beside it.

    One sweep from the last axis to the first; each stage touches (d + 1) / d times the entries of the one
    before, so the whole costs about d + 1 passes over the last.
    """
    batch = law.shape[:-1]
    require_memory(math.prod(batch) * (d + 1) ** n, f"marginal table for n = {n}, d = {d}")
    table = law.new_empty(*batch, *[d + 1] * n)
    lead = (slice(None),) * len(batch)
    corner = slice(0, d)
    table[lead + (corner,) * n] = law.reshape(*batch, *[d] * n)
    for axis in range(n - 1, -1, -1):
        before = lead + (corner,) * axis
        table[(*before, d)] = table[(*before, corner)].sum(len(batch) + axis)
    return table.reshape(*batch, -1)


def index_of(z: Int[Tensor, "*batch n"], d: int) -> Int[Tensor, "*batch"]:
    """Return the index of each state."""
    return (z.long() * place_values(z.shape[-1], d).to(z.device)).sum(-1)


@functools.lru_cache(maxsize=64)
def place_values(n: int, d: int) -> Int[Tensor, "n"]:
    """Return (d + 1)^(n-1), ..., d + 1, 1."""
    return torch.tensor([(d + 1) ** (n - 1 - i) for i in range(n)])


def digits(index: Int[Tensor, "*batch"], n: int, base: int) -> Int[Tensor, "*batch n"]:
    """Return the base-`base` digits of each index, first position most significant."""
    powers = torch.tensor([base ** (n - 1 - i) for i in range(n)], device=index.device)
    return index[..., None] // powers % base


def all_states(n: int, d: int) -> Int[Tensor, "states n"]:
    """Return all (d + 1)^n states in index order."""
    require_memory((d + 1) ** n * n, f"list of states for n = {n}, d = {d}")
    return digits(torch.arange((d + 1) ** n), n, d + 1)


def all_sequences(n: int, d: int) -> Int[Tensor, "cells n"]:
    """Return all d^n sequences in the order of a law."""
    require_memory(d**n * n, f"list of sequences for n = {n}, d = {d}")
    return digits(torch.arange(d**n), n, d)


@functools.lru_cache(maxsize=32)
def sequence_index(n: int, d: int) -> Int[Tensor, "cells"]:
    """Return the state index of every sequence, in the order of a law."""
    return index_of(all_sequences(n, d), d)


def masked_count(n: int, d: int) -> Int[Tensor, "states"]:
    """Return the number of masks of every state."""
    return (all_states(n, d) == d).sum(-1)


def check_states(z: Tensor, n: int, d: int) -> Int[Tensor, "*batch n"]:
    """Return z; raise InvalidInput for another type than int64, a wrong length or a token outside 0..d."""
    if z.ndim < 1 or z.shape[-1] != n:
        raise InvalidInput(f"states of shape {tuple(z.shape)}; expected n = {n} positions on the last axis")
    if z.dtype != torch.int64:
        raise InvalidInput(f"states of dtype {z.dtype}; expected torch.int64 tokens: use z.long()")
    if z.numel() and not (int(z.min()) >= 0 and int(z.max()) <= d):
        raise InvalidInput(
            f"states hold tokens {int(z.min())}..{int(z.max())}; expected 0..{d - 1}, or {d} for the mask: renumber "
            "other ids, as theory.denoisers.denoiser does for a network's"
        )
    return z


def table_conditionals(
    table: Float[Tensor, "*batch states"],
    z: Int[Tensor, "m n"],
    d: int,
    zero_rule: ZeroRule = "uniform",
) -> Float[Tensor, "*batch m n d"]:
    """Return q(x_i = v | z_UM) for a batch of states, read off the marginal table.

    A revealed position gets a point mass on its token. Where q(z_UM) = 0 a masked position is uniform, or
    InvalidInput is raised with `zero_rule="raise"`.
    """
    places = place_values(z.shape[-1], d).to(z.device)
    index = index_of(z, d)
    tokens = torch.arange(d, device=z.device)
    neighbours = index[:, None, None] + (tokens - z[..., None]) * places[:, None]
    context = table[..., index]
    return finish_conditionals(table[..., neighbours] / context[..., None, None], context, z, d, zero_rule)


def finish_conditionals(
    found: Float[Tensor, "*batch m n d"],
    context: Float[Tensor, "*batch m"],
    z: Int[Tensor, "m n"],
    d: int,
    zero_rule: ZeroRule,
) -> Float[Tensor, "*batch m n d"]:
    """Apply the two rules that every world shares: carry-over of revealed tokens and the zero rule."""
    impossible = context <= 0
    if zero_rule == "raise" and bool(impossible.any()):
        first = z[impossible.reshape(-1, z.shape[0])[0].nonzero()[0, 0]].tolist()
        raise InvalidInput(f"state {first} has probability zero; use zero_rule='uniform' for uniform conditionals")
    found = torch.where(impossible[..., None, None], 1 / d, found)
    point = (z[..., None] == torch.arange(d, device=z.device)).to(found.dtype)
    return torch.where((z == d)[..., None], found, point)


def reveal_pattern(z: Int[Tensor, "*batch n"], d: int) -> Bool[Tensor, "*batch n"]:
    """Return which positions are revealed."""
    return z != d
