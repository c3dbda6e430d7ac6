"""The README keeps its word: its Python runs and prints what stands below it, and its files and commands exist."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tyro

from synthetic import published
from theory.files import PROJECT
from unmasked.options import Command

PAGES = ("README.md", "CONTRIBUTING.md")
README = (PROJECT / "README.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
BLOCKS = [(code, printed) for code, printed in BLOCK.findall(README)]
IMPORTS = (ast.Import, ast.ImportFrom)
COMMANDS = sorted(set(re.findall(r"^    unmasked (.+?)(?:  +.*)?$", README, re.MULTILINE)))


class Session:
    """The blocks, run from top to bottom as one session; where tests are spread over processes, each has its own."""

    def __init__(self) -> None:
        self.names: dict[str, object] = {"__name__": "readme"}
        self.printed: list[str] = []

    def output(self, k: int) -> str:
        """Return what block k prints, having run the blocks above it."""
        while len(self.printed) <= k:
            number, out = len(self.printed), io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(BLOCKS[number][0], f"README.md, block {number}", "exec"), self.names)
            self.printed.append(out.getvalue())
        return self.printed[k]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.mark.parametrize("k", range(len(BLOCKS)))
def test_a_block_runs_and_prints_what_stands_below_it(
    k: int, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path / "records"))
    found = session.output(k)
    if printed := BLOCKS[k][1]:
        assert _without_trailing_blanks(found) == _without_trailing_blanks(printed)


def test_the_property_test_passes_under_pytest_as_a_file_of_a_user(tmp_path: Path) -> None:
    (code,) = (code for code, _ in BLOCKS if "def test_" in code)
    (tmp_path / "test_mine.py").write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "test_mine.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("k", range(len(BLOCKS)))
def test_a_block_uses_no_name_before_its_import(k: int) -> None:
    seen: set[str] = set()
    for code, _ in BLOCKS[: k + 1]:
        seen |= {
            a.asname or a.name for node in ast.walk(ast.parse(code)) if isinstance(node, IMPORTS) for a in node.names
        }
    lines = BLOCKS[k][0].splitlines()
    first = next((i for i, line in enumerate(lines) if not re.match(r"import |from |$", line)), len(lines))
    assert not [line for line in lines[first:] if re.match(r"import |from ", line)]
    assert {name for name in ("um", "np", "torch") if re.search(rf"\b{name}\.", BLOCKS[k][0])} <= seen


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_the_command_line_takes(command: str) -> None:
    tyro.cli(Command, args=shlex.split(command, comments=True))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (PROJECT / page).read_text()):
        assert target.startswith(("http:", "https:")) or (PROJECT / target).exists(), target


def _without_trailing_blanks(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def test_the_slowest_experiments_are_named_with_their_minutes() -> None:
    """Minutes of one core, from the published records themselves."""
    names = {path.parent.name for path in published.FOLDER.glob(f"*/*{published.SUFFIX}")}
    seconds = {name: sum(published.seconds(published.FOLDER, name).values()) for name in names}
    slowest = sorted(seconds, key=seconds.__getitem__, reverse=True)[:5]
    text = " ".join((PROJECT / "README.md").read_text().split())
    assert [name for name in slowest if f"{seconds[name] / 60:.0f} (`{name}`)" not in text] == []
