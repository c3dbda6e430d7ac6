"""Judging claims about trained models: which records they need, what those cost, and the verdicts on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthetic.claims.base import Empirical, Judgement, judge
from synthetic.progress import Progress
from synthetic.records import Store
from synthetic.sweep import Pool, compute, expected_seconds, needed_models
from theory.errors import InvalidInput

SECONDS_A_PETAFLOP = 10_000.0
"""About what two CPU cores take for 1e15 operations of training: measured on the models of the laptop preset."""


@dataclass(frozen=True)
class Cost:
    """What must be computed first: claims that wait, experiments, runs, models to train, seconds on two cores."""

    waiting: frozenset[str]
    experiments: tuple[str, ...]
    runs: int
    models: int
    seconds: float

    def __str__(self) -> str:
        if not self.runs:
            return "nothing: all records are there"
        runs = f"{counted(self.runs, 'run')} of {', '.join(self.experiments)}"
        models = f"{counted(self.models, 'model')} to train and " if self.models else ""
        time = f", about {minutes(self.seconds)} on two cores" if self.seconds >= 1 else ""
        return f"{models}{runs}{time}"


def counted(number: int, what: str) -> str:
    """Return a number of things in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def minutes(seconds: float) -> str:
    """Return a time as people say it."""
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def cost(claims: Mapping[str, Empirical], preset: str, store: Store | None = None) -> Cost:
    """Return what judging these claims would compute first. Raises InvalidInput for an unknown preset."""
    store = store or Store()
    stale = {
        name: config for name, config in _configs(claims, preset, store).items() if not store.status(name, config).fresh
    }
    waiting = frozenset(name for name, claim in claims.items() if set(claim.experiments) & stale.keys())
    return Cost(waiting, tuple(stale), *costs_of(store, stale))


def costs_of(store: Store, wanted: Mapping[str, Any], force: bool = False) -> tuple[int, int, float]:
    """Return how many runs these experiments miss, how many models must be trained, and about how many seconds.

    The time is that of two cores, and does not count runs of experiments that have no published record.
    """
    runs, specs = needed_models(store, wanted, force)
    seconds = sum(expected_seconds(store, runs)) / 2
    if not specs:
        return len(runs), 0, seconds
    from synthetic import models, tasks

    untrained = [spec for spec in specs if not models.is_trained(spec)]
    lengths = {name: tasks.task(name).n for name in {spec.task for spec in untrained}}
    operations = sum(models.operations(spec, lengths[spec.task]) for spec in untrained)
    return len(runs), len(untrained), seconds + operations / 1e15 * SECONDS_A_PETAFLOP


def judge_all(
    claims: Mapping[str, Empirical],
    preset: str,
    pool: Pool,
    progress: Progress,
    store: Store | None = None,
    shift: int = 0,
) -> list[Judgement]:
    """Judge claims from the records of their experiments, computing what is missing.

    `shift` is added to every seed, for a repetition with other models on the same data.
    """
    store = store or Store()
    configs = _configs(claims, preset, store)
    if shift:
        configs = {name: shifted(config, shift) for name, config in configs.items()}
    stale = {name: config for name, config in configs.items() if not store.status(name, config).fresh}
    compute(store, stale, pool, progress)
    records = {name: store.get_or_compute(name, config) for name, config in configs.items()}
    return [judge(claim, records) for claim in claims.values()]


def as_json(judged: Judgement) -> dict[str, Any]:
    """Return a judgement as JSON: the claim, its verdict, and every finding with its interval."""
    claim = judged.claim
    findings = [
        {
            "measure": finding.measure, "structure": finding.estimate.structure, "seeds": finding.estimate.seeds,
            "unit": finding.estimate.unit, "items": finding.estimate.items, "mean": finding.estimate.mean,
            "low": finding.estimate.low, "high": finding.estimate.high, "threshold": finding.threshold,
            "claimed": finding.claimed, "p_value": finding.chance, "verdict": verdict,
        }
        for finding, verdict in zip(judged.findings, judged.verdicts, strict=True)
    ]  # fmt: skip
    return {
        "id": claim.id, "source": claim.source, "statement": claim.statement, "kind": "empirical",
        "verdict": judged.verdict, "findings": findings,
    }  # fmt: skip


def shifted(config: Any, shift: int) -> Any:
    """Return a config with `shift` added to every seed, its own and those of configs inside it.

    Raises InvalidInput where there is no seed.
    """
    changed = _shifted(config, shift)
    if shift and changed == config:
        raise InvalidInput(f"{config} has no seeds; expected a field `seeds`, its own or of a config inside it")
    return changed


def _shifted(part: Any, shift: int) -> Any:
    if isinstance(part, tuple):
        return tuple(_shifted(each, shift) for each in part)
    if not dataclasses.is_dataclass(part) or isinstance(part, type):
        return part
    values = {field.name: getattr(part, field.name) for field in dataclasses.fields(part) if field.init}
    return dataclasses.replace(part, **{
        name: tuple(seed + shift for seed in value) if name == "seeds" else _shifted(value, shift)
        for name, value in values.items()
    })  # fmt: skip


def _configs(claims: Mapping[str, Empirical], preset: str, store: Store) -> dict[str, Any]:
    return {name: store.preset(name, preset) for claim in claims.values() for name in sorted(claim.experiments)}
