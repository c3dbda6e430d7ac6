"""Preference optimisation with estimates of the ELBO (VRPO, arXiv 2505.19223): score, loss, their bias and variance.

With ELBOs B of a policy and a reference, a preferred response w and another l, and a temperature beta > 0,

    s = beta (B_policy(w) - B_ref(w)) - beta (B_policy(l) - B_ref(l)),    loss = -ln sigma(s) = ln(1 + e^-s),

sigma the logistic function. Training puts estimates of B in the place of B. Everything below is for one fixed pair;
V is the variance of the estimated score over masks and levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.training.estimators import BY_COUNT, Estimator, Exactly
from theory.training.loss_table import LossTable, masked_sets
from theory.training.moments import moments

COUNT = Estimator("m/k", Exactly(), BY_COUNT)
GRADIENT_PRINTED = 1 / 8
GRADIENT_SHARP = (5 * math.sqrt(5) - 11) / 2
"""The best constant c in tr V[grad loss] <= c C^2 V + tr V[grad score]: one over the golden ratio's fifth power."""


def loss(score: Float[Tensor, "*scores"]) -> Float[Tensor, "*scores"]:
    """Return -ln sigma(s)."""
    return torch.nn.functional.softplus(-score)


def bias_bounds(score: float, variance: float) -> dict[str, float]:
    """Return bounds on E loss(estimate) - loss(score), which is never negative: as printed, and three sharper ones.

    The last is attained for every score and variance, by two points whose squares are equal: score +- as far apart as
    the variance asks, weighted so that the mean is the score.
    """
    if variance < 0:
        raise InvalidInput(f"variance {variance}; expected one >= 0")
    root = math.sqrt(variance)
    return {
        "printed": root, "V / 8": variance / 8, "sqrt(V) / 2": root / 2,
        "sharp": log_cosh(math.hypot(score, root) / 2) - log_cosh(score / 2),
    }  # fmt: skip


def log_cosh(x: float) -> float:
    """Return ln cosh x without overflow."""
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two responses, as loss tables of policy and reference for each (`LossTable.at`), and the temperature.

    Raises InvalidInput for a temperature that is not positive and for tables of policy and reference that do not match.
    """

    policy: tuple[LossTable, LossTable]
    reference: tuple[LossTable, LossTable]
    beta: float = 0.2

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise InvalidInput(f"beta {self.beta}; expected a positive temperature")
        for name, mine, other in zip(("preferred", "other"), self.policy, self.reference, strict=True):
            if mine.values.shape != other.values.shape or mine.values.shape[-1] != 1:
                raise InvalidInput(
                    f"{name} response: tables of shape {tuple(mine.values.shape)} and {tuple(other.values.shape)}; "
                    "expected policy and reference on the same single response"
                )

    @property
    def differences(self) -> tuple[LossTable, LossTable]:
        """Return policy less reference, for both responses: what shared masks estimate."""
        first, second = (mine - other for mine, other in zip(self.policy, self.reference, strict=True))
        return first, second

    @property
    def score(self) -> float:
        """Return s."""
        preferred, other = (float(table.nelbo()[0]) for table in self.differences)
        return self.beta * (other - preferred)

    def variance(self, estimator: Estimator = COUNT, shared: bool = True) -> float:
        """Return V, with the same masks for policy and reference or with masks of their own."""
        tables = self.differences if shared else (*self.policy, *self.reference)
        return self.beta**2 * sum(moments(estimator, table).variance for table in tables)

    def scores(self) -> tuple[Float[Tensor, " outcomes"], Float[Tensor, " outcomes"]]:
        """Return the values of the estimated score from one shared mask a response, by count, and their chances."""
        drawn = [_estimates(table) for table in self.differences]
        (first, p), (second, q) = drawn
        return (self.beta * (second - first[:, None])).flatten(), (p[:, None] * q).flatten()


def allocations(total: int) -> list[Estimator]:
    """Return the count estimators with n_t levels of n_y masks, n_t n_y = total, from one level to one mask each."""
    if total < 1:
        raise InvalidInput(f"{total} masks; expected at least one")
    divisors = [k for k in range(1, total + 1) if total % k == 0]
    return [replace(COUNT, name=f"{k} x {total // k}", levels=k, masks=total // k) for k in divisors]


def _estimates(table: LossTable) -> tuple[Float[Tensor, " sets"], Float[Tensor, " sets"]]:
    """Return (n / k) L(S) of every nonempty masked set S of one response, and its chance: 1 / (n C(n, k))."""
    n, count = table.n, masked_sets(table.n).sum(-1)[1:]
    chance = torch.tensor([1 / (n * math.comb(n, int(k))) for k in count], dtype=torch.float64)
    return table.values[1:, 0] * n / count, chance
