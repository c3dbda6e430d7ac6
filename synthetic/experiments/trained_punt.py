"""PUNT on trained models against Top-k, EB and one-by-one decoding: error, quality and diversity at equal calls.

Azangulov et al., arXiv 2510.21961. Every denoiser call evaluates one sequence, so equal calls are equal compute. Each
task is sampled with its trained denoiser and, where the law is known, with exact conditionals ("exact"); small tasks
are walked, and their numbers are exact. Everything is drawn at temperature 1 and measured in nats.

Table: part, task, seed, denoiser ("trained", "exact"), family ("PUNT", "PUNT in order", "Top-k", "EB"), parameter
(threshold eps, k, budget), items (how many) and lists of one value an item, empty where there is none.
part "frontier": nfe (calls), kept (|R|, tokens a step), quality (-ln p(x) where the law is known, else the task's
success), kl (on chains KL of the output's Markov projection, a lower bound of KL(p_out || p); exact on small tasks),
entropy (of that projection, of the output law, or of the output's pairs of neighbours), path (ln p_out(x) - ln p(x),
an unbiased KL(p_out || p), where x alone decides the path; reverse KL(p || p_out) on small tasks). An item is the mean
of a group of sequences; a small task has one item.
part "delta": nfe, kept and delta, the mean in-step error over the tokens kept beside a higher-ranked one; by sequence.
part "stability": passed, failed (pairs U that leave a position unmoved, those of which a member alone moves it) and
tested, composed (pairs of which each member leaves it unmoved, those that move it together), contested (pairs that
move it together or by a member), by state.
Scalars per task and seed: entropy of the data law where it is known.
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

    from synthetic.tasks import Task
    from theory.denoisers import Denoiser
    from theory.unmasking.rules.base import SetRule
    from theory.unmasking.rules.punt import Punt

COUNTS = ("passed", "failed", "tested", "composed", "contested")
LISTS = ("nfe", "kept", "quality", "kl", "entropy", "path", "delta", *COUNTS)


@dataclass(frozen=True)
class Config:
    """Tasks, model seeds, parameters, and sequences: drawn by each denoiser, for tasks without law, for deltas."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("chain", "digits", "small/four-token chain", "small/Markov chain")
    seeds: tuple[int, ...] = tuple(range(20))
    eps: tuple[float, ...] = (0.01, 0.05, 0.15, 0.32)
    in_order: tuple[float, ...] = (0.05, 0.32)
    sizes: tuple[int, ...] = (1, 2, 3, 4, 8, 16)
    budgets: tuple[float, ...] = (0.3, 1.0, 3.0, 8.0)
    trained: int = 384
    exact: int = 192
    lawless: int = 96
    deltas: int = 16
    states: int = 128
    group: int = 8


