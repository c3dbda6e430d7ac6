"""The ledger's index: every claim of every subject, in the order of the papers."""

from __future__ import annotations

import functools
import importlib
import re

from theory.errors import InvalidInput, unknown
from theory.ledger import Claim

SUBJECTS = (
    "theory.energy.claims",
    "theory.unmasking.claims",
    "theory.speculation.claims",
    "theory.remasking.claims",
    "theory.training.claims",
    "theory.power.claims",
    "theory.crossbar.claims",
    "theory.sgd.claims",
)


@functools.cache
def claims() -> dict[str, Claim]:
    """Return all claims by identifier, sorted as a reader counts: energy.2 before energy.10."""
    found: dict[str, Claim] = {}
    for subject in SUBJECTS:
        for claim in importlib.import_module(subject).CLAIMS:
            if claim.id in found:
                raise InvalidInput(f"claim {claim.id!r} is in the ledger twice; give one another identifier")
            found[claim.id] = claim
    return dict(sorted(found.items(), key=lambda item: _reading_order(item[0])))


def claim(identifier: str) -> Claim:
    """Return one claim; InvalidInput with the nearest identifiers when there is none."""
    known = claims()
    if identifier not in known:
        raise unknown("claim", identifier, known)
    return known[identifier]


def _reading_order(identifier: str) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.findall(r"\d+|[^\d.]+", identifier)]
