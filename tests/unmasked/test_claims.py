"""The claims as a table, and the verdicts on trained models among them."""

from __future__ import annotations

import pytest

import unmasked as um
from synthetic import verdicts
from unmasked import selection
from unmasked.command_line import main


def test_the_table_has_what_the_command_lists() -> None:
    found = um.claims(paper="2505.24857", refuted=True)
    assert list(found.index) == [entry.id for entry in selection.select((), "2505.24857", refuted=True)]
    assert set(found["verdict"]) == {"refuted"} and set(found["about"]) == {"theory", "trained models"}
    assert set(um.claims(printed=True)["status"]) == {"printed"}
    assert um.claims("eb.E1").loc["eb.E1", "verdict"] == verdicts.on_record()["eb.E1"]
    with pytest.raises(um.InvalidInput, match=r"no claim is about paper 2505\.9999"):
        um.claims(paper="2505.9999")


def test_claims_without_a_verdict_are_counted_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = verdicts.on_record()
    assert main(["list", "--paper", "2505.24857", "--refuted"]) == 0
    assert "without a verdict" not in capsys.readouterr().out
    monkeypatch.setattr(verdicts, "on_record", lambda: {k: v for k, v in known.items() if k not in ("eb.E1", "eb.E2")})
    assert main(["list", "--paper", "2505.24857", "--refuted"]) == 0
    printed = capsys.readouterr().out
    assert "2 claims about trained models without a verdict yet: unmasked check eb.E1 eb.E2\n" in printed
    assert um.claims("eb.E1")["verdict"].tolist() == [""]


def test_an_unknown_name_lists_a_few_and_counts_the_others(main_fails) -> None:
    said = main_fails(main, "list", "zzzzzzz")
    assert "others" in said and len(said) < 300
