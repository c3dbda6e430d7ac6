"""The verdicts on the empirical claims as text: for a terminal, and as a page of the documentation."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from pathlib import Path

from synthetic.claims.base import Finding, Judgement, budget
from theory.errors import InvalidInput
from theory.files import PROJECT, write_atomically

PAGE = PROJECT / "docs" / "verdicts.md"
SIGNS = {"above": ">", "at least": ">=", "below": "<", "at most": "<="}
MARKS = ("<!-- verdicts -->\n", "<!-- end of verdicts -->\n")


def lines(judgements: Iterable[Judgement]) -> list[str]:
    """Return the verdicts for a terminal: one line a claim, then one a finding."""
    found = []
    for judged in judgements:
        found.append(f"{judged.claim.id:<14} {judged.verdict:<10} {judged.claim.statement}")
        pairs = zip(judged.findings, judged.verdicts, strict=True)
        found += [f"{'':<14} {verdict:<10} {_measured(finding, verdict)}" for finding, verdict in pairs]
    return found


def page(judgements: Iterable[Judgement], preset: str) -> str:
    """Return the verdicts as a Markdown page, by paper."""
    judged = list(judgements)
    rows = [
        "# What holds for trained models",
        "",
        f"Written by `unmasked check --preset {preset} --write`. Every finding has a 95 % interval over the seeds of",
        "trained models and over test items. A claim is supported when all its findings are, and refuted when one is,",
        f"after Holm's correction over its findings. So {budget(judged)}.",
        "",
        *summary(judged).splitlines(),
    ]
    for source in dict.fromkeys(each.claim.source for each in judged):
        rows += ["", f"## {source}"]
        for each in judged:
            if each.claim.source == source:
                rows += _section(each)
    return "\n".join(rows) + "\n"


def summary(judgements: Iterable[Judgement]) -> str:
    """Return a Markdown table with the claims by paper, by whose they are, and by verdict."""
    judged = list(judgements)
    rows = ["| paper | asked by | supported | refuted at this scale | undecided |", "|---|---|---|---|---|"]
    sources = dict.fromkeys(each.claim.source for each in judged)
    for source, reported in itertools.product(sources, (True, False)):
        mine = [e for e in judged if (e.claim.source, bool(e.claim.reported)) == (source, reported)]
        if not mine:
            continue
        cells = [
            ", ".join(f"`{each.claim.id}`" for each in mine if each.verdict == verdict)
            for verdict in ("supported", "refuted", "undecided")
        ]
        rows.append(f"| {source} | {'the paper' if reported else 'us'} | {' | '.join(cells)} |")
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
    return dict(re.findall(r"^### `([^`]+)`: (\w+)$", text, re.MULTILINE))


def between_marks(document: str, text: str) -> str:
    """Return a document with the text between MARKS replaced; InvalidInput where they are missing."""
    start, end = (document.find(mark) for mark in MARKS)
    if not 0 <= start < end:
        raise InvalidInput(f"no {MARKS[0].strip()} ... {MARKS[1].strip()} in the page; put both where the table goes")
    return document[: start + len(MARKS[0])] + text + document[end:]


def _section(judged: Judgement) -> list[str]:
    """Return one claim with a row for each of its findings."""
    rows = [
        "", f"### `{judged.claim.id}`: {judged.verdict}", "", judged.claim.statement, "",
        f"*The paper reports.* {judged.claim.reported}" if judged.claim.reported else "*Our question.*", "",
        "| finding | mean | 95 % interval | claimed | numbers | verdict |", "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for finding, verdict in zip(judged.findings, judged.verdicts, strict=True):
        found = finding.estimate
        interval = f"[{found.low:.4g}, {found.high:.4g}]" if found.bounded else "none"
        claimed = f"{SIGNS[finding.claimed]} {finding.threshold:.4g}"
        cells = (
            finding.measure,
            f"{found.mean:.4g}",
            interval,
            claimed,
            _numbers(finding),
            _with_need(finding, verdict),
        )
        rows.append(f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |")
    return rows


def _measured(finding: Finding, verdict: str) -> str:
    found = finding.estimate
    return (
        f"{finding.measure} = {found.mean:.4g} [{found.low:.4g}, {found.high:.4g}], claimed "
        f"{SIGNS[finding.claimed]} {finding.threshold:.4g} ({_numbers(finding)})"
        + (f"; {_need(finding)}" if verdict == "undecided" else "")
    )


def _numbers(finding: Finding) -> str:
    found = finding.estimate
    if found.structure == "exact":
        return "exact"
    each = {"one value a seed": "", "items of each seed": f" of {found.items:,} items each"}
    return f"{found.seeds} {found.unit}{each.get(found.structure, f' on the same {found.items:,} items')}"


def _with_need(finding: Finding, verdict: str) -> str:
    return f"undecided; {_need(finding)}" if verdict == "undecided" else verdict


def _need(finding: Finding) -> str:
    """Say what would decide a finding; one whose interval is off the threshold waits for Holm's correction only."""
    low, high = finding.estimate.interval()
    if high < finding.threshold or low > finding.threshold:
        return "alone it would be refuted"
    return f"{finding.estimate.needed(finding.threshold)} would decide"
