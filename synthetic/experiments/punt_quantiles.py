"""How much each token of a PUNT step depends on the others, by the number of revealed tokens (arXiv 2510.21961).

Table: world, tests ("binary" or "in-order"), eps (nats), revealed (tokens known at the start of a step), chance (that a
path comes by such a state), several (share of the tokens kept at such states that are not the first of their step),
q05, median, q95 and over. Delta of a kept token is KL(p_i || p_i(. | tokens kept at smaller ranks)) in nats; its
quantiles are over all kept tokens but the first of a step, whose delta is 0, over all states with so many tokens
revealed and all candidates, weighted by their probabilities, nan where a step keeps a single token; over is the share
above eps. Scalars: over all steps, the share of these tokens whose delta is above eps ("over"), per world, tests and
eps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from theory.unmasking.rules.punt import Punt
    from theory.worlds import World

LEVELS = {"q05": 0.05, "median": 0.5, "q95": 0.95}
SLACK = 1e-12
"""Share by which a delta or a cumulated weight may miss a level through rounding."""


@dataclass(frozen=True)
class Config:
    """Thresholds (nats), the length of the chain, and the worlds."""

    eps: tuple[float, ...] = (0.01, 0.05, 0.2)
    n: int = 8
    worlds: tuple[str, ...] = ("Markov chain", "Dirichlet law", "digit patches")
    seed: int = 0


PRESETS = {
    "smoke": Config((0.05, 0.2), 5, ("Markov chain", "Dirichlet law")),
    "laptop": Config(),
    "gpu": Config((0.01, 0.02, 0.04, 0.08, 0.16, 0.32), 9),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk PUNT over every state and candidate of every world."""
    import pandas as pd

    from theory.unmasking.rules.punt import Punt

    rows, scalars = list[dict[str, Any]](), dict[str, float]()
    kinds: tuple[Literal["binary", "in-order"], ...] = ("binary", "in-order")
    cases = [(world, tests, eps) for world in config.worlds for tests in kinds for eps in config.eps]
    for name, tests, eps in progress.track(cases, "cases"):
        key = {"world": name, "tests": tests, "eps": eps}
        weighted_deltas = list(deltas(Punt(eps, "confidence", tests), world(config, name)))
        rows += [{**key, **row} for row in by_revealed(weighted_deltas, eps)]
        mass = sum(float(weight.sum()) for _, _, _, weight, _ in weighted_deltas)
        above = sum(float(weight[value > eps + SLACK].sum()) for _, _, value, weight, _ in weighted_deltas)
        scalars[f"{name}/{tests}/{eps:g}/over"] = above / mass if mass else 0.0
    return pd.DataFrame(rows), scalars


def world(config: Config, name: str) -> World:
    """Return the chain that stays with 0.9, a flat random law on as many bits, or 3x3 patches of digits."""
    import torch

    from theory import worlds
    from theory.worlds.tree import sticky_chain

    if name == "digit patches":
        return worlds.digit_patches()
    if name == "Dirichlet law":
        return worlds.dirichlet(config.n, 2, 1.0, torch.Generator().manual_seed(config.seed))
    return sticky_chain(config.n)


def deltas(rule: Punt, law: World) -> Iterator[tuple[int, float, Tensor, Tensor, float]]:
    """Yield for every number of revealed tokens: chance, the deltas of later kept tokens, their weights, all kept.

    A weight is the probability of the state times that of the candidates.
    """
    from theory.unmasking.rules.punt import candidates, ranks, token_errors
    from theory.unmasking.walks import walk
    from theory.worlds import states

    walked = walk(rule, law)
    z, visits = states.all_states(law.n, law.d), walked.visits
    revealed = (z != law.d).sum(-1)
    for count in range(law.n):
        here = (revealed == count) & (visits > 0)
        if not bool(here.any()):
            continue
        weights, y, log_p = candidates(walked.world, z[here])
        times = y.shape[1]
        many, drawn = z[here].repeat_interleave(times, 0), y.flatten(0, 1)
        known, share = log_p.repeat_interleave(times, 0), (visits[here][:, None] * weights).flatten()
        kept, _ = rule.keep(walked.world, many, drawn, known)
        rank = ranks(known, many == law.d, drawn, rule.by)
        delta = token_errors(walked.world, many, drawn, kept, rank, known).clamp(min=0)
        later = kept & (rank > 0) & (share > 0)[:, None]
        mass = share[:, None].expand_as(later)
        yield count, float(visits[here].sum()), delta[later], mass[later], float(mass[kept].sum())


def by_revealed(found: list[tuple[int, float, Tensor, Tensor, float]], eps: float) -> Iterator[dict[str, float]]:
    """Yield the columns of every number of revealed tokens."""
    for count, chance, values, weights, kept in found:
        mass = float(weights.sum())
        row = {"revealed": count, "chance": chance, "several": mass / kept}
        quantiles = {name: quantile(values, weights, level) for name, level in LEVELS.items()}
        over = float(weights[values > eps + SLACK].sum()) / mass if mass else float("nan")
        yield {**row, **quantiles, "over": over}


def quantile(values: Tensor, weights: Tensor, level: float) -> float:
    """Return the least value at which the cumulated weight reaches the level, nan where there is no value."""
    import torch

    if not len(values):
        return float("nan")
    order = values.argsort()
    cumulated = weights[order].cumsum(0)
    place = torch.searchsorted(cumulated, level * cumulated[-1] * (1 - SLACK))
    return float(values[order][min(int(place), len(values) - 1)])
