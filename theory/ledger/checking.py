"""Runs claims: fixtures first, then inputs drawn by Hypothesis, and the verdict that all evidence gives."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import NoSuchExample

from theory.errors import InvalidInput
from theory.files import records_folder, write_atomically
from theory.ledger import (
    FALSE_ALARM_SHARE,
    Check,
    Claim,
    Evidence,
    Instance,
    Quantifier,
    Verdict,
    catalogue,
    instances,
    significance,
    verdict,
)

PROFILES = {"smoke": 0.25, "default": 2.0, "deep": 50.0}
"""How many times a claim's own number of examples each profile draws."""


@dataclass(frozen=True)
class Result:
    """What checking a claim found. `worst` is the comparison with the least room, `witness` the first failure.

    `reach` says how far the verdict goes. `comparisons` counts the statistical ones among all comparisons; together
    they raise a false alarm with probability `false_alarm` at most.
    """

    id: str
    source: str
    statement: str
    quantifier: Quantifier
    kind: str
    verdict: Verdict
    expected: Verdict
    reach: str
    routes: tuple[str, ...]
    instances: int
    effective: int
    violations: int
    residual: float | None
    slack: float | None
    tolerance: float
    seconds: float
    comparisons: int = 0
    note: str = ""
    worst: Instance = field(default_factory=dict)
    witness: Instance | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one the ledger expects."""
        return self.verdict == self.expected

    @property
    def false_alarm(self) -> float:
        """Return the probability, at most, that one of the statistical comparisons fails although all is true."""
        return self.comparisons * FALSE_ALARM_SHARE


class _Tally:
    """Collects evidence instance by instance."""

    def __init__(self, claim: Claim, check: Check) -> None:
        self.claim, self.check = claim, check
        self.instances = self.effective = self.violations = self.comparisons = 0
        self.verdicts: list[Verdict] = []
        self.routes: dict[str, None] = {}
        self.proofs: list[float] = []
        self.disproved = False
        self.worst: tuple[Evidence, Instance] | None = None
        self.witness: Instance | None = None

    def add(self, instance: Instance) -> Verdict:
        evidence = list(self.check(**instance))
        outcome = verdict(evidence)
        self.instances += 1
        self.effective += any(e.effective for e in evidence)
        self.verdicts.append(outcome)
        if outcome == "refuted":
            self.violations += 1
            self.witness = self.witness or instance
        for e in evidence:
            self._note(e, instance)
        return outcome

    def _note(self, e: Evidence, instance: Instance) -> None:
        self.routes[e.route] = None
        self.comparisons += e.comparisons if e.route == "monte-carlo" else 0
        if e.proves is not None:
            self.disproved |= e.fails
            self.proofs += [e.proves] if e.holds else []
        if (e.effective or e.fails) and (self.worst is None or self._outranks(e, self.worst[0])):
            self.worst = (e, instance)

    def _outranks(self, new: Evidence, old: Evidence) -> bool:
        return significance(self.claim, new) > significance(self.claim, old)

    @property
    def verdict(self) -> Verdict:
        """A statement of existence needs one witness, and a proof to fall; one about all inputs the reverse."""
        if self.claim.quantifier == "there exists":
            return "holds" if "holds" in self.verdicts else "refuted" if self.disproved else "undecided"
        if "refuted" in self.verdicts:
            return "refuted"
        if not self.effective:
            return "undecided" if "undecided" in self.verdicts else "vacuous"
        supported = self.claim.quantifier == "this instance" or self.claim.inputs is not None or self.proofs
        return "holds" if supported and "undecided" not in self.verdicts else "undecided"

    @property
    def reach(self) -> str:
        """Say how far the verdict goes: by proof at every n, by proof up to a size, or on so many instances."""
        checked = f"{self.instances} instance{'s' if self.instances != 1 else ''}"
        if self.verdict == "refuted":
            return "refuted by a proof" if self.disproved else f"refuted by {self.violations} of {checked}"
        if self.claim.quantifier == "there exists":
            count = self.verdicts.count("holds")
            return f"witnessed by {count} of {checked}" if count else f"no witness among {checked}"
        if self.claim.quantifier == "this instance":
            return f"the named {checked}"
        if not self.proofs:
            return f"checked on {checked}"
        size = "" if math.isinf(max(self.proofs)) else f" up to n = {max(self.proofs):g}"
        return f"proved{size}, checked on {checked}"


def examine(claim: Claim, scale: float = 1.0, check: Check | None = None) -> Result:
    """Check one claim, or a planted variant of it, on its fixtures and on round(examples * scale) drawn inputs."""
    start = time.perf_counter()
    tally = _Tally(claim, check or claim.check)
    for instance in claim.fixtures:
        tally.add(instance)
    if claim.inputs is not None and (check is None or tally.verdict != "refuted"):
        _draw(claim, tally, max(1, round(claim.examples * scale)))
    evidence = tally.worst[0] if tally.worst else None
    gap = evidence.slack if evidence else 0.0
    return Result(
        id=claim.id,
        source=claim.source,
        statement=claim.statement,
        quantifier=claim.quantifier,
        kind=claim.kind,
        verdict=tally.verdict,
        expected=claim.expected,
        reach=tally.reach,
        routes=tuple(tally.routes),
        instances=tally.instances,
        effective=tally.effective,
        violations=tally.violations,
        residual=-gap if evidence and evidence.relation == "==" else None,
        slack=gap if evidence and evidence.relation != "==" else None,
        tolerance=float(evidence.tolerance) if evidence else 0.0,
        seconds=time.perf_counter() - start,
        comparisons=tally.comparisons,
        note=evidence.note if evidence else "",
        worst=dict(tally.worst[1]) if tally.worst else {},
        witness=tally.witness,
    )


def examine_all(identifiers: list[str], profile: str = "default", jobs: int = 2) -> Iterator[Result]:
    """Yield results in the order given; claims are spread over `jobs` processes with one torch thread each."""
    if profile not in PROFILES:
        raise InvalidInput(f"profile {profile!r}; expected one of {', '.join(PROFILES)}")
    if jobs == 1 or len(identifiers) == 1:
        yield from (_examine_here(name, profile) for name in identifiers)
        return
    import joblib

    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator", batch_size=1)
    yield from parallel(joblib.delayed(_examine_here)(name, profile) for name in identifiers)


def replay(path: Path, own: Claim | None = None) -> tuple[Claim, list[Evidence]]:
    """Return the claim (the ledger's, unless a claim of one's own is given) and fresh evidence of a saved instance."""
    try:
        saved = json.loads(path.read_text())
        claim, instance = own or catalogue.claim(saved["claim"]), instances.decode(saved["instance"])
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidInput(f"{path} is no saved instance ({error}); expected the JSON that tightest writes") from error
    try:
        return claim, list(claim.check(**instance))
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InvalidInput(f"the instance in {path} does not fit claim {claim.id!r}: {error}") from error


def smallest_witness(claim: Claim, examples: int) -> Instance | None:
    """Return the smallest drawn instance that refutes the claim, by Hypothesis's shrinking."""
    if claim.inputs is None:
        return None

    def fails(instance: Instance) -> bool:
        return verdict(claim.check(**instance)) == "refuted"

    try:
        return hypothesis.find(claim.inputs(), fails, settings=_settings(examples, shrink=True))
    except NoSuchExample:
        return None


