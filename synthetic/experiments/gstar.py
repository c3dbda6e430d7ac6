"""Trained error predictors: AUC, distance from the optimum, and what guided refinement does at equal evaluations.

Meshchaninov et al., arXiv 2510.08369. Star+ is masked diffusion that, at times t <= t_on, fills all masks and masks
ceil((1 - alpha) n) positions again at random; G-Star+ chooses them by a predictor, at temperature 1. Small tasks
have exact output laws, the others are sampled.

Table: task, seed, part, method, measure, t_on, budget, steps, evaluations (expected, of both networks, for each
sequence) and values (a list: one for each chunk of items or samples, one where exact); 0 where a column means nothing.
Parts: "predictor", measure distance = E |g - g*| over training drafts (methods are the parts trained: head, block,
full); "drafts", AUC on one-step and on iterated drafts of the same held-out rows at the same times, also of the
optimum g* (iterated: `rounds` steps guided by the method itself); "budget", the most steps within a budget of
evaluations at the recommended window; "window", the same over t_on at one budget; "MDLM", masked diffusion with the
nearest fewer and more evaluations than each of them, and "one by one", its limit of many steps with n evaluations;
"steps", equal steps. The measures of the last four are tv, kl and entropy (nats) or success; G-Star+ is guided by the
fully trained predictor, "G-Star+, g*" by the optimum.
Scalars: n and, on small tasks, the entropy of the data in nats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from synthetic import trained as trained_models
from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from synthetic.experiments._refinement import Bench, Plan
    from synthetic.tasks import Task
    from theory.denoisers import Denoiser
    from theory.remasking.predictor import Predictor

SMALL = "small/"
HEAD_RATE = 5e-2
"""Peak learning rate of a head alone: a linear map on frozen features takes a large one."""

ORIGINALS = 2**17
"""Draws from a small law: 8192 as a denoiser sees leave g* of a thousand sequences uncertain by .017 in the mean."""

FITS = {
    "smoke": {"": (30, 64, 4e-3)},
    "laptop": {"small": (400, 512, 6e-3), "": (200, 96, 1e-3)},
    "h100": {"small": (1500, 4096, 4e-3), "": (2000, 256, 1e-3)},
    "gpu": {"small": (3000, 4096, 2e-3), "": (10_000, 512, 5e-4)},
}
"""Steps, drafts a step and peak rate (of a block, of all) of the predictors' training, by scale and family of tasks."""


@dataclass(frozen=True)
class Config:
    """Tasks, seeds, budgets of evaluations, windows at one budget, the recommended one, and the sizes of samples.

    Tasks that are sampled have budgets and windows of their own: fewer, as each costs passes of the denoiser.
    """

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("small/Markov chain", "small/four-token chain", "small/copied pairs", "sudoku4 free")
    seeds: tuple[int, ...] = tuple(range(16))
    budgets: tuple[int, ...] = (6, 8, 11, 16, 22, 32, 64)
    windows: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    sampled_budgets: tuple[int, ...] = (8, 16, 32)
    sampled_windows: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 1.0)
    recommended: float = 0.3
    swept: int = 16
    grid: int = 16
    rounds: int = 4
    drafts: int = 2048
    samples: int = 512
    chunks: int = 16


