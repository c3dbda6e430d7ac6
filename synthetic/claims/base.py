"""What an empirical claim is, and how its verdict follows from bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from synthetic.intervals import Interval, Verdict, verdict
from synthetic.records import Record
from theory.errors import InvalidInput

Records = Mapping[str, Record]
"""The records of a claim's experiments, by name."""


@dataclass(frozen=True)
class Finding:
    """One measured number and the side of the threshold that the claim puts it on."""

    measure: str
    interval: Interval
    threshold: float = 0.0
    claimed: Literal["above", "below"] = "above"

    @property
    def verdict(self) -> Verdict:
        """Return what the interval says."""
        return verdict(self.interval, self.threshold, self.claimed)


@dataclass(frozen=True)
class Empirical:
    """A claim about trained models: where it stands, what it says, and the records that it is judged from.

    `judge` returns its findings; the claim is supported when all are, refuted when one is, undecided otherwise.
    """

    id: str
    source: str
    statement: str
    experiments: tuple[str, ...]
    judge: Callable[[Records], tuple[Finding, ...]]


@dataclass(frozen=True)
class Judgement:
    """The findings on one claim, and their joint verdict."""

    claim: Empirical
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """Return supported, refuted or undecided."""
        return joint([finding.verdict for finding in self.findings])


def judge(claim: Empirical, records: Records) -> Judgement:
    """Judge a claim; InvalidInput where its records give no finding."""
    findings = tuple(claim.judge(records))
    if not findings:
        raise InvalidInput(f"{claim.id}: the records of {', '.join(claim.experiments)} hold nothing to judge it by")
    return Judgement(claim, findings)


def joint(verdicts: list[Verdict]) -> Verdict:
    """Return refuted where one verdict is, supported where all are, undecided otherwise."""
    if "refuted" in verdicts:
        return "refuted"
    return "supported" if set(verdicts) == {"supported"} else "undecided"
