"""Mean, bias and variance of an estimator of the NELBO, exactly, with the variance split into its three sources.

For one sequence x and level t write g(x, t) and v(x, t) for mean and variance of a draw over masked sets. The law of
total variance, used twice (arXiv 2511.18159), splits the variance of an estimate of one sequence drawn from the law:

    mask noise    E[v(x, t)]           which tokens are masked
    level noise   E_x[Var_t(g(x, t))]  how much is masked
    data noise    Var_x(E_t g(x, t))   which sequence

n_t levels of n_y masks divide the first by n_t n_y and the second by n_t; partners and strata change them as `moments`
says. All of them are sums of products of two parts: integrals over the level, which know the estimator alone
(`theory.training.coefficients`), and sums of losses by size of the masked set, which know the model alone (`Sums`). So
the same code serves losses and whole gradients, where products of losses become inner products.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.showing import Shown
from theory.training.coefficients import coefficients
from theory.training.estimators import Estimator, Exactly, Independent
from theory.training.loss_table import LossTable
from theory.training.pairs import Products, disjoint_products

Square = Float[Tensor, "classes classes"]


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


@dataclass(frozen=True, eq=False)
class Sums:
    """What the moments need of the losses L(S, x), by class of masked sets: by size, or every set by itself.

    With m_j(x) the mean of L over class j: `within` is E_x <m_j, m_k>, `across` is <E_x m_j, E_x m_k> and `squares` is
    E_x of the mean of |L|^2 over class j; `products` are sums over pairs of disjoint sets, by size.
    """

    within: Square
    across: Square
    squares: Float[Tensor, " classes"]
    products: Products | None = None


def moments(estimator: Estimator, table: LossTable) -> Moments:
    """Return the exact moments of an estimator on a loss table.

    A partner at the same level (mirrored mask) turns v into (v + c) / 2, c the covariance of the two losses given x
    and t; a partner at the mirrored level replaces g by its mean over both levels. Strata over an estimate's own draws
    remove the spread of g between strata; those over a batch concern several sequences (`batch_variance`). Raises
    InvalidInput for a weight that is not finite where masks are drawn, for a level law that draws no level in (0, 1],
    and for mirrored masks of a mask law other than independent or fixed-count.
    """
    found = sums_of(table, _by_size(estimator), estimator.partner in ("mirrored mask", "complement"))
    mask, level, data, growth = sources(estimator, table.n, found)
    weights = coefficients(estimator, table.n).mean
    losses = table.by_count()[0] if _by_size(estimator) else table.values
    return Moments(
        mean=float(weights @ table.mean(losses)), nelbo=float(table.mean(table.nelbo())),
        mask=mask, level=level, data=data, mask_growth=growth, name=f"moments of {estimator.name}",
    )  # fmt: skip


def sources(estimator: Estimator, n: int, sums: Sums) -> tuple[float, float, float, float]:
    """Return mask, level and data noise of an estimate, and the growth of an infinite mask noise.

    `sums` may be those of gradients: the three are then traces of covariance matrices.
    """
    c = coefficients(estimator, n)
    diverging = (c.growth > 0) & (sums.squares > 0)
    growth = float(c.growth[diverging] @ sums.squares[diverging])
    finite = torch.where(c.growth > 0, 0.0, c.second)
    noise = math.inf if growth else float(finite @ sums.squares) - _total(c.same, sums.within)
    if c.pairs is not None:
        if sums.products is None:
            raise InvalidInput(f"{estimator.name}: sums over pairs of masks are missing; ask `sums_of` for them")
        together = _total(c.pairs.masked, sums.products.masked) + _total(c.pairs.visible, sums.products.visible)
        noise = (noise + together - _total(c.cross, sums.within)) / 2
    elif estimator.partner != "none":
        noise = noise / 2
    square = torch.outer(c.mean, c.mean)
    masks = estimator.levels * estimator.masks
    level = (_total(c.level, sums.within) - _total(square, sums.within)) / estimator.levels
    data = _total(square, sums.within) - _total(square, sums.across)
    return noise / masks, level, data, growth / (masks * (1 if estimator.partner == "none" else 2))


def batch_variance(estimator: Estimator, table: LossTable, batch: int, strata: int | None = None) -> float:
    """Return the variance of the mean over `batch` independent sequences whose levels fill `strata` equal parts.

    Each part holds batch / strata of them; as many parts as sequences unless given. What strata remove is the spread
    between them of h(u), the mean loss over sequences: Var = (total - between) / batch. Raises InvalidInput where the
    parts do not divide the batch, and for an estimator of several draws.
    """
    parts = batch if strata is None else strata
    if parts < 1 or batch % parts:
        raise InvalidInput(f"{parts} strata of a batch of {batch}; expected a divisor")
    if estimator.draws > 1:
        raise InvalidInput(f"{estimator.name} has {estimator.draws} draws; strata over a batch are for one draw each")
    found = sums_of(table, _by_size(estimator))
    between = _total(coefficients(estimator, table.n, parts).between, found.across)
    return (moments(estimator, table).variance - between) / batch


def sums_of(table: LossTable, by_size: bool = True, pairs: bool = False) -> Sums:
    """Return the sums of a loss table, over pairs of disjoint sets too where asked."""
    mean, square = table.by_count() if by_size else (table.values, table.values**2)
    average = table.mean(mean)
    products = _products(table) if pairs else None
    return Sums((mean * table.law) @ mean.T, torch.outer(average, average), table.mean(square), products)


@functools.lru_cache(maxsize=4)
def _products(table: LossTable) -> Products:
    found = disjoint_products(table)
    return Products(table.mean(found.masked), table.mean(found.visible))


def _by_size(estimator: Estimator) -> bool:
    return isinstance(estimator.mask, Independent | Exactly)


def _total(first: Square, second: Square) -> float:
    return float((first * second).sum())
