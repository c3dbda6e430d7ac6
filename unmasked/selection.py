"""All claims, of the theory and about trained models, in one index; and the ways to choose among them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic import claims as trained
from synthetic import verdicts
from theory.errors import InvalidInput, unknown
from theory.ledger import catalogue
from unmasked.entry import named
from unmasked.own_claims import OwnClaim

if TYPE_CHECKING:
    import pandas as pd

PAPERS = {
    "duel": "2603.01367", "eb": "2505.24857", "energy": "2509.13866", "gstar": "2510.08369", "infogain": "2602.18176",
    "punt": "2510.21961", "remdm": "2503.00307", "schedules": "2511.04647", "speculative": "2501.05370",
}  # fmt: skip
"""The arXiv number of the paper that each subject is about."""


@dataclass(frozen=True)
class Entry:
    """One claim as lists show it.

    `expected` is the ledger's verdict and empty for claims about trained models; `verdict` is the same for a theorem,
    and what docs/verdicts.md has on record for a claim about trained models, empty where it has not been judged.
    """

    id: str
    source: str
    statement: str
    kind: str
    expected: str
    trained: bool
    claim: Any
    verdict: str

    @property
    def subject(self) -> str:
        """Return the part of the identifier before the first dot."""
        return self.id.split(".")[0]

    @property
    def paper(self) -> str:
        """Return the arXiv number of the paper that the source names, else that of the subject."""
        found = re.search(r"\d{4}\.\d{5}", self.source)
        return found.group() if found else PAPERS.get(self.subject, "")

    @property
    def status(self) -> str:
        """Return whether the statement is printed in a paper, a natural reading of one, or our own."""
        if self.trained:
            return "reading" if self.claim.reported else "ours"
        return str(self.claim.status)


def index() -> dict[str, Entry]:
    """Return every claim by its identifier: the theory's first, then those about trained models."""
    found = {
        c.id: Entry(c.id, c.source, c.statement, c.kind, c.expected, False, c, c.expected)
        for c in catalogue.claims().values()
    }
    judged = verdicts.on_record()
    for claim in trained.registry().values():
        if claim.id in found:
            raise InvalidInput(f"claim {claim.id!r} is in the theory and among the trained ones; rename the latter")
        verdict = judged.get(claim.id, "")
        found[claim.id] = Entry(claim.id, claim.source, claim.statement, "empirical", "", True, claim, verdict)
    return found


def select(
    patterns: Sequence[str], paper: str | None = None, refuted: bool = False, printed: bool = False
) -> list[Entry]:
    """Return the claims that match one of the patterns (all where there is none) and every filter.

    A pattern is an identifier, a subject or a glob. Raises InvalidInput with the nearest names for one that matches
    nothing, and where nothing is left.
    """
    found = [each for each in _chosen(patterns, paper, printed) if not refuted or each.verdict == "refuted"]
    if not found:
        raise InvalidInput("no claim is left by these filters; drop one, or look at: unmasked list")
    return found


def unjudged(patterns: Sequence[str], paper: str | None = None, printed: bool = False) -> list[str]:
    """Return the claims about trained models, of those that `select` chooses, that have no verdict on record."""
    return [each.id for each in _chosen(patterns, paper, printed) if each.trained and not each.verdict]


def claims(*ids: str, paper: str | None = None, refuted: bool = False, printed: bool = False) -> pd.DataFrame:
    """Return the claims as a table, a row each: `unmasked list` in Python.

    `ids` are identifiers, subjects or globs, `paper` an arXiv number; `refuted` and `printed` keep only what is refuted
    and what stands in a paper. The verdict of a theorem is the ledger's; that of a claim about trained models is the
    last on record, empty where it has not been judged. Raises InvalidInput with the nearest names.

    >>> claims("eb.E*", refuted=True)["verdict"].unique().tolist()
    ['refuted']
    """
    import pandas as pd

    found = select(ids, paper, refuted, printed)
    columns = ("verdict", "about", "status", "source", "statement")
    rows = [(e.verdict, "trained models" if e.trained else "theory", e.status, e.source, e.statement) for e in found]
    return pd.DataFrame(rows, columns=columns, index=pd.Index([e.id for e in found], name="claim"))


def _chosen(patterns: Sequence[str], paper: str | None, printed: bool) -> list[Entry]:
    entries = index()
    chosen = {name: entries[name] for pattern in patterns for name in _matching(pattern, entries)} or entries
    papers = sorted({entry.paper for entry in entries.values()} - {""})
    if paper is not None and paper.removeprefix("arXiv:") not in papers:
        raise InvalidInput(f"no claim is about paper {paper}; those with claims are {', '.join(papers)}")
    return [
        entry
        for entry in chosen.values()
        if (paper is None or entry.paper == paper.removeprefix("arXiv:")) and (not printed or entry.status == "printed")
    ]


def own(target: str) -> OwnClaim:
    """Return a claim of one's own, FILE:NAME. Raises InvalidInput for anything else of that name."""
    found = named(target, "claim", lambda value: isinstance(value, OwnClaim))
    if not isinstance(found, OwnClaim):
        raise InvalidInput(f"{target} is a {type(found).__name__}; expected a function under @um.claim(...)")
    return found


def _matching(pattern: str, entries: dict[str, Entry]) -> Iterable[str]:
    if pattern in entries:
        return [pattern]
    if re.search(r"[*?\[]", pattern):
        found = [name for name in entries if fnmatch.fnmatchcase(name, pattern)]
    else:
        found = [name for name, entry in entries.items() if entry.subject == pattern]
    if not found and pattern.endswith(".py"):
        raise InvalidInput(f"{pattern} without a claim; name one of its own as {pattern}:NAME")
    if not found:
        raise unknown("claim", pattern, {*entries, *(entry.subject for entry in entries.values())})
    return found
