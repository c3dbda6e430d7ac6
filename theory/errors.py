"""One exception for every mistake a caller can make, and the sentence that suggests the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InvalidInput(ValueError):
    """An argument is wrong. The message says what was given, what was expected and what to do."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InvalidInput:
    """Return the error for a `name` that no `kind` has, with the nearest known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names)}"
    return InvalidInput(f"unknown {kind} {name!r}; {hint}")
