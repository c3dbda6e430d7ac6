"""What a reader sees uses only what a reader may use: `import unmasked as um`, and no private name."""

from __future__ import annotations

import ast
import re

import pytest

from theory.files import PROJECT

OWN = {path.name for path in PROJECT.iterdir() if (path / "__init__.py").exists()}
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
SOURCES = {
    **{path.name: path.read_text() for path in sorted((PROJECT / "notebooks").glob("*.py"))},
    **{f"README, block {k}": code for k, code in enumerate(BLOCK.findall((PROJECT / "README.md").read_text()))},
}


def test_there_is_something_to_look_at() -> None:
    assert {"theory", "synthetic", "figures", "unmasked"} <= OWN
    assert len(list((PROJECT / "notebooks").glob("*.py"))) == 7
    assert len(SOURCES) > 8


@pytest.mark.parametrize("name", SOURCES)
def test_of_this_project_only_the_face_is_imported_and_nothing_private_is_used(name: str) -> None:
    assert list(trespasses(SOURCES[name])) == []


@pytest.mark.parametrize(
    "code",
    [
        "import theory",
        "from theory.worlds import copied_pairs",
        "import synthetic.records",
        "from figures import toy",
        "import unmasked.measuring",
        "from unmasked import measuring",
        "import unmasked",
        "from . import theory",
        "found._excess",
        "from numpy import _core",
    ],
)
def test_a_trespass_is_seen(code: str) -> None:
    assert list(trespasses(code))


def trespasses(source: str) -> list[str]:
    """Return the imports from this project other than the face, and the private names that are used."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            own = [alias for alias in node.names if alias.name.split(".")[0] in OWN]
            found += [alias.name for alias in own if (alias.name, alias.asname) != ("unmasked", "um")]
        elif isinstance(node, ast.ImportFrom):
            root = (node.module or "").split(".")[0]
            found += [root] if node.level or root in OWN else []
            found += [alias.name for alias in node.names if alias.name.startswith("_") and root != "__future__"]
        elif isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            found.append(node.attr)
    return found
