"""JSON files that show whether they are whole: a payload beside its checksum, closed by a newline."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from synthetic.encoding import canonical


class Damage(Exception):
    """A file does not hold what was written; the message says in which way."""


def checksum(payload: Any) -> str:
    """Return the SHA-256 of a JSON value's canonical form, in hexadecimal."""
    return hashlib.sha256(canonical(payload)).hexdigest()


def seal(payload: dict[str, Any]) -> bytes:
    """Return what to write: the payload with its checksum."""
    return canonical({"checksum": checksum(payload), "payload": payload}) + b"\n"


def unseal(data: bytes, what: str) -> dict[str, Any]:
    """Return the payload. Raises Damage for a file that was cut short, was altered, or is no `what` ("record")."""
    if not data.endswith(b"}\n"):
        raise Damage("truncated")
    try:
        document = json.loads(data)
        payload, stated = document["payload"], document["checksum"]
    except (ValueError, KeyError, TypeError) as error:
        raise Damage(f"not a {what}") from error
    try:
        matches = checksum(payload) == stated
    except ValueError:
        matches = False
    if not matches or not isinstance(payload, dict):
        raise Damage("checksum mismatch")
    return payload
