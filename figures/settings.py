"""Settings from outside, checked against the types that a config declares for its fields."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from theory.errors import InvalidInput

WORDS = {int: ("a whole number", "whole numbers"), float: ("a number", "numbers"), str: ("text", "texts"),
         bool: ("True or False", "truth values")}  # fmt: skip


def fitted(name: str, value: Any, kind: Any) -> Any:
    """Return a value as one of the type: a list as a tuple, one value where several may stand as a tuple of one.

    Raises InvalidInput, saying what was given and what was expected.

    >>> fitted("sizes", [[4, 2], [6, 2]], tuple[tuple[int, int], ...])
    ((4, 2), (6, 2))
    """
    for each in get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,):
        fits, found = _as(value, each)
        if fits:
            return found
    raise InvalidInput(f"{name}={value!r:.60}; expected {_described(kind)}".replace("\n", " "))


def _as(value: Any, kind: Any) -> tuple[bool, Any]:
    """Return whether a value can be read as the type, and the value so read."""
    if kind is Any:
        return True, value
    if kind is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool), value
    if kind is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool), value
    if get_origin(kind) is tuple:
        return _as_tuple(value, get_args(kind))
    return isinstance(value, get_origin(kind) or kind), value


def _as_tuple(value: Any, parts: tuple[Any, ...]) -> tuple[bool, Any]:
    several = isinstance(value, tuple | list)
    if len(parts) == 2 and parts[1] is Ellipsis:
        if isinstance(value, Mapping):
            return False, value
        kinds = [parts[0]] * (len(value) if several else 1)
    else:
        kinds = list(parts)
    values = list(value) if several else [value]
    found = [_as(each, kind) for each, kind in zip(values, kinds, strict=False)]
    return len(values) == len(kinds) and all(fits for fits, _ in found), tuple(each for _, each in found)


def _described(kind: Any, several: bool = False) -> str:
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(_described(each) for each in get_args(kind))
    parts = get_args(kind)
    if get_origin(kind) is tuple and parts[-1] is Ellipsis:
        return _described(parts[0], several=True)
    if get_origin(kind) is tuple:
        return f"{'tuples' if several else 'a tuple'} of {len(parts)} {_described(parts[0], several=True)}"
    if issubclass(get_origin(kind) or kind, Mapping):
        return "a mapping"
    return WORDS[kind][several] if kind in WORDS else f"a {getattr(kind, '__name__', kind)}"
