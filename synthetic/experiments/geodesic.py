"""A token's path on the sphere, (sqrt(1 - alpha), sqrt(alpha)), at equal times (arXiv 2509.13866, Fig. 6).

Table: schedule, t, alpha, angle (radians from the mask, arcsin sqrt alpha), speed (dangle/dt), mark (True at
the times k / K). Scalars: arc energy 4 int angle'^2 dt of K steps over its least value pi^2, by schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """Named schedules, K marked times, and how many drawn times lie between two marks."""

    schedules: tuple[str, ...] = ("squared sine", "linear", "one minus cosine")
    marks: int = 8
    between: int = 25


PRESETS = {"smoke": Config(between=4), "laptop": Config(), "gpu": Config(between=100)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Follow every schedule along the great circle from the mask to the token."""
    import numpy as np
    import pandas as pd

    from theory.energy.closed_forms import LEAST, step_energy
    from theory.schedules import NAMED, optimal_weight

    count = config.marks * config.between
    t = np.arange(count + 1) / count
    parts, scalars = [], {}
    for name in progress.track(config.schedules, "paths"):
        mask = NAMED[name]
        weight = optimal_weight(mask)
        angle = np.pi / 2 * weight.value(t)
        inner = np.clip(t, 1e-12, 1 - 1e-12)
        parts.append(
            pd.DataFrame(
                {
                    "schedule": name,
                    "t": t,
                    "alpha": mask(t),
                    "angle": angle,
                    "speed": np.pi / 2 * weight.derivative(inner),
                    "mark": np.arange(count + 1) % config.between == 0,
                }
            )
        )
        scalars[f"{name}/energy ratio"] = float(step_energy(mask.grid(config.marks))) / LEAST
    return pd.concat(parts, ignore_index=True), scalars
