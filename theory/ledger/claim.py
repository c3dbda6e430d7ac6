"""Claims, the evidence for them and the verdicts computed from it. Statements are data; verdicts never typed.

A *claim* is a statement of a paper with a function that takes one *instance* (a JSON-like mapping: a law
as weights, a grid, sizes, ...) and yields *evidence*: a computed value beside the claimed one, by a named
route, with a tolerance. The verdict follows from all the evidence and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
from hypothesis.strategies import SearchStrategy

Instance = Mapping[str, Any]
Number = float | Fraction
Check = Callable[..., Iterable["Evidence"]]
Kind = Literal["equality", "upper", "lower", "asymptotic", "empirical"]
Relation = Literal["==", "<=", ">="]
Verdict = Literal["holds", "refuted", "undecided", "vacuous"]
Quantifier = Literal["for all", "there exists", "this instance"]
"""What a statement speaks of: every input that meets its assumptions, at least one, or the named ones only."""

Status = Literal["printed", "reading", "ours"]
"""Whether a statement stands in the paper, is a natural reading of it, or is our own."""

Route = Literal[
    "symbolic", "rational", "enumeration", "closed form", "ball", "certificate",
    "quadrature", "programme", "monte-carlo", "trained",
]  # fmt: skip

FALSE_ALARM_BUDGET = 1e-6
"""Probability that any statistical check of the whole suite fails although its claim is true."""

FALSE_ALARM_SHARE = FALSE_ALARM_BUDGET / 1000
"""What one statistical comparison may spend: the suite makes fewer than a thousand of them."""

PROOFS: tuple[Route, ...] = ("symbolic", "certificate", "ball")
"""Routes that prove a statement rather than compare two numbers."""

EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Evidence:
    """One comparison `computed relation claimed`, or the record of a route that ended without an answer.

    `effective` is False where the comparison holds trivially, and `decided` where a search or a proof gave up: it then
    speaks neither for the claim nor against it. `proves` is the largest n for which a proof covers every law, curve or
    parameter that the instance leaves free, infinite for a proof at every n, and None for a comparison of numbers.
    `comparisons` counts the numbers compared: an array is represented by its worst entry.
    """

    route: Route
    computed: Number
    relation: Relation
    claimed: Number
    tolerance: Number
    effective: bool = True
    note: str = ""
    decided: bool = True
    proves: float | None = None
    comparisons: int = 1

    @property
    def slack(self) -> float:
        """Room left before the relation fails; for an equality minus the absolute residual."""
        gap = self.claimed - self.computed
        if self.relation == "==":
            return -abs(float(gap))
        return float(gap if self.relation == "<=" else -gap)

    @property
    def tightness(self) -> float:
        """How near the comparison is to failing: residual over tolerance, or minus the relative slack."""
        if math.isnan(self.slack):
            return math.inf
        if self.relation == "==":
            return -self.slack / (float(self.tolerance) or EPSILON)
        return -self.slack / max(abs(float(self.claimed)), 1e-12)

    @property
    def fails(self) -> bool:
        """Whether the comparison speaks against the claim."""
        return self.decided and not self.holds

    @property
    def holds(self) -> bool:
        """Whether the relation holds within the tolerance; exact for fractions; NaN never holds."""
        low, high = self.claimed - self.tolerance, self.claimed + self.tolerance
        if self.relation == "==":
            return low <= self.computed <= high
        return self.computed <= high if self.relation == "<=" else self.computed >= low


@dataclass(frozen=True)
class Sharp:
    """The best constant that a bound can have, in words, and an instance that uses at least `share` of the bound."""

    constant: str
    instance: Instance
    share: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A statement of a paper, the inputs that meet its assumptions and the function that tests it.

    `quantifier` says what the statement speaks of. `fixtures` are instances that are always checked (named examples,
    witnesses); `inputs` builds the Hypothesis strategy for the others. `variants` are planted false forms of the
    statement, each a check that the tests show to be refuted. `objective` gives the slack as a differentiable torch
    scalar of the instance entries named in `differentiable`, for the search for the tightest instance. `sharp` is the
    best constant, where one is known. `tex` is the statement as a formula where words are hard to read.
    """

    id: str
    source: str
    statement: str
    quantifier: Quantifier
    kind: Kind
    routes: tuple[Route, ...]
    check: Check
    tolerance: str
    assumptions: str = ""
    expected: Verdict = "holds"
    see: str = ""
    fixtures: tuple[Instance, ...] = ()
    inputs: Callable[[], SearchStrategy[Instance]] | None = None
    examples: int = 40
    variants: Mapping[str, Check] = field(default_factory=dict)
    objective: Callable[..., Any] | None = None
    differentiable: tuple[str, ...] = ()
    status: Status = "ours"
    sharp: Sharp | None = None
    tex: str = ""


