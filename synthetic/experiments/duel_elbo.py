"""DUEL's likelihood against the ELBO, log p^unif and the oracle order on random inconsistent tables (arXiv 2603.01367).

Table: noise (standard deviation, in nats, of the perturbation of every exact log-conditional before renormalising),
table (number), quantity, value (E_q of a log-likelihood in nats, or the entropy term -H(q), which no distribution
exceeds). Quantities: worst order, elbo, log uniform, left to right, confidence, entropy, margin (DUEL with these
rules), best order (fixed), best rule (dynamic programming), best mixture (of orders), oracle (best order of each
sequence: no likelihood), data. Scalars per noise: tables, and the numbers of tables on which confidence < elbo,
confidence < log uniform, best mixture > best rule, oracle > data; the range of the oracle's sum over all sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Generator

    from theory.denoisers import TableDenoiser
    from theory.worlds import TableWorld


@dataclass(frozen=True)
class Config:
    """Length, tokens, tables per noise, the noises (nats), the gap of the best mixture (relative)."""

    n: int = 4
    d: int = 3
    tables: int = 30
    noises: tuple[float, ...] = (0.1, 0.3, 1.0)
    gap: float = 1e-4
    seed: int = 0


PRESETS = {
    "smoke": Config(n=3, tables=6, gap=1e-3),
    "laptop": Config(),
    "gpu": Config(tables=1000, gap=1e-6),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Score every table."""
    import pandas as pd
    import torch

    from theory import worlds

    generator = torch.Generator().manual_seed(config.seed)
    cases = [(noise, k) for noise in config.noises for k in range(config.tables)]
    rows, sums = [], {}
    for noise, number in progress.track(cases, "tables"):
        world = worlds.dirichlet(config.n, config.d, 1.0, generator)
        values, sums[noise, number] = scores(config, world, perturbed(world, noise, generator))
        rows += [{"noise": noise, "table": number, "quantity": name, "value": value} for name, value in values.items()]
    table = pd.DataFrame(rows)
    return table, summary(table, sums)


def perturbed(world: TableWorld, noise: float, generator: Generator) -> TableDenoiser:
    """Return the exact conditionals with every log-probability moved by its own normal error, as a denoiser."""
    import torch

    from theory.denoisers import TableDenoiser
    from theory.worlds import states

    exact = world(states.all_states(world.n, world.d))
    error = noise * torch.randn(exact.shape, generator=generator, dtype=torch.float64)
    return TableDenoiser((exact + error).log_softmax(-1))


def scores(config: Config, world: TableWorld, denoiser: TableDenoiser) -> tuple[dict[str, float], float]:
    """Return every quantity's average over the data, and the sum over sequences of the oracle's probability."""
    from theory.unmasking import best_rules, likelihood
    from theory.unmasking.rules.sets import LeftToRight, TopK
    from theory.worlds import states

    law, x = world.law(), states.all_sequences(world.n, world.d)
    terms = likelihood.order_terms(denoiser, x)
    rules = {"left to right": LeftToRight(1), **{by: TopK(1, by) for by in ("confidence", "entropy", "margin")}}
    best = best_rules.best_rule(world, denoiser=denoiser, largest=1)
    values = {
        "worst order": likelihood.worst_order(terms)[0],
        "elbo": likelihood.elbo(terms),
        "log uniform": likelihood.log_uniform(terms),
        **{name: likelihood.log_likelihood(rule, denoiser, x).log_likelihood for name, rule in rules.items()},
        "oracle": likelihood.best_order(terms)[0],
    }
    return {
        **{name: float(law @ value) for name, value in values.items()},
        "best order": best_rules.best_fixed_order(terms, world)[0],
        "best rule": best_rules.expected_log_likelihood(best, world),
        "best mixture": best_rules.best_mixture(terms, world, config.gap).value,
        "data": -float(world.entropy()),
    }, likelihood.oracle_sum(terms)


def summary(table: pd.DataFrame, sums: dict[tuple[float, int], float]) -> dict[str, float]:
    """Count, noise by noise, the tables on which natural guesses fail."""
    found: dict[str, float] = {}
    for noise, mine in table.groupby("noise"):
        wide = mine.pivot(index="table", columns="quantity", values="value")
        oracle = [value for (level, _), value in sums.items() if level == noise]
        found |= {
            f"{noise:g}/tables": float(len(wide)),
            f"{noise:g}/confidence < elbo": float((wide["confidence"] < wide["elbo"]).sum()),
            f"{noise:g}/confidence < log uniform": float((wide["confidence"] < wide["log uniform"]).sum()),
            f"{noise:g}/best mixture > best rule": float((wide["best mixture"] > wide["best rule"]).sum()),
            f"{noise:g}/oracle > data": float((wide["oracle"] > wide["data"]).sum()),
            f"{noise:g}/least oracle sum": min(oracle),
            f"{noise:g}/largest oracle sum": max(oracle),
        }
    return found
