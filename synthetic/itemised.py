"""Values of single test items kept in one cell of a table, and the curves of rule families that they make.

A cell is the items' values as text, separated by blanks: one row a rule stays readable and small, and paired
intervals over seeds and items can still be computed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd


def pack(values: Iterable[float]) -> str:
    """Return values as text with nine digits."""
    return " ".join(f"{float(value):.9g}" for value in values)


def unpack(text: str) -> Float[ndarray, " items"]:
    """Return the values of a cell."""
    return np.array(text.split(), dtype=np.float64)


@dataclass(frozen=True)
class Curve:
    """The rules of one family: their parameters, and calls and quality item by item."""

    parameters: Float[ndarray, " rules"]
    nfe: Float[ndarray, "rules seeds items"]
    quality: Float[ndarray, "rules seeds items"]

    @property
    def mean_nfe(self) -> Float[ndarray, " rules"]:
        """Return the mean calls of every rule."""
        return self.nfe.mean((1, 2))

    @property
    def mean_quality(self) -> Float[ndarray, " rules"]:
        """Return the mean quality of every rule."""
        return self.quality.mean((1, 2))

    def items(self, chosen: slice) -> Curve:
        """Return the curve on some items."""
        return Curve(self.parameters, self.nfe[..., chosen], self.quality[..., chosen])

    def at(self, calls: Float[ndarray, " seeds"]) -> Float[ndarray, "seeds items"]:
        """Return the quality at given mean calls of each seed, interpolated linearly between two rules of it.

        A point between two rules is what choosing between them by a coin for every sequence gives. Raises
        InvalidInput where a seed's calls lie outside those of the family.
        """
        found = []
        for seed, wanted in enumerate(calls):
            cost = self.nfe[:, seed].mean(-1)
            low, high, share = bracket(cost, float(wanted))
            found.append((1 - share) * self.quality[low, seed] + share * self.quality[high, seed])
        return np.stack(found)

    def gain(self, other: Curve, k: int) -> Float[ndarray, "seeds items"]:
        """Return the quality of the k-th rule minus the other family's at equal calls, item by item.

        Calls outside the other family's range are compared with its end.
        """
        cost = other.nfe.mean(-1)
        return self.quality[k] - other.at(np.clip(self.nfe[k].mean(-1), cost.min(0), cost.max(0)))

    def comparable(self, other: Curve) -> list[int]:
        """Return the rules whose calls lie within the other family's for every seed."""
        cost, there = self.nfe.mean(-1), other.nfe.mean(-1)
        return [k for k, mine in enumerate(cost) if ((mine >= there.min(0)) & (mine <= there.max(0))).all()]


def bracket(cost: Float[ndarray, " rules"], wanted: float) -> tuple[int, int, float]:
    """Return the nearest rules that cost no more and no less than wanted, and the share of the second."""
    if not cost.min() - 1e-9 <= wanted <= cost.max() + 1e-9:
        raise InvalidInput(
            f"{wanted:g} calls wanted, the family has {cost.min():g} to {cost.max():g}; give it rules at both ends"
        )
    low = int(np.where(cost <= wanted + 1e-9, cost, -np.inf).argmax())
    high = int(np.where(cost >= wanted - 1e-9, cost, np.inf).argmin())
    gap = cost[high] - cost[low]
    return low, high, float((wanted - cost[low]) / gap) if gap > 1e-9 else 0.0


def curve(rows: pd.DataFrame, quality: str = "success", cost: str = "nfe") -> Curve:
    """Return the curve of some rows of one family, task and proxy, one row a parameter and seed.

    Raises InvalidInput without rows, and where seeds have different rules or items.
    """
    if not len(rows):
        raise InvalidInput("no rows of this family; expected at least one rule: run a preset that has it")
    seeds = sorted(rows["seed"].unique())
    found = rows.sort_values(["parameter", "seed"])
    counts = {len(text.split()) for name in (quality, cost) for text in found[name]}
    parameters = np.unique(found["parameter"])
    if len(counts) != 1 or len(found) != len(parameters) * len(seeds):
        raise InvalidInput(
            f"{len(found)} rows of {len(parameters)} rules and {len(seeds)} seeds with {sorted(counts)} items; "
            "expected every rule once for every seed, on the same items"
        )
    shape = (len(parameters), len(seeds), counts.pop())
    arrays = [np.stack([unpack(text) for text in found[name]]).reshape(shape) for name in (cost, quality)]
    return Curve(parameters, *arrays)


def halves(items: int) -> tuple[slice, slice]:
    """Return every other item to choose a parameter on, and the rest to judge it on."""
    if items < 2:
        raise InvalidInput(f"{items} items; expected at least two, one to choose on and one to judge on")
    return slice(0, None, 2), slice(1, None, 2)
