"""Gauss-Legendre rules on (0, 1] with panels that halve towards 0: for powers of t and their logarithms."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

NODES = 24
"""Nodes of a panel: exact for polynomials of degree 47; on [a, 2a] the powers t^w, w from -2 to 50, err by rounding."""
DIVERGENT = 1 - 1e-6
"""Ratio of the integral over one panel to that over the next, twice as wide, from which the integral diverges at 0."""


@dataclass(frozen=True, eq=False)
class Rule:
    """Nodes in increasing order on consecutive panels, the shares of an integral, and the panels' ends."""

    t: Float[Tensor, " nodes"]
    share: Float[Tensor, " nodes"]
    edges: Float[Tensor, " edges"]

    def panels(self, values: Float[Tensor, "nodes *rest"]) -> Float[Tensor, "panels *rest"]:
        """Return the integral over each panel."""
        weighted = values * self.share.reshape(-1, *[1] * (values.ndim - 1))
        return weighted.reshape(-1, NODES, *values.shape[1:]).sum(1)

    def integral(self, values: Float[Tensor, "nodes *rest"]) -> Float[Tensor, "*rest"]:
        """Return the integral from the first edge to the last."""
        return self.panels(values).sum(0)

    def from_zero(self, values: Float[Tensor, "nodes *rest"]) -> Any:
        """Return the integral from 0: below the first edge the geometric series that the first two panels begin.

        A float where it is one number. The two lowest panels must be a halving.
        """
        panels = self.panels(values)
        found = panels.sum(0) + _tail(panels)
        return float(found) if found.ndim == 0 else found

    def products_from_zero(
        self, first: Float[Tensor, "nodes rows"], second: Float[Tensor, "nodes columns"]
    ) -> Float[Tensor, "rows columns"]:
        """Return the integrals from 0 of all products of a function of the first kind and one of the second."""
        weighted = first * self.share[:, None]
        lowest = [weighted[part].T @ second[part] for part in (slice(0, NODES), slice(NODES, 2 * NODES))]
        return weighted.T @ second + _tail(torch.stack(lowest))

    def doubling(self, values: Float[Tensor, " nodes"]) -> float:
        """Return the lowest panel's integral where that from 0 diverges: inf if as a power, 0 where it converges."""
        first, second = self.panels(values)[:2].tolist()
        if first <= 0 or first < DIVERGENT * second:
            return 0.0
        return math.inf if first * DIVERGENT > second else float(first)

    def covariance(self, values: Float[Tensor, "nodes columns"], parts: int) -> Float[Tensor, "columns columns"]:
        """Return the covariance matrix of the means over equal parts of (0, 1], whose ends must be edges."""
        panels = self.panels(values)
        panels[0] += _tail(panels)
        which = ((self.edges[:-1] + self.edges[1:]) / 2 * parts).long().clamp(max=parts - 1)
        means = panels.new_zeros(parts, panels.shape[1]).index_add_(0, which, panels) * parts
        off = means - means.mean(0)
        return off.T @ off / parts

    def cumulative(self, values: Float[Tensor, "nodes *rest"]) -> Float[Tensor, "nodes *rest"]:
        """Return the integral from the first edge to each node, through the polynomial of each panel."""
        shape = (-1, NODES, *values.shape[1:])
        width = self.edges.diff().reshape(-1, 1, *[1] * (values.ndim - 1)) / 2
        inside = width * torch.einsum("ab,pb...->pa...", _antiderivatives(), values.reshape(shape))
        before = self.panels(values).cumsum(0).roll(1, 0)
        before[0] = 0
        return (inside + before[:, None]).reshape(values.shape)


def rule(edges: Float[Tensor, " edges"]) -> Rule:
    """Return the rule on panels with these ends, increasing."""
    nodes, shares = _gauss()
    width = edges.diff()[:, None]
    return Rule((edges[:-1, None] + width * (nodes + 1) / 2).flatten(), (width * shares / 2).flatten(), edges)


@functools.lru_cache(maxsize=8)
def halving(halvings: int) -> Rule:
    """Return the rule on [2^-halvings, 1] whose panels halve."""
    return rule(2.0 ** torch.arange(-halvings, 1, dtype=torch.float64))


def _tail(panels: Float[Tensor, "panels *rest"]) -> Float[Tensor, "*rest"]:
    ratio = torch.where(panels[1] != 0, panels[0] / panels[1], 0.0)
    return torch.where(ratio.abs() < DIVERGENT, panels[0] * ratio / (1 - ratio), 0.0)


@functools.lru_cache(maxsize=1)
def _gauss() -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    return torch.from_numpy(nodes), torch.from_numpy(shares)


@functools.lru_cache(maxsize=1)
def _antiderivatives() -> Float[Tensor, "nodes nodes"]:
    """Return the matrix from values at the nodes of [-1, 1] to the integrals from -1 to each node."""
    nodes, shares = np.polynomial.legendre.leggauss(NODES)
    columns = []
    for k in range(NODES):
        unit = np.zeros(NODES)
        unit[k] = 1.0
        degree = np.arange(NODES)
        projected = np.polynomial.legendre.legvander(nodes, NODES - 1).T @ (shares * unit) * (degree + 0.5)
        columns.append(np.polynomial.legendre.legval(nodes, np.polynomial.legendre.legint(projected, lbnd=-1)))
    return torch.from_numpy(np.stack(columns, axis=1))
