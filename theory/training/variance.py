"""Ways to lower the variance of the training loss (arXiv 2511.18159), each with what exactly it does.

Curves are functions of the masking level t for independent masks and the weight 1/t: g(x, t) and v(x, t), the mean and
the variance of (1/t) times the loss over masks; m2(t) = E_x[g^2 + v]. With levels drawn from a density p and losses
divided by p, the variance is the integral of m2 / p less the squared mean; p* proportional to sqrt(m2) minimises it.
Losses are in nats a sequence; the paper divides by the length n, so its variances are ours over n^2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from theory.errors import InvalidInput
from theory.training.estimators import Estimator, Independent, Level
from theory.training.loss_table import LossTable, masked_sets
from theory.training.pairs import disjoint_products, pair_chances
from theory.training.quadrature import Rule, halving, rule

STANDARD = Estimator("1/t")
HALVINGS = 60


@dataclass(frozen=True, eq=False)
class Curves:
    """g(x, t) and v(x, t) at the nodes of a rule in t, with the law of x."""

    rule: Rule
    mean: Float[Tensor, "nodes cells"]
    variance: Float[Tensor, "nodes cells"]
    law: Float[Tensor, " cells"]

    @property
    def second(self) -> Float[Tensor, " nodes"]:
        """Return m2(t) = E_x[g^2 + v]."""
        return (self.mean**2 + self.variance) @ self.law

    @property
    def plug_in(self) -> Float[Tensor, " nodes"]:
        """Return (E_x g)^2 + E_x v, printed as the quantity to estimate: it leaves the spread of g over x out."""
        return (self.mean @ self.law) ** 2 + self.variance @ self.law


@dataclass(frozen=True)
class Split:
    """Mask noise, level noise and data noise of one draw with levels from a density; see `theory.training.moments`."""

    mask: float
    level: float
    data: float

    @property
    def total(self) -> float:
        """Return the variance."""
        return self.mask + self.level + self.data


def curves(table: LossTable, least: float = 0.0, also: Float[Tensor, " edges"] | None = None) -> Curves:
    """Return the curves of a loss table on (least, 1], 2^-60 in the place of 0; `also` are further ends of panels."""
    edges = halving(HALVINGS).edges
    ends = edges if least == 0 else torch.cat((edges.new_tensor([least]), edges[edges > least]))
    grid = rule(ends if also is None else _rising(torch.cat((ends, also))))
    mean, noise = at_levels(table, grid.t)
    return Curves(grid, mean, noise, table.law)


def at_levels(
    table: LossTable, t: Float[Tensor, " levels"], mirrored: bool = False
) -> tuple[Float[Tensor, "levels cells"], Float[Tensor, "levels cells"]]:
    """Return g(x, t) and v(x, t) at levels; v of the mean of a mirrored pair where asked."""
    mean, square = table.by_count()
    count = torch.arange(table.n + 1)
    sizes = torch.tensor([float(math.comb(table.n, k)) for k in range(table.n + 1)], dtype=torch.float64)
    chance = Independent().law(t, torch.arange(table.n) < count[:, None]) * sizes
    g, second = chance @ mean, chance @ square
    if mirrored:
        second = (second + mirrored_products(table, t)) / 2
    return g / t[:, None], (second - g**2) / t[:, None] ** 2


def mirrored_products(table: LossTable, t: Float[Tensor, " levels"]) -> Float[Tensor, "levels cells"]:
    """Return E[L(S, x) L(S', x)] for the masks S = {u < t} and S' = {u > 1 - t} of each sequence."""
    products = disjoint_products(table)
    ones = torch.ones(len(t), table.n + 1, dtype=torch.float64)
    found = t.new_zeros(len(t), len(table.law))
    for visible, sums in ((False, products.masked), (True, products.visible)):
        chance = pair_chances(STANDARD, table.n, (t, ones), (t, ones), visible)
        found += chance.flatten(1) @ sums.flatten(0, 1)
    return found


def split(found: Curves, density: Float[Tensor, " nodes"]) -> Split:
    """Return the three sources under a density given at the nodes, normalised on the rule's interval here.

    Raises InvalidInput for a density that is not positive everywhere: the estimate is then biased by what is left out.
    """
    grid, law = found.rule, found.law
    if not bool((density > 0).all()):
        missed = float((grid.integral(torch.where((density > 0)[:, None], 0.0, found.mean))) @ law)
        raise InvalidInput(
            f"a density that vanishes on part of (0, 1): the estimate misses {missed:.4g} nats of the NELBO there; "
            "expected a positive density"
        )
    p = density / grid.integral(density)
    whole = grid.integral(found.mean)
    mask = grid.integral(found.variance @ law / p)
    level = grid.integral((found.mean**2 @ law) / p) - whole**2 @ law
    return Split(float(mask), float(level), float(whole**2 @ law - (whole @ law) ** 2))


def gain_of_best(found: Curves) -> float:
    """Return the variance with uniform levels less that with p*: the variance of sqrt(m2(t)) over uniform t."""
    root = found.second.sqrt()
    length = float(found.rule.edges[-1] - found.rule.edges[0])
    return float(found.rule.integral(found.second)) * length - float(found.rule.integral(root)) ** 2


@dataclass(frozen=True)
class Tabulated(Level):
    """A level law given by heights between edges; the edges tell quadrature where its density jumps."""

    edges: tuple[float, ...] = ()


def tabulated(edges: Any, heights: Any) -> Tabulated:
    """Return the law on (0, 1] whose square root r = sqrt(t) has density proportional to `heights`.

    `edges` are levels; between two of them p(t) falls as t^-1/2, so that with the weight 1 / (t p) the variance stays
    finite down to t = 0, where a constant density would not keep it. Raises InvalidInput for edges that do not rise
    from 0 to 1, and for heights that are not positive: levels that are never drawn bias the estimate.
    """
    ends, tall = (torch.as_tensor(part, dtype=torch.float64) for part in (edges, heights))
    if len(ends) != len(tall) + 1 or not bool((ends.diff() > 0).all()) or ends[0] != 0 or ends[-1] != 1:
        raise InvalidInput(f"{len(ends)} edges of {len(tall)} heights; expected rising edges from 0 to 1, one more")
    if not bool((tall > 0).all() and tall.isfinite().all()):
        raise InvalidInput("a height that is not positive: levels there are never drawn and the estimate is biased")
    roots = ends.sqrt()
    density = tall / (tall * roots.diff()).sum()
    below = torch.cat((torch.zeros(1, dtype=torch.float64), (density * roots.diff()).cumsum(0)))

    def at(t: Tensor) -> Tensor:
        root = t.sqrt().contiguous()
        place = (torch.searchsorted(roots, root) - 1).clamp(0, len(density) - 1)
        return torch.where((t > 0) & (t <= 1), density[place] / (2 * root), 0.0)

    def quantile(u: Tensor) -> Tensor:
        place = (torch.searchsorted(below, u.contiguous()) - 1).clamp(0, len(density) - 1)
        return (roots[place] + (u - below[place]) / density[place]).clamp(max=1.0) ** 2

    return Tabulated("tabulated", at, quantile, edges=tuple(ends[1:-1].tolist()))


def best_level(table: LossTable, bins: int = 64) -> Tabulated:
    """Return p*, proportional to sqrt(m2), tabulated over `bins` equal parts of sqrt(t)."""
    edges = (torch.arange(bins + 1, dtype=torch.float64) / bins) ** 2
    found = curves(table, also=edges[1:-1])
    if not bool((found.second > 0).all()):
        raise InvalidInput("all losses are zero: every density of levels is as good as any other")
    mass = torch.zeros(bins, dtype=torch.float64)
    mass.index_add_(0, torch.searchsorted(edges, found.rule.t) - 1, found.rule.share * found.second.sqrt())
    return tabulated(edges, mass / edges.sqrt().diff())


def mirror_correlation(table: LossTable, t: Float[Tensor, " levels"]) -> Float[Tensor, "levels cells"]:
    """Return rho(x, t), the correlation of the losses of masks {u < t} and {u > 1 - t}; nan where they are fixed."""
    (_, single), (_, pair) = at_levels(table, t), at_levels(table, t, mirrored=True)
    return 2 * pair / single - 1


def mean_with_raised_rates(
    terms: Float[Tensor, "cells sets n"], raised: Bool[Tensor, " n"], shift: float, proper: bool = False
) -> Float[Tensor, " cells"]:
    """Return the mean of ISAD's loss: delimiters masked with q(t) = min(1, t + shift), every token weighted 1 / q.

    With `proper`, the unbiased relative: q(t) = t + shift t (1 - t), a schedule from 0 to 1, weighted q' / q. Raises
    InvalidInput for a shift outside (0, 1].
    """
    if not 0 < shift <= 1:
        raise InvalidInput(f"shift {shift}; expected a shift of the masking rate in (0, 1]")
    edges = halving(HALVINGS).edges
    grid = rule(edges if proper else _rising(torch.cat((edges, edges.new_tensor([1 - shift])))))
    sets = masked_sets(terms.shape[-1])
    t = grid.t[:, None]
    moved = t + shift * t * (1 - t) if proper else (t + shift).clamp(max=1.0)
    rate = torch.where(raised, moved, t)
    slope = torch.where(raised, 1 + shift * (1 - 2 * t), 1.0) if proper else torch.ones_like(rate)
    chance = torch.where(sets, rate[:, None], 1 - rate[:, None]).prod(-1)
    weight = grid.integral(chance[..., None] * torch.where(sets, (slope / rate)[:, None], 0.0))
    return -(terms * weight).sum((-1, -2))


def epr(t: Any, a: float, r: float, b: float, q: float, height: float, kappa: float, m: float) -> Any:
    """Return sqrt(a t^r + b (1 - t)^q + height^2 exp(2 kappa t^m)): the printed family of densities, not normalised."""
    return np.sqrt(a * t**r + b * (1 - t) ** q + height**2 * np.exp(2 * kappa * t**m))


def fit_epr(t: Any, density: Any, share: Any) -> tuple[float, ...]:
    """Return the parameters of the printed family nearest to a density in KL, at nodes with these shares."""
    from scipy.optimize import minimize

    target = np.asarray(density) * np.asarray(share)
    target = target / target.sum()

    def parameters(raw: Any) -> tuple[float, ...]:
        found = np.exp(np.clip(raw, -12, 12))
        return (*(float(v) for v in found[:6]), 1.0 + float(found[6]))

    def loss(raw: Any) -> float:
        fitted = epr(np.asarray(t), *parameters(raw)) * np.asarray(share)
        return float(np.log(fitted.sum()) - target @ np.log(epr(np.asarray(t), *parameters(raw))))

    best = min((minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000, "maxfev": 4000})
                for start in (np.zeros(7), np.full(7, -1.0))), key=lambda each: each.fun)  # fmt: skip
    return parameters(best.x)


def _rising(edges: Float[Tensor, " edges"]) -> Float[Tensor, " distinct"]:
    ordered = edges.sort().values
    return torch.cat((ordered[:1], ordered[1:][ordered.diff() > 0]))
