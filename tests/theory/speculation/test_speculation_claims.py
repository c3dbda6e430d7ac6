"""Every claim of the notes holds, every planted variant is refuted, and the ledger's demands are met."""

from __future__ import annotations

import json

import pytest

from theory.ledger import checking
from theory.ledger.instances import decode, encode
from theory.speculation.claims import CLAIMS

BY_NAME = {claim.id: claim for claim in CLAIMS}


def test_every_numbered_claim_of_the_notes_is_stated() -> None:
    numbers = {name.split(".")[1].rstrip("abc") for name in BY_NAME}
    assert {str(k) for k in range(1, 11)} | {f"M{k}" for k in range(1, 7)} <= numbers
    assert len(BY_NAME) == len(CLAIMS)


@pytest.mark.parametrize("name", [n for n in BY_NAME if not n.split(".")[1].startswith(("5a", "8", "9", "10"))])
def test_claims_and_their_planted_variants(name: str) -> None:
    claim = BY_NAME[name]
    result = checking.examine(claim, checking.PROFILES["smoke"])
    assert result.verdict == claim.expected, result.witness or result.worst
    assert set(result.routes) <= set(claim.routes) and result.effective > 0
    assert claim.variants
    for check in claim.variants.values():
        planted = checking.examine(claim, checking.PROFILES["smoke"], check).verdict
        assert planted == "refuted" or (claim.quantifier == "there exists" and planted == "undecided")
    for fixture in claim.fixtures:
        written = encode(dict(fixture))
        assert encode(decode(json.loads(json.dumps(written)))) == written
