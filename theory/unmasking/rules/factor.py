"""The factor rule of Fast-dLLM (Wu et al., arXiv 2505.22618): reveal n tokens while (n + 1) times a doubt stays small.

The doubt of a position is one minus its confidence, the probability of its likeliest token. The paper's body could not
be read; the rule is taken from its released code (github.com/NVlabs/Fast-dLLM, llada/generate.py, which was read) and
from the summary in a later paper (arXiv 2606.02955), which states it as (n + 1)(1 - c_(n)) < f, c_(n) the n-th largest
confidence. The code compares with <=, and so does this module.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.tolerance import meets
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import confidence, trusted_first


@dataclass(frozen=True)
class FactorBounded(SetRule):
    """The longest prefix in falling order of confidence in which (k + 1)(1 - c_k) <= factor for every k.

    The most trusted position is always revealed. With `factor` at most 1 the likeliest tokens of the prefix are
    together a likeliest block (see docs/derivations.md, factor.1). `as_released` repeats what the released code does
    where every masked position but the last passes: it reveals the last one too, whatever its confidence. Raises
    InvalidInput for a factor that is negative or NaN.
    """

    factor: float = 1.0
    as_released: bool = False

    def __post_init__(self) -> None:
        if not self.factor >= 0:
            raise InvalidInput(f"factor {self.factor}; expected a number >= 0, where 1 is the largest safe one")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"factor {self.factor:g}{', as released' if self.as_released else ''}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the prefix."""
        error = confidence(log_p)
        order = trusted_first(error, masked)
        rank = torch.arange(1, masked.shape[-1] + 1, device=masked.device)
        weighted_doubt = (rank + 1) * (1 + error.gather(-1, order))
        within = meets(weighted_doubt, self.factor) & masked.gather(-1, order)
        within[..., 0] = masked.any(-1)
        kept = within.cumprod(-1).bool()
        if self.as_released:
            last = masked.sum(-1, keepdim=True)
            kept |= (kept.sum(-1, keepdim=True) == last - 1) & (rank == last)
        return torch.zeros_like(masked).scatter(-1, order, kept)
