"""What it costs to round a schedule to whole tokens: the shipped sizes beside the real-valued ones and the best. Nats.

The error of whole sizes is E(s), the path KL with exact conditionals (`theory.unmasking.curves`). For real running
totals x_0 = 0 <= ... <= x_K = n let the curve be linear between whole counts, Z(m) = Z_(m + 1) at m revealed tokens:
then E(x) = TC - sum_k (x_(k + 1) - x_k) Z(x_k), which is E(s) where the totals are whole. No sampler attains it where
they are not, and where steps are smaller than a token it may be negative. With larger steps flooring the totals costs
at most max_k (x_(k + 1) - x_k) times Z_n and gains at most Z_n (docs/derivations.md, shipped.7).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput
from theory.schedules import LINEAR, as_schedule
from theory.showing import Shown
from theory.unmasking.curves import fixed_size_error
from theory.unmasking.optimal import Sizes, optimal_sizes
from theory.worlds.information import check_curve


@dataclass(frozen=True, repr=False)
class RoundingCost(Shown):
    """Whole sizes with their error, that of the real-valued sizes for which they stand, and the best sizes. Nats."""

    name: str
    sizes: tuple[int, ...]
    error: float
    ideal: float
    best: Sizes

    @property
    def cost(self) -> float:
        """Return what rounding adds to the error: negative where it helps."""
        return self.error - self.ideal

    @property
    def excess(self) -> float:
        """Return the error above that of the best sizes of as many steps."""
        return self.error - self.best.error

    def _facts(self) -> dict[str, object]:
        return {
            "error (nats)": self.error, "ideal (nats)": self.ideal, "best (nats)": self.best.error, "sizes": self.sizes
        }  # fmt: skip


def rounding_cost(curve: Any, sizes: Sequence[int], schedule: Any = LINEAR, name: str = "sizes") -> RoundingCost:
    """Compare whole sizes with the K-step schedule that they round and with the best sizes of K steps.

    `curve` are the numbers Z_1..Z_n, `sizes` K whole numbers that sum to n, of which some may be 0: such a step reveals
    nothing and counts all the same, since the network is called. Raises InvalidInput.
    """
    z = check_curve(curve)
    error = float(fixed_size_error(z, sizes))
    ideal = ideal_error(z, len(z) * as_schedule(schedule).grid(len(sizes)))
    best = optimal_sizes(z, min(len(sizes), len(z)))[-1]
    return RoundingCost(name, tuple(int(s) for s in sizes), error, ideal, best)


def ideal_error(curve: Any, totals: Sequence[float] | Float[ndarray, "nodes"]) -> float:
    """Return E(x) of real running totals from 0 to n, the curve linear between whole counts.

    Raises InvalidInput for totals that do not climb from 0 to n.
    """
    z = check_curve(curve).numpy()
    x = np.asarray(totals, dtype=float)
    if x.ndim != 1 or len(x) < 2 or x[0] != 0 or x[-1] != len(z) or (np.diff(x) < 0).any():
        raise InvalidInput(f"running totals {totals!r:.80}; expected numbers that climb from 0 to n = {len(z)}")
    heights = np.interp(x[:-1], np.arange(len(z)), z)
    return math.fsum(z) - float(np.diff(x) @ heights)
