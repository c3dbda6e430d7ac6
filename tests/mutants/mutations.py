"""Small faults planted into a function: its code is compiled with one operator, number or call changed.

Left alone are what computes no number of the theory: messages, representations, checks of arguments that only raise.
"""

from __future__ import annotations

import ast
import builtins
import functools
import hashlib
import importlib
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
CALLS = {
    "min": "max", "max": "min", "amin": "amax", "amax": "amin", "argmin": "argmax", "argmax": "argmin", "any": "all",
    "all": "any", "floor": "ceil", "ceil": "floor", "log1p": "log", "expm1": "exp", "maximum": "minimum",
    "minimum": "maximum", "sum": "mean", "mean": "sum", "sin": "cos", "cos": "sin", "cumsum": "cumprod",
}  # fmt: skip
DROPPED = {"clamp", "clip", "abs", "sqrt", "flip", "diff", "accumulate"}
"""Calls of which a mutant keeps the first argument, or the object whose method it is."""

SILENT_FUNCTIONS = {"__repr__", "__post_init__", "name", "_facts", "__hash__"}
SILENT_KEYWORDS = {"note", "name", "dtype", "device", "non_blocking", "indent"}
SILENT_CALLS = {"require_memory", "called"}
"""Functions that refuse what does not fit in memory, or name things."""


@dataclass(frozen=True)
class Mutation:
    """One fault: `what` describes it, `number` tells equal ones in a function apart."""

    module: str
    function: str
    line: int
    what: str
    number: int

    @property
    def key(self) -> str:
        """Return what names the fault even when lines move."""
        return f"{self.module}:{self.function} {self.what} #{self.number}"

    @property
    def rank(self) -> str:
        """Return a number by which to choose a sample that code elsewhere does not reshuffle."""
        return hashlib.sha256(self.key.encode()).hexdigest()


@dataclass(frozen=True)
class _Edit:
    """How to make and unmake a fault in the tree."""

    node: ast.AST
    what: str
    field: str
    value: Any


def mutations(module: str) -> list[Mutation]:
    """Return every fault of a module's functions and methods, in the order of the source."""
    return [mutation for mutation, _, _ in _all(module)]


def plant(mutation: Mutation) -> None:
    """Give the function the faulty code, in place: whatever holds the function runs it."""
    for found, edit, tree in _all(mutation.module):
        if found == mutation:
            before = getattr(edit.node, edit.field)
            setattr(edit.node, edit.field, edit.value)
            ast.fix_missing_locations(tree)
            module = importlib.import_module(mutation.module)
            code = compile(tree, module.__file__ or "", "exec", dont_inherit=True)
            setattr(edit.node, edit.field, before)
            target(module, mutation.function).__code__ = _code_of(code, mutation.function)
            return
    raise LookupError(f"no mutation {mutation.key}")


def target(module: types.ModuleType, qualified: str) -> types.FunctionType:
    """Return a function of a module without its decorators."""
    found: Any = module
    for part in qualified.split("."):
        found = vars(found)[part] if inspect.isclass(found) else getattr(found, part)
    while not isinstance(found, types.FunctionType) or hasattr(found, "__wrapped__"):
        if isinstance(found, property):
            found = found.fget
        elif isinstance(found, functools.cached_property):
            found = found.func
        else:
            found = getattr(found, "__wrapped__", None) or found.__func__
    return found


def _all(module: str) -> Iterator[tuple[Mutation, _Edit, ast.Module]]:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    for qualified, function in _functions(tree):
        seen: dict[str, int] = {}
        for statement in function.body:
            for edit in _edits(statement):
                seen[edit.what] = seen.get(edit.what, 0) + 1
                line = getattr(edit.node, "lineno", function.lineno)
                yield Mutation(module, qualified, line, edit.what, seen[edit.what]), edit, tree


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        for function in inner:
            if (
                isinstance(function, ast.FunctionDef)
                and function.name not in SILENT_FUNCTIONS
                and _is_defined(function)
            ):
                yield prefix + function.name, function


def _is_defined(function: ast.FunctionDef) -> bool:
    decorators = " ".join(ast.unparse(d) for d in function.decorator_list)
    return "abstract" not in decorators and "overload" not in decorators


