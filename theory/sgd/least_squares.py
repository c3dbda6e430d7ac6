"""SGD on least squares in one dimension, exactly: the error of the weight is multiplied and pushed at every step.

The error delta of the weight becomes (1 - eta x²) delta - eta x e, with a feature x and the residual e that is left at
the optimum, drawn together afresh; E[x e] = 0. With e = 0 an interpolating weight exists (*overparameterised*).
The setting stands in for the regimes of arXiv 2505.23489; the results are ours (docs/derivations.md, sgd.11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy import integrate

from theory.errors import InvalidInput

Number = Fraction | float


@dataclass(frozen=True)
class LeastSquares:
    """A law of feature and residual: equally likely pairs (x, e) with sum x e = 0, best as fractions.

    Raises InvalidInput for no pairs, features that are all 0, and residuals that the optimum would not leave.
    """

    pairs: Sequence[tuple[Number, Number]]

    def __post_init__(self) -> None:
        if not self.pairs or not any(x for x, _ in self.pairs):
            raise InvalidInput(f"{len(self.pairs)} pairs, with no feature other than 0; expected one at least")
        moment = float(self.mean(1, 1))
        if abs(moment) > 1e-12:
            raise InvalidInput(f"mean of feature times residual {moment:.3g}; expected 0, as at the optimum")

    def mean(self, feature: int, residual: int = 0) -> Number:
        """Return E[x^feature e^residual]."""
        return sum((x**feature * e**residual for x, e in self.pairs), Fraction(0)) / len(self.pairs)

    @property
    def largest_rate(self) -> Number:
        """Return 2 E[x²] / E[x⁴]: below it the mean square of the error stays finite."""
        return 2 * self.mean(2) / self.mean(4)

    def factor(self, rate: Number) -> Number:
        """Return rho = E[(1 - eta x²)²], by which a step multiplies the mean square of an error without residuals."""
        return 1 - 2 * rate * self.mean(2) + rate**2 * self.mean(4)

    def mean_square(self, rate: Number) -> Number:
        """Return the stationary E[delta²] = eta E[x² e²] / (2 E[x²] - eta E[x⁴]).

        Raises InvalidInput outside 0 < eta < 2 E[x²] / E[x⁴].
        """
        if not 0 < rate < self.largest_rate:
            raise InvalidInput(f"learning rate {rate}; expected it between 0 and {float(self.largest_rate):.6g}")
        return rate * self.mean(2, 2) / (2 * self.mean(2) - rate * self.mean(4))

    def entropy_rate(self, rate: float) -> float:
        """Return E ln|1 - eta x²|, the entropy that a step adds in the long run when there are no residuals."""
        return math.fsum(math.log(abs(1 - rate * float(x) ** 2)) for x, _ in self.pairs) / len(self.pairs)

    def signal_to_noise(self, error: float) -> float:
        """Return |E g| / sd g of the gradient g = x² delta + x e at one error."""
        gradients = [float(x) ** 2 * error + float(x) * float(e) for x, e in self.pairs]
        return abs(float(np.mean(gradients))) / float(np.std(gradients))


def mixture_entropy(law: LeastSquares, rate: float, steps: int) -> float:
    """Return the differential entropy of the error after some steps from delta_0 ~ N(0, 1), without residuals, in nats.

    The error is N(0, 1) times a product of factors |1 - eta x²|; their order does not matter, so that for two values of
    x² it is a mixture of `steps` + 1 normal laws. Its entropy is an integral in ln|delta|, by quadrature.
    Raises InvalidInput for other numbers of values and for a factor of 0.
    """
    from scipy.stats import binom

    squares = sorted({float(x) ** 2 for x, _ in law.pairs})
    if len(squares) != 2:
        raise InvalidInput(f"{len(squares)} values of x²; expected two")
    sizes = [abs(1 - rate * square) for square in squares]
    if min(sizes) == 0:
        raise InvalidInput(f"learning rate {rate} takes an error to 0 in one step; the entropy is minus infinity")
    share = sum(float(x) ** 2 == squares[1] for x, _ in law.pairs) / len(law.pairs)
    k = np.arange(steps + 1)
    weight = binom.pmf(k, steps, share)
    log_scale = (steps - k) * math.log(sizes[0]) + k * math.log(sizes[1])

    def log_density(y: float) -> float:
        """Return the log density of ln|delta| at y."""
        terms = np.log(weight) + math.log(2) - math.log(2 * math.pi) / 2 + (y - log_scale)
        return float(np.logaddexp.reduce(terms - np.exp(2 * (y - log_scale)) / 2))

    ends = sorted((log_scale.min() - 40, log_scale.max() + 4))
    middle = float(weight @ log_scale)
    spread = float(np.sqrt(weight @ (log_scale - middle) ** 2)) + 1
    nodes = [p for p in (middle - 6 * spread, middle, middle + 6 * spread) if ends[0] < p < ends[1]]

    def integrand(y: float) -> float:
        log_p = log_density(y)
        return -math.exp(log_p) * (log_p - y - math.log(2))  # density of delta at both signs: half over |delta|

    value, _ = integrate.quad(integrand, *ends, points=nodes, limit=400, epsabs=1e-11, epsrel=1e-11)
    return float(value)
