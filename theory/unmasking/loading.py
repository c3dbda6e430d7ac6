"""A researcher's own unmasking rule, from a file or a module: a rule, a rule class or a plain function."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxtyping import Bool, Float
from torch import Generator, Tensor

from theory.errors import InvalidInput, unknown
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


def load(target: str) -> Rule:
    """Return the rule named MODULE:NAME, MODULE a dotted name or a file; NAME a rule, a rule class or a function."""
    module_name, _, name = target.partition(":")
    if not name:
        raise InvalidInput(f"{target!r}; expected MODULE:NAME, as in my_rules.py:careful")
    module = _import(module_name)
    if not hasattr(module, name):
        raise unknown(f"rule in {module_name}", name, [k for k in vars(module) if not k.startswith("_")])
    found = getattr(module, name)
    if inspect.isclass(found) and issubclass(found, SetRule | ValueRule):
        try:
            found = found()
        except TypeError as error:
            raise InvalidInput(f"{target} cannot be built without arguments ({error}); name an instance") from error
    if isinstance(found, SetRule | ValueRule):
        return found
    if callable(found):
        return FunctionRule(found, name)
    raise InvalidInput(f"{target} is a {type(found).__name__}; expected a function (log_p, masked) or a rule")


def _import(name: str) -> ModuleType:
    path = Path(name)
    try:
        if path.suffix != ".py":
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(name)
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}; expected MODULE:NAME with MODULE a file or a dotted name")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        return module
    except InvalidInput:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise InvalidInput(f"{name} does not import ({kind}: {error}); mend it, then try again") from error
