"""Information curves of the worlds with their best K-piece left-endpoint steps (arXiv 2511.04647, Theorem 4).

Table: world, j (1..n), curve Z_j (nats), steps (the approximation at j, nats), block (which step reveals the
j-th token). Scalars, per world: TC, DTC, the area between the two (the least error E(s), nats), the sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """The worlds and the number of steps K."""

    worlds: tuple[str, ...] | Mapping[str, Any] = (
        "Markov chain", "hidden Markov model", "copied pairs", "repetition", "even parity", "MDS code",
        "Dirichlet", "4x4 Sudoku", "a x b = c", "digit patches", "English 4-grams",
    )  # fmt: skip
    steps: int = 3


PRESETS = {
    "smoke": Config(worlds=("Markov chain", "copied pairs", "repetition", "a x b = c")),
    "laptop": Config(),
    "gpu": Config(),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float | str]]:
    """Approximate every world's curve."""
    import numpy as np
    import pandas as pd

    from synthetic.worlds import chosen_curve
    from theory.unmasking.curves import dual_total, total
    from theory.unmasking.optimal import optimal_sizes

    parts: list[pd.DataFrame] = []
    scalars: dict[str, float | str] = {}
    for world in progress.track(config.worlds, "worlds"):
        z = chosen_curve(config.worlds, world)
        best = optimal_sizes(z, min(config.steps, len(z)))[-1]
        block = np.repeat(np.arange(len(best.sizes)), best.sizes)
        starts = np.cumsum((0, *best.sizes))[block]
        height = z.numpy()
        parts.append(
            pd.DataFrame(
                {
                    "world": world,
                    "j": np.arange(1, len(z) + 1),
                    "curve": height,
                    "steps": height[starts],
                    "block": block,
                }
            )
        )
        scalars |= {
            f"{world}/TC": float(total(z)),
            f"{world}/DTC": float(dual_total(z)),
            f"{world}/error": best.error,
            f"{world}/sizes": " + ".join(map(str, best.sizes)),
        }
    return pd.concat(parts, ignore_index=True), scalars
