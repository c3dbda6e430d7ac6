"""Energy J of Beta(a, b) mask schedules under Beta(c, e) weights, in closed form (arXiv 2509.13866, Fig. 2).

Table: c, e, a, b, energy; infinite where 2a <= c or 2b <= e. Scalars, per weight "c,e": the least energy, found
from the plane's best point by Nelder-Mead, and where; the energy of linear (1/2, 1/2) and squared sine (1, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Config:
    """The weights (c, e), and a logarithmic axis for both shapes."""

    weights: tuple[tuple[float, float], ...] = ((1.0, 1.0), (0.5, 0.5), (0.9, 0.3), (0.6, 1.4))
    low: float = 0.1
    high: float = 3.0
    points: int = 56


PRESETS = {
    "smoke": Config(points=10),
    "laptop": Config(),
    "gpu": Config(points=400),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Evaluate the landscape of every weight on the plane of shapes."""
    import numpy as np
    import pandas as pd

    from theory.energy.closed_forms import beta_landscape

    axis = np.geomspace(config.low, config.high, config.points)
    a, b = (plane.ravel() for plane in np.meshgrid(axis, axis, indexing="ij"))
    parts, scalars = [], {}
    for c, e in progress.track(config.weights, "landscapes"):
        energy = beta_landscape(a, b, c, e)
        parts.append(pd.DataFrame({"c": c, "e": e, "a": a, "b": b, "energy": energy}))
        k = int(np.argmin(energy))
        key = f"{c:g},{e:g}"
        scalars |= {f"{key}/{what}": value for what, value in minimum(a[k], b[k], c, e).items()}
        scalars[f"{key}/linear"] = float(beta_landscape(0.5, 0.5, c, e))
        scalars[f"{key}/squared sine"] = float(beta_landscape(1.0, 1.0, c, e))
    return pd.concat(parts, ignore_index=True), scalars


def minimum(a: float, b: float, c: float, e: float) -> dict[str, float]:
    """Return the least energy under the Beta(c, e) weight and its shapes, descending from (a, b)."""
    import numpy as np
    from scipy import optimize

    from theory.energy.closed_forms import beta_landscape

    found = optimize.minimize(
        lambda logs: float(beta_landscape(*np.exp(logs), c, e)), np.log([a, b]), method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-14},
    )  # fmt: skip
    return {"least": float(found.fun), "a": float(np.exp(found.x[0])), "b": float(np.exp(found.x[1]))}