PRESETS = {
    "smoke": Config(
        "smoke", ("chain", "digits", "small/Markov chain"), (0,), (0.05, 0.3), (0.3,), (1, 16), (0.3, 8.0),
        8, 16, 4, 2, 8, 2,
    ),
    "laptop": Config(),
    "h100": Config(
        "h100", ("chain", "hmm", "text", "digits", "small/four-token chain", "small/Markov chain"), tuple(range(10)),
        trained=1024, exact=2048, lawless=256, deltas=64, states=512, group=16,
    ),
    "gpu": Config(
        "gpu", ("chain", "hmm", "text", "digits", "small/four-token chain", "small/Markov chain"), (0, 1, 2, 3, 4),
        (0.003, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.32), (0.01, 0.05, 0.15, 0.32), (1, 2, 3, 4, 5, 6, 8, 11, 16, 32),
        (0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0, 16.0), 8192, 8192, 2048, 512, 4096, 32,
    ),
}  # fmt: skip


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Measure the rules on one model and, where the law is known, with its exact conditionals."""
    import pandas as pd

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    small = name.startswith("small/")
    sides: list[tuple[str, Denoiser]] = [("trained", denoiser)]
    scalars: dict[str, float] = {}
    if task.world is not None:
        sides.append(("exact", task.world))
        scalars[f"{name}/{seed}/entropy"] = float(task.world.entropy() or 0.0)
    rows: list[dict[str, Any]] = []
    for side, asked in progress.track(sides, f"{name}, {seed}"):
        measured = walked(config, task, asked) if small else sampled(config, task, asked, side, seed)
        rows += [{"task": name, "seed": seed, "denoiser": side, **row} for row in measured]
    return pd.DataFrame([_listed(row) for row in rows]), scalars


def rules(config: Config, n: int) -> Iterator[tuple[str, float, SetRule | Punt]]:
    """Yield family, parameter and rule; Top-1 is one-by-one decoding."""
    from theory.unmasking.rules.punt import Punt
    from theory.unmasking.rules.sets import EntropyBounded, TopK

    for eps in config.eps:
        yield "PUNT", eps, Punt(eps, "confidence")
    for eps in config.in_order:
        yield "PUNT in order", eps, Punt(eps, "confidence", "in-order")
    for k in (*(k for k in config.sizes if k < n), n):
        yield "Top-k", float(k), TopK(k, "confidence")
    for budget in config.budgets:
        yield "EB", budget, EntropyBounded(budget, "entropy")


def sampled(config: Config, task: Task, denoiser: Denoiser, side: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield all parts of a long task; a task without law skips in-order tests, whose output tells nothing more."""
    lawless = task.world is None
    count = config.lawless if lawless else config.trained if side == "trained" else config.exact
    for family, parameter, rule in rules(config, task.n):
        if lawless and family == "PUNT in order":
            continue
        yield {
            "part": "frontier", "family": family, "parameter": parameter,
            **frontier_point(task, denoiser, rule, count, seed, config.group),
        }  # fmt: skip
    for eps in config.eps:
        yield {"part": "delta", "family": "PUNT", "parameter": eps, **deltas(config, task, denoiser, eps, seed)}
    for eps, found in stability(config, task, denoiser, seed).items():
        yield {"part": "stability", "family": "PUNT", "parameter": eps, **found}


def frontier_point(
    task: Task, denoiser: Denoiser, rule: SetRule | Punt, count: int, seed: int, group: int
) -> dict[str, list[float]]:
    """Return calls, tokens a step, quality, error and diversity of drawn sequences, by group."""
    import torch

    from synthetic.experiments._drawn import draw, grouped, markov_entropy, pooled_entropy
    from synthetic.tasks import unconditional
    from theory.unmasking.rules.sets import SetRule

    found = draw(denoiser, rule, torch.full((count, task.n), task.d), seed)
    values = {"nfe": found.calls, "kept": task.n / found.steps, "entropy": markov_entropy(found.tokens, task.d)}
    if task.world is None:
        values["entropy"] = pooled_entropy(found.tokens[:, :-1] * task.d + found.tokens[:, 1:], task.d**2)
        values["quality"] = task.success(found.tokens, unconditional(found.tokens))
    else:
        values["quality"] = -task.world.log_prob(found.tokens)
        values["kl"] = values["quality"] - values["entropy"]
        if isinstance(rule, SetRule) or rule.tests == "in-order":
            values["path"] = found.log_p + values["quality"]
    return {name: grouped(value, group) for name, value in values.items()}


def deltas(config: Config, task: Task, denoiser: Denoiser, eps: float, seed: int) -> dict[str, list[float]]:
    """Return the mean in-step error of the tokens that were kept beside a higher-ranked one, by sequence."""
    import torch

    from synthetic.experiments._drawn import draw
    from theory.unmasking.rules.punt import Punt, ranks, token_errors

    rule, total = Punt(eps, "confidence"), torch.zeros(2, config.deltas, dtype=torch.float64)

    def watch(rows: Tensor, z: Tensor, y: Tensor, kept: Tensor, log_p: Tensor) -> None:
        delta = token_errors(denoiser, z, y, kept, ranks(log_p, z == task.d, y, rule.by), log_p)
        total[:, rows] += torch.stack((delta.sum(-1), kept.sum(-1) - 1.0))

    found = draw(denoiser, rule, torch.full((config.deltas, task.n), task.d), seed, watch)
    mean = total[0] / total[1].clamp(min=1)
    return {"nfe": found.calls.tolist(), "kept": (task.n / found.steps).tolist(), "delta": mean.tolist()}