class Details(TypedDict, total=False):
    """What a comparison may say beside its numbers; see `Evidence`."""

    effective: bool
    note: str
    proves: float | None


def equal(route: Route, computed: Any, claimed: Any, tolerance: Number, **details: Unpack[Details]) -> Evidence:
    """Compare numbers or whole arrays for equality; an array is represented by its worst entry."""
    return _worst(route, computed, "==", claimed, tolerance, details)


def at_most(route: Route, computed: Any, claimed: Any, tolerance: Number, **details: Unpack[Details]) -> Evidence:
    """Assert computed <= claimed, entrywise; an array is represented by its worst entry."""
    return _worst(route, computed, "<=", claimed, tolerance, details)


def at_least(route: Route, computed: Any, claimed: Any, tolerance: Number, **details: Unpack[Details]) -> Evidence:
    """Assert computed >= claimed, entrywise; an array is represented by its worst entry."""
    return _worst(route, computed, ">=", claimed, tolerance, details)


def undecided(route: Route, note: str) -> Evidence:
    """Return the record of a search or a proof that ended without an answer; `note` says why."""
    return Evidence(route, math.nan, "==", math.nan, 0.0, effective=False, note=note, decided=False)


def rounding(terms: int, scale: float = 1.0) -> float:
    """Return 8 eps * terms * max(1, scale): forward error of a sum of `terms` rounded products or logs.

    Higham, Accuracy and Stability, section 4.2: |error| <= (terms - 1 + c) eps * sum |terms| with c the
    roundings inside a term; 8 covers a product of up to seven factors or a logarithm of a quotient.
    """
    return 8 * EPSILON * terms * max(1.0, scale)


def hoeffding_margin(samples: int, width: float, rate: float = FALSE_ALARM_SHARE) -> float:
    """Return the margin that a mean of `samples` variables of range `width` exceeds with probability < `rate`."""
    return width * math.sqrt(math.log(2 / rate) / (2 * samples))


def hoeffding_samples(margin: float, width: float, rate: float = FALSE_ALARM_SHARE) -> int:
    """Return the sample size at which `hoeffding_margin` is `margin`."""
    return math.ceil((width / margin) ** 2 * math.log(2 / rate) / 2)


def verdict(evidence: Iterable[Evidence]) -> Verdict:
    """Return what the evidence about one instance says.

    One failing comparison refutes. Without one, a route that ended without an answer leaves the instance undecided,
    and comparisons that all hold trivially are vacuous.
    """
    seen = list(evidence)
    if any(e.fails for e in seen):
        return "refuted"
    if not all(e.decided for e in seen):
        return "undecided"
    return "holds" if any(e.effective for e in seen) else "vacuous"


def of_own_kind(claim: Claim, evidence: Evidence) -> bool:
    """Return whether a comparison is the claim's own, not one of the routes that support it."""
    return (evidence.relation == "==") == (claim.kind == "equality")


def significance(claim: Claim, evidence: Evidence) -> tuple[bool, bool, bool, float]:
    """Rank comparisons: failures first, then those of the claim's own kind, numbers before proofs, the tightest."""
    number = evidence.route not in PROOFS
    return (evidence.fails, of_own_kind(claim, evidence), number, evidence.tightness)


def _worst(
    route: Route, computed: Any, relation: Relation, claimed: Any, tolerance: Number, details: Details
) -> Evidence:
    pairs = list(_pairs(computed, claimed))
    size = max(_size(computed), _size(claimed))
    found = [Evidence(route, c, relation, k, tolerance, comparisons=size, **details) for c, k in pairs]
    return min(found, key=lambda e: -math.inf if math.isnan(e.slack) else e.slack)


def _size(value: Any) -> int:
    return int(_array(value).size)


def _pairs(computed: Any, claimed: Any) -> Iterator[tuple[Number, Number]]:
    if isinstance(computed, Fraction | int) and isinstance(claimed, Fraction | int):
        yield Fraction(computed), Fraction(claimed)
        return
    left, right = np.broadcast_arrays(_array(computed), _array(claimed))
    if left.dtype == object:
        yield from zip(left.flat, right.flat, strict=True)
        return
    with np.errstate(invalid="ignore"):
        gap = np.abs(left - right)
        ends = {
            int(np.argmax(left - right)),
            int(np.argmin(left - right)),
            int(np.argmax(np.isnan(gap))),
        }
    for k in ends:
        yield float(left.flat[k]), float(right.flat[k])


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)
