"""EB, Top-k, thresholds and random order on trained models: quality against denoiser calls, item by item.

Ben-Hamu et al., arXiv 2505.24857, Figs. 2-4 and section D.3. Puzzles are completed at temperature 0 and scored by
success, those with one solution where their law is known; other tasks are drawn at temperature 1. Only genuine
unknowns are masked. For a deterministic rule F the path likelihood ln p^F is exact, so differences of nll between
rules are differences of KL(q || output law).

Table: task, seed, family, parameter (Top-k's k, EB's budget in nats, a threshold's error: 1 - probability, nats or
1 - margin), by (proxy), items (how many), and three lists of one value an item: success, nfe (denoiser calls) and nll
(-ln p^F of held-out data in nats; empty for puzzles and for rules that draw).
Scalars per task and seed: calls of one-token decoding, tokens masked, and the items' -ln q where the law is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.models import ModelSpec
    from synthetic.tasks import Examples, Task
    from theory.denoisers import Denoiser
    from theory.unmasking.rules.base import SetRule

PROXIES = ("confidence", "entropy", "margin")


@dataclass(frozen=True)
class Config:
    """Tasks with the items measured of each, seeds of the models, and the parameters of the families.

    Puzzles have conditionals near certainty, other tasks have not, so budgets and errors differ.
    """

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("sudoku4", "maze3x4", "chain", "digits", "text")
    items: tuple[int, ...] = (1024, 512, 64, 64, 64)
    seeds: tuple[int, ...] = tuple(range(20))
    sizes: tuple[int, ...] = (1, 2, 3, 4, 8, 16)
    puzzle_budgets: tuple[float, ...] = (0.0003, 0.001, 0.002, 0.004, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    puzzle_errors: tuple[float, ...] = (0.003, 0.03, 0.1, 0.3)
    budgets: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    errors: tuple[float, ...] = (0.3, 0.6, 0.9, 2.0)
    chunk: int = 32


PRESETS = {
    "smoke": Config(
        "smoke", ("sudoku4", "maze3x4", "chain"), (12, 4, 4), (0,), (1, 4), (0.01, 1.0), (0.1,), (1.0, 4.0), (0.9,)
    ),
    "laptop": Config(),
    "h100": Config(
        "h100",
        ("sudoku4", "sudoku9", "maze3x4", "maze10", "chain", "digits", "text"),
        (512, 256, 512, 256, 512, 300, 512),
        tuple(range(10)),
        chunk=256,
    ),
    "gpu": Config(
        "gpu",
        ("sudoku4", "sudoku9", "maze5", "maze10", "product", "chain", "hmm", "digits", "text"),
        (590, 400, 512, 512, 1024, 1024, 1024, 300, 1024),
        (0, 1, 2, 3, 4),
        (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64),
        (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 3.0, 8.0, 20.0),
        (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
        (0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0),
        (0.01, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.2),
        chunk=512,
    ),
}


def parts(config: Config) -> tuple[Config, ...]:
    """One run for each task and seed."""
    pairs = [(k, seed) for k, task in enumerate(config.tasks) for seed in trained_models.seeds_of(config, task)]
    if len(pairs) == 1:
        return ()
    return tuple(replace(config, tasks=(config.tasks[k],), items=(config.items[k],), seeds=(s,)) for k, s in pairs)


def models(config: Config) -> tuple[ModelSpec, ...]:
    """Return the models measured."""
    return trained_models.specs(config)


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Measure every rule on one model, chunk of items by chunk, each state asked for once in a chunk."""
    import pandas as pd

    from synthetic.itemised import pack

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,), (count,) = config.tasks, config.seeds, config.items
    items = chosen(task, count)
    listed = list(rules(config, task))
    values: list[list[list[float]]] = [[[], [], []] for _ in listed]
    for where in progress.track(list(trained_models.chunks(len(items), config.chunk)), f"{name}, items"):
        asked = remembered(denoiser)
        for (*_, rule), kept in zip(listed, values, strict=True):
            for all_, new in zip(kept, measured(task, asked, rule, items.rows(where), seed + where.start), strict=True):
                all_ += new
    table = pd.DataFrame(
        {"task": name, "seed": seed, "family": family, "parameter": parameter, "by": by, "items": len(items),
         "success": pack(kept[0]), "nfe": pack(kept[1]), "nll": pack(kept[2])}
        for (family, parameter, by, _), kept in zip(listed, values, strict=True)
    )  # fmt: skip
    return table, facts(task, items, f"{name}/{seed}")


