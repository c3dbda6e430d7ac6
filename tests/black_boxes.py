"""Samplers as black boxes: small worlds to run them on, and their counts against an exact law, cell by cell."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.stats import binom

from theory.ledger import FALSE_ALARM_SHARE
from theory.worlds import TableWorld, dirichlet

WORLDS = {
    "four bits": dirichlet(4, 2, 0.4, torch.Generator().manual_seed(1)),
    "three of three": dirichlet(3, 3, 0.3, torch.Generator().manual_seed(2)),
    "five cells": dirichlet(4, 2, 1.0, torch.Generator().manual_seed(3), support=5),
}


class Tempered:
    """A denoiser whose masked positions have probabilities proportional to p^(1 / temperature)."""

    def __init__(self, world: TableWorld, temperature: float) -> None:
        self.world, self.temperature, self.n, self.d = world, temperature, world.n, world.d

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return (self.world(z) / self.temperature).log_softmax(-1)


def surprising_cells(tokens: torch.Tensor, law: Sequence[float], d: int) -> list[int]:
    """Return the cells of a law whose counts among the drawn sequences (rows, n) a two-sided test refuses.

    The share is divided by the number of cells, so that a right law has a surprising cell with probability at most
    `FALSE_ALARM_SHARE`, 1e-9. One draw of a cell of probability zero is always one.
    """
    places = d ** torch.arange(tokens.shape[-1] - 1, -1, -1)
    counts, rows = torch.bincount((tokens * places).sum(-1), minlength=len(law)).tolist(), len(tokens)
    tails = [2 * min(binom.cdf(k, rows, p), binom.sf(k - 1, rows, p)) for k, p in zip(counts, law, strict=True)]
    return [cell for cell, tail in enumerate(tails) if tail < FALSE_ALARM_SHARE / len(law)]


def total_variation(one: TableWorld, other: TableWorld) -> float:
    """Return TV(one, other)."""
    return float((one.law() - other.law()).abs().sum() / 2)
