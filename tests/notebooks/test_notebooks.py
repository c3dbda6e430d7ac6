"""Every notebook runs on the smoke preset, and its two files say the same."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from synthetic.digest import PROJECT

SCRIPTS = sorted((PROJECT / "notebooks").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_notebook_runs(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNMASKED_PRESET", "smoke")
    monkeypatch.setenv("UNMASKED_RECORDS", str(tmp_path))
    notebook = jupytext.read(script)
    client = NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(PROJECT)}})
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 3
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
    assert not [output for output in outputs if output.get("name") == "stderr"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_and_notebook_agree_and_the_notebook_is_small(script: Path) -> None:
    path = script.with_suffix(".ipynb")
    assert path.stat().st_size < 1_000_000
    paired = nbformat.read(path, as_version=4)
    assert [_source(cell) for cell in paired.cells] == [_source(cell) for cell in jupytext.read(script).cells]
    code = [cell for cell in paired.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code), f"run: make notebooks, to execute {path.name}"


def _source(cell: nbformat.NotebookNode) -> tuple[str, str]:
    return cell.cell_type, cell.source.strip()
