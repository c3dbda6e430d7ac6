"""SGD on the unit sphere in three dimensions, with and without a common zero of all losses (arXiv 2505.23489).

Table: part, toy ("over" with a common zero, "under" without), rate (the learning rate), step, x1, x2, loss and snr,
nan where a part has none. Parts: "path", the first chain; "course", the median loss and the mean signal-to-noise ratio
of all chains; "end", the median loss (of "under" its mean) over the last tenth of the steps. Scalars: the least loss,
curvature and noise of "under" at its minimum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("part", "toy", "rate", "step", "x1", "x2", "loss", "snr")


@dataclass(frozen=True)
class Config:
    """Seed, chains, steps, the rates of the courses, those of the ends, and the number of moments."""

    seed: int = 0
    chains: int = 400
    steps: int = 10_000
    rates: tuple[float, ...] = (0.001, 0.01, 0.1, 0.41, 1.0, 1.5)
    ends: tuple[float, ...] = (
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.41,
        0.6,
        0.8,
        0.9,
        0.95,
        1.0,
        1.05,
        1.1,
        1.2,
        1.5,
        2.0,
        5.0,
        10.0,
    )
    moments: int = 60


PRESETS = {
    "smoke": Config(chains=4, steps=60, moments=8),
    "laptop": Config(),
    "gpu": Config(chains=10_000, steps=50_000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run both toys at all rates at once."""
    import pandas as pd
    import torch

    from theory.sgd import sphere

    toys = {"over": sphere.overparameterised(), "under": sphere.underparameterised()}
    rows: list[dict[str, Any]] = []
    for toy, directions in progress.track(tuple(toys.items()), "toys on the sphere"):
        rows += [{"toy": toy, **row} for row in courses(directions, config)]
        rows += [{"toy": toy, **row} for row in ends(toy, directions, config)]
    minimum = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    hessian, noise = sphere.at_minimum(toys["under"], minimum)
    scalars = {
        "least loss": float(sphere.loss(toys["under"], minimum)),
        "curvature": float(hessian[0, 0]),
        "noise": float(noise[0, 0]),
    }
    return pd.DataFrame(rows, columns=list(COLUMNS)), scalars


def started(rates: int, config: Config) -> Any:
    """Return one set of uniform starts, the same at all rates, the first well away from the optimum."""
    import torch

    x = torch.randn(config.chains, 3, generator=torch.Generator().manual_seed(config.seed), dtype=torch.float64)
    x[0] = torch.tensor([0.75, 0.6, 0.3])
    return torch.nn.functional.normalize(x, dim=-1).expand(rates, -1, -1)


def courses(directions: Any, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the first chain's places and all chains' losses and signal-to-noise ratios at log-spaced steps."""
    import numpy as np
    import torch

    from theory.sgd import sphere

    moments = set(np.unique(np.geomspace(1, config.steps, config.moments).round().astype(int)).tolist()) | {0}
    generator = torch.Generator().manual_seed(config.seed + 1)
    run = sphere.steps(directions, torch.tensor(config.rates), started(len(config.rates), config), generator)
    for step, x in zip(range(config.steps + 1), run, strict=False):
        if step not in moments:
            continue
        losses = sphere.loss(directions, x).median(-1).values.tolist()
        ratios = sphere.signal_to_noise(directions, x).nanmean(-1).tolist()
        for rate, loss, ratio, place in zip(config.rates, losses, ratios, x[:, 0].tolist(), strict=True):
            yield {"part": "path", "rate": rate, "step": step, "x1": place[0], "x2": place[1]}
            yield {"part": "course", "rate": rate, "step": step, "loss": loss, "snr": ratio}


def ends(toy: str, directions: Any, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the losses of the last tenth of the steps at every rate."""
    import torch

    from theory.sgd import sphere

    generator = torch.Generator().manual_seed(config.seed + 2)
    run = sphere.steps(directions, torch.tensor(config.ends), started(len(config.ends), config), generator)
    late, first = [], config.steps - max(1, config.steps // 10)
    for step, x in zip(range(config.steps + 1), run, strict=False):
        if step > first:
            losses = sphere.loss(directions, x)
            late.append(losses.median(-1).values if toy == "over" else losses.mean(-1))
    for rate, loss in zip(config.ends, torch.stack(late).mean(0).tolist(), strict=True):
        yield {"part": "end", "rate": rate, "step": config.steps, "loss": loss}
