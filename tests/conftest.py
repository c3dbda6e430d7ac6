"""Checks array shapes, keeps trained models apart, and keeps a laboratory: one experiment and one figure."""

from __future__ import annotations

import importlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import shapes

shapes.install()

EXPERIMENT = '''
"""Powers of a number, with every awkward float."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    base: float = 0.1
    rows: int = 4
    seed: int = 7


PRESETS = {"smoke": Config(rows=2), "laptop": Config(), "gpu": Config(rows=8)}


def run(config, progress):
    import pandas as pd

    from LAB import helper

    rows = [helper.power(config.base, k) for k in progress.track(range(config.rows), "powers")]
    with open(__file__ + ".runs", "a") as log:
        log.write("run ")
    return pd.DataFrame({"k": range(config.rows), "power": rows}), {"edge": float("-inf")}
'''

PICTURE = """
EXPERIMENTS = ("tiny",)


def draw(records):
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    table = records["tiny"].table
    axes.plot(table["k"], table["power"])
    axes.set(xlabel="k", ylabel="power")
    return figure, table
"""

FILES = {
    "__init__": '"""A laboratory."""\n',
    "tiny": EXPERIMENT,
    "picture": PICTURE,
    "helper": "from .deep import raised\n\n\ndef power(base, k):\n    return raised(base, k)\n",
    "deep": "def raised(base, k):\n    return base**k\n",
    "unrelated": "VALUE = 1\n",
}


@dataclass(frozen=True)
class Lab:
    """The laboratory's folder and the name of its package."""

    root: Path
    package: str

    @property
    def experiments(self) -> dict[str, str]:
        return {"tiny": f"{self.package}.tiny"}

    def store(self, folder: str = "records", shared: Path | None = None) -> Any:
        from synthetic.records import Store

        return Store(self.root / folder, experiments=self.experiments, sources=self.root, shared=shared)

    def config(self, **fields: Any) -> Any:
        return importlib.import_module(self.experiments["tiny"]).Config(**fields)

    def source(self, module: str) -> Path:
        return self.root / self.package / f"{module}.py"

    def edit(self, module: str, text: str) -> None:
        """Add a line to a module, as an editor does, and forget what was imported."""
        path = self.source(module)
        path.write_text(f"{path.read_text()}\n{text}\n")
        self.forget()

    def forget(self) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == self.package]:
            del sys.modules[name]

    def runs(self) -> int:
        log = self.source("tiny").with_name("tiny.py.runs")
        return log.read_text().count("run") if log.exists() else 0


@pytest.fixture(scope="session", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the models that tests train out of the project."""
    os.environ["UNMASKED_MODELS"] = str(tmp_path_factory.mktemp("models"))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    lab = Lab(tmp_path, f"lab_{secrets.token_hex(4)}")
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / lab.package).mkdir()
    for module, text in FILES.items():
        lab.source(module).write_text(text.replace("LAB", lab.package))
    yield lab
    lab.forget()


@pytest.fixture
def main_fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a command line that must fail with code 2 and one line, and return the line."""

    def run(main: Callable[..., int], *args: str, **options: Any) -> str:
        assert main(list(args), **options) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1
        assert "Traceback" not in captured.err
        return captured.err

    return run