def last_evidence(identifier: str) -> Mapping[str, Any] | None:
    """Return what the last check of a claim on this machine found, or None."""
    try:
        return dict(json.loads((evidence_folder() / f"{identifier}.json").read_text()))
    except (OSError, json.JSONDecodeError):
        return None


def remember(result: Result) -> None:
    """Keep a result for `explain`, atomically."""
    write_atomically(evidence_folder() / f"{result.id}.json", json.dumps(as_json(result), indent=1))


def as_json(result: Result) -> dict[str, Any]:
    """Return a result as JSON, instances as `theory.ledger.instances` writes them."""
    return {f.name: instances.encode(getattr(result, f.name)) for f in fields(result)}


def evidence_folder() -> Path:
    """Return where evidence is kept: `evidence/` in the folder of records."""
    return records_folder() / "evidence"


def _examine_here(identifier: str, profile: str) -> Result:
    torch.set_num_threads(1)
    return examine(catalogue.claim(identifier), PROFILES[profile])


def _draw(claim: Claim, tally: _Tally, examples: int) -> None:
    assert claim.inputs is not None

    @_settings(examples)
    @hypothesis.given(claim.inputs())
    def probe(instance: Instance) -> None:
        tally.add(instance)

    probe()


def _settings(examples: int, shrink: bool = False) -> settings:
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    return settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, phases=phases,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
