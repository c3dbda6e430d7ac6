"""What a message says of a name that is not known."""

from __future__ import annotations

from theory.errors import unknown


def test_the_nearest_names_are_suggested_else_a_few_are_listed_and_the_others_counted() -> None:
    names = [f"claim.{k}" for k in range(300)]
    assert "did you mean" in str(unknown("claim", "claim.30x", names))
    far = str(unknown("claim", "zzzz", names))
    assert far.endswith("and 292 others") and far.count("claim.") == 8
    assert str(unknown("rule", "zzzz", ["b", "a"])) == "unknown rule 'zzzz'; known: a, b"
    assert str(unknown("rule", "zzzz", [])) == "unknown rule 'zzzz'; there is none"
