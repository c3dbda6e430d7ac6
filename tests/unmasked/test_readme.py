"""The README keeps its word: its Python runs and prints what stands below it, and its files and commands exist."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import tyro

from theory.files import PROJECT
from unmasked.options import Command

PAGES = ("README.md", "CONTRIBUTING.md")
README = (PROJECT / "README.md").read_text()
BLOCK = re.compile(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", re.DOTALL)
BLOCKS = [(code, printed) for code, printed in BLOCK.findall(README)]
COMMANDS = sorted(set(re.findall(r"^    unmasked (.+?)(?:  +.*)?$", README, re.MULTILINE)))


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the blocks have defined so far: they are read from top to bottom, as one session."""
    return {"__name__": "readme"}


@pytest.mark.parametrize("k", range(len(BLOCKS)))
def test_a_block_runs_and_prints_what_stands_below_it(
    k: int, names: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path / "records"))
    code, printed = BLOCKS[k]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, f"README.md, block {k}", "exec"), names)  # the README's own code
    if printed:
        assert out.getvalue().strip() == printed.strip()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_the_command_line_takes(command: str) -> None:
    tyro.cli(Command, args=shlex.split(command, comments=True))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (PROJECT / page).read_text()):
        assert target.startswith(("http:", "https:")) or (PROJECT / target).exists(), target
