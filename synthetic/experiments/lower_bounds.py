"""Why schedules need ln n more steps, and queries cannot find the right one: Theorems 30 and 24 (arXiv 2511.04647).

Table: part, n, steps (K of the best schedule, or T, the number of queries) and value, limit. Parts: "harmonic", for the
curve Z_j = 1 / (n + 1 - j) - 1 / n: value is K E*_K / (TC ln n), E*_K the least error of K steps, limit 0; "codes", for
MDS codes of dimension 1..n - 1 over the least prime number of symbols that is at least n: value is the share of them
that T nested queries at the best sizes do not notice, limit the bound 1 - 2T / (n - 1). Scalars per n: TC of the
harmonic curve (nats), and the number of symbols of the codes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """Lengths of the harmonic curve and its largest K; lengths of the codes, and how many numbers of queries."""

    lengths: tuple[int, ...] = (64, 256, 1024, 4096)
    most: int = 64
    codes: tuple[int, ...] = (16, 64, 256, 1024)
    queries: int = 40


PRESETS = {
    "smoke": Config((16, 64), 12, (8, 16), 6),
    "laptop": Config(),
    "gpu": Config((64, 256, 1024, 4096, 16384), 128, (16, 64, 256, 1024, 4096), 100),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the optimum of every harmonic curve, and count the codes."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {}
    for n in progress.track(config.lengths, "curves"):
        total, least_errors = harmonic(n, min(n - 1, config.most))
        rows += least_errors
        scalars[f"{n}/TC"] = total
    for n in progress.track(config.codes, "codes"):
        symbols = next_prime(n)
        rows += codes(n, symbols, config.queries)
        scalars[f"{n}/symbols"] = float(symbols)
    return pd.DataFrame(rows), scalars


def harmonic(n: int, most: int) -> tuple[float, list[dict[str, Any]]]:
    """Return TC of the curve and K E*_K / (TC ln n) for K = 1..most."""
    from theory.unmasking.bounds import harmonic_curve
    from theory.unmasking.optimal import optimal_sizes

    curve = harmonic_curve(n)
    total = float(curve.sum())
    scale = total * math.log(n)
    best = optimal_sizes(curve, most)
    return total, [
        {"part": "harmonic", "n": n, "steps": k, "value": k * each.error / scale, "limit": 0.0}
        for k, each in enumerate(best, start=1)
    ]


def codes(n: int, symbols: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield the share of unnoticed codes for numbers of queries from 1 to n - 1, spread evenly."""
    import numpy as np

    from theory.unmasking.unnoticed_codes import spread_queries, unnoticed_bound, unnoticed_share

    for queries in np.unique(np.linspace(1, n - 1, count).round().astype(int)).tolist():
        share = unnoticed_share(n, symbols, spread_queries(n, queries))
        limit = unnoticed_bound(n, queries)
        yield {"part": "codes", "n": n, "steps": queries, "value": float(share), "limit": float(limit)}


def next_prime(least: int) -> int:
    """Return the smallest prime that is at least so large."""
    return next(q for q in range(max(2, least), 2 * least + 3) if all(q % f for f in range(2, math.isqrt(q) + 1)))
