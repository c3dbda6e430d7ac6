"""K-step error of named schedules, the best Beta and grid, and the provably best sizes (arXiv 2511.04647).

Table: world, n, schedule, sampler ("per token" or "fixed size"), steps K, error (nats; the path KL, an upper
bound on the KL of the output law), a, b (the best Beta's shapes, else NaN). Fixed sizes end at K = n, where
their error is 0. Scalars: total correlation per world, which is the error of one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class Config:
    """The worlds, and K = 1..most."""

    worlds: tuple[str, ...] | Mapping[str, Any] = (
        "Markov chain", "hidden Markov model", "copied pairs", "repetition", "even parity", "Dirichlet",
        "4x4 Sudoku", "digit patches", "English 4-grams",
    )  # fmt: skip
    most: int = 16


PRESETS = {
    "smoke": Config(worlds=("Markov chain", "copied pairs", "repetition"), most=6),
    "laptop": Config(),
    "gpu": Config(most=64),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Read every error off the information curve."""
    import pandas as pd

    from synthetic.worlds import chosen_curve
    from theory.unmasking.curves import total

    rows: list[dict[str, Any]] = []
    scalars = {}
    for world in progress.track(config.worlds, "worlds"):
        z = chosen_curve(config.worlds, world)
        found = [*per_token_rows(z, config.most), *fixed_size_rows(z, config.most)]
        rows += [{"world": world, "n": len(z), **row} for row in found]
        scalars[f"{world}/TC"] = float(total(z))
    return pd.DataFrame(rows), scalars


def per_token_rows(curve: Tensor, most: int) -> Iterator[dict[str, Any]]:
    """Yield E_iid of the named schedules, the best Beta and the best grid for K = 1..most."""
    from theory.schedules import NAMED
    from theory.unmasking.beta_fit import best_beta
    from theory.unmasking.curves import per_token_error
    from theory.unmasking.optimal import optimal_grid

    for k in range(1, most + 1):
        base = {"sampler": "per token", "steps": k, "a": float("nan"), "b": float("nan")}
        for name, schedule in NAMED.items():
            yield {**base, "schedule": name, "error": float(per_token_error(curve, schedule.grid(k)))}
        fit = best_beta(curve, k)
        yield {**base, "schedule": "best Beta", "error": fit.error, "a": fit.a, "b": fit.b}
        yield {**base, "schedule": "best grid", "error": optimal_grid(curve, k)[1]}


def fixed_size_rows(curve: Tensor, most: int) -> Iterator[dict[str, Any]]:
    """Yield E(s) of the provably optimal sizes for K = 1..min(most, n)."""
    from theory.unmasking.optimal import optimal_sizes

    for k, best in enumerate(optimal_sizes(curve, min(most, len(curve))), start=1):
        yield {
            "schedule": "best sizes", "sampler": "fixed size", "steps": k, "error": best.error,
            "a": float("nan"), "b": float("nan"),
        }  # fmt: skip
