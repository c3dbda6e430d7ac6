"""Digest of a module's code and of every project module it imports, read not run.

The syntax tree is hashed without docstrings, so that comments, formatting and prose may change. Imports are found in it
too, inside functions as well: nothing is imported, and the digest of an experiment costs milliseconds. Blocks under
`if TYPE_CHECKING:` never run and are not followed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from theory.errors import InvalidInput

PROJECT = Path(__file__).resolve().parent.parent
PLUMBING = (
    "synthetic.catalogue", "synthetic.checkpoints", "synthetic.digest", "synthetic.encoding", "synthetic.experiments",
    "synthetic.loading", "synthetic.models", "synthetic.progress", "synthetic.provenance", "synthetic.sealed",
    "synthetic.sizes", "synthetic.tasks", "theory.errors", "theory.files", "theory.showing",
)  # fmt: skip
"""Modules that no number depends on: they keep, name, find and report results. A task's own module counts by itself."""


def code_digest(module: str, sources: Path = PROJECT, without: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the sha256 of the code of every module under `sources` that `module` can reach, those `without` aside.

    A module left out is not followed either: a package that only lists its members by name, say.
    """
    if source_path(module, sources) is None:
        raise InvalidInput(f"no module {module} under {sources}; check its dotted name")
    digests: dict[str, str] = {}
    seen, pending = set(without), [module]
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        path = source_path(name, sources)
        if path is None:
            continue
        digests[name], imports = _scan(path, name)
        pending.extend(_with_parents(name))
        pending.extend(parent for target in imports for parent in _with_parents(target))
    return dict(sorted(digests.items()))


def source_path(module: str, sources: Path = PROJECT) -> Path | None:
    """Return the file that defines `module` under `sources`, or None for foreign code."""
    base = sources.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
        if path.is_file():
            return path
    return None


def syntax_tree(path: Path) -> ast.Module:
    """Parse the source file at `path`."""
    try:
        return ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"{path} is not valid Python ({error}); correct it first") from error


def _with_parents(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _scan(path: Path, module: str) -> tuple[str, tuple[str, ...]]:
    stat = path.stat()
    return _scan_version(path, module, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _scan_version(path: Path, module: str, modified: int, size: int) -> tuple[str, tuple[str, ...]]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = syntax_tree(path)
    imports = tuple(dict.fromkeys(_imports(tree, package, path)))
    return hashlib.sha256(ast.dump(_Silent().visit(tree)).encode()).hexdigest(), imports


class _Silent(ast.NodeTransformer):
    """Drops strings that stand alone: docstrings of modules, classes, functions and constants."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:  # the name that ast asks for
        alone = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if alone else node


def _imports(tree: ast.Module, package: str, path: Path) -> Iterator[str]:
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and _is_type_checking(node.test):
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node, package, path)
        elif isinstance(node, ast.Call):
            yield from _dynamic_import(node)
        pending.extend(ast.iter_child_nodes(node))


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _from_import(node: ast.ImportFrom, package: str, path: Path) -> Iterator[str]:
    parts = package.split(".") if node.level else []
    base = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
    yield base
    for alias in node.names:
        yield f"{base}.{alias.name}"


def _dynamic_import(node: ast.Call) -> Iterator[str]:
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    if called in {"import_module", "__import__"} and node.args:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value
