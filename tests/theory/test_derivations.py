"""Every place of docs/derivations.md that the project cites is there, and each subject has one section."""

from __future__ import annotations

import re

from theory.files import PROJECT
from theory.ledger import catalogue

TEXT = (PROJECT / "docs" / "derivations.md").read_text()
PLACES = set(re.findall(r"^### (\S+)", TEXT, re.MULTILINE))
NAME = r"[a-z]+(?:\.[A-Za-z0-9]+)+"
CITED = re.compile(rf"derivations\.md, ({NAME}(?:(?: and |, ){NAME})*)")


def _cited(text: str) -> set[str]:
    return {place for found in CITED.findall(" ".join(text.split())) for place in re.split(r" and |, ", found)}


def test_what_claims_and_docstrings_cite_is_there() -> None:
    cited = {c.id: _cited(c.source) for c in catalogue.claims().values()}
    for path in sorted((PROJECT / "theory").rglob("*.py")):
        cited[str(path.relative_to(PROJECT))] = _cited(path.read_text())
    missing = {who: places - PLACES for who, places in cited.items() if places - PLACES}
    assert not missing


def test_claims_of_our_own_say_where_their_argument_is() -> None:
    """A claim that no paper prints cites the derivations, or the paper's statement that it corrects or reads."""
    silent = [
        c.id
        for c in catalogue.claims().values()
        if "derivations.md" not in c.source and not re.search(r"\d{4}\.\d{5}", c.source)
    ]
    assert not silent
