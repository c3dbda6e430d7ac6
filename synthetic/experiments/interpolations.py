"""Beta interpolation schedules gamma and their mask schedules sin^2(pi gamma / 2) (arXiv 2509.13866, Fig. 3).

Table: a, b, t, gamma, alpha. Scalars: the largest |alpha - t| of Beta(1/2, 1/2) and |alpha - sin^2| of
Beta(1, 1), both zero by Proposition 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """The shapes (a, b) and the number of equally spaced times."""

    shapes: tuple[tuple[float, float], ...] = (
        (0.5, 0.5), (1.0, 1.0), (0.3, 0.9), (0.9, 0.3), (1.0, 0.2), (2.0, 2.0),
    )  # fmt: skip
    points: int = 201


PRESETS = {"smoke": Config(points=21), "laptop": Config(), "gpu": Config(points=1001)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Tabulate both schedules of every shape."""
    import numpy as np
    import pandas as pd

    from theory import schedules

    t = np.linspace(0, 1, config.points)
    parts = [
        pd.DataFrame({"a": a, "b": b, "t": t, "gamma": schedules.beta(a, b)(t), "alpha": schedules.beta_mask(a, b)(t)})
        for a, b in progress.track(config.shapes, "schedules")
    ]
    known = {"linear": (0.5, 0.5), "squared sine": (1.0, 1.0)}
    residuals = {
        f"{name}/residual": float(np.abs(schedules.beta_mask(a, b)(t) - schedules.NAMED[name](t)).max())
        for name, (a, b) in known.items()
    }
    return pd.concat(parts, ignore_index=True), residuals
