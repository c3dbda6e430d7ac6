"""The verdicts on the empirical claims as text: for a terminal, and as a page of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from synthetic.claims.base import Finding, Judgement
from theory.errors import InvalidInput
from theory.files import PROJECT, write_atomically

PAGE = PROJECT / "docs" / "verdicts.md"
MARKS = ("<!-- verdicts -->\n", "<!-- end of verdicts -->\n")


def lines(judgements: Iterable[Judgement]) -> list[str]:
    """Return the verdicts for a terminal: one line a claim, then one a finding."""
    found = []
    for judged in judgements:
        found.append(f"{judged.claim.id:<14} {judged.verdict:<10} {judged.claim.statement}")
        found += [f"{'':<14} {finding.verdict:<10} {_measured(finding)}" for finding in judged.findings]
    return found


def page(judgements: Iterable[Judgement], preset: str) -> str:
    """Return the verdicts as a Markdown page, by paper."""
    judged = list(judgements)
    rows = [
        "# What holds for trained models",
        "",
        f"Written by `unmasked check --preset {preset} --write`: every verdict is computed from 95 %",
        "bootstrap intervals over seeds and items. A claim is supported when all its findings are and refuted when",
        "one is.",
    ]
    for source in dict.fromkeys(each.claim.source for each in judged):
        rows += ["", f"## {source}", "", "| claim | verdict | says | measured |", "|---|---|---|---|"]
        rows += [_row(each) for each in judged if each.claim.source == source]
    return "\n".join(rows) + "\n"


def summary(judgements: Iterable[Judgement]) -> str:
    """Return a Markdown table with the claims of each paper by verdict."""
    judged = list(judgements)
    rows = ["| paper | supported | refuted at this scale | undecided |", "|---|---|---|---|"]
    for source in dict.fromkeys(each.claim.source for each in judged):
        cells = [
            ", ".join(f"`{each.claim.id}`" for each in judged if (each.claim.source, each.verdict) == (source, verdict))
            for verdict in ("supported", "refuted", "undecided")
        ]
        rows.append(f"| {source} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def write(judgements: Iterable[Judgement], preset: str) -> None:
    """Write the page of verdicts, and their summary between the marks of the README."""
    judged = list(judgements)
    write_atomically(PAGE, page(judged, preset))
    readme = PROJECT / "README.md"
    write_atomically(readme, between_marks(readme.read_text(), summary(judged)))


def on_record(path: Path = PAGE) -> dict[str, str]:
    """Return the verdict of each claim on the page that `write` wrote last; none where there is no page."""
    text = path.read_text() if path.is_file() else ""
    return dict(re.findall(r"^\| `([^`]+)` \| \*\*(\w+)\*\* \|", text, re.MULTILINE))


def between_marks(document: str, text: str) -> str:
    """Return a document with the text between MARKS replaced; InvalidInput where they are missing."""
    start, end = (document.find(mark) for mark in MARKS)
    if not 0 <= start < end:
        raise InvalidInput(f"no {MARKS[0].strip()} ... {MARKS[1].strip()} in the page; put both where the table goes")
    return document[: start + len(MARKS[0])] + text + document[end:]


def _row(judged: Judgement) -> str:
    measured = "<br>".join(f"{_measured(finding)}: {finding.verdict}" for finding in judged.findings)
    return f"| `{judged.claim.id}` | **{judged.verdict}** | {judged.claim.statement} | {measured} |".replace("\n", " ")


def _measured(finding: Finding) -> str:
    found, sign = finding.interval, ">" if finding.claimed == "above" else "<"
    return (
        f"{finding.measure} = {found.mean:.4g} [{found.low:.4g}, {found.high:.4g}], claimed {sign} "
        f"{finding.threshold:.4g} ({found.size:,} values, {found.seeds} seeds)"
    )
