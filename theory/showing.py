"""How results show themselves: a short table in a terminal, the same in a notebook. No mathematics."""

from __future__ import annotations

import html
import numbers
from typing import Any

WIDTH = 100
"""Characters of a repr that stands on one line."""


class Shown:
    """Gives a class a repr and a notebook table made from `_facts()`, a mapping from labels to values.

    The repr stands on one line where it is short, and has a line for each fact where it is not.
    """

    name: str
    _one_line = False
    """Whether the repr stays on one line at any length, as that of what is shown inside other things does."""

    def _facts(self) -> dict[str, object]:
        raise NotImplementedError

    def __repr__(self) -> str:
        facts = [f"{label} = {shown(value)}" for label, value in self._facts().items()]
        line = f"{type(self).__name__}({self.name}: {', '.join(facts)})"
        if self._one_line or len(line) <= WIDTH:
            return line
        return f"{type(self).__name__}({self.name}:\n    " + ",\n    ".join(facts) + ")"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(label)}</td><td>{html.escape(shown(value))}</td></tr>"
            for label, value in self._facts().items()
        )
        return f"<table><caption>{html.escape(self.name)}</caption>{rows}</table>"


def shown(value: Any, digits: int = 4) -> str:
    """Return a number with four digits, zeros and whole numbers as such; anything else as text."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return str(value)
    whole = float(value).is_integer() and abs(float(value)) < 1e15
    return str(int(float(value))) if whole else f"{float(value):.{digits}g}"


def brief(value: Any) -> str:
    """Return a repr in one line of at most 60 characters, for a message."""
    return " ".join(repr(value).split())[:60]


def called(function: Any, otherwise: str) -> str:
    """Return a function's own name; `otherwise` for a lambda, and for what has none.

    >>> called(lambda t: t, "custom"), called(shown, "custom")
    ('custom', 'shown')
    """
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) and name != "<lambda>" else otherwise
