"""Compare pip's report of a resolution with constraints.txt: nothing floats, no pin is idle or too new."""

import json
import platform
import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name as canonical

ELSEWHERE = {"pip", "appnope"}  # the installer, and what macOS alone needs


def problems(report: Path) -> list[str]:
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    lines = [line for line in Path("constraints.txt").read_text().splitlines() if re.match(r"\w", line)]
    pins = {canonical(pin.name): pin for pin in map(Requirement, lines)}
    metadata = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    found = {canonical(m["name"]): m for m in metadata if canonical(m["name"]) != project["name"]}
    oldest = project["requires-python"].removeprefix(">=") + ".0"

    said = [f"{name} {m['version']} floats" for name, m in found.items() if name not in pins]
    said += [f"{pin} is no exact version" for pin in pins.values() if not str(pin.specifier).startswith("==")]
    said += [
        f"{name} {m['version']} needs Python {m['requires_python']}, which {oldest} is not"
        for name, m in found.items()
        if oldest not in SpecifierSet(m.get("requires_python", ""))
    ]
    # Other platforms and newer Pythons need less.
    if sys.version_info[:2] == (3, 11) and (sys.platform, platform.machine()) == ("linux", "x86_64"):
        said += [f"{pins[name]} is idle" for name in pins.keys() - found.keys() - ELSEWHERE]
    return said


if __name__ == "__main__":
    said = problems(Path(sys.argv[1]))
    print("\n".join(f"constraints.txt: {line}" for line in said) or "constraints.txt: all pinned, no pin idle")
    sys.exit(bool(said))
