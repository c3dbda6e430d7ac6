"""What a result rests on besides its config: versions and machine, and how two of them differ."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping

LIBRARIES = ("numpy", "scipy", "torch")
PROJECT_NAME = "unmasked"


@functools.cache
def version(distribution: str) -> str:
    """Return the installed version of `distribution`, without importing it."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def versions() -> dict[str, str]:
    """Return the versions of Python, of the numerical libraries and of this project."""
    libraries = {name: version(name) for name in (*LIBRARIES, PROJECT_NAME)}
    return {"python": platform.python_version(), **libraries}


def machine() -> dict[str, str | int | None]:
    """Return platform, processor count and, where torch is in use on one, the accelerator."""
    described: dict[str, str | int | None] = {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        described["accelerator"] = torch.cuda.get_device_name()
    return described


def changed_modules(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name each module whose source changed, came in or went out."""
    changed = [name for name in now if name in before and before[name] != now[name]]
    return (
        [f"code changed: {name}" for name in changed]
        + [f"code now imports {name}" for name in now if name not in before]
        + [f"code no longer imports {name}" for name in before if name not in now]
    )


def changed_versions(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Name each library whose version changed; the project's own is left to its code digest.

    Builds of one version, as 2.13.0 and 2.13.0+cpu, count as the same: on a CPU they differ by rounding, like machines.
    """
    return [
        f"version of {name} changed {before.get(name, 'absent')} -> {now[name]}"
        for name in now
        if name != PROJECT_NAME and _release(before.get(name, "absent")) != _release(now[name])
    ]


def _release(version: str) -> str:
    return version.partition("+")[0]
