"""Verdicts as text: what a claim's findings add up to, and the pages that say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthetic import claims, verdicts
from synthetic.claims.base import Empirical, Finding, Judgement, budget, holm, judge
from synthetic.digest import PROJECT
from synthetic.intervals import exactly, of_seeds
from theory.errors import InvalidInput

SPREAD = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
HOLDS, FAILS, OPEN = (Finding("gain", of_seeds(mean + SPREAD)) for mean in (2.0, -2.0, 0.0))


def claim(name: str, *findings: Finding) -> Judgement:
    said = Empirical(name, "A, arXiv 1", f"{name} holds", (), lambda records: findings)
    return judge(said, {})


def test_a_claim_is_as_good_as_its_worst_finding() -> None:
    assert claim("a", HOLDS, HOLDS).verdict == "supported"
    assert claim("b", HOLDS, OPEN).verdict == "undecided"
    assert claim("c", HOLDS, OPEN, FAILS).verdict == "refuted"


@pytest.mark.parametrize(
    ("value", "claimed", "verdict"),
    [
        (0.0, "above", "refuted"), (0.0, "below", "refuted"), (0.0, "at least", "supported"),
        (0.0, "at most", "supported"), (0.1, "above", "supported"), (0.1, "at most", "refuted"),
    ],
)  # fmt: skip
def test_exact_ties_decide(value: float, claimed: str, verdict: str) -> None:
    for found in (exactly(value), of_seeds(np.full(3, value))):
        assert claim("a", Finding("gain", found, 0.0, claimed)).verdict == verdict


def test_one_of_many_findings_is_refuted_only_after_the_correction() -> None:
    """A p-value of about .01 refutes a claim with one finding, and none with twenty."""
    weak = Finding("gain", of_seeds(-1.7 + SPREAD * np.sqrt(2)))
    assert 0.002 < weak.chance < 0.025
    assert claim("a", weak).verdict == "refuted"
    many = claim("b", weak, *[HOLDS] * 19)
    assert many.verdict == "undecided"
    assert "alone it would be refuted" in verdicts.page([many], "laptop")


def test_holm_rejects_in_the_order_of_the_p_values() -> None:
    assert holm([0.04, 0.001, 0.02, 0.012], 0.05) == [True, True, True, True]
    assert holm([0.03, 0.001, 0.03, 0.012], 0.05) == [False, True, False, True]
    assert holm([0.0126], 0.0125) == [False]


def test_holm_rarely_rejects_what_is_true() -> None:
    """Five true claims at their borders, all with one finding wrong by chance: 2.5 % of 4,000 runs, se .25 %."""
    chances = np.random.default_rng(0).random((4000, 5))
    assert np.mean([any(holm(list(row))) for row in chances]) < 0.025 + 3 * 0.0025


def test_the_budget_counts_claims_that_rest_on_samples() -> None:
    assert "of 2 claims that rest on samples at most 0.05 are expected to be refuted" in budget(
        [claim("a", HOLDS), claim("b", OPEN), claim("c", Finding("gain", exactly(1.0)))]
    )


def test_a_claim_without_findings_is_an_error() -> None:
    with pytest.raises(InvalidInput, match="nothing to judge it by"):
        claim("empty")


def test_the_pages_name_every_claim_under_its_verdict() -> None:
    judged = [claim("a", HOLDS), claim("b", OPEN), claim("c", FAILS)]
    assert "| A, arXiv 1 | us | `a` | `c` | `b` |" in verdicts.summary(judged)
    page = verdicts.page(judged, "laptop")
    assert "### `c`: refuted" in page
    assert "| gain | -2 | [-2.982, -1.018] | > 0 | 5 seeds | refuted |" in page
    assert "| gain | 0 | [-0.9816, 0.9816] | > 0 | 5 seeds | undecided; more than 100,000 seeds would" in page
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
