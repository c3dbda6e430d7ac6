"""Independent chains of SGD on the sphere in ten dimensions with 200 losses and no common zero (arXiv 2505.23489).

Table: seed (of the losses), rate (the learning rate), loss (U, over chains and moments), entropy (from neighbours among
independent chains, nats up to a constant), low and high (the temperatures at which the rate has the least free energy,
infinite at the ends), temperature (sqrt of low times high, nan where it is not defined) and theory (eta tr C / (2 d), C
the noise along the sphere at the optimum, d the dimension of the sphere). Scalars: none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.sgd.quadratic import Quadratic

COLUMNS = ("seed", "rate", "loss", "entropy", "low", "high", "temperature", "theory")


@dataclass(frozen=True)
class Config:
    """Seeds of the losses, dimensions and losses, chains, learning rates, relaxation times to settle, moments."""

    seeds: tuple[int, ...] = tuple(range(6))
    dimensions: int = 10
    losses: int = 200
    chains: int = 1000
    rates: tuple[float, ...] = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32)
    settle: float = 1.0
    moments: int = 4


PRESETS = {
    "smoke": Config(seeds=(0, 1), dimensions=4, losses=20, chains=60, rates=(0.04, 0.08, 0.16), settle=1.0, moments=2),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), chains=8000, settle=25.0, moments=40),
}


def parts(config: Config) -> tuple[Config, ...]:
    """Return one run for each seed of the losses."""
    return tuple(replace(config, seeds=(seed,)) for seed in config.seeds) if len(config.seeds) > 1 else ()


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run the chains of one set of losses at each rate, begun in the law of the quadratic theory, and look often."""
    import numpy as np
    import pandas as pd
    import torch

    from theory.sgd import sphere
    from theory.sgd.quadratic import Quadratic
    from theory.sgd.temperatures import temperatures

    (seed,) = config.seeds
    rows = torch.randn(config.losses, config.dimensions, generator=torch.Generator().manual_seed(seed)).double()
    directions = torch.nn.functional.normalize(rows, dim=-1)
    minimum = torch.linalg.eigh(directions.T @ directions).eigenvectors[:, 0]
    hessian, noise = (part.numpy() for part in sphere.at_minimum(directions, minimum))
    near = Quadratic((hessian + hessian.T) / 2, noise)
    found = [measured(directions, minimum, near, rate, config)
             for rate in progress.track(config.rates, f"chains on the sphere, seed {seed}")]  # fmt: skip
    loss, entropy = np.array(found).T
    intervals = temperatures(loss, entropy)
    theory = np.array(config.rates) * float(noise.trace()) / (2 * near.d)
    table = pd.DataFrame({
        "seed": seed, "rate": config.rates, "loss": loss, "entropy": entropy, "low": intervals.low,
        "high": intervals.high, "temperature": intervals.point, "theory": theory,
    })  # fmt: skip
    return table[list(COLUMNS)], {}


def measured(directions: Tensor, minimum: Tensor, near: Quadratic, rate: float, config: Config) -> tuple[float, float]:
    """Return U and the mean estimate of S over moments one relaxation time apart.

    Noise is the same at all rates: the generator begins at one seed. A point and its opposite have the same loss and
    are brought to one side.
    """
    import torch

    from theory.sgd import sphere
    from theory.sgd.neighbours import neighbour_entropy

    generator = torch.Generator().manual_seed(0)
    root = torch.linalg.cholesky(torch.from_numpy(near.stationary(rate).covariance[0]))
    away = torch.randn(config.chains, near.d, generator=generator, dtype=torch.float64) @ root.T
    start = torch.nn.functional.normalize(minimum + away @ sphere.tangent_space(minimum).T, dim=-1)[None]
    relaxation = max(1, round(1 / (rate * float(near.curvatures[0]))))
    last = round(config.settle * relaxation)
    losses, entropies = [], []
    for step, x in enumerate(sphere.steps(directions, torch.tensor([rate]), start, generator)):
        if step >= last and (step - last) % relaxation == 0:
            losses.append(float(sphere.loss(directions, x).mean()))
            one_side = x[0] * torch.sign(x[0] @ minimum)[:, None]
            entropies.append(neighbour_entropy(one_side.numpy(), near.d))
            if len(losses) == config.moments:
                break
    return sum(losses) / len(losses), sum(entropies) / len(entropies)
