"""Where results are kept, and how: a reader, or a crash, finds the old content or the new, never half of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from theory.errors import InvalidInput

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds the packages."""


def records_folder() -> Path:
    """Return the folder of results: $UNMASKED_RECORDS, else `records` of a checkout, else of the home folder."""
    if named := os.environ.get("UNMASKED_RECORDS"):
        return Path(named)
    checkout = (PROJECT / "pyproject.toml").is_file()
    return PROJECT / "records" if checkout else Path.home() / "unmasked-records"


def check_writable(path: Path) -> None:
    """Raise InvalidInput where no file can be written at `path`: call it before long work, not after."""
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a file in it")
    make_folder(path.parent)
    if not os.access(path.parent, os.W_OK):
        raise InvalidInput(f"cannot write into {path.parent}; name a file in a writable folder")


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace the file at `path` through a synced temporary file in the same folder."""
    check_writable(path)
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
