"""The preference loss of a normal score: its density, bias and variance, by quadrature and by draws (VRPO, 2505.19223).

Table: part and numbers, nan where a part has none. The score X is normal with mean 0 and the estimated log-likelihood
of a preference is ln sigma(X), the loss its negative. Parts: "density", value (of ln sigma(X), X of variance 1) and
density (exactly), share (of `draws` draws, for each unit of the value, in a bin around it); "variance", variance V of
X: bias (E loss(X) - loss(0), nats), absolute (E |loss(X) - loss(0)|, nats) and spread (variance of the loss, nats
squared) by quadrature, and drawn_bias, drawn_spread from `draws` draws. Scalars: draws, and mean and deviation of ln
sigma(X).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "part", "value", "density", "share", "variance", "bias", "absolute", "spread", "drawn_bias", "drawn_spread",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Variances of the score, the number of draws, bins of the histogram, nodes of the quadrature, and the seed."""

    variances: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    draws: int = 1000
    bins: int = 28
    lowest: float = -3.5
    nodes: int = 2000
    seed: int = 0


PRESETS = {
    "smoke": Config(variances=(0.1, 0.5, 1.0), draws=200, bins=14),
    "laptop": Config(),
    "gpu": Config(variances=tuple(k / 50 for k in range(1, 51)), draws=1_000_000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Compute the density on the bins' centres and the moments at every variance."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(config.seed)
    rows = [*densities(config, generator)]
    rows += [moments(config, v, generator) for v in progress.track(config.variances, "variances")]
    unit = moments(config, 1.0, np.random.default_rng(config.seed))
    scalars = {
        "draws": float(config.draws), "mean": -unit["bias"] - float(np.log(2)), "deviation": unit["spread"] ** 0.5,
    }  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def densities(config: Config, generator: Any) -> Iterator[dict[str, Any]]:
    """Yield the density of ln sigma(X) and a histogram, from `lowest` to 0.

    With y = ln sigma(x), x = y - ln(1 - e^y) and dx / dy = 1 / (1 - e^y).
    """
    import numpy as np

    edges = np.linspace(config.lowest, 0, config.bins + 1)
    drawn = -np.logaddexp(0, -generator.normal(size=config.draws))
    counts = np.histogram(drawn, edges)[0] / (config.draws * np.diff(edges))
    for value, share in zip((edges[:-1] + edges[1:]) / 2, counts, strict=True):
        x = value - np.log(-np.expm1(value))
        density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) / -np.expm1(value)
        yield {"part": "density", "value": float(value), "density": float(density), "share": float(share)}


def moments(config: Config, variance: float, generator: Any) -> dict[str, Any]:
    """Return bias, absolute error and variance of the loss by the trapezoidal rule on ten deviations, and from draws.

    The absolute error is E loss(X) - loss(0) + 2 E max(0, loss(0) - loss(X)), whose last part is integrated over
    positive scores alone, where the loss is smaller: the kink lies on a node.
    """
    import numpy as np

    x, step = np.linspace(-10, 10, 2 * config.nodes + 1, retstep=True)
    weights = np.exp(-(x**2) / 2) * step / np.sqrt(2 * np.pi)
    loss = np.logaddexp(0, -np.sqrt(variance) * x)
    mean = float(weights @ loss)
    drawn = np.logaddexp(0, -np.sqrt(variance) * generator.normal(size=config.draws))
    gap = loss - np.log(2)
    half = weights * (x > 0)
    below = float(half @ -gap)
    return {
        "part": "variance", "variance": variance, "bias": mean - float(np.log(2)),
        "absolute": mean - float(np.log(2)) + 2 * below, "spread": float(weights @ (loss - mean) ** 2),
        "drawn_bias": float(drawn.mean() - np.log(2)), "drawn_spread": float(drawn.var(ddof=1)),
    }  # fmt: skip
