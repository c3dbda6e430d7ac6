"""Mask schedules of trained models: the one computed from the measured losses against named and searched ones.

Test rows come in two halves. Whatever is chosen or computed is so on the validation half; everything is scored on the
other. Schedules: the named ones; "best Beta", of least path code length on the validation half; "computed", from its
losses by count, best among all grids (per token) or all block sizes (blocks); at config.search steps also
"searched Beta" and "searched named", those of most success on the validation half among the Beta shapes and among the
named schedules. `blocks` are rounded grids, except for the computed sizes.

Table: task, seed, part, schedule, steps, item and numbers, nan where a part has none of them. Parts:
"item", a test row: per_token and blocks, its path code length in nats under the two samplers, success and nfe of a
sample drawn in blocks; "single", a test row's NELBO (one token a step) as per_token; "curve": loss of a masked token
when `item` tokens are revealed and its standard error, over rows of both halves with the most free tokens; "grid":
alpha at node `item` of the computed grid; "choice": per_token and blocks of a named schedule, means over the validation
half; "shape", a schedule that was searched through: means over the test half, and
validation, its success on the other; "agreement", random subset `item` of `steps` rows: tau, Kendall's, between the
Beta shapes' success on it and on all rows, tau_rest that with the rows left out (0 where either ties throughout);
"law", on small tasks: per_token and blocks are exact path KLs, kl_per_token and kl_blocks the KL of the output law.
Scalars per task and seed: the shape and the named schedule that the search chose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from torch import Tensor

    from synthetic.experiments._schedules import Losses
    from synthetic.tasks import Examples, Task
    from theory.denoisers import Denoiser

SMALL = "small/"
SCORES = ("per_token", "blocks", "success", "nfe")
NUMBERS = (*SCORES, "kl_per_token", "kl_blocks", "validation", "loss", "error", "alpha", "tau", "tau_rest")
Row = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """Tasks, seeds of the models, rows a half, the most tokens in them, steps K, and the search over Beta shapes.

    `searched` names the tasks where every pair of `shapes` is sampled with, at `search` steps (half the free tokens
    where they are fewer); `subsets` are the sizes of the random subsets, `draws` of each.
    """

    scale: str = "laptop"
    tasks: tuple[str, ...] = (
        "sudoku4", "chain", "digits",
        "small/Markov chain", "small/copied pairs", "small/digit patches",
    )  # fmt: skip
    seeds: tuple[int, ...] = tuple(range(20))
    items: int = 256
    tokens: int = 4096
    steps: tuple[int, ...] = (2, 4, 8, 16)
    searched: tuple[str, ...] = ("sudoku4", "pairs", "chain")
    search: int = 4
    shapes: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    subsets: tuple[int, ...] = (50, 100)
    draws: int = 40


PRESETS = {
    "smoke": Config("smoke", ("pairs", "small/Markov chain"), (0, 1), 8, steps=(2, 4), shapes=(0.3, 1.0), subsets=(5,),
                    draws=4),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10)), items=150, tokens=2**20, subsets=(50, 100, 150)),
    "gpu": Config("gpu", seeds=(0, 1, 2, 3, 4), items=128, tokens=2**20, shapes=tuple(k / 10 for k in range(1, 11)),
                  subsets=(50, 100, 150)),
}  # fmt: skip


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, str]]:
    """Measure one model's losses by count on both halves, then score every schedule."""
    import pandas as pd

    from synthetic.experiments._losses import by_count
    from synthetic.experiments._schedules import Losses

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    half = max(2, min(config.items, config.tokens // task.n))
    examples = trained_models.some(task.test, 2 * half)
    free = (~examples.given).sum(-1)
    losses = Losses(by_count(denoiser, examples, repeats(task.n), 2 * seed), free)
    rows = curves(losses, max(k for k in config.steps if k <= int(free.max())), half)
    if name.startswith(SMALL):
        rows += enumerated(config, task, denoiser, losses.rows(slice(0, half)))
        chosen: dict[str, str] = {}
    else:
        measure = _Measurement(config, task, denoiser, examples, losses, half)
        rows += measure.items(progress)
        found, chosen = measure.searched(progress)
        rows += found
    table = pd.DataFrame(rows).reindex(columns=["part", "schedule", "steps", "item", *NUMBERS])
    table[list(NUMBERS)] = table[list(NUMBERS)].astype(float).map(lambda value: float(f"{value:.9g}"))
    table.insert(0, "task", name)
    table.insert(1, "seed", seed)
    return table.fillna({"schedule": ""}), {f"{name}/{seed}/{key}": value for key, value in chosen.items()}


def repeats(n: int) -> int:
    """Return how many orders a row's losses are averaged over: more where rows are short."""
    return max(1, 64 // n)


def curves(losses: Losses, steps: int, half: int) -> list[Row]:
    """Return the rows of the mean loss by count, of the computed grid with the most steps, and of the NELBOs."""
    most = int(losses.free.max())
    mine = losses.values[losses.free == most]
    error = mine.std(0) / len(mine) ** 0.5
    grid = losses.rows(slice(0, half)).best_grid(steps)
    return [
        *({"part": "curve", "steps": most, "item": m, "loss": float(mine[:, m].mean()), "error": float(error[m])}
          for m in range(most)),
        *({"part": "grid", "schedule": "computed", "steps": steps, "item": k, "alpha": float(alpha)}
          for k, alpha in enumerate(grid)),
        *({"part": "single", "steps": most, "item": item, "per_token": float(value)}
          for item, value in enumerate(losses.values[half:].sum(-1))),
    ]  # fmt: skip


def grids(config: Config, steps: int) -> dict[str, dict[str, np.ndarray]]:
    """Return the grids of the named schedules and of the Beta shapes, by name."""
    from theory.schedules import NAMED, beta_mask

    shapes = [(a, b) for a in config.shapes for b in config.shapes]
    return {
        "named": {name: schedule.grid(steps) for name, schedule in NAMED.items()},
        "Beta": {f"{a:g}, {b:g}": beta_mask(a, b).grid(steps) for a, b in shapes},
    }


class _Measurement:
    """The schedules of one model on one task: first half to choose on, second half to score."""

    def __init__(
        self, config: Config, task: Task, denoiser: Denoiser, examples: Examples, losses: Losses, half: int
    ) -> None:
        self.config, self.task, self.denoiser, self.examples, self.losses = config, task, denoiser, examples, losses
        self.validation, self.test = slice(0, half), slice(half, 2 * half)
        self.half = half

    def items(self, progress: Progress) -> list[Row]:
        """Return a row for every test row, schedule and number of steps."""
        most = int(self.losses.free.max())
        wanted = [steps for steps in self.config.steps if steps <= most]
        rows: list[Row] = []
        for steps in progress.track(wanted, "schedules"):
            for name, (grid, sizes) in self.schedules(steps).items():
                rows += self.scored(name, steps, grid, sizes, *self.sampled(sizes, self.test))
            rows += self.choices(steps)
        return rows

    def choices(self, steps: int) -> list[Row]:
        """Return what the named schedules cost on the validation half: by this, one of them is chosen."""
        from synthetic.experiments._schedules import rounded

        seen = self.losses.rows(self.validation)
        return [
            {"part": "choice", "schedule": name, "steps": steps, "per_token": float(seen.per_token(grid).mean()),
             "blocks": float(seen.in_blocks(rounded(grid, seen.free)).mean())}
            for name, grid in grids(self.config, steps)["named"].items()
        ]  # fmt: skip

    def schedules(self, steps: int) -> dict[str, tuple[np.ndarray, Tensor]]:
        """Return grid and block sizes of the test rows for the named schedules, the best Beta and the computed one."""
        from synthetic.experiments._schedules import rounded

        seen, free = self.losses.rows(self.validation), self.losses.free[self.test]
        known = grids(self.config, steps)
        best = min(known["Beta"], key=lambda name: float(seen.per_token(known["Beta"][name]).mean()))
        found = {name: (grid, rounded(grid, free)) for name, grid in known["named"].items()}
        found["best Beta"] = (known["Beta"][best], rounded(known["Beta"][best], free))
        found["computed"] = (seen.best_grid(steps), seen.best_sizes(free, steps))
        return found

    def scored(self, name: str, steps: int, grid: np.ndarray, sizes: Tensor, success: Tensor, nfe: Tensor) -> list[Row]:
        """Return the rows of one schedule."""
        test = self.losses.rows(self.test)
        columns = (test.per_token(grid), test.in_blocks(sizes), success, nfe)
        return [
            {"part": "item", "schedule": name, "steps": steps, "item": item, **dict(zip(SCORES, values, strict=True))}
            for item, values in enumerate(zip(*(column.tolist() for column in columns), strict=True))
        ]

    def sampled(self, sizes: Tensor, rows: slice) -> tuple[Tensor, Tensor]:
        """Return success and calls of samples in blocks; noise depends on the row and the model's seed alone."""
        from theory.unmasking.sampling import sample_sizes

        (seed,), examples = self.config.seeds, self.examples.rows(rows)
        start = trained_models.blank(examples, self.task.d)
        found = sample_sizes(self.denoiser, sizes, start, seed=10 * seed, batch=128)
        return self.task.success(found.tokens, examples), found.nfe

    def searched(self, progress: Progress) -> tuple[list[Row], dict[str, str]]:
        """Return what sampling with every shape gives: the chosen ones' rows, all means, and the agreement of ranks."""
        import torch

        from synthetic.experiments._schedules import rounded

        if self.task.name not in self.config.searched:
            return [], {}
        steps = max(2, min(self.config.search, int(self.losses.free.max()) // 2))
        known, both, rows, chosen = grids(self.config, steps), slice(0, 2 * self.half), [], {}
        for family, kind in (("Beta", "searched Beta"), ("named", "searched named")):
            outcome, calls = {}, {}
            for name, grid in progress.track(list(known[family].items()), family):
                outcome[name], calls[name] = self.sampled(rounded(grid, self.losses.free), both)
            best = max(outcome, key=lambda name: float(outcome[name][self.validation].mean()))
            sizes = rounded(known[family][best], self.losses.free[self.test])
            own = (outcome[best][self.test], calls[best][self.test])
            rows += self.scored(kind, steps, known[family][best], sizes, *own)
            rows += [self.shape(name, steps, known[family][name], outcome[name]) for name in outcome]
            chosen[kind] = best
            if family == "Beta":
                rows += agreement(torch.stack(list(outcome.values())), self.config)
        return rows, chosen

    def shape(self, name: str, steps: int, grid: np.ndarray, success: Tensor) -> Row:
        """Return the means of one schedule that was searched through."""
        from synthetic.experiments._schedules import rounded

        test = self.losses.rows(self.test)
        return {
            "part": "shape", "schedule": name, "steps": steps, "per_token": float(test.per_token(grid).mean()),
            "blocks": float(test.in_blocks(rounded(grid, test.free)).mean()),
            "success": float(success[self.test].mean()), "validation": float(success[self.validation].mean()),
        }  # fmt: skip


def agreement(success: Tensor, config: Config) -> list[Row]:
    """Return Kendall's tau between mean successes on random subsets and on all rows, and on the rows left out."""
    import torch

    count = success.shape[1]
    generator = torch.Generator().manual_seed(config.seeds[0])
    rows = []
    for size in (size for size in config.subsets if size < count):
        for draw in range(config.draws):
            order = torch.randperm(count, generator=generator)
            inside, outside = (success[:, part].mean(1) for part in (order[:size], order[size:]))
            whole = tau(inside, success.mean(1))
            rows.append({"part": "agreement", "steps": size, "item": draw, "tau": whole,
                         "tau_rest": tau(inside, outside)})  # fmt: skip
    return rows


def tau(first: Tensor, second: Tensor) -> float:
    """Return Kendall's tau-b; 0 where either holds one value only, as nothing is ranked."""
    from scipy.stats import kendalltau

    if len(first.unique()) < 2 or len(second.unique()) < 2:
        return 0.0
    return float(kendalltau(first.numpy(), second.numpy()).statistic)


def enumerated(config: Config, task: Task, denoiser: Denoiser, seen: Losses) -> list[Row]:
    """Return for each schedule the exact path KL and KL of the output law, with the model's tabulated conditionals.

    The validation half, drawn from the law, chooses the schedules as it does elsewhere.
    """
    import torch

    from synthetic.experiments._schedules import rounded
    from theory.denoisers import TableDenoiser
    from theory.unmasking import laws
    from theory.worlds import states
    from theory.worlds.table import table_of

    assert task.world is not None
    n, world = task.n, table_of(task.world)
    model = TableDenoiser(denoiser(states.all_states(n, task.d)))
    one, rows = torch.tensor([n]), []
    for steps in (steps for steps in (2, 3, 4) if steps < n):
        known = grids(config, steps)
        best = min(known["Beta"], key=lambda name: float(seen.per_token(known["Beta"][name]).mean()))
        wanted = {**known["named"], "best Beta": known["Beta"][best], "computed": seen.best_grid(steps)}
        ways = [laws.per_token(grid, n) for grid in wanted.values()]
        for name, grid in wanted.items():
            sizes = seen.best_sizes(one, steps) if name == "computed" else rounded(grid, one)
            ways.append(laws.fixed_size(sizes[0].tolist(), n))
        found = laws.sampler_law(torch.stack(ways), world, model)  # all at once: the reveal kernel is built once
        paths, divergences = torch.as_tensor(found.path_divergence), torch.as_tensor(found.divergence)
        for k, name in enumerate(wanted):
            token, block = k, k + len(wanted)
            numbers = {
                "per_token": float(paths[token]), "blocks": float(paths[block]),
                "kl_per_token": float(divergences[token]), "kl_blocks": float(divergences[block]),
            }  # fmt: skip
            rows.append({"part": "law", "schedule": name, "steps": steps, "item": 0, **numbers})
    return rows
