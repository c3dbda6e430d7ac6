"""Bounds on acceptance and rounds, and the exact progress of a window (docs/derivations.md, speculative).

Functions of probabilities take any number type, so that `Fraction` gives exact values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from theory.errors import InvalidInput

SLOPE = 1 / math.sqrt(2 * math.pi)
"""-a'(0): the acceptance falls by delta / sqrt(2 pi) to first order."""


def acceptance_floor(delta: Any) -> Any:
    """Return 1 - delta / sqrt(2 pi) <= 2 Phi(-delta / 2): a tangent lies below a convex function."""
    return 1 - SLOPE * delta


def acceptance_ceiling(delta: Any) -> Any:
    """Return 1 - delta / sqrt(2 pi) + delta^3 / (24 sqrt(2 pi)) >= 2 Phi(-delta / 2), from e^-t^2 >= 1 - t^2."""
    return 1 - SLOPE * delta + SLOPE * delta**3 / 24


def expected_acceptance_floors(mean_delta: float, mean_square_delta: float) -> tuple[float, float]:
    """Return 2 Phi(-E delta / 2) and 2 Phi(-sqrt(E delta^2) / 2): E a is at least both, the first is the larger."""
    return (math.erfc(mean_delta / math.sqrt(8)), math.erfc(math.sqrt(mean_square_delta / 8)))


def independent_draft_floor(gamma: float, churn: float, score_error: float, gain: float = math.sqrt(2)) -> float:
    """Return 2 Phi(-sqrt(gamma) g (1 + eps^2) / (4 eps) * e), e the root mean square of the score error (norm)."""
    if not churn > 0:
        raise InvalidInput(f"churn {churn:g}; expected > 0")
    return math.erfc(math.sqrt(gamma) * gain * (1 + churn**2) / (4 * churn) * score_error / math.sqrt(2))


def rounds_ceiling(steps: int, window: int, rejections: Any) -> Any:
    """Return ceil(N / L) + rejections, at least the rounds of every path."""
    _windowed(steps, window)
    return -(-steps // window) + rejections


def window_progress(acceptance: Any, window: int) -> Any:
    """Return E[steps per round] = 1 + a + ... + a^(L-1) = (1 - a^L) / (1 - a) for i.i.d. acceptance a.

    The rejected step counts, for it is corrected; there is no bonus step.
    """
    _windowed(1, window)
    return sum(acceptance**j for j in range(window))


def expected_rounds(acceptances: Sequence[Any], window: int) -> Any:
    """Return E[rounds] when step k is kept with the given probability, independently of all else."""
    _windowed(len(acceptances), window)
    open_at: list[Any] = [1] + [0] * (window - 1)
    rounds: Any = 0
    for a in acceptances:
        rounds = rounds + open_at[0]
        kept = [a * mass for mass in open_at]
        new = sum(open_at) - sum(kept) + kept[-1]
        open_at = [new, *kept[:-1]]
    return rounds


def pinsker(information: Any) -> Any:
    """Return sqrt(I / 2), a bound on the total variation from a divergence or its mean in nats."""
    return math.sqrt(max(0.0, information) / 2)


def _windowed(steps: int, window: int) -> None:
    if steps < 1 or window < 1:
        raise InvalidInput(f"N = {steps} steps, window L = {window}; expected at least 1 of each")
