"""Every claim of the notes is stated, has the expected verdict, and takes the routes that it names."""

from __future__ import annotations

import json

import pytest

from theory.ledger import checking
from theory.ledger.instances import decode, encode
from theory.remasking.claims import CLAIMS

BY_NAME = {claim.id: claim for claim in CLAIMS}


def test_every_numbered_claim_is_stated() -> None:
    numbers = {name.split(".")[1].rstrip("abcde") for name in BY_NAME if name.startswith("gstar")}
    assert {str(k) for k in range(1, 16)} <= numbers
    assert {
        f"remdm.{k}" for k in ("3.1", "nelbo", "4.1", "4.1.printed", "4.2", "4.3", "4.4", "schedules", "conf")
    } <= set(BY_NAME)
    assert len(BY_NAME) == len(CLAIMS)


@pytest.mark.parametrize("name", BY_NAME)
def test_verdict_and_routes(name: str) -> None:
    claim = BY_NAME[name]
    result = checking.examine(claim, checking.PROFILES["smoke"])
    assert result.verdict == claim.expected, result.witness or result.worst
    assert set(result.routes) == set(claim.routes) and result.effective > 0
    assert claim.variants or claim.expected == "refuted"
    for check in claim.variants.values():
        planted = checking.examine(claim, checking.PROFILES["smoke"], check).verdict
        assert planted == "refuted" or (claim.quantifier == "there exists" and planted == "undecided")
    for fixture in claim.fixtures:
        written = encode(dict(fixture))
        assert encode(decode(json.loads(json.dumps(written)))) == written


def test_what_fails_as_printed_stands_beside_the_corrected_statement() -> None:
    printed = {name for name, claim in BY_NAME.items() if claim.expected == "refuted"}
    assert printed == {"remdm.4.1.printed", "remdm.conf.read", "p2.ancestral"}
    for name in printed:
        assert BY_NAME[BY_NAME[name].see].expected == "holds"
