"""The face: every name is there, its examples run, and importing it costs nothing beside torch."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys

import pytest

import unmasked as um
from theory.files import PROJECT

MODULES = [f"unmasked.{name}" for name in ("entry", "exploring", "fitting", "measuring", "own_claims", "selection")]


@pytest.mark.parametrize("name", um.__all__)
def test_every_name_is_found_and_documented(name: str) -> None:
    found = getattr(um, name)
    assert found.__doc__ or name in ("AnyDenoiser", "AnyRule", "AnySchedule", "AnyWorld", "Budget", "Steps")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean measure"):
        um.mesure  # noqa: B018  # the lookup is what fails


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_the_docstrings_run(module: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert attempted > 0
    assert failed == 0


def test_importing_the_face_costs_at_most_a_third_of_a_second_more_than_torch() -> None:
    """In one process, so that what else the machine does beside is not taken for a cost of the import."""
    code = "import time, torch; start = time.perf_counter(); import unmasked; print(time.perf_counter() - start)"
    assert min(float(_output(code)) for _ in range(3)) < 0.3


def _output(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT, capture_output=True, text=True).stdout
