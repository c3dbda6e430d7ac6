"""Rounds, calls and acceptance of speculative sampling on reversed diffusions (arXiv 2501.05370, Algorithm 4).

Table: part ("size": window L = N; "acceptance"), draft ("frozen": the drift at the window's first state;
"independent": a score off by `score_error` in every coordinate), steps (N), window (L), churn, dimension (copies of
the target), paths, rounds, calls (sequential calls: batches of target evaluations), evaluations (of the target),
acceptance (share of drafts kept; with a frozen draft without the first of each window, which is kept for certain),
expected (mean of 2 Phi(-delta / 2) over the same steps), exact_rounds, exact_acceptance (closed form or quadrature, 0
where there is none); rounds_error, calls_error, evaluations_error and acceptance_error are half-widths of 95%
intervals. Means are per path; one sampled path is a chain of N steps. Delta has no unit.
Scalars per draft and count (rounds, calls, evaluations): slope of its logarithm in log N from N = `fit_from` on, and
slope error, the half-width of a 95% interval (chance alone); per draft and dimension
of a churn curve the best churn.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.speculation.sampling import Run

COUNTS = ("rounds", "calls", "evaluations")
NORMAL = 1.96
"""Half-width of a 95% interval in standard errors."""


@dataclass(frozen=True)
class Config:
    """Sizes N with L = N, their paths, N and points of the quadrature; N, L, churns, dimensions of the acceptances.

    `acceptance_paths` are those of one coordinate; there are fewer in many dimensions.
    """

    paths: int = 2000
    sizes: tuple[int, ...] = (5, 10, 25, 50, 100, 200, 400, 800, 1600)
    fit_from: int = 50
    quadrature: tuple[tuple[int, int], ...] = ((5, 101), (10, 91))
    acceptance_paths: int = 1000
    steps: int = 200
    window: int = 10
    churns: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0)
    churn_dimensions: tuple[int, ...] = (1, 16)
    dimensions: tuple[int, ...] = (1, 4, 16, 64)
    dimension_churns: tuple[float, ...] = (0.3, 1.0)
    score_error: float = 0.3
    horizon: float = 4.0
    seed: int = 0


PRESETS = {
    "smoke": Config(
        paths=400, sizes=(5, 20, 80), fit_from=20, quadrature=((5, 61),), acceptance_paths=400, steps=40, window=5,
        churns=(0.03, 0.3, 2.0), churn_dimensions=(1,), dimensions=(1, 8), dimension_churns=(1.0,),
    ),
    "laptop": Config(),
    "gpu": Config(
        paths=40_000, sizes=(5, 10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400), quadrature=((5, 161), (10, 121)),
        acceptance_paths=40_000, churns=(0.01, 0.02, 0.03, 0.06, 0.1, 0.2, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0),
        dimensions=(1, 2, 4, 8, 16, 32, 64, 128),
    ),
}  # fmt: skip


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run every chain, with both drafts, and fit the slopes."""
    import pandas as pd

    cases = list(chains(config))
    found = [measured(config, **case) for case in progress.track(cases, "chains")]
    table = pd.DataFrame(found)
    return table, {**slopes(config, table), **best_churns(config, table)}


def chains(config: Config) -> Iterator[dict[str, Any]]:
    """Yield part, draft, steps, window, churn and dimension of every row."""
    for draft in ("frozen", "independent"):
        for n in config.sizes:
            yield {"part": "size", "draft": draft, "steps": n, "window": n, "churn": 1.0, "dimension": 1}
        for churn, d in {
            **dict.fromkeys(itertools.product(config.churns, config.churn_dimensions)),
            **dict.fromkeys(itertools.product(config.dimension_churns, config.dimensions)),
        }:
            yield {"part": "acceptance", "draft": draft, "steps": config.steps, "window": config.window,
                   "churn": churn, "dimension": d}  # fmt: skip


