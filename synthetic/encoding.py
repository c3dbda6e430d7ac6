"""Exact JSON for configs, scalars and tables: every float comes back bit for bit, inf and nan too.

JSON has no inf and nan, so those become `{"float": "inf"}`; Python writes every other float with
the fewest digits that give the same number back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import math
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

Scalar = float | int | str | bool


def canonical(payload: Any) -> bytes:
    """Return the one byte string that stands for a JSON value."""
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def encode(value: Any, where: str) -> Any:
    """Return the JSON form of a scalar, or of lists, tuples and string-keyed dicts of them."""
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [encode(item, where) for item in value]
    if inspect.isfunction(value):
        return {"function": value.__qualname__, "code": _code(value)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: encode(item, f"{where}.{key}") for key, item in value.items()}
    raise InvalidInput(
        f"{where} is a {type(value).__name__}; a record keeps numbers, strings, booleans and "
        "lists or string-keyed dicts of them"
    )


def _code(function: types.FunctionType) -> str:
    """Return a digest of what a function computes: bytecode, constants, names, defaults and what it closes over."""
    held = [cell.cell_contents for cell in function.__closure__ or ()]
    parts = [_bytecode(function.__code__), repr(function.__defaults__)]
    parts += [_code(value) if inspect.isfunction(value) else _shown(value) for value in held]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _shown(value: Any) -> str:
    """Return a value in all its digits, a tensor too."""
    return repr(value.tolist() if hasattr(value, "tolist") else value)


def _bytecode(code: types.CodeType) -> str:
    constants = [_bytecode(each) if inspect.iscode(each) else repr(each) for each in code.co_consts]
    return repr((code.co_code.hex(), constants, code.co_names))


def decode(value: Any) -> Any:
    """Invert `encode`, with tuples coming back as lists."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if isinstance(value, dict):
        if value.keys() == {"float"} and value["float"] in {"nan", "inf", "-inf"}:
            return float(value["float"])
        return {key: decode(item) for key, item in value.items()}
    return value


def encode_config(config: Any) -> dict[str, Any]:
    """Return the JSON form of a frozen dataclass."""
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise InvalidInput(f"a config is an instance of a frozen dataclass, not {config!r}")
    if not type(config).__dataclass_params__.frozen:  # type: ignore[attr-defined]  # a dataclass
        raise InvalidInput(f"{type(config).__name__} must be frozen: @dataclass(frozen=True)")
    encoded: dict[str, Any] = encode(dataclasses.asdict(config), type(config).__name__)
    return encoded


def encode_scalars(scalars: Any) -> dict[str, Any]:
    """Return the JSON form of a flat dict of scalars."""
    encoded = encode(scalars, "scalars")
    if not isinstance(encoded, dict):
        raise InvalidInput(f"an experiment's scalars are a dict, not a {type(scalars).__name__}")
    for name, value in scalars.items():
        if isinstance(value, list | tuple | Mapping):
            raise InvalidInput(f"scalar {name!r} is a {type(value).__name__}; put it in the table")
    return encoded


def encode_table(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the columns of a tidy table, each with name, dtype and values."""
    if list(table.index) != list(range(len(table))):
        raise InvalidInput("a record's table is tidy: move the index to columns with reset_index()")
    if not all(isinstance(name, str) for name in table.columns) or not table.columns.is_unique:
        raise InvalidInput(f"column names are distinct strings, not {list(table.columns)}")
    return [_encode_column(name, table[name]) for name in table.columns]


def decode_table(columns: list[dict[str, Any]]) -> pd.DataFrame:
    """Invert `encode_table`."""
    import pandas as pd

    return pd.DataFrame(
        {column["name"]: pd.Series(decode(column["values"]), dtype=column["dtype"]) for column in columns}
    )


def _encode_column(name: str, column: pd.Series[Any]) -> dict[str, Any]:
    kind = column.dtype.kind
    if kind in "fiub":
        dtype, values = str(column.dtype), column.tolist()
    elif kind == "O" and all(isinstance(value, str) for value in column.dropna()):
        dtype, values = "str", column.astype(object).where(column.notna(), None).tolist()
    else:
        raise InvalidInput(
            f"column {name!r} has dtype {column.dtype}; a record's table keeps floats, integers, booleans and strings"
        )
    return {"name": name, "dtype": dtype, "values": encode(values, f"column {name!r}")}