PRESETS = {
    "smoke": Config(
        "smoke", ("small/Markov chain", "sudoku4 free"), (0, 1), (4, 8), (0.1, 0.5, 1.0), (4, 8), (0.1, 0.5, 1.0),
        0.5, 8, 8, 2, 128, 32, 2,
    ),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10)), drafts=8192, samples=2048),
    "gpu": Config(
        "gpu", budgets=(6, 8, 11, 16, 22, 32, 45, 64), sampled_budgets=(8, 11, 16, 22, 32, 45, 64),
        sampled_windows=Config.windows, grid=32, rounds=8, drafts=16384, samples=8192,
    ),
}  # fmt: skip


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Train the predictors of one denoiser and measure them."""
    import pandas as pd

    from synthetic.models import trained
    from synthetic.tasks import task as named

    (name,), (seed,) = config.tasks, config.seeds
    task, model = named(name), trained(trained_models.spec(name, config.scale, seed), progress)
    rows, scalars = (enumerated if name.startswith(SMALL) else sampled)(config, task, model, progress)
    columns = ["part", "method", "measure", "t_on", "budget", "steps", "evaluations", "values"]
    table = pd.DataFrame(rows, columns=columns)
    table.insert(0, "task", name)
    table.insert(1, "seed", seed)
    return table, {f"{name}/{seed}/{key}": value for key, value in scalars.items()}


def enumerated(
    config: Config, task: Task, model: Any, progress: Progress
) -> tuple[list[tuple[Any, ...]], dict[str, float]]:
    """Return the rows of a task whose sequences fit in a list: all laws exact."""
    import torch

    from synthetic.experiments._refinement import Exact
    from theory.denoisers import tabulated
    from theory.remasking import predictor as best
    from theory.worlds import states
    from theory.worlds.table import table_of

    assert task.world is not None
    world, table = table_of(task.world), tabulated(conditionals(model))
    bench = Exact(world, table)
    optimum = best.error_probabilities(world, bench.proposal)
    drafted = best.drafted_law(world, bench.proposal).law()
    predictors = fitted(config, task, model, table)
    rows: list[tuple[Any, ...]] = []
    for part, predictor in predictors.items():
        logits = predictor(states.all_sequences(task.n, task.d))
        distance = drafted @ (torch.sigmoid(logits) - optimum).abs().mean(-1)
        rows.append(("predictor", part, "distance", 0.0, 0, 0, 0.0, f"{float(distance):.9g}"))
        predictors[part] = best.tabulated(logits)
    predictors["g*"] = best.tabulated(best.error_logits(world, bench.proposal))
    rows += auc_rows(config, task, table, predictors, progress)
    guides = {"G-Star+": bench.refinement(predictors["full"]), "G-Star+, g*": bench.refinement(predictors["g*"])}
    rows += list(sampler_rows(config, task.n, bench, guides, progress))
    rows += list(equal_steps_rows(config, task.n, bench, guides))
    return rows, {"n": float(task.n), "entropy": float(world.entropy())}


def sampled(
    config: Config, task: Task, model: Any, progress: Progress
) -> tuple[list[tuple[Any, ...]], dict[str, float]]:
    """Return the rows of a task that is sampled."""
    from synthetic.experiments._refinement import Sampled

    denoiser = conditionals(model)
    predictors = fitted(config, task, model, denoiser)
    bench = Sampled(task, denoiser, config.samples, config.chunks, config.seeds[0])
    rows = auc_rows(config, task, denoiser, predictors, progress)
    fewer = replace(config, budgets=config.sampled_budgets, windows=config.sampled_windows)
    rows += list(sampler_rows(fewer, task.n, bench, {"G-Star+": predictors["full"]}, progress))
    return rows, {"n": float(task.n)}


def conditionals(model: Any) -> Denoiser:
    """Return a network as a denoiser of states on the CPU, where all else is computed."""
    from synthetic.denoisers import exact

    return exact(model)


def fitted(config: Config, task: Task, model: Any, denoiser: Denoiser) -> dict[str, Predictor]:
    """Return the trained predictors by the part that was trained; small laws are drawn afresh, without end."""
    import torch

    from synthetic.predictors import Fitting, fit, logits
    from synthetic.tasks import unconditional

    sizes, (seed,) = FITS[config.scale], config.seeds
    steps, batch, rate = sizes.get(task.name.split("/")[0]) or sizes[""]
    originals = task.train
    if task.name.startswith(SMALL):
        assert task.world is not None
        originals = unconditional(task.world.sample(ORIGINALS, torch.Generator().manual_seed(seed)))
    rates = {"head": HEAD_RATE, "block": rate, "full": rate}
    found = fit(model, denoiser, originals, Fitting(steps, batch, max(1, steps // 20)), seed, rates)
    return {part: logits(module) for part, module in found.items()}


def auc_rows(
    config: Config, task: Task, denoiser: Denoiser, predictors: dict[str, Predictor], progress: Progress
) -> list[tuple[Any, ...]]:
    """Return the AUC of every predictor, chunk by chunk of held-out rows, on one-step and on its iterated drafts."""
    from synthetic.itemised import pack
    from synthetic.predictors import area

    tokens = task.test.tokens.repeat(-(-config.drafts // len(task.test.tokens)), 1)[: config.drafts]
    found = []
    for name, predictor in progress.track(list(predictors.items()), f"{task.name}, AUC"):
        for measure, rounds in (("one-step", 0), ("iterated", config.rounds)):
            draft = held_out_drafts(config, tokens, denoiser, predictor, rounds)
            scores, wrong = predictor(draft), draft != tokens
            areas = [area(scores[k :: config.chunks], wrong[k :: config.chunks]) for k in range(config.chunks)]
            found.append(("drafts", name, measure, 0.0, 0, rounds, 0.0, pack(areas)))
    return found


def held_out_drafts(config: Config, tokens: Tensor, denoiser: Denoiser, predictor: Predictor, rounds: int) -> Tensor:
    """Return drafts after `rounds` guided steps that end at grid times rounds..grid - 1, in turn over the chunks."""
    import torch

    from synthetic.predictors import iterated

    generator = torch.Generator().manual_seed(config.seeds[0])
    ends = range(config.rounds, config.grid)
    turn = torch.arange(len(tokens)) // config.chunks % len(ends)
    drafts = tokens.clone()
    for k, end in enumerate(ends):
        alphas = [j / config.grid for j in range(end - rounds, end + 1)]
        drafts[turn == k] = iterated(denoiser, tokens[turn == k], alphas, generator, predictor)
    return drafts


def sampler_rows(
    config: Config, n: int, bench: Bench, guides: dict[str, Any], progress: Progress
) -> Iterator[tuple[Any, ...]]:
    """Yield what refinement reaches over budgets, then over windows, and masked diffusion on both sides of each."""
    from synthetic.experiments._refinement import evaluations, window, within
    from theory.remasking.schedules import standard

    conditions = [
        ("budget", budget, method, config.recommended) for budget in config.budgets for method in ("Star+", *guides)
    ]
    conditions += [("window", config.swept, method, on) for on in config.windows for method in ("Star+", "G-Star+")]
    lengths: set[int] = set()
    for part, budget, method, on in progress.track(conditions, "refinement"):
        plan = within(budget, partial(window, on=on), n, method in guides)
        yield from _refined(part, method, on, budget, plan, n, bench, guides)
        near = len(within(evaluations(plan, n, method in guides), standard, n))
        lengths |= {near, near + 1}
    for steps in progress.track(sorted(lengths), "masked diffusion"):
        yield from _refined("MDLM", "MDLM", 0.0, 0, standard(steps), n, bench, guides)
    yield from _listed("MDLM", "one by one", 0.0, 0, n, float(n), bench.one_by_one())


def equal_steps_rows(config: Config, n: int, bench: Bench, guides: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Yield random and guided refinement at equal steps, in the recommended window and in all of the run."""
    from synthetic.experiments._refinement import window

    for on in (config.recommended, 1.0):
        for method in ("Star+", *guides):
            yield from _refined("steps", method, on, 0, window(config.swept, on), n, bench, guides)


def _refined(
    part: str, method: str, on: float, budget: int, plan: Plan, n: int, bench: Bench, guides: dict[str, Any]
) -> list[tuple[Any, ...]]:
    from synthetic.experiments._refinement import evaluations

    cost = evaluations(plan, n, method in guides)
    return _listed(part, method, on, budget, len(plan), cost, bench.refined(plan, guides.get(method)))


def _listed(
    part: str, method: str, on: float, budget: int, steps: int, cost: float, measures: dict[str, list[float]]
) -> list[tuple[Any, ...]]:
    from synthetic.itemised import pack

    return [(part, method, name, on, budget, steps, cost, pack(values)) for name, values in measures.items()]