def _edits(node: ast.AST) -> Iterator[_Edit]:
    """Yield the faults of a node and of what is below it."""
    if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr | ast.AnnAssign | ast.arguments):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _edits(node.value)
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.ExceptHandler):
        return
    if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
        for part in node.orelse:
            yield from _edits(part)
        return
    if isinstance(node, ast.keyword) and node.arg in SILENT_KEYWORDS:
        return
    if isinstance(node, ast.UnaryOp) and ast.unparse(node) == "-1":  # the last axis or entry, not a number
        return
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SILENT_CALLS:
        return
    yield from _own(node)
    for child in ast.iter_child_nodes(node):
        yield from _edits(child)


def _own(node: ast.AST) -> Iterator[_Edit]:
    shown = ast.unparse(node).replace("\n", " ")[:60] if isinstance(node, ast.expr) else ""
    if isinstance(node, ast.BinOp):
        yield from _swapped(node, shown)
        if isinstance(node.op, ast.Add | ast.Sub) and isinstance(node.right, ast.Constant):
            yield _Edit(node, f"{shown} -> {ast.unparse(node.left)}", "right", ast.Constant(0))
        if isinstance(node.op, ast.Sub) and isinstance(node.left, ast.Constant) and node.left.value == 1:
            flipped = ast.BinOp(ast.Constant(1), ast.Sub(), node.right)
            yield _Edit(node, f"{shown} -> {ast.unparse(node.right)}", "right", flipped)
    elif isinstance(node, ast.BoolOp):
        yield from _swapped(node, shown)
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        swapped = [OPERATORS[type(node.ops[0])](), *node.ops[1:]]
        yield _Edit(node, f"{shown}: {_sign(node.ops[0])} -> {_sign(swapped[0])}", "ops", swapped)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not | ast.Invert):
        plain = ast.UAdd() if isinstance(node.op, ast.USub) else None
        if plain is not None:
            yield _Edit(node, f"{shown} -> {ast.unparse(node.operand)}", "op", plain)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        other = not node.value if isinstance(node.value, bool) else node.value + 1
        yield _Edit(node, f"{node.value} -> {other}", "value", other)
    elif isinstance(node, ast.IfExp):
        yield _Edit(node, f"{shown}: condition reversed", "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.If | ast.While):
        condition = ast.unparse(node.test)[:60]
        yield _Edit(node, f"if {condition}: reversed", "test", ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Call):
        yield from _calls(node, shown)


def _swapped(node: Any, shown: str) -> Iterator[_Edit]:
    other = OPERATORS.get(type(node.op))
    if other is not None:
        yield _Edit(node, f"{shown}: {_sign(node.op)} -> {_sign(other())}", "op", other())


def _calls(node: ast.Call, shown: str) -> Iterator[_Edit]:
    function = node.func
    called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if called in CALLS:
        other = CALLS[called]
        renamed = (
            ast.Attribute(function.value, other, ast.Load())
            if isinstance(function, ast.Attribute)
            else ast.Name(other, ast.Load())
        )
        if isinstance(function, ast.Attribute) or hasattr(builtins, other):
            yield _Edit(node, f"{shown}: {called} -> {other}", "func", renamed)
    if called in DROPPED and isinstance(function, ast.Attribute):
        module = isinstance(function.value, ast.Name) and function.value.id in ("np", "torch", "math", "itertools")
        if module and node.args:
            yield _Edit(node, f"{shown} -> {ast.unparse(node.args[0])[:40]}", "func", _first())
        elif not module:
            yield _Edit(node, f"{shown}: {called} dropped", "func", _receiver(function.value))


def _first() -> ast.expr:
    """Return a function that returns its first argument."""
    return ast.parse("(lambda first, *others, **named: first)", mode="eval").body


def _receiver(value: ast.expr) -> ast.expr:
    """Return a function that ignores its arguments and returns `value`."""
    found = ast.parse("(lambda *others, **named: 0)", mode="eval").body
    assert isinstance(found, ast.Lambda)
    found.body = value
    return found


def _sign(operator: ast.AST) -> str:
    names: dict[str, str] = {
        "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**", "BitAnd": "&",
        "BitOr": "|", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Eq": "==", "NotEq": "!=", "In": "in",
        "NotIn": "not in", "And": "and", "Or": "or",
    }  # fmt: skip
    return names[type(operator).__name__]


def _code_of(code: types.CodeType, qualified: str) -> types.CodeType:
    found = next((c for c in _codes(code) if c.co_qualname == qualified), None)
    if found is None:
        raise LookupError(f"no code of {qualified}")
    return found


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)
