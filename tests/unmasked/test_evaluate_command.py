"""`unmasked evaluate` as a new user meets it: their file, the table, the plot, and what a mistake says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from theory.errors import InvalidInput
from theory.unmasking import evaluation
from theory.unmasking.rules.sets import TopK
from unmasked.rule_commands import rule_at

ROOT = Path(__file__).parents[2]
MINE = '''
import torch


def careful(log_p, masked):
    """Reveal what is nearly certain, else the single most confident position."""
    top = log_p.exp().amax(-1).masked_fill(~masked, -1.0)
    best = torch.nn.functional.one_hot(top.argmax(-1), masked.shape[-1]).bool()
    return ((top >= 0.95) | best) & masked


def crooked(log_p, masked):
    """Depends on the neighbours in the batch."""
    first = masked & (masked.cumsum(-1) == 1)
    return first | (masked & (log_p.sum() % 2 > 1))


NUMBER = 3


def nothing(log_p, masked):
    return masked & False


def broken(log_p):
    return log_p
'''


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "my_rules.py"
    path.write_text(MINE)
    return path


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "UNMASKED_RECORDS": str(cwd)}
    command = [sys.executable, "-m", "unmasked", "evaluate", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_the_command_scores_draws_and_writes(mine: Path, tmp_path: Path) -> None:
    done = run("my_rules.py:careful", "--json", "scores.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "At equal calls" in done.stdout
    assert (tmp_path / "evaluations" / "careful.png").stat().st_size > 10_000
    scores = json.loads((tmp_path / "scores.json").read_text())
    own = {s["world"]: s for s in scores if s["mine"]}
    assert set(own) == set(evaluation.small_worlds())
    assert own["repetition"]["calls"] == pytest.approx(2) and own["repetition"]["divergence"] == 0.0


def test_a_rule_class_and_an_instance_load() -> None:
    assert isinstance(rule_at("theory.unmasking.rules.sets:TopK"), TopK)
    with pytest.raises(InvalidInput, match="cannot be built without arguments"):
        rule_at("theory.unmasking.rules.sets:EntropyBounded")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my_rules.py:nothing", "rule 'nothing' at state [2, 2, 2, 2, 2, 2] reveals nothing"),
        ("my_rules.py:broken", "rule 'broken' fails on (log_p, masked): TypeError"),
        ("my_rules.py:carefull", "unknown rule in my_rules.py 'carefull'; did you mean careful"),
        ("my_rules.py:xyz", "'xyz'; known: careful, crooked, nothing\n"),
        ("my_rules.py:NUMBER", "3 is no rule"),
        ("my_rules.py", "expected FILE:NAME"),
        ("absent.py:careful", "there is no file absent.py"),
        ("no.such.module:careful", "does not import (ModuleNotFoundError"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(target: str, message: str, mine: Path, tmp_path: Path) -> None:
    done = run(target, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.rglob("*.png")) == []


def test_a_module_that_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def rule(log_p masked): pass")
    done = run("bad.py:rule", cwd=tmp_path)
    assert done.returncode == 2 and "bad.py does not import (SyntaxError" in done.stderr
