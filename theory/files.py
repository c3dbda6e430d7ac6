"""Where results are kept, and how: a reader, or a crash, finds the old content or the new, never half of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from theory.errors import InvalidInput

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds the packages."""


def records_folder() -> Path:
    """Return where results are kept: $UNMASKED_RECORDS, else `records` in a checkout, else `unmasked-records` at home."""
    if named := os.environ.get("UNMASKED_RECORDS"):
        return Path(named)
    checkout = (PROJECT / "pyproject.toml").is_file()
    return PROJECT / "records" if checkout else Path.home() / "unmasked-records"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file at `path` through a synced temporary file in the same folder."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents where missing. Raises InvalidInput where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"cannot create the folder {folder} ({error.strerror}); name a writable one") from error
