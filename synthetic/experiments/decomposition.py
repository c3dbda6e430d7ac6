"""Every error of trained models exactly: their conditionals at all states, walked by every unmasking rule.

Table: task, seed, rule, family, parameter, by, nfe (E[NFE] of the sampler), kl (of the output law), model_error,
joint_dependence, bound (the entropy bound under the world's entropies) and model_bound (under the model's own), all
summed along paths of the data, in nats; exceeds, the share of multi-token steps whose joint dependence error is above
EB's budget, and correlation, between model_bound and joint dependence over those steps (nan without such steps);
slack, the least of bound minus joint dependence over every step on such a path; mc_path and mc_error, a Monte-Carlo
estimate of model_error + joint_dependence with its standard error, for the models of seed 0 as a check of the rest.
Scalars per task and seed: NELBO minus entropy by enumeration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.denoisers import Denoiser, TableDenoiser
    from theory.unmasking.rules.base import SetRule
    from theory.unmasking.walks import Walk
    from theory.worlds import TableWorld, World

PROXIES = ("confidence", "entropy", "margin")


@dataclass(frozen=True)
class Config:
    """Tasks with enumerable states, seeds of the models, EB's budgets in nats, sequences of the estimates."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = (
        "small/Markov chain", "small/copied pairs", "small/Dirichlet", "small/digit patches", "small/four-token chain",
    )  # fmt: skip
    seeds: tuple[int, ...] = tuple(range(10))
    budgets: tuple[float, ...] = (0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 3.5)
    samples: int = 4000


PRESETS = {
    "smoke": Config("smoke", ("small/Markov chain", "small/copied pairs"), (0, 1), (0.01, 0.3), 400),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10)), samples=20_000),
    "gpu": Config("gpu", seeds=(0, 1, 2, 3, 4), budgets=tuple(k / 50 for k in range(1, 200)), samples=100_000),
}


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Tabulate one model and walk every rule."""
    import pandas as pd

    from theory.denoisers import TableDenoiser
    from theory.worlds import states
    from theory.worlds.table import table_of

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    assert task.world is not None
    world, table = table_of(task.world), TableDenoiser(denoiser(states.all_states(task.n, task.d)))
    found = [
        {"task": name, "seed": seed, "family": family, "parameter": parameter, "by": by, **measured(rule, world, table)}
        | estimated(rule, task.world, table, 0 if seed else config.samples, k)
        for k, (family, parameter, by, rule) in enumerate(progress.track(list(rules(config, task.n)), "rules"))
    ]
    return pd.DataFrame(found), {f"{name}/{seed}/NELBO - entropy": nelbo_gap(world, table)}


def rules(config: Config, n: int) -> Iterator[tuple[str, float, str, SetRule]]:
    """Yield family, parameter, proxy and rule."""
    from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK

    yield "random one", 1.0, "", RandomOne()
    for k in range(1, n + 1):
        yield "left to right", float(k), "", LeftToRight(k)
    for by in PROXIES:
        for k in range(1, n + 1):
            yield "Top-k", float(k), by, TopK(k, by)
        for budget in config.budgets:
            yield "EB", budget, by, EntropyBounded(budget, by)


def measured(rule: SetRule, world: TableWorld, table: TableDenoiser) -> dict[str, Any]:
    """Return the exact errors of one rule with one tabulated model."""
    from theory.unmasking.walks import walk

    found, bound = walk(rule, world, table), model_bounds(rule, table)
    return {
        "rule": rule.name, "nfe": found.calls, "kl": found.divergence, "model_error": found.model_error,
        "joint_dependence": found.joint_dependence, "bound": found.bound, "model_bound": found.total(bound),
        "slack": _slack(found),
        **_against_budget(rule, found, bound),
    }  # fmt: skip


def model_bounds(rule: SetRule, table: TableDenoiser) -> Tensor:
    """Return at every state the entropy bound of the block that the rule reveals, by the model's own entropies.

    Complete states have bound 0.
    """
    import torch

    from theory.unmasking.rules.proxies import token_entropy
    from theory.worlds import states

    n, d, log_p = table.n, table.d, table.log_p
    masked = states.all_states(n, d) == d
    complete = states.sequence_index(n, d)
    masked[complete] = True  # rules want a masked position
    weight, chosen = rule.choices(log_p, masked)
    h = torch.where(chosen, token_entropy(log_p)[:, None], 0.0)
    return (weight * (h.sum(-1) - h.amax(-1))).sum(-1).index_fill(0, complete, 0.0)


def _slack(found: Walk) -> float:
    """Return the least of entropy bound minus joint dependence over the states on paths of the data."""
    visited = found.visits_of_data > 0
    return float((found.nodes.bound - found.nodes.joint_dependence)[visited].min())


def _against_budget(rule: SetRule, found: Walk, bound: Tensor) -> dict[str, float]:
    """Compare joint dependence, over the multi-token steps on paths of the data, with the budget and the bound."""
    import torch

    budget = getattr(rule, "budget", float("inf"))
    weight, dependence = found.visits_of_data * found.nodes.several, found.nodes.joint_dependence
    total = float(weight.sum())
    if total < 1e-12:
        return {"exceeds": float("nan"), "correlation": float("nan")}
    several = weight > 0
    pair = torch.stack((bound[several], dependence[several]))
    covariance = torch.cov(pair, aweights=weight[several], correction=0)
    spread = (covariance[0, 0] * covariance[1, 1]).sqrt()
    return {
        "exceeds": float((weight * (dependence > budget)).sum() / total),
        "correlation": float(covariance[0, 1] / spread) if spread > 1e-15 else float("nan"),
    }


def estimated(rule: SetRule, world: World, denoiser: Denoiser, samples: int, seed: int) -> dict[str, float]:
    """Return a teacher-forced Monte-Carlo estimate of the path KL and its standard error; nan without samples."""
    if not samples:
        return {"mc_path": float("nan"), "mc_error": float("nan")}
    import torch

    from theory.unmasking.long_walks import sample_walk

    found = sample_walk(rule, world, samples, torch.Generator().manual_seed(seed), denoiser).path_divergence
    return {"mc_path": found.mean, "mc_error": found.standard_error}


def nelbo_gap(world: TableWorld, table: TableDenoiser) -> float:
    """Return NELBO minus entropy by the sum over all states: the mean over orders of the model error."""
    from theory.unmasking.rules.sets import RandomOne
    from theory.unmasking.walks import walk

    return float(walk(RandomOne(), world, table).path_divergence)