def measured(
    config: Config, part: str, draft: str, steps: int, window: int, churn: float, dimension: int
) -> dict[str, Any]:
    """Return one row: means over paths with their errors, and what is known exactly."""
    from torch import Generator

    from theory.speculation.gaussian import TOY, diffusion
    from theory.speculation.sampling import speculate

    def chain(score_error: float) -> Any:
        return diffusion(TOY, steps, churn, config.horizon, dimension, score_error)

    paths = config.paths if part == "size" else max(100, 4 * config.acceptance_paths // (3 + dimension))
    wrong = chain(config.score_error) if draft == "independent" else None
    found = speculate(chain(0.0), window, paths, Generator().manual_seed(config.seed), draft=wrong)
    counts = {"rounds": found.rounds, "calls": found.sequential_calls, "evaluations": found.evaluations}
    return {
        "part": part, "draft": draft, "steps": steps, "window": window, "churn": churn, "dimension": dimension,
        "paths": paths, **{name: float(values.double().mean()) for name, values in counts.items()},
        **{f"{name}_error": error(values.double()) for name, values in counts.items()},
        **acceptances(found, draft), **exact(config, part, draft, steps, churn, dimension),
    }  # fmt: skip


def acceptances(found: Run, draft: str) -> dict[str, float]:
    """Return the share of kept drafts, its error by linearising the quotient, and the mean of 2 Phi(-delta / 2)."""
    import torch

    tried = found.steps - found.rounds if draft == "frozen" else torch.full_like(found.rounds, found.steps)
    total = float(tried.double().mean())
    refused = float(found.rejections.double().mean()) / total
    return {
        "acceptance": 1 - refused,
        "acceptance_error": error(found.rejections - refused * tried) / total,
        "expected": 1 - float(found.expected_rejections.mean()) / total,
    }


def exact(config: Config, part: str, draft: str, steps: int, churn: float, dimension: int) -> dict[str, float]:
    """Return E rounds and the acceptance where they are known: a constant score error, or quadrature over windows.

    With a constant acceptance a and L = N, each of the first N - 1 steps opens a round with probability 1 - a, so that
    E rounds = 1 + (N - 1)(1 - a).
    """
    from theory.speculation.bounds import independent_draft_floor
    from theory.speculation.gaussian import TOY, diffusion
    from theory.speculation.quadrature import grid, windows

    points = dict(config.quadrature).get(steps)
    if draft == "independent":
        a = independent_draft_floor(config.horizon / steps, churn, config.score_error * math.sqrt(dimension))
        return {"exact_rounds": 1 + (steps - 1) * (1 - a) if part == "size" else 0.0, "exact_acceptance": a}
    if part != "size" or points is None:
        return {"exact_rounds": 0.0, "exact_acceptance": 0.0}
    chain = diffusion(TOY, steps, churn, config.horizon)
    swept = windows(chain, steps, grid(chain, points))
    return {"exact_rounds": swept.rounds, "exact_acceptance": 1 - swept.rejections / (steps - swept.rounds)}


def error(values: Tensor) -> float:
    """Return the half-width of a 95% interval for the mean of independent values."""
    return NORMAL * float(values.double().std()) / math.sqrt(len(values))


def slopes(config: Config, table: pd.DataFrame) -> dict[str, float]:
    """Return the least-squares slopes of log counts in log N, and their errors from those of the means."""
    import numpy as np

    scalars = {}
    sizes = table[(table["part"] == "size") & (table["steps"] >= config.fit_from)]
    for draft, rows in sizes.groupby("draft"):
        x = np.log(rows["steps"].to_numpy())
        weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
        for name in COUNTS:
            scalars[f"{draft}/{name}/slope"] = float(weights @ np.log(rows[name]))
            spread = np.sqrt((weights**2) @ (rows[f"{name}_error"] / rows[name]) ** 2)
            scalars[f"{draft}/{name}/slope error"] = float(spread)
    return scalars


def best_churns(config: Config, table: pd.DataFrame) -> dict[str, float]:
    """Return the churn of greatest expected acceptance, per draft and dimension of a churn curve."""
    rows = table[(table["part"] == "acceptance") & table["dimension"].isin(config.churn_dimensions)]
    best = rows.loc[rows.groupby(["draft", "dimension"])["expected"].idxmax()]
    return {f"{row.draft}/{row.dimension}/best churn": float(row.churn) for row in best.itertuples()}
