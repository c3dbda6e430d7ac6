"""What users bring, as the project's types: arrays as worlds, functions as rules, FILE:NAME as the object there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from theory.errors import InvalidInput, unknown
from theory.schedules import NAMED, Schedule, as_schedule
from theory.showing import brief
from theory.unmasking.rules.base import Rule, SetRule, ValueRule
from theory.unmasking.rules.function import as_rule
from theory.worlds import TableWorld, World


def world(law: Any, n: int | None = None, d: int | None = None, name: str = "table") -> World:
    """Return a law as a world.

    An array of shape (d,) * n says n and d by its shape; one of d^n probabilities needs n or d beside it. A world is
    returned as it is. Raises InvalidInput, saying what was given.

    >>> import numpy as np
    >>> world(np.full((2, 2, 2), 1 / 8)).n
    3
    """
    if isinstance(law, World):
        return law
    if isinstance(law, SetRule | ValueRule | Schedule) or (callable(law) and not hasattr(law, "__array__")):
        raise InvalidInput(f"{brief(law)} where a law belongs; give an array of probabilities or a world")
    return TableWorld(law, n, d, name)


def sampler(what: Any) -> Rule | Schedule:
    """Return a rule or a schedule: a rule itself, a function of (log_p, masked), or what `um.schedule` takes.

    A function of two arguments is a rule, of one a schedule. Raises InvalidInput for anything else.
    """
    if isinstance(what, SetRule | ValueRule | Schedule):
        return what
    if isinstance(what, World):
        raise InvalidInput(f"{brief(what)} where a rule or schedule belongs; the order is measure(rule, world)")
    if isinstance(what, str) and what not in NAMED:
        raise InvalidInput(f"{unknown('schedule', what, NAMED)}; rules are objects, as um.TopK(2)")
    if inspect.isclass(what) or (callable(what) and arguments(what) == 2):
        return as_rule(what)
    return as_schedule(what)


def predictor(denoiser: Any, law: World) -> Any:
    """Return what predicts a law's tokens, after asking a bare network or function about the state of masks alone.

    What says its own number of tokens, as `um.denoiser` makes it, is returned as it is, and so is None, for the law
    itself. Raises InvalidInput where it fails, or answers about another number of tokens than the law has: then it is
    not known which id is its mask.
    """
    if not callable(denoiser) or inspect.isclass(denoiser) or hasattr(denoiser, "d"):
        return denoiser
    wrap = f"wrap it, and say which id is its mask: um.denoiser(network, mask_id=..., d={law.d})"
    try:
        with torch.no_grad():
            answers = denoiser(torch.full((1, law.n), law.d))
    except Exception as error:  # a function of somebody else may fail in any way
        kind = type(error).__name__
        raise InvalidInput(f"{brief(denoiser)} fails on a state of masks ({kind}: {error}); {wrap}") from error
    shape = tuple(answers.shape) if hasattr(answers, "shape") else None
    if shape != (1, law.n, law.d):
        found = type(answers).__name__ if shape is None else f"numbers of shape {shape}"
        raise InvalidInput(
            f"{brief(denoiser)} answers with {found} about one state; expected log-probabilities "
            f"(1, {law.n}, {law.d}): {wrap}"
        )
    return denoiser


def named(target: str, kind: str, fits: Callable[[Any], bool]) -> Any:
    """Return the object FILE:NAME, FILE a Python file or a module.

    Raises InvalidInput with the nearest names of objects that may be of the kind, which is what `fits` tells.
    """
    module_name, _, name = target.rpartition(":")
    if not module_name or not name:
        raise InvalidInput(f"{target!r}; expected FILE:NAME of a {kind}, as in mine.py:careful")
    module = _module(module_name)
    if not hasattr(module, name):
        raise unknown(
            f"{kind} in {module_name}",
            name,
            [key for key, value in vars(module).items() if not key.startswith("_") and fits(value)],
        )
    return getattr(module, name)


def may_be_rule(value: Any) -> bool:
    """Return whether an object may be meant as a rule: one, a class of them, or a function of two arguments."""
    if inspect.isclass(value):
        return issubclass(value, SetRule | ValueRule) and not inspect.isabstract(value)
    return isinstance(value, SetRule | ValueRule) or (inspect.isfunction(value) and arguments(value) == 2)


def may_be_law(value: Any) -> bool:
    """Return whether an object may be meant as a law: a world, an array or a list."""
    return isinstance(value, World | list) or hasattr(value, "__array__")


def may_be_denoiser(value: Any) -> bool:
    """Return whether an object may be meant as a denoiser: what is called with one argument, or a table."""
    if inspect.isclass(value) or isinstance(value, SetRule | ValueRule | Schedule):
        return False
    return hasattr(value, "__array__") or (callable(value) and arguments(value) == 1)


def arguments(function: Any) -> int:
    """Return how many positional arguments a function needs; 1 where it cannot be told, as for NumPy's own."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)


def _module(name: str) -> ModuleType:
    path = Path(name)
    try:
        if path.suffix != ".py":
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(name)
        if not path.is_file():
            raise InvalidInput(f"there is no file {path}; expected FILE:NAME, FILE a Python file or a dotted module")
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
