"""What an empirical claim is, and how its verdict follows from its findings with one budget of errors.

A claim is supported when all its findings are: each at its own level, so a wrong support needs a wrong finding. It is
refuted when a finding is, after Holm's correction over all its findings (Holm, Scandinavian Journal of Statistics 6,
1979): a wrong refutation has probability below ERROR whatever the number of findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from synthetic.intervals import LEVEL, Estimate
from synthetic.records import Record
from theory.errors import InvalidInput

Records = Mapping[str, Record]
"""The records of a claim's experiments, by name."""

Verdict = Literal["supported", "refuted", "undecided"]
Side = Literal["above", "at least", "below", "at most"]

ERROR = (1 - LEVEL) / 2
"""The probability of a wrong support, and of a wrong refutation, of a claim that stands exactly at its border."""


@dataclass(frozen=True)
class Finding:
    """One measured number and the side of the threshold that the claim puts it on.

    Estimates without any spread decide by themselves: a difference of exactly zero is "at least" and not "above" zero.
    """

    measure: str
    estimate: Estimate
    threshold: float = 0.0
    claimed: Side = "above"

    @property
    def supported(self) -> bool:
        """Return whether the whole 95 % interval lies on the claimed side."""
        low, high = self.estimate.interval()
        return {
            "above": low > self.threshold, "at least": low >= self.threshold,
            "below": high < self.threshold, "at most": high <= self.threshold,
        }[self.claimed]  # fmt: skip

    @property
    def chance(self) -> float:
        """Return the p-value of a refutation: of the data, or less likely ones, were the claim true at its border."""
        low, high = self.estimate.interval()
        if low == high:
            return 1.0 if self.supported else 0.0
        return self.estimate.chance(self.threshold, "above" if self.claimed in ("above", "at least") else "below")


@dataclass(frozen=True)
class Empirical:
    """A claim about trained models: where it stands, what it says, and the records that it is judged from.

    `judge` returns its findings. `reported` says what the paper reports, where, and how our setting differs; it is
    empty where the question is ours.
    """

    id: str
    source: str
    statement: str
    experiments: tuple[str, ...]
    judge: Callable[[Records], tuple[Finding, ...]]
    reported: str = ""


@dataclass(frozen=True)
class Judgement:
    """The findings on one claim, the verdict on each of them, and their joint verdict."""

    claim: Empirical
    findings: tuple[Finding, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Return supported, refuted or undecided for each finding, refutations after Holm's correction."""
        refuted = holm([finding.chance for finding in self.findings])
        return tuple(
            "refuted" if wrong else "supported" if finding.supported else "undecided"
            for finding, wrong in zip(self.findings, refuted, strict=True)
        )

    @property
    def verdict(self) -> Verdict:
        """Return refuted where one finding is, supported where all are, undecided otherwise."""
        if "refuted" in self.verdicts:
            return "refuted"
        return "supported" if set(self.verdicts) == {"supported"} else "undecided"


def judge(claim: Empirical, records: Records) -> Judgement:
    """Judge a claim; InvalidInput where its records give no finding."""
    findings = tuple(claim.judge(records))
    if not findings:
        raise InvalidInput(f"{claim.id}: the records of {', '.join(claim.experiments)} hold nothing to judge it by")
    return Judgement(claim, findings)


def holm(chances: Sequence[float], error: float = ERROR) -> list[bool]:
    """Return which hypotheses Holm's procedure rejects, with probability at most `error` of any wrong rejection."""
    found, order = [False] * len(chances), sorted(range(len(chances)), key=lambda k: chances[k])
    for rank, k in enumerate(order):
        if chances[k] > error / (len(chances) - rank):
            break
        found[k] = True
    return found


def budget(judgements: Iterable[Judgement]) -> str:
    """Say how many verdicts of a run are wrong by chance, at most and in expectation."""
    count = sum(any(f.estimate.structure != "exact" for f in each.findings) for each in judgements)
    return (
        f"of {count} claims that rest on samples at most {count * ERROR:.2g} are expected to be refuted by chance, and "
        "as many to be supported by chance, even if the truth lay at the border of each"
    )
