"""A plain function of log-conditionals and masked positions as a rule."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.schedules import Schedule
from theory.showing import brief, called
from theory.unmasking.rules.base import Rule, SetRule, ValueRule


@dataclass(frozen=True)
class FunctionRule(SetRule):
    """A plain function (log-conditionals, masked) -> positions as a rule."""

    function: Callable[..., Any]
    name: str

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Call the function; raise InvalidInput, naming it, when it fails or returns no tensor shaped like `masked`."""
        try:
            chosen = self.function(log_p, masked)
        except Exception as error:
            kind = type(error).__name__
            raise InvalidInput(f"rule {self.name!r} fails on (log_p, masked): {kind}: {error}") from error
        if not isinstance(chosen, Tensor) or chosen.shape != masked.shape:
            shape = tuple(chosen.shape) if isinstance(chosen, Tensor) else ""
            raise InvalidInput(
                f"rule {self.name!r} returned {type(chosen).__name__} {shape}; expected a boolean tensor of shape "
                f"{tuple(masked.shape)}, like `masked`"
            )
        return chosen


def as_rule(source: Any) -> Rule:
    """Return a rule itself, or a function of (log_p, masked) as a rule; InvalidInput for anything else."""
    if isinstance(source, SetRule | ValueRule):
        return source
    if inspect.isclass(source):
        raise InvalidInput(f"{source.__name__} is a class; give an object, as um.TopK(2) is one of um.TopK")
    if isinstance(source, Schedule):
        raise InvalidInput(f"{source.name} is a schedule; expected a rule: compare(...) measures schedules")
    if callable(source):
        return FunctionRule(source, called(source, "function"))
    raise InvalidInput(f"{brief(source)} is no rule; expected a function (log_p, masked) -> positions, or a rule")
