"""What the estimate of an entropy from neighbours makes of a stretched axis and of a correlated window (2505.23489).

Table: part, d (dimension), seed, window (steps over the relaxation time), change (of the estimate, nats), truth, nan
where a part has none. Parts: "stretched", one axis of normal points ten times as long; "scaled", all axes twice as
long, the points drawn afresh; "window", consecutive weights of one chain of SGD with isotropic noise and one
curvature: the change from one learning rate to twice it, over ln 2, per dimension. Scalars: points and neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from numpy import ndarray

COLUMNS = ("part", "d", "seed", "window", "change", "truth")


@dataclass(frozen=True)
class Config:
    """Seeds, dimensions, points and neighbours, and for the windows the dimension and the rates times curvature."""

    seeds: tuple[int, ...] = tuple(range(10))
    dimensions: tuple[int, ...] = (2, 5, 10, 20, 50, 100, 200)
    points: int = 2000
    neighbours: int = 50
    window_dimension: int = 50
    rates: tuple[float, ...] = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1)


PRESETS = {
    "smoke": Config(seeds=(0, 1), dimensions=(2, 5), points=200, neighbours=10, window_dimension=5, rates=(1e-3, 0.1)),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), points=4000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Estimate entropies of all samples."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for seed in progress.track(config.seeds, "entropies from neighbours"):
        rows += [{"seed": seed, **row} for d in config.dimensions for row in samples(d, seed, config)]
        rows += [{"seed": seed, **row} for row in windows(seed, config)]
    scalars = {"points": float(config.points), "neighbours": float(config.neighbours)}
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def samples(d: int, seed: int, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the changes of the estimate on normal points when one axis, or all, grow longer."""
    import math

    import numpy as np

    from theory.sgd.neighbours import neighbour_entropy

    generator = np.random.default_rng((seed, d))
    x, fresh = generator.standard_normal((2, config.points, d))
    before = neighbour_entropy(x, d, config.neighbours)
    stretched = x * np.where(np.arange(d) == 0, 10.0, 1.0)
    change = neighbour_entropy(stretched, d, config.neighbours) - before
    yield {"part": "stretched", "d": d, "change": change, "truth": math.log(10)}
    change = neighbour_entropy(2 * fresh, d, config.neighbours) - before
    yield {"part": "scaled", "d": d, "change": change, "truth": d * math.log(2)}


def windows(seed: int, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the change of the estimate over ln 2 and the dimension, from one learning rate to twice it.

    The truth is that of the stationary law, 1/2 and a little more: ln of Sigma(2 eta) / Sigma(eta) over 2 ln 2.
    """
    import math

    from theory.sgd.neighbours import neighbour_entropy

    d = config.window_dimension
    for rate in config.rates:
        one, two = (neighbour_entropy(chain(eta, d, seed, config), d, config.neighbours) for eta in (rate, 2 * rate))
        truth = math.log(2 * (2 - rate) / (2 - 2 * rate)) / 2
        yield {
            "part": "window", "d": d, "window": config.points * rate,
            "change": (two - one) / math.log(2) / d, "truth": truth / math.log(2),
        }  # fmt: skip


def chain(rate: float, d: int, seed: int, config: Config) -> ndarray:
    """Return consecutive weights of one chain with curvature and noise 1, begun in the stationary law."""
    import numpy as np
    from scipy.signal import lfilter

    generator = np.random.default_rng((seed, d, 7))
    start = np.sqrt(rate / (2 - rate)) * generator.standard_normal(d)
    noise = rate * generator.standard_normal((config.points, d))
    return np.asarray(lfilter([1.0], [1.0, rate - 1.0], noise, axis=0, zi=(1 - rate) * start[None, :])[0])
