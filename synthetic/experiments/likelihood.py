"""NELBO against entropy under several mask schedules, and DUEL's likelihood of every rule, on trained models.

Table: a row for each task, seed, test item and estimate of its log-likelihood (nats): n (its length), kind, rule,
parameter, value, calls (of the denoiser; nan where that means nothing). A small task has one item, the exact average
over its law. DUEL is scored on the first of the items that the ELBO is estimated on. Kinds: "data", ln q of the exact
law where there is one; "elbo", by number of revealed tokens; "time", the same quantity with masks drawn by the mask
schedule named in `rule` and weighted; both with the exact law as control variate where it is known; "duel", exact
under the deterministic rule, with k or EB's budget as parameter; on small tasks also "random order" (ln mean over all
orders), "oracle" (the best order of each sequence, no likelihood) and "best rule" (dynamic programming over all rules
of one token a step). Scalars, on small tasks and per seed: "log oracle sum" (the logarithm of the oracle's sum over all
sequences).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.tasks import Examples, Task
    from theory.denoisers import Denoiser
    from theory.schedules import Schedule
    from theory.unmasking.rules.base import SetRule

SMALL = "small/"
SHAPES = (0.4, 0.9)
"""The Beta mask schedule of the estimates: their variance is finite where a > 1/4 and b > 1/2.

Near the start the weight grows as t^(2a - 1): with a = .3 its square is barely integrable, and its standard deviation
in the first of 40 strata is seven times that with a = .4. Near the end 1 - alpha falls as (1 - t)^(2b) and the weight
grows as 1 / (1 - t). Linear, b = 1/2, is the border: its variance grows with the logarithm of the number of draws.
"""


@dataclass(frozen=True)
class Config:
    """Tasks, seeds of the models, test items, the most tokens in those of DUEL, block sizes, EB's budgets, strata.

    Masks are drawn by the model's seed, so that their noise is independent from model to model.
    """

    scale: str = "laptop"
    tasks: tuple[str, ...] = (
        "chain", "digits", "text", "sudoku4 free", "small/Markov chain", "small/copied pairs", "small/digit patches",
    )  # fmt: skip
    seeds: tuple[int, ...] = tuple(range(20))
    items: int = 300
    tokens: int = 3840
    blocks: tuple[int, ...] = (1, 2, 4)
    budgets: tuple[float, ...] = (0.3, 1.0, 3.0)
    draws: int = 40


PRESETS = {
    "smoke": Config("smoke", ("sudoku4 free", "small/Markov chain"), (0, 1), 4, budgets=(0.3, 3.0), draws=2),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10)), items=512, tokens=2**20, draws=64),
    "gpu": Config("gpu", seeds=(0, 1, 2, 3, 4), items=192, tokens=2**20, draws=64),
}


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Score the test items of one task with one model in every way."""
    import pandas as pd

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    found: dict[str, float] = {}
    if name.startswith(SMALL):
        rows, scalars = enumerated(config, task, denoiser)
        found = {f"{name}/{seed}/{key}": value for key, value in scalars.items()}
    else:
        rows = sampled(config, task, denoiser, progress)
    table = pd.DataFrame(rows, columns=["item", "kind", "rule", "parameter", "value", "calls"])
    table.insert(0, "task", name)
    table.insert(1, "seed", seed)
    table.insert(2, "n", task.n)
    return table, found


