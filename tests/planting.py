"""Corrupts an engine function wherever it is looked up, and asks a claim's fixtures for their verdict."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from typing import Any

import pytest

from theory.errors import InvalidInput
from theory.ledger import Claim, verdict

Corruption = Callable[[Callable[..., Any]], Callable[..., Any]]
"""From a function to a wrong one."""


def plant(monkeypatch: pytest.MonkeyPatch, module: str, name: str, corruption: Corruption) -> None:
    """Put a wrong function in the place of `module.name` ("Class.method" for methods) in all of theory.

    Modules that imported the name hold the function itself; it is replaced there too. `theory.reference`, the second
    route, must not hold it.
    """
    home = importlib.import_module(module)
    if "." in name:
        owner, method = name.split(".")
        kind = getattr(home, owner)
        monkeypatch.setattr(kind, method, corruption(getattr(kind, method)))
        return
    original = getattr(home, name)
    wrong = corruption(original)
    for other_name, other in list(sys.modules.items()):
        if other_name.startswith("theory.") and getattr(other, name, None) is original:
            assert not other_name.startswith("theory.reference"), f"{other_name} uses the engine's {name}"
            monkeypatch.setattr(other, name, wrong)


def outcome(claim: Claim) -> str:
    """Return the verdict of the claim's fixtures: refuted at the first that fails, or raised where a check refuses."""
    found = []
    for fixture in claim.fixtures:
        try:
            found.append(verdict(claim.check(**fixture)))
        except (InvalidInput, ValueError, IndexError):
            return "raised"
        if found[-1] == "refuted" and claim.quantifier != "there exists":
            return "refuted"
    return "holds" if "holds" in found else "undecided" if claim.quantifier == "there exists" else found[0]


def times(factor: float) -> Corruption:
    """Return the corruption that multiplies what the function returns, entry by entry."""

    def corrupted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            return type(value)(v * factor for v in value) if isinstance(value, list | tuple) else value * factor

        return wrong

    return corrupted


def swapped(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with its first two arguments exchanged."""
    return lambda first, second, *rest, **more: function(second, first, *rest, **more)


def altered(**changes: Any) -> Corruption:
    """Return the corruption that changes fields of the dataclass that the function returns, by functions of them."""

    def corrupted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*args: Any, **kwargs: Any) -> Any:
            value = function(*args, **kwargs)
            return dataclasses.replace(value, **{key: change(getattr(value, key)) for key, change in changes.items()})

        return wrong

    return corrupted


def given(index: int, change: Callable[[Any], Any]) -> Corruption:
    """Return the corruption that changes one positional argument."""

    def corrupted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*args: Any, **kwargs: Any) -> Any:
            changed = tuple(change(a) if k == index else a for k, a in enumerate(args))
            return function(*changed, **kwargs)

        return wrong

    return corrupted
