"""Info-Gain on trained models: cumulative entropy, quality and diversity, at equal calls and at equal compute.

Yang et al., arXiv 2602.18176. Three forms of the objective against entropy-greedy decoding, Top-k and Best-of-N (of N
entropy-greedy draws the one of least cumulative entropy Htilde). Calls are batched: a look-ahead at N candidates is
one call that evaluates N sequences (duplicates too), and its winner's conditionals serve the next step. Each task is
decoded with its trained denoiser and with exact conditionals ("exact"; on small tasks, which are walked and have no
chance in them, beside seed 0 only). Entropies in nats.

Table: part, task, seed, denoiser ("trained", "exact"), rule ("entropy-greedy", "Info-Gain", "Top-k", "Best-of-N"),
form ("mean", "sum", "look-ahead", else empty), candidates (N), size (tokens a step, k), items (how many) and lists of
one value an item, empty where there is none: calls, evaluated (sequences), surprise (Htilde) and quality (-ln p(x),
given what was shown; empty where a sequence is impossible).
part "argmax": most probable tokens, all masked positions as candidates, from test rows partly masked; by row.
part "drawn": temperature 1 from all masks, with entropy of the output (on a chain an upper bound by neighbours) and
kl, KL(p_out || p) (on a chain a lower bound by neighbours); by sequence, one item on small tasks.
part "case" (a x b = c): first, factors and product, the probabilities that a factor is decoded first, both factors
before any digit of the product, and the product before any factor; one item.
Scalars per task and seed: entropy of the data law.
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
    from theory.unmasking.rules.base import ValueRule
    from theory.unmasking.rules.info_gain import SampledInfoGain

CASE = "small/a x b = c"
FORMS = ("mean", "sum", "look-ahead")
LISTS = ("calls", "evaluated", "surprise", "quality", "entropy", "kl", "first", "factors", "product")


@dataclass(frozen=True)
class Config:
    """Tasks, model seeds, candidates, the k of Info-Gain's parallel form, and sequences of each part."""

    scale: str = "laptop"
    tasks: tuple[str, ...] = ("chain", "small/four-token chain", "small/Markov chain", CASE)
    seeds: tuple[int, ...] = tuple(range(20))
    candidates: int = 8
    tau_position: float = 0.1
    parallel: int = 4
    argmax: int = 48
    masks: int = 16
    argmax_small: int = 256
    trained: int = 24
    exact: int = 96


PRESETS = {
    "smoke": Config("smoke", ("small/four-token chain", CASE), (0, 1), 2, 0.1, 2, 4, 4, 16, 4, 4),
    "laptop": Config(),
    "h100": Config("h100", seeds=tuple(range(10)), argmax=128, argmax_small=2048, trained=256, exact=512),
    "gpu": Config("gpu", seeds=(0, 1, 2, 3, 4), argmax=512, argmax_small=4096, trained=2048, exact=2048),
}


parts, models = trained_models.runs, trained_models.specs
"""One run for each task and seed, and the models that a run measures."""


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Decode with one model and with the exact conditionals of its task."""
    import pandas as pd

    from theory.denoisers import TableDenoiser
    from theory.errors import InvalidInput
    from theory.worlds import states

    task, denoiser = trained_models.denoiser(config, progress)
    (name,), (seed,) = config.tasks, config.seeds
    if task.world is None:
        raise InvalidInput(f"task {name!r} has no law to measure quality by; choose one with a world")
    small, rows = name.startswith("small/"), []
    sides: list[tuple[str, Denoiser]] = [("trained", denoiser), ("exact", task.world)]
    for side, asked in progress.track(sides[: 1 if small and seed else 2], f"{name}, {seed}"):
        if small:
            asked = TableDenoiser(asked(states.all_states(task.n, task.d)))
        found = [*decoded(config, task, asked, seed)]
        found += walked(config, task, asked) if small else sampled(config, task, asked, side, seed)
        found += case(config, task, asked) if name == CASE else []
        rows += [{"task": name, "seed": seed, "denoiser": side, **row} for row in found]
    entropy = task.world.entropy()
    return pd.DataFrame([_listed(row) for row in rows]), {f"{name}/{seed}/entropy": float(entropy or 0.0)}


def decoded(config: Config, task: Task, denoiser: Denoiser, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the decoders with most probable tokens, from test rows with random masks."""
    import torch

    from synthetic.experiments._drawn import follow
    from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain

    assert task.world is not None
    small = task.name.startswith("small/")
    x = task.test.tokens[: config.argmax_small if small else config.argmax]
    noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed))
    start = torch.where(noise.argsort(-1).argsort(-1) < (task.n - 1 if small else config.masks), task.d, x)
    shown = task.world.log_marginal(start)
    rules: list[tuple[str, str, ValueRule]] = [("entropy-greedy", "", SampledInfoGain(1, greedy=True))]
    rules += [("Info-Gain", form, InfoGain(form, "argmax")) for form in FORMS]  # type: ignore[arg-type]  # a form by name
    for rule, form, used in rules:
        tokens, surprise, steps = follow(denoiser, used, start, seed)
        masked = (start == task.d).sum(-1)
        evaluated = masked * (masked + 1) // 2 if form else masked
        quality = shown - task.world.log_prob(tokens)
        yield {
            "part": "argmax", "rule": rule, "form": form, "candidates": 0 if form else 1, "size": 1,
            "calls": steps.tolist(), "evaluated": evaluated.tolist(), "surprise": surprise.tolist(),
            "quality": quality.tolist() if bool(torch.isfinite(quality).all()) else [],
        }  # fmt: skip


