"""One exception for every mistake a caller can make, and the sentence that suggests the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NAMED = 8
"""Known names that a message lists; it counts the others."""


class InvalidInput(ValueError):
    """An argument is wrong. The message says what was given, what was expected and what to do."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InvalidInput:
    """Return the error for a `name` that no `kind` has, with the nearest known names."""
    names, name = sorted(known), str(name)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    else:
        shown = sorted(difflib.get_close_matches(name, names, n=NAMED, cutoff=0.0))
        others = f" and {len(names) - len(shown)} others" if len(names) > len(shown) else ""
        hint = f"known: {', '.join(shown)}{others}" if names else "there is none"
    return InvalidInput(f"unknown {kind} {name!r}; {hint}")