def items(config: Config, task: Task) -> int:
    """Return how many test items every rule scores: fewer where they are long."""
    return max(2, min(config.items, config.tokens // task.n))


def rules(config: Config, d: int) -> Iterator[tuple[str, float, SetRule]]:
    """Yield family, parameter and rule. Of two tokens, margin and entropy rank as confidence does: left out."""
    from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, TopK

    for k in config.blocks:
        yield "left to right", float(k), LeftToRight(k)
        yield "confidence", float(k), TopK(k, "confidence")
        if d > 2:
            yield "margin", float(k), TopK(k, "margin")
            yield "entropy", float(k), TopK(k, "entropy")
    for budget in config.budgets:
        yield "EB", budget, EntropyBounded(budget)


def sampled(config: Config, task: Task, denoiser: Denoiser, progress: Progress) -> list[tuple[Any, ...]]:
    """Return the rows of a task whose ELBO is estimated: by count, by time, and DUEL of every rule."""
    from synthetic.experiments import _losses
    from theory import schedules
    from theory.unmasking.likelihood import log_likelihood

    (seed,) = config.seeds
    examples = trained_models.some(task.test, config.items)

    def by_count(model: Denoiser) -> Tensor:
        return -_losses.by_count(model, examples, 1, 2 * seed).sum(-1)

    rows = _rows("elbo", "by count", 1.0, controlled(by_count, denoiser, task, examples))
    if task.world is not None:
        rows += _rows("data", "exact law", 1.0, task.world.log_prob(examples.tokens))
    masks = (schedules.LINEAR, schedules.SQUARED_SINE, schedules.beta_mask(*SHAPES))
    for mask in progress.track(masks, "schedules"):

        def by_time(model: Denoiser, mask: Schedule = mask) -> Tensor:
            return -_losses.by_time(model, examples, mask, config.draws, 2 * seed + 1)

        rows += _rows("time", mask.name, float(config.draws), controlled(by_time, denoiser, task, examples))
    scored = trained_models.some(task.test, items(config, task)).tokens
    for family, parameter, rule in progress.track(list(rules(config, task.d)), "rules"):
        score = log_likelihood(rule, denoiser, scored)
        rows += _rows("duel", family, parameter, score.log_likelihood, score.calls)
    return rows


def controlled(estimate: Callable[[Denoiser], Tensor], denoiser: Denoiser, task: Task, examples: Examples) -> Tensor:
    """Return an estimate of each row's ELBO, with the exact conditionals on the same masks as control where known.

    Along every order the exact conditionals multiply to the law (chain rule), so the mean of their estimate over masks
    is ln q(x), whatever the schedule; what the estimate with the model shares with theirs is the noise of the masks.
    """
    found = estimate(denoiser)
    if task.world is None:
        return found
    start = trained_models.blank(examples, task.d)
    exact = task.world.log_prob(examples.tokens) - task.world.log_marginal(start)
    return found - estimate(task.world) + exact


def enumerated(config: Config, task: Task, denoiser: Denoiser) -> tuple[list[tuple[Any, ...]], dict[str, float]]:
    """Return the rows of a task whose sequences fit in a list: exact averages over its law."""
    import torch

    from theory.denoisers import TableDenoiser
    from theory.unmasking import best_rules, likelihood
    from theory.unmasking.rules.sets import LeftToRight
    from theory.worlds import states
    from theory.worlds.table import table_of

    assert task.world is not None
    n, d = task.n, task.d
    table, world = TableDenoiser(denoiser(states.all_states(n, d))), table_of(task.world)
    law, sequences = world.law(), states.all_sequences(n, d)
    terms = likelihood.order_terms(table, sequences)
    oracle = likelihood.best_order(terms)[0]
    best = best_rules.best_rule(world, denoiser=table, largest=1)

    def mean(kind: str, rule: str, values: Tensor, calls: Tensor | None = None) -> list[tuple[Any, ...]]:
        inside = law > 0  # a sequence that never occurs may have probability 0 under a rule too
        spent = None if calls is None else (law @ calls.double())[None]
        return _rows(kind, rule, 1.0, (law[inside] @ values[inside])[None], spent)

    rows = mean("elbo", "all orders", likelihood.elbo(terms)) + mean("data", "exact law", law.log())
    rows += mean("random order", "ln mean", likelihood.log_uniform(terms)) + mean("oracle", "best order", oracle)
    for family, rule in {"left to right": LeftToRight(1), **_adaptive(d)}.items():
        score = likelihood.log_likelihood(rule, table, sequences)
        rows += mean("duel", family, score.log_likelihood, score.calls)
    optimum = torch.tensor([best_rules.expected_log_likelihood(best, world)])
    rows += _rows("best rule", "of one token a step", 1.0, optimum)
    return rows, {"log oracle sum": float(oracle.logsumexp(0))}


def _adaptive(d: int) -> dict[str, SetRule]:
    from theory.unmasking.rules.sets import TopK

    proxies = ("confidence", "margin", "entropy") if d > 2 else ("confidence",)
    return {by: TopK(1, by) for by in proxies}


def _rows(kind: str, rule: str, parameter: float, values: Tensor, calls: Tensor | None = None) -> list[tuple[Any, ...]]:
    spent = [float("nan")] * len(values) if calls is None else calls.tolist()
    return [
        (item, kind, rule, parameter, float(f"{value:.9g}"), call)
        for item, (value, call) in enumerate(zip(values.tolist(), spent, strict=True))
    ]
