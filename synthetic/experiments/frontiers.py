"""Exact KL(q || output law) against E[NFE] of every unmasking rule, with the frontier of the best rules that exist.

Table: world, n, family, rule, parameter (k, budget, eps, N, threshold or price; 0 where there is none), by (the
proxy or variant), nfe (E[NFE] under the sampler), nfe_data (under the data; 0 for rules that look at drawn
values), kl (nats). Family "optimal" holds the vertices of the lower convex hull of all deterministic value-free
rules by (nfe_data, kl). Exact conditionals throughout. Scalars per world: TC, and least excess, the smallest
vertical distance of a value-free rule above that hull (never below zero: a theorem).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.unmasking.rules.base import Rule
    from theory.worlds import TableWorld

PROXIES = ("confidence", "entropy", "margin")


@dataclass(frozen=True)
class Config:
    """The worlds; EB's budgets and PUNT's eps in nats; confidences of the thresholds; Info-Gain's N."""

    worlds: tuple[str, ...] | Mapping[str, Any] = (
        "Markov chain", "copied pairs", "even parity", "MDS code", "Dirichlet(1)", "Dirichlet(0.05)",
        "digit patches", "English 3-grams", "six atoms",
    )  # fmt: skip
    budgets: tuple[float, ...] = (0.0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.5)
    eps: tuple[float, ...] = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    confidences: tuple[float, ...] = (0.99, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3)
    candidates: tuple[int, ...] = (2, 8)
    rules: tuple[Any, ...] = ()
    """Rules of one's own, drawn beside the others."""


PRESETS = {
    "smoke": Config(
        worlds=("Markov chain", "MDS code", "six atoms"), budgets=(0.0, 0.1, 0.5), eps=(0.0, 0.1),
        confidences=(0.9, 0.6), candidates=(8,),
    ),
    "laptop": Config(),
    "gpu": Config(
        budgets=tuple(k / 50 for k in range(150)), eps=tuple(k / 100 for k in range(100)),
        confidences=tuple(k / 100 for k in range(1, 100)), candidates=tuple(range(2, 17)),
    ),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk every rule on every world, and solve for the optimal ones."""
    import pandas as pd

    from synthetic.small_worlds import small
    from synthetic.worlds import chosen
    from theory.worlds.table import table_of

    rows: list[dict[str, Any]] = []
    scalars = {}
    for name in progress.track(config.worlds, "worlds"):
        world = table_of(chosen(config.worlds, name, small))
        found = [*optimal(world), *(measured(world, *each) for each in rules(config, world.n))]
        rows += [{"world": name, "n": world.n, **row} for row in found]
        scalars[f"{name}/TC"] = float(world.total_correlation())
        scalars[f"{name}/least excess"] = least_excess(found)
    return pd.DataFrame(rows), scalars


def rules(config: Config, n: int) -> Iterator[tuple[str, float, str, Rule]]:
    """Yield family, parameter, proxy and rule."""
    from theory.unmasking.rules.function import as_rule
    from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
    from theory.unmasking.rules.punt import Punt
    from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK

    yield "random one", 1, "", RandomOne()
    for k in range(1, n + 1):
        yield "left to right", k, "", LeftToRight(k)
    for by in PROXIES:
        for k in range(1, n + 1):
            yield "Top-k", k, by, TopK(k, by)
        for sure in config.confidences:
            yield "threshold", sure, by, Threshold(_cut(sure, by), by)
        for budget in config.budgets:
            yield "EB", budget, by, EntropyBounded(budget, by)
    for stride in (2, 4):
        yield "dilated", stride, "", Dilated(stride)
    for eps in config.eps:
        yield "PUNT", eps, "confidence", Punt(eps)
    yield "Info-Gain", 1, "drawn", InfoGain("mean", "drawn")
    for count in config.candidates:
        yield "Info-Gain", count, "sampled", SampledInfoGain(count)
    for own in config.rules:
        yield "own", 0, "", as_rule(own)


def measured(world: TableWorld, family: str, parameter: float, by: str, rule: Rule) -> dict[str, Any]:
    """Return one rule's exact KL and calls."""
    from theory.unmasking.walks import walk

    found = walk(rule, world)
    return {
        "family": family, "rule": rule.name, "parameter": float(parameter), "by": by, "nfe": float(found.calls),
        "nfe_data": float(found.calls_of_data) if rule.value_free else 0.0, "kl": max(0.0, float(found.divergence)),
    }  # fmt: skip


def optimal(world: TableWorld) -> Iterator[dict[str, Any]]:
    """Yield the vertices of the hull, walked like every other rule."""
    from theory.unmasking.best_rules import frontier

    for vertex in frontier(world):
        price = 0.0 if vertex.price == float("inf") else vertex.price
        yield measured(world, "optimal", price, "", vertex.rule)


def least_excess(rows: list[dict[str, Any]]) -> float:
    """Return the smallest height of a value-free rule over the hull at its own E[NFE] under the data."""
    import numpy as np

    hull = sorted((row["nfe_data"], row["kl"]) for row in rows if row["family"] == "optimal")
    others = [row for row in rows if row["nfe_data"] > 0 and row["family"] != "optimal"]
    heights = np.interp([row["nfe_data"] for row in others], *zip(*hull, strict=True))
    return float(min(row["kl"] - height for row, height in zip(others, heights, strict=True)))


def _cut(sure: float, by: str) -> float:
    """Return a confidence as a threshold on the proxy's scale, as for two tokens of that probability."""
    import math

    scales: Mapping[str, float] = {
        "confidence": -sure,
        "margin": -abs(2 * sure - 1),
        "entropy": -sure * math.log(sure) - (1 - sure) * math.log(1 - sure),
    }
    return scales[by]
