"""The one rule that decides when two computed scores are equal, and when a score meets a limit.

Rounding makes equal numbers differ: the entropy of a uniform token is ln d only up to a few units in the last
place, and which way it errs depends on d and on the number type. Every rule that orders positions, every
threshold and every budget therefore compares up to one *slack*:

    ties        two scores are equal when they round to the same multiple of the slack
    limits      a score meets a limit when it exceeds it by at most slack * max(1, |limit|)

Size of the slack. A log-probability from a log-softmax has a relative error of a few units eps (the spacing of
floating-point numbers at 1); an entropy sum p ln p of d symbols inherits at most eps (1 + ln d) ln d times a small
constant, which is below 2^9 eps for d up to 130,000. Sums of entropies that meet a limit B err by at most the same
multiple of B. So the slack is 2^9 eps in float32 (6.1e-5; lower precisions are computed in float32). In
float64 it is 2^-36 (1.5e-11) rather than 2^9 eps = 1.1e-13, because conditionals computed in two ways, from a table
of d^n cells and by message passing, agree only up to the rounding of sums over all cells; 2^-36 covers 2^16 of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

SLACK = 2.0**-36
"""The slack of float64, and of comparisons between Python floats."""


def slack(dtype: torch.dtype) -> float:
    """Return the slack for scores of a floating-point type."""
    if dtype == torch.float64:
        return SLACK
    return 2.0**9 * torch.finfo(torch.float32).eps


def tied(score: Tensor) -> Tensor:
    """Return each score as a whole number of slacks: equal numbers tie, so that a stable sort orders them by index."""
    return (score / slack(score.dtype)).round()


def meets(score: Tensor, limit: float) -> Tensor:
    """Return where `score <= limit` up to the slack."""
    return score <= limit + slack(score.dtype) * max(1.0, abs(limit))
