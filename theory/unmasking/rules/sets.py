"""The set rules: random one token, left to right, Top-k, thresholds, dilated groups, entropy-bounded (EB)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.tolerance import meets
from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import ProxyName, proxy, token_entropy, trusted_first


@dataclass(frozen=True)
class RandomOne(SetRule):
    """One masked position, uniformly at random."""

    name: str = "random one"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Draw the position."""
        noise = torch.rand(masked.shape, generator=generator, device=masked.device, dtype=torch.float64)
        return _first(trusted_first(noise, masked), masked, 1)

    def choices(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"]
    ) -> tuple[Float[Tensor, "batch c"], Bool[Tensor, "batch c n"]]:
        """Return every single masked position; unmasked ones have probability zero."""
        weight = masked.double() / masked.sum(-1, keepdim=True).clamp(min=1)
        single = torch.eye(masked.shape[-1], dtype=torch.bool, device=masked.device)
        return weight, single & masked[:, None, :]


@dataclass(frozen=True)
class LeftToRight(SetRule):
    """The k leftmost masked positions."""

    k: int = 1

    def __post_init__(self) -> None:
        _at_least_one(self.k)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from k
        """Return the name in tables."""
        return f"left to right, k = {self.k}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the leftmost positions."""
        return masked & (masked.cumsum(-1) <= self.k)


@dataclass(frozen=True)
class TopK(SetRule):
    """The k most trusted masked positions by a proxy."""

    k: int = 1
    by: ProxyName = "confidence"

    def __post_init__(self) -> None:
        _at_least_one(self.k)
        proxy(self.by)

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"Top-{self.k}, {self.by}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the first k positions in proxy order."""
        return _first(trusted_first(proxy(self.by)(log_p), masked), masked, self.k)


@dataclass(frozen=True)
class Threshold(SetRule):
    """All masked positions whose proxy error is at most the threshold, and always the most trusted one.

    The threshold is on the proxy's own scale, nats or minus the probability or margin: `Threshold(0.3)` unmasks
    entropies up to .3 nats, `Threshold(-0.9, "confidence")` probabilities from .9 on. Raises InvalidInput for a
    threshold between 0 and 1 on confidence or margin, which all positions would meet.
    """

    threshold: float
    by: ProxyName = "entropy"

    def __post_init__(self) -> None:
        proxy(self.by)
        if math.isnan(self.threshold):
            raise InvalidInput("threshold is NaN; expected a number on the proxy's scale")
        if self.by in ("confidence", "margin") and 0 < self.threshold < 1:
            raise InvalidInput(
                f"threshold {self.threshold:g} on {self.by}, which every position meets; the scale is minus the "
                f"{'probability' if self.by == 'confidence' else 'margin'}: give {-self.threshold:g}"
            )

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"threshold {self.threshold:g}, {self.by}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the trusted positions."""
        error = proxy(self.by)(log_p)
        return _first(trusted_first(error, masked), masked, 1) | (masked & meets(error, self.threshold))


@dataclass(frozen=True)
class Dilated(SetRule):
    """Fixed groups of spread-out positions: all multiples of the stride 2^g first, then halve the stride."""

    stride: int = 2

    def __post_init__(self) -> None:
        if self.stride < 1 or self.stride & (self.stride - 1):
            raise InvalidInput(f"stride {self.stride}; expected a power of two")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the stride
        """Return the name in tables."""
        return f"dilated, stride {self.stride}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the masked positions of the first group that has any."""
        group = torch.full((masked.shape[-1],), 0, device=masked.device)
        position = torch.arange(masked.shape[-1], device=masked.device)
        stride, level = self.stride, 0
        while stride > 1:
            group = torch.where((position % stride != 0) & (position % (stride // 2) == 0), level + 1, group)
            stride, level = stride // 2, level + 1
        first = torch.where(masked, group, level + 1).amin(-1, keepdim=True)
        return masked & (group == first)


@dataclass(frozen=True)
class EntropyBounded(SetRule):
    """EB: the longest prefix in proxy order whose entropies, all but the largest, sum to at most the budget.

    Algorithm 1 of Ben-Hamu et al. (arXiv 2505.24857) in the recursion B_k = B_{k-1} + min(h_k, max h_{<k}),
    which loses no monotonicity to cancellation. The first position is always revealed.
    """

    budget: float
    by: ProxyName = "entropy"

    def __post_init__(self) -> None:
        proxy(self.by)
        if not self.budget >= 0:
            raise InvalidInput(f"EB budget {self.budget}; expected a number >= 0, in nats")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        return f"EB {self.budget:g}, {self.by}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the prefix."""
        h = token_entropy(log_p)
        order = trusted_first(h if self.by == "entropy" else proxy(self.by)(log_p), masked)
        within = meets(prefix_bounds(h.gather(-1, order)), self.budget)
        kept = within & masked.gather(-1, order)
        kept[..., 0] = masked.any(-1)
        return torch.zeros_like(masked).scatter(-1, order, kept)


def prefix_bounds(h: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """Return B_k, the sum of the first k entropies minus their largest, by the running-max recursion (X1)."""
    top = h.cummax(-1).values
    earlier = torch.cat((torch.zeros_like(h[..., :1]), torch.minimum(h[..., 1:], top[..., :-1])), -1)
    return earlier.cumsum(-1)


def _first(order: Tensor, masked: Tensor, count: int) -> Tensor:
    """Return the first `count` masked positions of an order in which masked ones come first."""
    kept = masked.gather(-1, order)
    kept[..., count:] = False
    return torch.zeros_like(masked).scatter(-1, order, kept)


def _at_least_one(k: int) -> None:
    if k < 1:
        raise InvalidInput(f"k = {k}; expected k >= 1: a step reveals at least one token")
