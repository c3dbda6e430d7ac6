"""A function as it is behind the protocol of a denoiser: nothing is recognised, converted or normalised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Raw:
    """What a caller hands over who checks nothing."""

    function: Callable[[Tensor], Tensor]
    d: int
    n: int | None = None

    def __call__(self, z: Tensor) -> Tensor:
        return self.function(z)
