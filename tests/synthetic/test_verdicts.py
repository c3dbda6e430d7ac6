"""Verdicts as text: what a claim's findings add up to, and the pages that say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthetic import claims, verdicts
from synthetic.claims.base import Empirical, Finding, Judgement, joint, judge
from synthetic.digest import PROJECT
from synthetic.intervals import Interval
from theory.errors import InvalidInput

HOLDS, FAILS, OPEN = (Finding("gain", Interval(m, m - 1, m + 1, 600, 3)) for m in (2.0, -2.0, 0.0))


def claim(name: str, *findings: Finding) -> Judgement:
    said = Empirical(name, "A, arXiv 1", f"{name} holds", (), lambda records: findings)
    return judge(said, {})


def test_a_claim_is_as_good_as_its_worst_finding() -> None:
    assert claim("a", HOLDS, HOLDS).verdict == "supported"
    assert claim("b", HOLDS, OPEN).verdict == "undecided"
    assert claim("c", HOLDS, OPEN, FAILS).verdict == "refuted"
    assert joint(["supported"]) == "supported"


def test_a_claim_without_findings_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="nothing to judge it by"):
        claim("empty")


def test_the_pages_name_every_claim_under_its_verdict() -> None:
    judged = [claim("a", HOLDS), claim("b", OPEN), claim("c", FAILS)]
    assert "| A, arXiv 1 | `a` | `c` | `b` |" in verdicts.summary(judged)
    page = verdicts.page(judged, "laptop")
    assert "| `c` | **refuted** | c holds | gain = -2 [-3, -1], claimed > 0 (600 values, 3 seeds): refuted |" in page
    assert len(verdicts.lines(judged)) == 6


def test_the_verdicts_on_record_are_those_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(verdicts.page([claim("a", HOLDS), claim("b.c", OPEN), claim("c", FAILS)], "laptop"))
    assert verdicts.on_record(path) == {"a": "supported", "b.c": "undecided", "c": "refuted"}
    assert verdicts.on_record(tmp_path / "none.md") == {}
    assert verdicts.on_record().keys() == claims.registry().keys()


def test_a_table_goes_between_its_marks() -> None:
    start, end = verdicts.MARKS
    assert verdicts.between_marks(f"above\n{start}old\n{end}below\n", "new\n") == f"above\n{start}new\n{end}below\n"
    with pytest.raises(InvalidInput, match="put both where"):
        verdicts.between_marks("no marks", "new")


def test_the_readme_and_the_page_hold_every_claim() -> None:
    readme, page = (PROJECT / "README.md").read_text(), (PROJECT / "docs" / "verdicts.md").read_text()
    for name in claims.registry():
        assert f"`{name}`" in page, f"run: python -m synthetic check --write, to judge {name}"
        assert f"`{name}`" in readme[slice(*(readme.index(mark) for mark in verdicts.MARKS))]


def test_an_unknown_claim_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean eb\.E1"):
        claims.select(("eb.E11",))
