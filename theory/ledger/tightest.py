"""Searches for the instance with the least slack (for an equality the largest residual) and saves it.

Two searches, in turn: Hypothesis with the tightness as its target; then, where the claim has a
differentiable objective, gradient descent of the relative slack from the best instance so far.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, settings
from torch import Tensor

from theory.errors import InvalidInput
from theory.files import write_atomically
from theory.ledger import PROOFS, Claim, Evidence, Instance, instances, of_own_kind, significance
from theory.worlds import TableWorld, states

RATE, DECAY = 0.05, 0.995


@dataclass(frozen=True)
class Tightest:
    """The tightest instance found, its tightest comparison and the search that found it."""

    claim: str
    instance: Instance
    evidence: Evidence
    search: str
    tried: int

    def save(self, path: Path) -> None:
        """Write a file that `check --replay` runs."""
        content = {
            "claim": self.claim,
            "instance": instances.encode(self.instance),
            "route": self.evidence.route,
            "computed": float(self.evidence.computed),
            "claimed": float(self.evidence.claimed),
            "search": self.search,
        }
        write_atomically(path, json.dumps(content, indent=1))


def tightest(claim: Claim, budget: int = 300, steps: int = 300) -> Tightest:
    """Return the tightest instance of a claim after `budget` drawn inputs and `steps` of gradient descent."""
    best: list[tuple[float, Instance, Evidence, str]] = []
    tried = 0

    def consider(instance: Instance, search: str) -> float:
        nonlocal tried
        tried += 1
        found = _tightest_evidence(claim, instance)
        if found is None:
            return -math.inf
        score = found.tightness
        if not best or score > best[0][0]:
            best[:] = [(score, instance, found, search)]
        return score

    for fixture in claim.fixtures:
        consider(fixture, "fixture")
    if claim.inputs is not None:
        _targeted(claim, budget, lambda instance: consider(instance, "targeted search"))
    if not best:
        raise InvalidInput(f"claim {claim.id!r} has no instance on which it is not trivial; nothing to tighten")
    if claim.objective is not None:
        consider(_descend(claim, best[0][1], steps), "gradient descent")
    _, instance, evidence, search = best[0]
    return Tightest(claim.id, instance, evidence, search, tried)


def _tightest_evidence(claim: Claim, instance: Instance) -> Evidence | None:
    """Return the comparison nearest to failing among the claim's own, effective ones; proofs have no slack."""

    def counts(e: Evidence) -> bool:
        return (e.effective and of_own_kind(claim, e) and e.route not in PROOFS) or e.fails

    found = [e for e in claim.check(**instance) if counts(e)]
    return max(found, key=lambda e: significance(claim, e), default=None)


def _targeted(claim: Claim, budget: int, consider: Callable[[Instance], float]) -> None:
    assert claim.inputs is not None

    @settings(
        max_examples=budget, derandomize=True, database=None, deadline=None,
        phases=(Phase.generate, Phase.target), suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @hypothesis.given(claim.inputs())
    def probe(instance: Instance) -> None:
        score = consider(instance)
        if math.isfinite(score):
            hypothesis.target(score)

    probe()


def _descend(claim: Claim, instance: Instance, steps: int) -> dict[str, Any]:
    """Minimise the objective over logarithms of the differentiable entries; zeros stay zero."""
    assert claim.objective is not None
    start = {k: _leaf(instance[k]) for k in claim.differentiable}
    logs = {k: v.clamp(min=1e-300).log().requires_grad_() for k, v in start.items()}
    fixed = {k: v for k, v in instance.items() if k not in start}

    def values() -> dict[str, Any]:
        return {k: _rebuilt(instance[k], torch.where(start[k] > 0, logs[k].exp(), 0.0)) for k in start}

    optimiser = torch.optim.Adam(list(logs.values()), lr=RATE)
    least, kept = math.inf, {k: instance[k] for k in start}
    for _ in range(steps):
        optimiser.zero_grad()
        loss = claim.objective(**fixed, **values())
        now = float(loss.detach())
        if not math.isfinite(now):
            break
        if now < least:
            least, kept = now, _plain(values())
        loss.backward()
        if not all(bool(v.grad.isfinite().all()) for v in logs.values() if v.grad is not None):
            break
        optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] *= DECAY
    return {**fixed, **kept}


def _leaf(value: Any) -> Tensor:
    """Return the numbers of an entry: a world's probabilities, or a list's."""
    return value.law().clone() if isinstance(value, TableWorld) else torch.tensor(value, dtype=torch.float64)


def _rebuilt(original: Any, numbers: Tensor) -> Any:
    """Return an entry of the original's kind with other numbers, which may carry gradients."""
    if isinstance(original, TableWorld):
        return TableWorld(states.normalised(numbers), original.n, original.d, original.name)
    return numbers


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: _rebuilt(v, v.law().detach()) if isinstance(v, TableWorld) else v.detach().tolist()
        for k, v in values.items()
    }
