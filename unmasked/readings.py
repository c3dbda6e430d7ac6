"""The page of statements that fail and that no paper prints: natural readings of papers, and statements of our own."""

from __future__ import annotations

from theory.files import PROJECT
from unmasked.describing import place
from unmasked.selection import Entry, index

PAGE = PROJECT / "docs" / "readings.md"
WHOSE = {"reading": "a natural reading", "ours": "our own"}


def page() -> str:
    """Return the page in Markdown: one row a refuted statement of the ledger that is not printed in a paper."""
    refuted = [entry for entry in index().values() if not entry.trained and entry.expected == "refuted"]
    rows = [
        f"| `{entry.id}` | {WHOSE[entry.status]} | {_where(entry)} | {_cell(entry.statement)} |"
        for entry in refuted
        if entry.status in WHOSE
    ]
    return "\n".join(
        (
            "# Statements that fail, and that no paper prints",
            "",
            "Natural readings of what a paper says, and statements of our own that are kept because their failure says",
            "something. None of them is an error of a paper; those are in the [README](../README.md#errata). `unmasked",
            "explain ID` shows the witness of each. A test compares this page with the ledger.",
            "",
            "| claim | whose | where | what fails |",
            "|---|---|---|---|",
            *rows,
            "",
        )
    )


def _where(entry: Entry) -> str:
    return _cell(entry.source if entry.status == "ours" else f"{entry.paper}, {place(entry.source)}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