def rules(config: Config, task: Task) -> Iterator[tuple[str, float, str, SetRule]]:
    """Yield family, parameter, proxy and rule; Top-k up to all positions at once."""
    from theory.unmasking.rules.sets import EntropyBounded, RandomOne, Threshold, TopK

    puzzle = is_puzzle(task.test)
    yield "random one", 1.0, "", RandomOne()
    for by in PROXIES:
        for k in (*(k for k in config.sizes if k < task.n), task.n):
            yield "Top-k", float(k), by, TopK(k, by)
        for budget in config.puzzle_budgets if puzzle else config.budgets:
            yield "EB", budget, by, EntropyBounded(budget, by)
        for error in config.puzzle_errors if puzzle else config.errors:
            yield "threshold", error, by, Threshold(error if by == "entropy" else error - 1, by)


def is_puzzle(items: Examples) -> bool:
    """Return whether tokens are given, to be completed at temperature 0."""
    return bool(items.given.any())


def chosen(task: Task, count: int) -> Examples:
    """Return the first test items, of puzzles with a known law those with one solution."""
    import torch

    from theory.unmasking.rules.proxies import token_entropy

    if task.world is None or not is_puzzle(task.test):
        return trained_models.some(task.test, count)
    start = trained_models.blank(task.test, task.d)
    parts_ = [token_entropy(task.world.conditionals(z).log()).amax(-1) for z in start.split(64)]
    return trained_models.some(task.test.rows(torch.cat(parts_) < 1e-9), count)


def measured(
    task: Task, denoiser: Denoiser, rule: SetRule, items: Examples, seed: int
) -> tuple[list[float], list[float], list[float]]:
    """Return success, calls and path negative log-likelihood of each item."""
    from theory.unmasking.likelihood import log_likelihood
    from theory.unmasking.sampling import sample

    puzzle = is_puzzle(items)
    found = sample(rule, denoiser, trained_models.blank(items, task.d), seed=seed, temperature=0.0 if puzzle else 1.0)
    nll: list[float] = []
    if not puzzle and rule.name != "random one":
        nll = (-log_likelihood(rule, denoiser, items.tokens).log_likelihood).tolist()
    return task.success(found.tokens, items).tolist(), found.nfe.tolist(), nll


def remembered(denoiser: Denoiser) -> Denoiser:
    """Return the denoiser with a memory: rules that meet at a state share its conditionals, to the last bit."""
    return _Memory(denoiser)


@dataclass(frozen=True, eq=False)
class _Memory:
    """A denoiser that asks about each state once."""

    denoiser: Denoiser
    known: dict[bytes, Tensor] = field(default_factory=dict)

    @property
    def n(self) -> int | None:
        return self.denoiser.n

    @property
    def d(self) -> int:
        return self.denoiser.d

    def __call__(self, z: Tensor) -> Tensor:
        import torch

        keys = [row.tobytes() for row in z.cpu().to(torch.int16).numpy()]
        new = {key: k for k, key in enumerate(keys) if key not in self.known}
        if new:
            self.known.update(zip(new, self.denoiser(z[list(new.values())]), strict=True))
        return torch.stack([self.known[key] for key in keys])


def facts(task: Task, items: Examples, label: str) -> dict[str, Any]:
    """Return the scalars of a task: tokens masked in the mean, and the items' -ln q where nothing is given."""
    from synthetic.itemised import pack

    found: dict[str, Any] = {f"{label}/masked": float((~items.given).sum(-1).double().mean())}
    if task.world is not None and not is_puzzle(items):
        found[f"{label}/surprisal"] = pack((-task.world.log_prob(items.tokens)).tolist())
    return found
