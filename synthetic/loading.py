"""Importing project code as it stands on disk: a process that holds an older version is refused.

Without this, a notebook that outlives an edit would file the old code's result under the new code.
A module that something else imported first counts as current when its file is older than this
process; where `sources` is another project's folder, it counts as it is when first seen.
"""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from types import ModuleType

from synthetic.digest import PROJECT, code_digest, source_path
from theory.errors import InvalidInput

_STARTED = time.time()
_loaded: dict[str, str] = {}


def load(module: str, sources: Path = PROJECT) -> tuple[ModuleType, dict[str, str]]:
    """Import `module` and return it with the digest of the code that it runs."""
    digests = code_digest(module, sources)
    for name, digest in digests.items():
        if name not in sys.modules:
            _loaded[name] = digest
        elif _loaded.setdefault(name, _at_import(name, digest, sources)) != digest:
            raise InvalidInput(
                f"{name} was edited after this process imported it; start a new process, so that "
                "the result comes from the code it is filed under"
            )
    return importlib.import_module(module), digests


def _at_import(module: str, digest: str, sources: Path) -> str:
    path = source_path(module, sources)
    if sources == PROJECT and path is not None and path.stat().st_mtime > _STARTED:
        return "unknown"
    return digest
