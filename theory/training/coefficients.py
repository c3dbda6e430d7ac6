"""Integrals over the masking level that the moments of an estimator are made of; they know nothing of any model.

The level is integrated over its quantile variable u by Gauss-Legendre rules on panels that halve towards u = 0; the
last two panels say how the rest goes on, or that it diverges. A level law or a weight that bends or jumps inside (0, 1)
says so by an attribute `edges`, the levels where it does (`variance.Tabulated`); a variance that is infinite because of
levels other than those near 0 is not noticed. Masked sets come in classes: by size where the law of the mask treats all
sets of a size alike, else one by one.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.training.estimators import Estimator, Exactly, Independent, Level
from theory.training.loss_table import masked_sets
from theory.training.pairs import Products, pair_coefficients
from theory.training.quadrature import Rule, rule

HALVINGS, CLOSE = 60, 40
"""Panels that halve towards u = 0, and towards u = 1, where nothing may be singular but densities may bend."""
LOWEST = 2.0**-256
"""The lowest level at a node: its inverse square is still a float."""
Nodes = Float[Tensor, "nodes classes"]
Square = Float[Tensor, "classes classes"]


@dataclass(frozen=True, eq=False)
class Coefficients:
    """Integrals of c_j(u), the chance of class j at level u times its weight, for one estimator and length.

    `mean` is the integral of c_j, `same` that of c_j c_k and `second` that of chance times squared weight; `growth` is
    the increase of a diverging `second` for each unit of log(1 / t), 0 where it converges. With a partner at the
    mirrored level, c(1 - u) belongs to the partner: `cross` is the integral of c_j(u) c_k(1 - u), or c_j c_k for a
    partner at the same level, and `level` that of the products of their means, less what strata over the draws take
    away. `between` is the covariance of the means of c over `strata` parts. `pairs` multiply sums over disjoint sets.
    """

    mean: Float[Tensor, " classes"]
    same: Square
    cross: Square
    level: Square
    second: Float[Tensor, " classes"]
    growth: Float[Tensor, " classes"]
    between: Square
    pairs: Products | None


@functools.lru_cache(maxsize=64)
def coefficients(estimator: Estimator, n: int, strata: int = 1) -> Coefficients:
    """Return the integrals of an estimator for sequences of n free tokens; `strata` are those of a batch.

    Raises InvalidInput for levels outside (0, 1], weights that are not finite where masks are drawn, and partners of a
    mask law that they are not defined for.
    """
    grid = _level_rule(estimator, n, strata)
    one = _Draw.of(estimator, n, grid.t)
    mirrored = estimator.partner in ("mirrored level", "complement")
    other = _Draw.of(estimator, n, 1 - grid.t) if mirrored else one
    both = (one.product + other.product) / 2
    level = grid.products_from_zero(both, both)
    if estimator.strata == "draws":
        level = level - grid.covariance(both, estimator.levels)
    pairs = None
    if estimator.partner in ("mirrored mask", "complement"):
        pairs = pair_coefficients(estimator, n, grid, (one.level, one.weight), (other.level, other.weight))
    squared = torch.where(one.chance > 0, one.product * one.weight, 0.0)
    growth = torch.tensor([_growth(grid, column, estimator.level) for column in squared.T], dtype=torch.float64)
    return Coefficients(
        grid.from_zero(one.product), grid.products_from_zero(one.product, one.product),
        grid.products_from_zero(one.product, other.product), level, grid.from_zero(squared), growth,
        grid.covariance(one.product, strata), pairs,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Draw:
    """One draw at each node: its level, and for each class its chance, its weight and the product of the two."""

    level: Float[Tensor, " nodes"]
    chance: Nodes
    weight: Nodes
    product: Nodes

    @classmethod
    def of(cls, estimator: Estimator, n: int, u: Float[Tensor, " nodes"]) -> _Draw:
        level = estimator.level.quantile(u)
        if not bool(((level > 0) & (level <= 1)).all()):
            raise InvalidInput(f"level law {estimator.level.name}: a quantile outside (0, 1]; expected levels in it")
        count, chance = _chances(estimator, n, level)
        if float((chance.sum(-1) - 1).abs().max()) > 1e-9:
            raise InvalidInput(f"mask law {estimator.mask.name}: no whole number of 0 to {n} tokens at some level")
        chance = torch.where(count > 0, chance, 0.0)  # nothing masked, no loss, whatever the weight
        density = estimator.level.density(level)[:, None]
        size = torch.tensor(n, dtype=torch.float64)  # a quotient of whole numbers would be rounded to 32 bits
        weight = estimator.weight.of(level[:, None], count.double(), size, density).expand(chance.shape)
        if not bool(weight[chance > 0].isfinite().all()):
            raise InvalidInput(
                f"weight {estimator.weight.name} is not finite where masks are drawn; expected finite ones"
            )
        return cls(level, chance, weight, torch.where(chance > 0, chance * weight, 0.0))


def _chances(estimator: Estimator, n: int, level: Float[Tensor, " nodes"]) -> tuple[Tensor, Nodes]:
    """Return the size of each class and its chance at each level."""
    law, counts = estimator.mask, torch.arange(n + 1)
    if isinstance(law, Exactly):
        return counts, (counts == law.count(level, torch.full_like(level, n))[:, None]).double()
    if isinstance(law, Independent):
        choices = torch.tensor([float(math.comb(n, k)) for k in range(n + 1)], dtype=torch.float64)
        return counts, law.law(level, torch.arange(n) < counts[:, None]) * choices
    sets = masked_sets(n)
    return sets.sum(-1), law.law(level, sets)


def _growth(grid: Rule, values: Float[Tensor, " nodes"], level: Level) -> float:
    doubling = grid.doubling(values)
    if not doubling:
        return 0.0
    low, high = level.quantile(grid.edges[:2]).tolist()
    return doubling / math.log(high / low)


def _level_rule(estimator: Estimator, n: int, strata: int) -> Rule:
    """Return a rule for the quantile variable of the level, with an edge wherever an integrand jumps or strata end."""
    quantile = estimator.level.quantile
    own = estimator.levels if estimator.strata == "draws" else 1
    edges = {2.0**-j for j in range(HALVINGS + 1)} | {1 - 2.0**-j for j in range(2, CLOSE)}
    edges |= {k / parts for parts in (own, strata) for k in range(1, parts)}
    jumps = [*getattr(estimator.level, "edges", ()), *getattr(estimator.weight, "edges", ())]
    if isinstance(estimator.mask, Exactly):
        jumps += [k / (2 * n) for k in range(1, 2 * n)]
    if estimator.partner == "mirrored mask":
        jumps.append(0.5)  # from here on the two masks overlap
    edges |= set(_places(quantile, jumps))
    if estimator.partner == "complement":
        edges |= set(_crossings(lambda u: quantile(u) + quantile(1 - u) - 1))  # and here
    if estimator.partner in ("mirrored level", "complement"):
        edges |= {1 - u for u in edges}
    ends = torch.tensor(sorted(u for u in edges if u == 1 or 0 < u <= 1 - 2.0**-CLOSE), dtype=torch.float64)
    lowest = quantile(ends)
    return rule(ends[(lowest >= LOWEST) | (lowest <= 0)])  # levels that are not positive are refused later


def _places(quantile: Callable[[Tensor], Tensor], levels: Sequence[float]) -> list[float]:
    """Return u with quantile(u) = level for each level, by bisection."""
    wanted = torch.tensor(levels, dtype=torch.float64)
    return _bisected(lambda u: quantile(u) - wanted, torch.zeros_like(wanted), torch.ones_like(wanted))


def _crossings(gap: Callable[[Tensor], Tensor]) -> list[float]:
    """Return where a function changes its sign between points of a fine grid inside (0, 1)."""
    u = torch.linspace(2.0**-20, 1 - 2.0**-20, 2001, dtype=torch.float64)
    values = gap(u)
    changes = (values[:-1] * values[1:] < 0) & (values[:-1].abs() + values[1:].abs() > 1e-9)
    rising = torch.where(values[:-1][changes] < 0, 1.0, -1.0)
    return _bisected(lambda x: rising * gap(x), u[:-1][changes], u[1:][changes])


def _bisected(gap: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> list[float]:
    """Return the zeros of functions that rise from each low to each high end, to the last digit of a float."""
    for _ in range(56):
        middle = (low + high) / 2
        below = gap(middle) < 0
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return [float(u) for u in high]