def stability(config: Config, task: Task, denoiser: Denoiser, seed: int) -> dict[float, dict[str, list[float]]]:
    """Count failures of independence stability and of composition, eight random pairs at random states of test rows."""
    import torch

    from theory.unmasking.rules.base import draw_candidates
    from theory.unmasking.rules.punt import influence

    generator, pairs = torch.Generator().manual_seed(seed), 8
    x = task.test.tokens[: config.states]
    noise = torch.rand(x.shape, generator=generator)
    masks = torch.randint(3, task.n + 1, (len(x), 1), generator=generator)
    z = torch.where(noise.argsort(-1).argsort(-1) < masks, task.d, x)
    log_p = denoiser(z)
    y = draw_candidates(log_p, z, generator)
    member = torch.rand((len(x), pairs, task.n), generator=generator)
    member = torch.where((z == task.d)[:, None], member, -1.0).topk(2, -1).indices
    moved = []
    for shown in (member[..., :1], member[..., 1:], member):
        inside = torch.zeros((*member.shape[:2], task.n), dtype=torch.bool).scatter(-1, shown, True)
        log_q = denoiser(torch.where(inside, y[:, None], z[:, None]).flatten(0, 1))
        moved.append(influence(log_p.repeat_interleave(pairs, 0), log_q).reshape(inside.shape))
    asked = (z == task.d)[:, None] & ~inside
    return {eps: _failures(moved, asked, eps) for eps in config.eps}


def _failures(moved: list[Tensor], asked: Tensor, eps: float) -> dict[str, list[float]]:
    import torch

    stirred, calm = torch.maximum(moved[0], moved[1]) > eps, moved[2] <= eps
    counts = {
        "passed": asked & calm, "failed": asked & calm & stirred,
        "tested": asked & ~stirred, "composed": asked & ~stirred & ~calm, "contested": asked & (stirred | ~calm),
    }  # fmt: skip
    return {name: value.sum((-1, -2)).tolist() for name, value in counts.items()}


def walked(config: Config, task: Task, denoiser: Denoiser) -> Iterator[dict[str, Any]]:
    """Yield the exact numbers of every rule on a small task, its denoiser tabulated at all states."""
    import torch

    from theory.denoisers import TableDenoiser
    from theory.unmasking.walks import walk
    from theory.worlds import information, states
    from theory.worlds.table import table_of

    assert task.world is not None
    n, d = task.n, task.d
    world, table = table_of(task.world), TableDenoiser(denoiser(states.all_states(n, d)))
    law, masks = world.law(), states.masked_count(n, d)
    for family, parameter, rule in rules(config, n):
        found = walk(rule, world, table)
        output, mass = found.output.law(), found.visits
        forward, reverse = (information.kullback_leibler(*pair) for pair in ((output, law), (law, output)))
        possible = bool(torch.isfinite(forward)) and bool(torch.isfinite(reverse))
        yield {
            "part": "frontier", "family": family, "parameter": parameter,
            "nfe": [float(found.calls)], "kept": [n / float(mass[masks > 0].sum())],
            "entropy": [float(information.entropy(output))],
            "quality": [float(forward + information.entropy(output))] if possible else [],
            "kl": [float(forward)] if possible else [], "path": [float(reverse)] if possible else [],
        }  # fmt: skip


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table: its items counted, every list packed."""
    from synthetic.itemised import pack

    values = {name: pack(row.pop(name, [])) for name in LISTS}
    return {**row, "items": max(len(text.split()) for text in values.values()), **values}
