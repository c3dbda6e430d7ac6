"""The page of failing statements that no paper prints is the ledger's."""

from __future__ import annotations

from unmasked import readings
from unmasked.selection import index


def test_the_page_says_what_the_ledger_says() -> None:
    assert readings.PAGE.read_text() == readings.page(), "write it anew: readings.PAGE.write_text(readings.page())"


def test_it_holds_every_refuted_statement_that_is_not_printed() -> None:
    refuted = [entry for entry in index().values() if not entry.trained and entry.expected == "refuted"]
    printed = [entry.id for entry in refuted if entry.status == "printed"]
    assert len(refuted) > len(printed) > 5
    for entry in refuted:
        assert (f"`{entry.id}`" in readings.page()) == (entry.status != "printed")
