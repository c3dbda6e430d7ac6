"""Claims as data: what a claim states and what its last check found, one mapping for all claims, for JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from synthetic import judging
from synthetic.claims.base import Judgement
from theory.files import records_folder
from theory.ledger import Claim, checking, instances
from theory.ledger.checking import Result
from unmasked.selection import Entry

FOUND = (
    "verdict", "reach", "routes", "instances", "effective", "violations", "residual", "slack", "tolerance",
    "comparisons", "seconds", "note", "worst", "witness",
)  # fmt: skip
"""What a check adds to what a claim states; None where it was not checked."""


def described(entry: Entry, found: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a claim and what was found of it (its last evidence unless given) as JSON.

    All claims have the same keys; what does not apply is None. `found` is `checking.as_json` of a result or
    `judging.as_json` of a judgement.
    """
    found = (checking.last_evidence(entry.id) if found is None and not entry.trained else found) or {}
    claim = entry.claim
    row: dict[str, Any] = {
        "id": entry.id,
        "subject": entry.subject,
        "source": {"arxiv": entry.paper or None, "place": place(entry.source), "status": entry.status},
        "statement": entry.statement,
        "kind": entry.kind,
        "quantifier": "this instance" if entry.trained else claim.quantifier,
        "expected": entry.expected or None,
        "routes": ["trained"] if entry.trained else list(claim.routes),
    }
    row |= dict.fromkeys(("tex", "assumptions", "sharp")) if entry.trained else _stated(claim)
    return row | {key: found.get(key, row.get(key)) for key in FOUND} | {"findings": found.get("findings")}


def of_result(entry: Entry, result: Result) -> dict[str, Any]:
    """Return a claim of the theory with the result of its check."""
    return described(entry, checking.as_json(result))


def of_judgement(entry: Entry, judged: Judgement) -> dict[str, Any]:
    """Return a claim about trained models with its judgement."""
    found = judging.as_json(judged)
    reach = f"{len(found['findings'])} findings on trained models"
    return described(entry, found | {"reach": reach, "instances": len(found["findings"])})


def place(source: str) -> str:
    """Return where in its paper a source points: what follows the arXiv number, or all of it where there is none."""
    found = re.match(r".*?arXiv \d{4}\.\d{5}\)?,?\s*", source)
    return source[found.end() :] if found and found.end() < len(source) else source


def tightest_known(identifier: str) -> Mapping[str, Any] | None:
    """Return the instance with the least room that `tightest` saved on this machine, or None."""
    try:
        return dict(json.loads((records_folder() / "tightest" / f"{identifier}.json").read_text()))
    except (OSError, json.JSONDecodeError):
        return None


def _stated(claim: Claim) -> dict[str, Any]:
    sharp = claim.sharp
    return {
        "tex": claim.tex or None,
        "assumptions": claim.assumptions or None,
        "sharp": sharp
        and {"constant": sharp.constant, "share": sharp.share, "instance": instances.encode(dict(sharp.instance))},
    }
