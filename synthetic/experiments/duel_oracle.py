"""The oracle order in blocks beside rules, the ELBO and what it is worth as a law, exactly (arXiv 2603.01367, Table 7).

Conditionals are exact but for a normal error on every log-probability, as in `duel_elbo`. Everything is revealed block
by block, one position a step (the threshold: as many as reach it). The oracle takes for each sequence the order of
highest likelihood; its probabilities sum to Z, and divided by Z they are a law.

Table: world, block (size), draw (number of the perturbed denoiser), score, excess (nats a sequence: E_q of the negative
log-likelihood above the entropy of the data, below 0 only for what is no law). Scores: "ELBO" (mean over the orders
that respect the blocks), "random order" (its likelihood), "left to right", "confidence", "margin", "threshold",
"oracle", "oracle, normalised" (with ln Z added). Scalars per world: n, d, and entropy of the data in nats.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator

    from theory.denoisers import Denoiser
    from theory.worlds import TableWorld


@dataclass(frozen=True)
class Config:
    """Worlds, their length and symbols, the block sizes, perturbed denoisers with their error (nats), the threshold."""

    worlds: tuple[str, ...] = ("Markov chain", "noisy sums", "Dirichlet(1)")
    n: int = 8
    d: int = 2
    blocks: tuple[int, ...] = (1, 2, 4, 8)
    draws: int = 5
    noise: float = 0.3
    sure: float = 0.9
    seed: int = 0


PRESETS = {
    "smoke": Config(n=4, blocks=(1, 2, 4), draws=2),
    "laptop": Config(),
    "gpu": Config(d=3, blocks=(1, 2, 4), draws=200),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Score every world with every denoiser and block size."""
    import pandas as pd
    import torch

    from synthetic.experiments.duel_elbo import perturbed

    generator = torch.Generator().manual_seed(config.seed)
    rows: list[dict[str, Any]] = []
    scalars: dict[str, float] = {}
    for name in progress.track(config.worlds, "worlds"):
        world = world_of(name, config, generator)
        entropy = float(world.entropy())
        scalars |= {f"{name}/n": float(world.n), f"{name}/d": float(world.d), f"{name}/entropy": entropy}
        for draw in range(config.draws):
            denoiser = perturbed(world, config.noise, generator)
            for block in config.blocks:
                nlls = scores(world, denoiser, block, config.sure)
                label = {"world": name, "block": block, "draw": draw}
                rows += [{**label, "score": score, "excess": nll - entropy} for score, nll in nlls.items()]
    return pd.DataFrame(rows), scalars


def scores(world: TableWorld, denoiser: Denoiser, block: int, sure: float) -> dict[str, float]:
    """Return E_q of every negative log-likelihood in nats."""
    from theory.unmasking.block_orders import block_orders
    from theory.unmasking.likelihood import log_likelihood
    from theory.unmasking.rules.in_blocks import InBlocks
    from theory.unmasking.rules.sets import LeftToRight, Threshold, TopK
    from theory.worlds import states

    law, x = world.law(), states.all_sequences(world.n, world.d)
    orders = block_orders(denoiser, x, block)
    rules = {"left to right": LeftToRight(1), "confidence": TopK(1), "margin": TopK(1, "margin"),
             "threshold": Threshold(-sure, "confidence")}  # fmt: skip
    log_likelihoods = {"ELBO": orders.elbo, "random order": orders.log_uniform, "oracle": orders.oracle}
    log_likelihoods |= {
        name: log_likelihood(InBlocks(rule, block), denoiser, x).log_likelihood for name, rule in rules.items()
    }
    log_likelihoods["oracle, normalised"] = orders.oracle - orders.oracle.logsumexp(-1)
    return {name: -_mean(law, values) for name, values in log_likelihoods.items()}


def _mean(law: Any, values: Any) -> float:
    """Return E_q, sequences of probability zero left out: theirs may be impossible for the denoiser too."""
    return float(law[law > 0] @ values[law > 0])


def world_of(name: str, config: Config, generator: Generator) -> TableWorld:
    """Return a world by name: a chain that keeps its token, sums of the two tokens before, or a random table."""
    from theory import worlds
    from theory.errors import unknown
    from theory.worlds.table import table_of
    from theory.worlds.tree import sticky_chain

    made: dict[str, Callable[[], Any]] = {
        "Markov chain": lambda: sticky_chain(config.n, 0.8, config.d),
        "noisy sums": lambda: noisy_sums(config.n, config.d),
        "Dirichlet(1)": lambda: worlds.dirichlet(config.n, config.d, 1.0, generator),
    }
    if name not in made:
        raise unknown("world", name, made)
    return table_of(made[name]())


def noisy_sums(n: int, d: int, sure: float = 0.9) -> TableWorld:
    """Return the law whose token is with this probability the sum of the two before, modulo d, else another one."""
    from theory.worlds import TableWorld, states

    x = states.all_sequences(n, d)
    right = (x[:, 2:] == (x[:, 1:-1] + x[:, :-2]) % d).double()
    chance = (sure * right + (1 - sure) / (d - 1) * (1 - right)).prod(-1) / d**2
    return TableWorld(chance, n, d, "noisy sums")
