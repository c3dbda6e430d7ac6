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


def times(factor: Any = 1.01, *parts: int) -> Corruption:
    """Return the corruption that multiplies the result; in a tuple or list all entries, or those named."""

    def scaled(value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value * factor
        return type(value)(v * factor if not parts or k in parts else v for k, v in enumerate(value))

    return after(scaled)


def plus(amount: Any) -> Corruption:
    """Return the corruption that adds to what the function returns."""
    return after(lambda value: value + amount)


def after(change: Callable[[Any], Any]) -> Corruption:
    """Return the corruption that changes what the function returns."""
    return lambda function: lambda *args, **kwargs: change(function(*args, **kwargs))


def instead(function: Callable[..., Any]) -> Corruption:
    """Return the corruption that puts another function in the place of the true one."""
    return lambda _: function


def constant(value: Any) -> Corruption:
    """Return the corruption that returns one value, whatever is asked."""
    return instead(lambda *args, **kwargs: value)


def swapped(first: int = 0, second: int = 1) -> Corruption:
    """Return the corruption that exchanges two positional arguments."""

    def exchange(*args: Any) -> tuple[Any, ...]:
        moved = list(args)
        moved[first], moved[second] = moved[second], moved[first]
        return tuple(moved)

    return before(exchange)


def before(change: Callable[..., tuple[Any, ...]]) -> Corruption:
    """Return the corruption that changes the positional arguments."""
    return lambda function: lambda *args, **kwargs: function(*change(*args), **kwargs)


def altered(**changes: Any) -> Corruption:
    """Return the corruption that changes fields of the dataclass that the function returns, by functions of them."""

    def changed(value: Any) -> Any:
        return dataclasses.replace(value, **{key: change(getattr(value, key)) for key, change in changes.items()})

    return after(changed)


def given(index: int, change: Callable[[Any], Any]) -> Corruption:
    """Return the corruption that changes one positional argument."""
    return before(lambda *args: tuple(change(a) if k == index else a for k, a in enumerate(args)))