def sampled(config: Config, task: Task, denoiser: Denoiser, side: str, seed: int) -> Iterator[dict[str, Any]]:
    """Yield every sampler of a long chain, by sequence."""
    import torch

    from synthetic.experiments._drawn import draw, follow
    from theory.unmasking.rules.sets import TopK

    count = config.trained if side == "trained" else config.exact
    start = torch.full((count, task.n), task.d)
    for size in (1, config.parallel):
        top = draw(denoiser, TopK(size, "entropy"), start, seed)
        label = {"rule": "entropy-greedy" if size == 1 else "Top-k", "form": "", "candidates": 1, "size": size}
        yield {"part": "drawn", **label, **_costs(top.steps, 1), **_of(task, top.tokens, top.surprise)}
    for rule in samplers(config, task.n):
        tokens, surprise, steps = follow(denoiser, rule, start, seed)
        label = {"rule": "Info-Gain", "form": rule.form, "candidates": rule.count, "size": rule.k}
        yield {"part": "drawn", **label, **_costs(steps, rule.count), **_of(task, tokens, surprise)}
    many = draw(denoiser, TopK(1, "entropy"), start.repeat(config.candidates, 1), seed + 1)
    best = many.surprise.reshape(config.candidates, count).argmin(0) * count + torch.arange(count)
    label = {"rule": "Best-of-N", "form": "", "candidates": config.candidates, "size": 1}
    costs = {"calls": many.steps[best].tolist(), "evaluated": (config.candidates * many.steps[best]).tolist()}
    yield {"part": "drawn", **label, **costs, **_of(task, many.tokens[best], many.surprise[best])}


def samplers(config: Config, n: int) -> Iterator[SampledInfoGain]:
    """Yield one candidate, N by each form, and k tokens a step with as many candidates."""
    from theory.unmasking.rules.info_gain import SampledInfoGain

    yield SampledInfoGain(1, "mean", config.tau_position)
    for form in FORMS:
        yield SampledInfoGain(config.candidates, form, config.tau_position)  # type: ignore[arg-type]  # a form by name
    wide = min(config.parallel, 2) if n < 8 else config.parallel
    yield SampledInfoGain(wide, "mean", config.tau_position, k=wide)


def _costs(steps: Tensor, candidates: int) -> dict[str, list[int]]:
    """Return calls and evaluated sequences: one at first, then the candidates of each step but the last."""
    evaluated = steps if candidates == 1 else 1 + candidates * (steps - 1)
    return {"calls": steps.tolist(), "evaluated": evaluated.tolist()}


def _of(task: Task, tokens: Tensor, surprise: Tensor) -> dict[str, list[float]]:
    from synthetic.experiments._drawn import pooled_markov_entropy

    assert task.world is not None
    quality, entropy = -task.world.log_prob(tokens), pooled_markov_entropy(tokens, task.d)
    values = {"surprise": surprise, "quality": quality, "entropy": entropy, "kl": quality - entropy}
    return {name: value.tolist() for name, value in values.items()}


