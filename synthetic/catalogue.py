"""The tasks by name: the function that builds each, and the files that its data come from. Nothing is imported."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

from theory.errors import InvalidInput, unknown

PACKAGE = "synthetic.tasks"
BUILDERS = {
    "chain": "chain.build", "hmm": "hmm.build", "pairs": "pairs.build", "repetition": "repetition.build",
    "parity": "parity.build", "sudoku4": "sudoku4.build", "sudoku4 free": "sudoku4.build_free",
    "sudoku9": "sudoku9.build", "maze3x4": "maze.build3x4", "maze5": "maze.build", "maze10": "maze.build10",
    "product": "product.build", "product free": "product.build_free", "dyck": "dyck.build", "digits": "digits.build",
    "text": "text.build", "text64": "text.build64",
}  # fmt: skip
"""Module and function of PACKAGE that build each task; small tasks are listed by synthetic.tasks.small."""
SMALL = "small/"
DATA_FILES = {
    **dict.fromkeys(("text", "text64", "small/English 4-grams"), ("pydoc_data.topics", "")),
    **dict.fromkeys(("digits", "small/digit patches"), ("sklearn", "datasets/data/digits.csv.gz")),
}
"""Tasks whose data are another package's: its module, and the file beside it that holds them (else the module)."""


def builder(name: str) -> str:
    """Return module and function that build a task, with a dot between. Raises InvalidInput for an unknown name."""
    if name.startswith(SMALL):
        return "small.builders"
    if name not in BUILDERS:
        raise unknown("task", name, BUILDERS)
    return BUILDERS[name]


def module(name: str) -> str:
    """Return the dotted module that builds a task. Raises InvalidInput for an unknown name."""
    return f"{PACKAGE}.{builder(name).split('.')[0]}"


@functools.cache
def source(name: str) -> str:
    """Return the sha256 of the file that a task's data come from; empty where the task makes its data itself."""
    package, file = DATA_FILES.get(name, ("", ""))
    if not package:
        return ""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise InvalidInput(f"task {name} needs the package {package}, which this Python lacks; install it")
    path = Path(found.origin)
    return hashlib.sha256((path.parent / file if file else path).read_bytes()).hexdigest()
