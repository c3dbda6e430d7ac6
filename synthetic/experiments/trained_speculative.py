"""Speculative decoding with trained models: rounds, calls and quality against sequential and parallel decoding.

The masked form of De Bortoli et al., arXiv 2501.05370: conditionals frozen at the window's start draft up to L tokens,
one batch of calls verifies them, a rejected one is drawn from the residual; a position that is not the next of the
order is rejected too. The law is that of one-token decoding in the same order, window 1 here. Calls are sequential: a
round is one call and one batch, the first known in advance after a full acceptance. Each task is decoded with its
trained denoiser and, where the law is known, with exact conditionals ("exact"). Temperature 1, nats.

Table: part, task, seed, denoiser ("trained", "exact"), order ("confidence", "left to right", "random": one drawn
order), parameter (window L, or k), items (how many) and lists of one value a sequence, empty where there is none.
part "window": rounds, rejections, mismatches (rejections by order), calls (sequential), evaluations (sequences),
expected (the sum of TV over examined steps), quality (-ln p(x) where the law is known, else the task's success) and kl
(on chains, a lower bound of KL(p_out || p) by neighbours).
part "parallel": Top-k by confidence: rounds and calls (its denoiser calls), evaluations, quality and kl.
part "law": small tasks, one value each, exact: tv (of the speculative law from that of one-token decoding), naive (the
same when a rejected token is drawn from the target instead of the residual), rounds, rejections and mismatches.
Scalars per task and seed: tokens of a sequence.
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
    from theory.speculation.masked import Priority

LISTS = (
    "rounds", "rejections", "mismatches", "calls", "evaluations", "expected", "quality", "kl", "tv", "naive",
)  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Tasks, model seeds, windows (1 is one-token decoding), Top-k's sizes, and sequences of each denoiser."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("chain", "digits", "small/Markov chain", "small/copied pairs")
    seeds: tuple[int, ...] = tuple(range(20))
    windows: tuple[int, ...] = (1, 2, 4, 8, 16)
    lawless_windows: tuple[int, ...] = (1, 8)
    sizes: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 16)
    trained: int = 128
    exact: int = 128
    lawless: int = 72


PRESETS = {
    "smoke": Config("smoke", ("chain", "small/Markov chain"), (0, 1), (1, 4), (1, 4), (1, 4, 16), 8, 16, 4),
    "laptop": Config(),
    "h100": Config(
        "h100", ("chain", "hmm", "text", "digits", "small/Markov chain", "small/copied pairs"), tuple(range(10)),
        trained=512, exact=1024, lawless=128,
    ),
    "gpu": Config(
        "gpu", ("chain", "hmm", "text", "digits", "small/Markov chain", "small/copied pairs"), (0, 1, 2, 3, 4),
        (1, 2, 4, 6, 8, 12, 16, 24, 32), (1, 2, 4, 8, 16, 32), (1, 2, 3, 4, 5, 6, 8, 11, 16, 32), 2048, 2048, 512,
    ),
}  # fmt: skip


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Decode with one model and, where the law is known, with its exact conditionals."""
    import pandas as pd

    task, network = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    small = name.startswith("small/")
    sides: list[tuple[str, Denoiser]] = [("trained", network)]
    if task.world is not None:
        sides.append(("exact", task.world))
    rows: list[dict[str, Any]] = []
    for side, asked in progress.track(sides, f"{name}, {seed}"):
        if small:
            found = laws(config, task, asked, seed)
        else:
            lawless = task.world is None
            count = config.lawless if lawless else config.trained if side == "trained" else config.exact
            windows = config.lawless_windows if lawless else config.windows
            found = decoded(config, task, asked, windows, count, seed)
        rows += [{"task": name, "seed": seed, "denoiser": side, **row} for row in found]
    return pd.DataFrame([_listed(row) for row in rows]), {f"{name}/{seed}/tokens": float(task.n)}


def orders(n: int, seed: int) -> dict[str, Priority]:
    """Return the orders by name; the random one is the same for every sequence of a seed."""
    import torch

    from theory.speculation.masked import confidence, fixed, left_to_right

    drawn = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()
    return {"confidence": confidence, "left to right": left_to_right, "random": fixed(drawn)}


def decoded(
    config: Config, task: Task, denoiser: Denoiser, windows: tuple[int, ...], count: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Yield every order with every window, and Top-k of every size."""
    import torch

    from synthetic.experiments._drawn import draw
    from theory.speculation.masked import speculate
    from theory.unmasking.rules.sets import TopK

    for order, priority in orders(task.n, seed).items():
        for window in windows:
            generator = torch.Generator().manual_seed(1000 * seed + window)
            found = speculate(denoiser, window, count, priority, generator)
            yield {
                "part": "window", "order": order, "parameter": window, "rounds": found.rounds.tolist(),
                "rejections": found.rejections.tolist(), "mismatches": found.mismatches.tolist(),
                "calls": found.sequential_calls.tolist(), "evaluations": found.evaluations.tolist(),
                "expected": found.expected_rejections.tolist(), **_of(task, found.sequences),
            }  # fmt: skip
    for k in (k for k in config.sizes if k < task.n):
        top = draw(denoiser, TopK(k, "confidence"), torch.full((count, task.n), task.d), seed + 1)
        calls = top.calls.tolist()
        counted = {"rounds": calls, "calls": calls, "evaluations": calls}
        yield {"part": "parallel", "order": "confidence", "parameter": k, **counted, **_of(task, top.tokens)}


def _of(task: Task, tokens: Tensor) -> dict[str, list[float]]:
    from synthetic.experiments._drawn import pooled_markov_entropy
    from synthetic.tasks import unconditional

    if task.world is None:
        return {"quality": task.success(tokens, unconditional(tokens)).tolist()}
    surprisal = -task.world.log_prob(tokens)
    return {"quality": surprisal.tolist(), "kl": (surprisal - pooled_markov_entropy(tokens, task.d)).tolist()}


def laws(config: Config, task: Task, denoiser: Denoiser, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the exact law of the speculative sampler against that of one-token decoding, for every order and window."""
    from theory.denoisers import tabulated
    from theory.speculation.masked import sequential_law, sweep
    from theory.worlds.information import total_variation

    table = tabulated(denoiser)
    for order, priority in orders(task.n, seed).items():
        target = sequential_law(table, priority).law()
        for window in (window for window in config.windows if window <= task.n):
            found, naive = (sweep(table, window, priority, kind) for kind in ("residual", "target"))  # type: ignore[arg-type]  # a kind by name
            yield {
                "part": "law", "order": order, "parameter": window,
                "tv": [float(total_variation(found.output.law(), target))],
                "naive": [float(total_variation(naive.output.law(), target))], "rounds": [found.rounds],
                "rejections": [found.rejections], "mismatches": [found.mismatches],
            }  # fmt: skip


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table: its items counted, every list packed."""
    from synthetic.itemised import pack

    values = {name: pack(row.pop(name, [])) for name in LISTS}
    return {**row, "items": max(len(text.split()) for text in values.values()), **values}
