"""Margins of empirical laws and means at the suite's false-alarm share: none is asymptotic, none depends on the data.

Massart, Ann. Probab. 18 (1990): the one-sample bound with constant 2. Wei and Dudley, Stat. Probab. Lett. 82 (2012):
the two-sample bound with the same constant for equal sizes >= 458. Maurer and Pontil, COLT 2009: means by their
sample variance.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Num
from torch import Tensor

from theory.errors import InvalidInput
from theory.ledger import FALSE_ALARM_SHARE

LEAST = 458
"""Smallest common size at which the two-sample bound has the constant 2."""


def one_sample_margin(samples: int, rate: float = FALSE_ALARM_SHARE) -> float:
    """Return t with P(sup |F_n - F| > t) <= rate."""
    return math.sqrt(math.log(2 / rate) / (2 * samples))


def two_sample_margin(samples: int, rate: float = FALSE_ALARM_SHARE) -> float:
    """Return t with P(sup |F_n - G_n| >= t) <= rate for two samples of one law, both of size `samples` >= 458."""
    if samples < LEAST:
        raise InvalidInput(f"{samples} samples; expected at least {LEAST}, where the two-sample bound starts to hold")
    return math.sqrt(math.log(2 / rate) / samples)


def two_samples(margin: float, rate: float = FALSE_ALARM_SHARE) -> int:
    """Return the size of each of two samples at which their margin is `margin`."""
    return max(LEAST, math.ceil(math.log(2 / rate) / margin**2))


def distance_to(sample: Float[Tensor, "samples"], law: Float[Tensor, "samples"]) -> float:
    """Return sup |F_n - F|; `law` is F at the sorted sample."""
    count = len(sample)
    steps = torch.arange(count + 1, dtype=torch.float64) / count
    return float(torch.maximum(steps[1:] - law, law - steps[:-1]).max())


def distance_between(left: Float[Tensor, "a"], right: Float[Tensor, "b"]) -> float:
    """Return sup |F_a - G_b|, the Kolmogorov-Smirnov statistic."""
    a, b = left.sort().values, right.sort().values
    points = torch.cat((a, b))
    low, high = (torch.searchsorted(x, points, right=True).double() / len(x) for x in (a, b))
    return float((low - high).abs().max())


def mean_margin(values: Float[Tensor, "samples"], width: float, rate: float = FALSE_ALARM_SHARE) -> float:
    """Return t with P(|mean - expectation| > t) <= rate for independent values in an interval of length `width`."""
    count, log = len(values), math.log(4 / rate)
    spread = math.sqrt(2 * float(values.var()) * log / count) if count > 1 else math.inf
    return spread + 7 * width * log / (3 * max(count - 1, 1))


def truncated_mean(values: Num[Tensor, "samples"], cap: float) -> tuple[float, float]:
    """Return the mean of min(values, cap), values >= 0, with its margin; choose the cap before seeing them.

    The margin is about the cut mean, which is the mean itself where `cap` is an upper bound.
    """
    cut = values.double().clamp(max=cap)
    return float(cut.mean()), mean_margin(cut, cap)
