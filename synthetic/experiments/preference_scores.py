"""What estimated scores do to the preference loss, and what lowers their variance, exactly (VRPO, arXiv 2505.19223).

Table: part and numbers, nan where a part has none. Parts: "law", a random law of a score: mean, variance, bias (of the
loss), spread (variance of the loss), kind ("two points", "several points", "nearly normal"); "draws", variance of the
score of a pair of responses with `budget` masks over `levels` levels, these without strata or in strata (kind);
"distance", the variance with shared masks (1) and with own ones (0), the policy at a distance from the reference: the
standard deviation, in nats, of the change of its log-conditionals. Scalars: beta, the temperature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("part", "kind", "mean", "variance", "bias", "spread", "budget", "levels", "distance", "pair", "shared")


@dataclass(frozen=True)
class Config:
    """Random laws of each kind, budgets of masks, distances of policy from reference (nats), pairs, the temperature."""

    laws: int = 400
    budgets: tuple[int, ...] = (1, 2, 4, 8, 16)
    distances: tuple[float, ...] = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
    pairs: int = 30
    n: int = 4
    d: int = 3
    beta: float = 1.0
    seed: int = 0


PRESETS = {
    "smoke": Config(laws=10, budgets=(1, 4), distances=(0.1, 1.0), pairs=2, n=3, d=2),
    "laptop": Config(),
    "gpu": Config(laws=4000, pairs=300),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Draw laws of scores, then pairs of responses under policies at several distances from a reference."""
    import numpy as np
    import pandas as pd

    generator = np.random.default_rng(config.seed)
    rows = [*laws(config, generator)]
    for number in progress.track(range(config.pairs), "pairs"):
        rows += pairs(config, number)
    return pd.DataFrame(rows, columns=list(COLUMNS)), {"beta": config.beta}


def laws(config: Config, generator: Any) -> Iterator[dict[str, Any]]:
    """Yield a row for each random law: exact bias and variance of the loss beside mean and variance of the score."""
    import numpy as np

    for kind in ("two points", "several points", "nearly normal"):
        for _ in range(config.laws):
            scale = 10 ** generator.uniform(-1.5, 1.2)
            centre = generator.normal(0, 2)
            if kind == "nearly normal":
                nodes, weights = np.polynomial.hermite_e.hermegauss(40)
                x, p = centre + scale * nodes, weights / weights.sum()
            else:
                count = 2 if kind == "two points" else int(generator.integers(3, 7))
                x, p = centre + scale * generator.normal(size=count), generator.dirichlet(np.ones(count))
            mean = float(p @ x)
            variance = float(p @ (x - mean) ** 2)
            loss = np.logaddexp(0, -x)
            expected = float(p @ loss)
            yield {
                "part": "law", "kind": kind, "mean": mean, "variance": variance,
                "bias": expected - float(np.logaddexp(0, -mean)), "spread": float(p @ (loss - expected) ** 2),
            }  # fmt: skip


def pairs(config: Config, number: int) -> Iterator[dict[str, Any]]:
    """Yield the variances of a pair's score over allocations of masks and over the distance from the reference."""
    from dataclasses import replace

    import torch

    from synthetic.experiments.duel_elbo import perturbed
    from theory import worlds
    from theory.denoisers import TableDenoiser
    from theory.training import preferences
    from theory.training.loss_table import loss_table
    from theory.worlds import states

    generator = torch.Generator().manual_seed(1000 * config.seed + number)
    world = worlds.dirichlet(config.n, config.d, 1.0, generator)
    base = perturbed(world, 0.5, generator)
    change = torch.randn(base.log_p.shape, generator=generator, dtype=torch.float64)
    winner, loser = (int(k) for k in torch.multinomial(world.law(), 2, generator=generator))
    other = loss_table(world, base)
    hidden = states.all_states(config.n, config.d) == config.d
    for distance in config.distances:
        moved = torch.where(hidden[..., None], (base.log_p + distance * change).log_softmax(-1), base.log_p)
        policy = loss_table(world, TableDenoiser(moved))
        pair = preferences.Pair((policy.at(winner), policy.at(loser)), (other.at(winner), other.at(loser)), config.beta)
        for shared in (True, False):
            yield {
                "part": "distance", "pair": number, "distance": distance, "shared": float(shared), "budget": 1.0,
                "levels": 1.0, "variance": pair.variance(shared=shared),
            }  # fmt: skip
        if distance != config.distances[len(config.distances) // 2]:
            continue
        for budget in config.budgets:
            for estimator in preferences.allocations(budget):
                for strata in ("none", "draws"):
                    used = replace(estimator, strata=strata)
                    yield {
                        "part": "draws", "pair": number, "budget": float(budget), "levels": float(estimator.levels),
                        "kind": strata, "shared": 1.0, "variance": pair.variance(used),
                    }  # fmt: skip