def walked(config: Config, task: Task, denoiser: Denoiser) -> Iterator[dict[str, Any]]:
    """Yield the exact expectations of every sampler on a small task."""
    import torch

    from synthetic.experiments._drawn import path_entropy
    from theory.unmasking.rules.actions import winning
    from theory.unmasking.rules.info_gain import immediate_cost
    from theory.unmasking.rules.sets import TopK
    from theory.unmasking.walks import walk
    from theory.worlds import states
    from theory.worlds.table import table_of

    assert task.world is not None
    n, d, world = task.n, task.d, table_of(task.world)
    law = world.law()
    z = states.all_states(n, d)
    for size in (1, 2):
        found = walk(TopK(size, "entropy"), world, denoiser)
        steps = torch.tensor([-(-n // size)])
        label = {"rule": "entropy-greedy" if size == 1 else "Top-k", "form": "", "candidates": 1, "size": size}
        surprise = float(found.total(found.nodes.surprise, "sampler"))
        yield {"part": "drawn", **label, **_costs(steps, 1), **_exactly(law, found.output.law(), surprise)}
        if size == 1:
            cost = path_entropy(denoiser, states.all_sequences(n, d))
            wins = winning(found.output.law()[None], -cost[None], config.candidates)[0]
    for rule in samplers(config, n):
        if rule.k > 1 and d**rule.k > 64:
            continue
        found = walk(rule, world, denoiser)
        mass = found.visits
        open_ = (z == d).any(-1) & (mass > 0)
        surprise = float(mass[open_] @ immediate_cost(rule, denoiser, z[open_]))
        steps = torch.tensor([-(-n // rule.k)])
        label = {"rule": "Info-Gain", "form": rule.form, "candidates": rule.count, "size": rule.k}
        yield {"part": "drawn", **label, **_costs(steps, rule.count), **_exactly(law, found.output.law(), surprise)}
    label = {"rule": "Best-of-N", "form": "", "candidates": config.candidates, "size": 1}
    costs = {"calls": [n], "evaluated": [config.candidates * n]}
    yield {"part": "drawn", **label, **costs, **_exactly(law, wins, float(wins @ cost))}


def _exactly(law: Tensor, output: Tensor, surprise: float) -> dict[str, list[float]]:
    """Return the expectations under an output law; quality and kl are empty where it leaves the law's support."""
    import torch

    from theory.worlds import information

    entropy = float(information.entropy(output))
    kl = float(information.kullback_leibler(output, law))
    inside = bool(torch.isfinite(torch.tensor(kl)))
    return {
        "surprise": [surprise], "entropy": [entropy], "kl": [kl] if inside else [],
        "quality": [kl + entropy] if inside else [],
    }  # fmt: skip


def case(config: Config, task: Task, denoiser: Denoiser) -> Iterator[dict[str, Any]]:
    """Yield what each rule decodes first of a x b = c, exactly: positions 0 and 1 are the factors."""
    from theory.unmasking.rules.info_gain import InfoGain, SampledInfoGain
    from theory.unmasking.walks import walk
    from theory.worlds import states
    from theory.worlds.table import table_of

    assert task.world is not None
    world, hidden = table_of(task.world), states.all_states(task.n, task.d) == task.d
    rules: list[tuple[str, str, int, ValueRule]] = [
        ("entropy-greedy", "", 0, SampledInfoGain(1, greedy=True)),
        ("entropy-greedy", "", 1, SampledInfoGain(1, "mean", config.tau_position)),
    ]
    for form in FORMS:
        most = SampledInfoGain(config.candidates, form, config.tau_position, greedy=True)  # type: ignore[arg-type]  # a form by name
        rules += [("Info-Gain", form, 0, InfoGain(form, "argmax")), ("Info-Gain", form, config.candidates, most)]  # type: ignore[arg-type]  # a form by name
    factor, product = ~hidden[:, :2], ~hidden[:, 2:]
    one = hidden.sum(-1) == task.n - 1
    where = {
        "first": one & factor.any(-1), "factors": factor.all(-1) & ~product.any(-1),
        "product": product.all(-1) & ~factor.any(-1),
    }  # fmt: skip
    for rule, form, count, used in rules:
        mass = walk(used, world, denoiser).visits
        chances = {name: [float(mass[there].sum())] for name, there in where.items()}
        yield {"part": "case", "rule": rule, "form": form, "candidates": count, "size": 1, **chances}


def _listed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table: its items counted, every list packed."""
    from synthetic.itemised import pack

    values = {name: pack(row.pop(name, [])) for name in LISTS}
    return {**row, "items": max(len(text.split()) for text in values.values()), **values}
