"""Which claims and tests notice a planted fault: each fault lives in a process of its own, a copy of this one."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.mutants.mutations import Mutation, plant
from theory.files import PROJECT
from theory.ledger import catalogue, checking

LIMIT = 120
"""Seconds after which claims that no longer end count as noticing, and tests that are still running as not."""

ABOUT_CLAIMS = (
    "not (expected_one or planted or sharp_instance or claim_is_complete or claim_notices or corrupted or "
    "without_corruption or corruption_is_noticed or wrong_law_is or wrong_loss_is or scores_are_noticed or "
    "faults_are_noticed)"
)
"""The tests that run claims, which are asked before; all others are asked."""

BROKEN = "broken: "
"""Begins what a copy says that could not hunt."""

PLAINLY = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header")
"""Options of pytest: stop at the first failure, leave nothing behind, run here."""

DRAWN = 0.25
"""The share of its own number of examples that each claim draws for each fault."""


@dataclass(frozen=True)
class Touched:
    """The functions that checking each claim calls, by `module:function`, and the seconds it takes."""

    functions: Mapping[str, frozenset[str]]
    seconds: Mapping[str, float]

    def by(self, mutation: Mutation) -> list[str]:
        """Return the claims that call the function, the quickest first."""
        place = f"{mutation.module}:{mutation.function}"
        return sorted((c for c, places in self.functions.items() if place in places), key=self.seconds.__getitem__)


def touched() -> Touched:
    """Run every claim once and note what it calls; in another process, so that nothing is remembered in this one."""
    found = json.loads(_in_a_copy(_touch, 1800))
    return Touched({c: frozenset(f) for c, (f, _) in found.items()}, {c: t for c, (_, t) in found.items()})


def hunt(mutations: Iterable[Mutation], seen: Touched, jobs: int) -> Iterator[tuple[Mutation, str]]:
    """Yield each fault with what noticed it: a claim, a test file, "no end", or nothing.

    Raises RuntimeError where what noticed a fault fails without one too.
    """
    waiting, running, sound = list(mutations)[::-1], dict[_Handle, Mutation](), {"", "no end"}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutation = waiting.pop()
            running[_start(lambda m=mutation: _notice(m, seen), LIMIT)] = mutation
        pid, status = os.wait()
        handle = next(h for h in running if h.pid == pid)
        notice = handle.answer(status)
        if notice not in sound:
            _check_without_fault(notice)
            sound.add(notice)
        yield running.pop(handle), notice


def _check_without_fault(notice: str) -> None:
    passes = partial(_passes, PROJECT / notice) if notice.startswith("tests/") else partial(_as_expected, notice)
    if notice.startswith("signal"):
        return
    if _in_a_copy(lambda: "yes" if passes() else "", 10 * LIMIT) != "yes":
        raise RuntimeError(f"{notice} fails without any fault, and can notice none; mend it first")


def _notice(mutation: Mutation, seen: Touched) -> str:
    plant(mutation)
    for name in seen.by(mutation):
        if not _as_expected(name):
            return name
    return _failing_test(mutation)


def _as_expected(name: str) -> bool:
    claim = catalogue.claims()[name]
    try:
        return checking.examine(claim, DRAWN).as_expected
    except Exception:  # a fault may show as any error
        return False


def _passes(path: Path) -> bool:
    import pytest

    return pytest.main([*PLAINLY, "-k", ABOUT_CLAIMS, str(path)]) in (0, 5)


def _failing_test(mutation: Mutation) -> str:
    """Run the test files that name the function, without the tests of claims; return one that fails in time."""

    def too_long(number: int, frame: Any) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, too_long)
    for path in _tests_of(mutation):
        signal.alarm(LIMIT)
        try:
            failed = not _passes(path)
        except TimeoutError:
            continue
        if failed and signal.alarm(0):
            return str(path.relative_to(PROJECT))
    return ""


def _tests_of(mutation: Mutation) -> list[Path]:
    """Return the files that name the function, or the class of a method; where none does, those of its folder."""
    owner, _, function = mutation.function.rpartition(".")
    names = set() if owner.startswith("_") else {n for n in (owner, function) if n and not n.startswith("_")}
    files = sorted((PROJECT / "tests" / "theory").rglob("test_*.py"))
    naming = [p for p in files if names & set(re.findall(r"\w+", p.read_text()))]
    subject = mutation.module.split(".")[1]
    folder = PROJECT / "tests" / "theory" / subject
    parts = set(mutation.module.split("."))
    naming.sort(key=lambda p: -len(parts & set(p.stem.split("_"))))
    return naming or [p for p in files if p.parent == (folder if folder.is_dir() else folder.parent)]


@dataclass(frozen=True)
class _Handle:
    pid: int
    reading: int

    def answer(self, status: int) -> str:
        with os.fdopen(self.reading) as stream:
            text = stream.read()
        if os.WIFSIGNALED(status):
            return "no end" if os.WTERMSIG(status) == signal.SIGALRM else f"signal {os.WTERMSIG(status)}"
        if text.startswith(BROKEN):
            raise RuntimeError(f"the hunt itself failed: {text.removeprefix(BROKEN)}")
        return text


def _start(work: Callable[[], str], limit: int) -> _Handle:
    """Fork, and let the copy of this process write what `work` returns into a pipe."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Handle(pid, reading)
    signal.alarm(limit)
    torch.set_num_threads(1)
    quiet = io.StringIO()
    try:
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            text = work()
    except BaseException as error:  # the copy must end here, whatever happens
        text = f"{BROKEN}{type(error).__name__}: {error}"
    with os.fdopen(writing, "w") as stream:
        stream.write(text)
    os._exit(0)


def _in_a_copy(work: Callable[[], str], limit: int) -> str:
    handle: _Handle = _start(work, limit)
    text = handle.answer(0)
    os.waitpid(handle.pid, 0)
    return text


def _touch() -> str:
    found: dict[str, tuple[list[str], float]] = {}
    root = str(PROJECT / "theory")
    for name, claim in catalogue.claims().items():
        places: set[tuple[str, str]] = set()

        def note(frame: Any, event: str, argument: Any, places: set[tuple[str, str]] = places) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(root):
                places.add((code.co_filename, code.co_qualname.split(".<locals>")[0]))

        start = time.perf_counter()
        sys.setprofile(note)
        with contextlib.suppress(Exception):
            checking.examine(claim, 0.1)
        sys.setprofile(None)
        names = sorted(f"{_module_of(filename)}:{function}" for filename, function in places)
        found[name] = (names, time.perf_counter() - start)
    return json.dumps(found)


def _module_of(filename: str) -> str:
    relative = Path(filename).relative_to(PROJECT).with_suffix("")
    return ".".join(relative.parts).removesuffix(".__init__")


def load(modules: Iterable[str]) -> None:
    """Import what the copies need, before they are made."""
    catalogue.claims()
    for name in modules:
        importlib.import_module(name)
