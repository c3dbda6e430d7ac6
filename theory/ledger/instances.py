"""Instances on disk: the worlds, denoisers, rules and schedules that claims are checked on, as JSON and back.

An instance maps names to values. Numbers, strings and lists are themselves; fractions, tensors, worlds and tables of
conditionals are written with all that determines them; rules and other frozen dataclasses by their fields.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.schedules import Schedule, from_recipe
from theory.worlds import SupportWorld, TableWorld

KIND = "kind"
"""The key that marks an encoded object."""


def encode(value: Any) -> Any:
    """Return a value as JSON. Raises InvalidInput for an object that cannot be written down and found again."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        entries = {str(key): encode(item) for key, item in value.items()}
        return {KIND: "mapping", "entries": entries} if KIND in entries else entries
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Fraction):
        return {KIND: "fraction", "value": str(value)}
    if isinstance(value, TableWorld):
        cells = value.law().tolist() if value.weights is None else [encode(w) for w in value.weights]
        exact = value.weights is not None
        return {KIND: "world", "n": value.n, "d": value.d, "weights" if exact else "law": cells, "name": value.name}
    if isinstance(value, SupportWorld):
        rows, chances = value.support.tolist(), value.probabilities.tolist()
        return {KIND: "support", "rows": rows, "probabilities": chances, "d": value.d, "name": value.name}
    if isinstance(value, Schedule) and value.recipe is not None:
        return {KIND: "schedule", "recipe": encode(value.recipe)}
    if isinstance(value, TableDenoiser):
        return {KIND: "denoiser", "log_p": value.log_p.tolist(), "name": value.name}
    if isinstance(value, Tensor):
        return {KIND: "tensor", "type": str(value.dtype).removeprefix("torch."), "values": value.tolist()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value) if f.init}
        return {KIND: "object", "class": f"{type(value).__module__}:{type(value).__qualname__}", "fields": fields}
    raise InvalidInput(f"cannot write down a {type(value).__name__}; use numbers, lists, tables or dataclasses")


def decode(value: Any) -> Any:
    """Return what `encode` was given. Raises InvalidInput for JSON that it did not write."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if KIND not in value:
        return {key: decode(item) for key, item in value.items()}
    try:
        return _decoded(value)
    except (KeyError, TypeError, ValueError, ImportError, AttributeError) as error:
        raise InvalidInput(f"an instance holds {dict(value)!r:.200}, which does not decode ({error})") from error


def _decoded(value: Mapping[str, Any]) -> Any:
    match value[KIND]:
        case "fraction":
            return Fraction(value["value"])
        case "world" if "weights" in value:
            return TableWorld.from_weights(decode(value["weights"]), value["n"], value["d"], value["name"])
        case "world":
            return TableWorld(value["law"], value["n"], value["d"], value["name"])
        case "support":
            return SupportWorld(value["rows"], value["probabilities"], value["d"], value["name"])
        case "denoiser":
            return TableDenoiser(torch.tensor(value["log_p"], dtype=torch.float64), value["name"])
        case "mapping":
            return {key: decode(item) for key, item in value["entries"].items()}
        case "tensor":
            return torch.tensor(value["values"], dtype=getattr(torch, value["type"]))
        case "schedule":
            return from_recipe(*value["recipe"])
        case "object":
            module, _, name = value["class"].partition(":")
            if module.split(".")[0] not in ("theory", "synthetic"):
                raise ValueError(f"class of {module}; expected one of this project")
            found = getattr(importlib.import_module(module), name)
            return found(**{key: decode(item) for key, item in value["fields"].items()})
    raise ValueError(f"unknown kind {value[KIND]!r}")
