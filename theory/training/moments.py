"""Mean, bias and variance of an estimator of the NELBO, exactly, with the variance split into its three sources.

For one sequence x and level t write g(x, t) and v(x, t) for mean and variance of a draw over masked sets. The law of
total variance, used twice (arXiv 2511.18159), splits the variance of an estimate of one sequence drawn from the law:

    mask noise    E[v(x, t)]           which tokens are masked
    level noise   E_x[Var_t(g(x, t))]  how much is masked
    data noise    Var_x(E_t g(x, t))   which sequence

n_t levels of n_y masks divide the first by n_t n_y and the second by n_t; partners and strata change them as described
in `moments`. The level is integrated over its quantile variable u by Gauss-Legendre rules on panels that halve towards
u = 0; the last two panels say how the rest goes on, or that it diverges.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.showing import Shown
from theory.training.estimators import Estimator, Exactly, Independent
from theory.training.loss_table import LossTable, masked_sets
from theory.training.pairs import disjoint_products, pair_moments
from theory.training.quadrature import Rule, rule

HALVINGS = 60
"""Panels towards u = 0."""


@dataclass(frozen=True, repr=False)
class Moments(Shown):
    """Mean and variance of an estimate of the NELBO of a sequence drawn from the law, in nats and nats squared.

    Where the variance is infinite, `mask_growth` is the increase of the mask noise for each unit of log(1 / eps) when
    levels are cut off at eps: infinite where it grows as a power. `nelbo` is the true mean.
    """

    mean: float
    nelbo: float
    mask: float
    level: float
    data: float
    mask_growth: float = 0.0
    name: str = "moments of an estimator"

    @property
    def bias(self) -> float:
        """Return the mean less the NELBO."""
        return self.mean - self.nelbo

    @property
    def variance(self) -> float:
        """Return the variance of one estimate: mask noise, level noise and data noise together."""
        return self.mask + self.level + self.data

    def _facts(self) -> dict[str, object]:
        names = ("mean", "nelbo", "bias", "variance", "mask", "level", "data", "mask_growth")
        return {each.replace("_", " "): f"{getattr(self, each):.6g}" for each in names}


def moments(estimator: Estimator, table: LossTable) -> Moments:
    """Return the exact moments of an estimator on a loss table.

    A partner at the same level (mirrored mask) turns v into (v + c) / 2, c the covariance of the two losses given x
    and t; a partner at the mirrored level replaces g by its mean over both levels. Strata over an estimate's own draws
    remove the spread of g between strata; those over a batch concern several sequences (`batch_variance`). Raises
    InvalidInput for a weight that is not finite where masks are drawn, for a level law that draws no level in (0, 1],
    and for partners of a mask law other than independent or fixed-count.
    """
    grid = level_rule(estimator, table.n)
    single = _Draw.of(estimator, table, grid.t)
    mirrored = single
    if estimator.partner in ("mirrored level", "complement"):
        mirrored = _Draw.of(estimator, table, 1 - grid.t)
    g = (single.mean + mirrored.mean) / 2
    second = grid.from_zero(single.square)
    growth = _growth(grid, single.square, estimator)
    v = math.inf if growth else second - grid.from_zero(table.mean(single.mean**2))
    if estimator.partner in ("mirrored mask", "complement"):
        products = _products(table)
        together = pair_moments(
            estimator, table.n, products, (single.level, single.weight), (mirrored.level, mirrored.weight)
        )
        v = (v + grid.from_zero(table.mean(together - single.mean * mirrored.mean))) / 2
    elif estimator.partner == "mirrored level":
        v = v / 2
    mean = grid.from_zero(g)
    levels = grid.from_zero(table.mean(g**2)) - float(table.mean(mean**2))
    if estimator.strata == "draws":
        levels -= float(table.mean(grid.spread(g, estimator.levels)))
    overall = float(table.mean(mean))
    return Moments(
        mean=overall, nelbo=float(table.mean(table.nelbo())),
        mask=v / (estimator.levels * estimator.masks), level=levels / estimator.levels,
        data=float(table.mean((mean - overall) ** 2)),
        mask_growth=growth / ((1 if estimator.partner == "none" else 2) * estimator.levels * estimator.masks),
        name=f"moments of {estimator.name}",
    )  # fmt: skip


def batch_variance(estimator: Estimator, table: LossTable, batch: int, strata: int | None = None) -> float:
    """Return the variance of the mean over `batch` independent sequences whose levels fill `strata` equal parts.

    Each part holds batch / strata of them; as many parts as sequences unless given. What strata remove is the spread
    between them of h(u), the mean loss over sequences: Var = (total - between) / batch. Raises InvalidInput where the
    parts do not divide the batch.
    """
    parts = strata or batch
    if batch % parts:
        raise InvalidInput(f"{parts} strata of a batch of {batch}; expected a divisor")
    grid = level_rule(estimator, table.n, parts)
    h = table.mean(_Draw.of(estimator, table, grid.t).mean)
    return (moments(estimator, table).variance - float(grid.spread(h, parts))) / batch


def _growth(grid: Rule, values: Float[Tensor, " nodes"], estimator: Estimator) -> float:
    """Return by how much the integral grows for each unit of log(1 / t) where it diverges at t = 0, else 0."""
    doubling = grid.doubling(values)
    if not doubling:
        return 0.0
    low, high = estimator.level.quantile(grid.edges[:2]).tolist()
    return doubling / math.log(high / low)


@functools.lru_cache(maxsize=4)
def _products(table: LossTable) -> Any:
    return disjoint_products(table)


@dataclass(frozen=True, eq=False)
class _Draw:
    """One draw at each node: the level, the weight of each count (or set), g(x, t), and E_x[E[loss^2 | x, t]]."""

    level: Float[Tensor, " nodes"]
    weight: Float[Tensor, "nodes counts"]
    mean: Float[Tensor, "nodes cells"]
    square: Float[Tensor, " nodes"]

    @classmethod
    def of(cls, estimator: Estimator, table: LossTable, u: Float[Tensor, " nodes"]) -> _Draw:
        level = estimator.level.quantile(u)
        if not bool(((level > 0) & (level <= 1)).all()):
            raise InvalidInput(f"level law {estimator.level.name}: a quantile outside (0, 1]; expected levels in it")
        if isinstance(estimator.mask, Independent | Exactly):
            chance, mean, square = counts_of(estimator, table.n, level), *table.by_count()
            count = torch.arange(table.n + 1)
        else:
            sets = masked_sets(table.n)
            chance, mean, square = estimator.mask.law(level, sets), table.values, table.values**2
            count = sets.sum(-1)
        weight = weights(estimator, level, count, table.n)
        if not bool(weight[chance > 0].isfinite().all()):
            raise InvalidInput(
                f"weight {estimator.weight.name} is not finite where masks are drawn; expected finite ones"
            )
        weighted = torch.where(chance > 0, chance * weight, 0.0)
        return cls(level, weight, weighted @ mean, torch.where(chance > 0, weighted * weight, 0.0) @ table.mean(square))


def weights(estimator: Estimator, level: Float[Tensor, " nodes"], count: Any, n: int) -> Float[Tensor, "nodes counts"]:
    """Return the weight at each level of masks with each count."""
    density = estimator.level.density(level)[:, None]
    size = torch.tensor(n, dtype=torch.float64)  # a quotient of whole numbers would be rounded to 32 bits
    return estimator.weight.of(level[:, None], count.double(), size, density).expand(len(level), len(count))


def counts_of(estimator: Estimator, n: int, level: Float[Tensor, " nodes"]) -> Float[Tensor, "nodes counts"]:
    """Return the probability of each count at each level, of a mask law under which sets of one size are alike."""
    first = torch.arange(n) < torch.arange(n + 1)[:, None]
    sizes = torch.tensor([float(math.comb(n, k)) for k in range(n + 1)], dtype=torch.float64)
    law = estimator.mask
    if isinstance(law, Exactly):
        return (torch.arange(n + 1) == law.count(level, torch.full_like(level, n))[:, None]).double()
    return law.law(level, first) * sizes


def level_rule(estimator: Estimator, n: int, strata: int = 1) -> Rule:
    """Return a rule for the quantile variable of the level, with an edge wherever an integrand jumps or strata end."""
    own = estimator.levels if estimator.strata == "draws" else 1
    edges = {2.0**-j for j in range(HALVINGS + 1)}
    edges |= {k / parts for parts in (own, strata) for k in range(1, parts)}
    jumps = list(getattr(estimator.level, "edges", ()))
    if isinstance(estimator.mask, Exactly):
        jumps += [k / (2 * n) for k in range(1, 2 * n)]
    if estimator.partner == "mirrored mask":
        jumps.append(0.5)  # from here on the two masks overlap
    edges |= set(_places(estimator.level.quantile, jumps))
    if estimator.partner in ("mirrored level", "complement"):
        edges |= {1 - u for u in edges if 2.0**-40 <= u < 1}
    return rule(torch.tensor(sorted(u for u in edges if 2.0**-HALVINGS <= u <= 1), dtype=torch.float64))


def _places(quantile: Callable[[Tensor], Tensor], levels: Sequence[float]) -> list[float]:
    """Return u with quantile(u) = level for each level, by bisection."""
    wanted = torch.tensor(levels, dtype=torch.float64)
    low, high = torch.zeros_like(wanted), torch.ones_like(wanted)
    for _ in range(56):  # to the last digit of a float
        middle = (low + high) / 2
        below = quantile(middle) < wanted
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return [float(u) for u in high]
