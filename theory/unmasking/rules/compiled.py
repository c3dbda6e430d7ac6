"""A set rule on raw logits in one fused pass: compiled where a compiler is found, in cache-sized chunks where not."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theory.unmasking.rules.base import SetRule

CHUNK = 2**20
Select = Callable[[Float[Tensor, "batch n d"], Bool[Tensor, "batch n"]], Bool[Tensor, "batch n"]]


def from_logits(rule: SetRule) -> Select:
    """Return `rule.select(log_softmax(logits), masked)` as one compiled function of (logits, masked).

    Compiling costs seconds at the first call of each shape; it pays for long runs. Where no compiler works
    the same code runs eagerly on chunks of sequences that stay in cache.
    """

    def direct(logits: Tensor, masked: Tensor) -> Tensor:
        return rule.select(logits.log_softmax(-1), masked)

    compiled: Select | None = torch.compile(direct, dynamic=False)

    def select(logits: Tensor, masked: Tensor) -> Tensor:
        nonlocal compiled
        if compiled is not None:
            try:
                return compiled(logits, masked)
            except Exception:  # no compiler, or one that fails: the eager form below raises what is real
                compiled = None
        return in_chunks(direct, logits, masked)

    return select


def in_chunks(select: Select, logits: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"]) -> Tensor:
    """Apply a selection to groups of sequences of about CHUNK logits each."""
    rows = max(1, CHUNK // max(1, logits[0].numel()))
    return torch.cat([select(a, b) for a, b in zip(torch.split(logits, rows), torch.split(masked, rows), strict=True)])
