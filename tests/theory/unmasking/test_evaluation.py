"""`python -m theory evaluate` as a new user meets it: their file, the table, the plot, and what a mistake says."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from theory.errors import InvalidInput
from theory.unmasking import evaluation
from theory.unmasking.best_rules import best_rule
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import EntropyBounded, LeftToRight, RandomOne, TopK
from theory.worlds import copied_pairs
from theory.worlds.tree import sticky_chain

ROOT = Path(__file__).parents[3]
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
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "theory", "evaluate", *args]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120)


def test_the_command_scores_draws_and_writes(mine: Path, tmp_path: Path) -> None:
    done = run("my_rules.py:careful", "--json", "scores.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stays in the family of the theorems" in done.stdout
    assert (tmp_path / "evaluation.png").stat().st_size > 10_000
    scores = json.loads((tmp_path / "scores.json").read_text())
    own = {s["world"]: s for s in scores if s["mine"]}
    assert set(own) == set(evaluation.small_worlds())
    assert own["repetition"]["calls"] == pytest.approx(2) and own["repetition"]["divergence"] == 0.0


def test_no_rule_beats_the_optimum() -> None:
    worlds = {"chain": sticky_chain(4)}
    for _, scores, _ in evaluation.evaluate(EntropyBounded(0.4), worlds):
        covered = [s for s in scores if not math.isnan(s.excess)]
        assert all(s.excess >= 0 for s in covered)
        assert {s.rule.split()[0] for s in scores if s not in covered} == {"PUNT", "Info-Gain"}
        assert sum(s.mine for s in scores) == 1


def test_rules_outside_the_family_are_told(mine: Path) -> None:
    assert "looks at drawn values" in evaluation.family_remarks(SampledConfidence())[0]
    assert "depends on the others in the batch" in evaluation.family_remarks(evaluation.load(f"{mine}:crooked"))[0]
    assert evaluation.family_remarks(RandomOne()) == []
    row = next(iter(evaluation.evaluate(SampledConfidence(), {"chain": sticky_chain(3)})))
    report = evaluation.report(SampledConfidence(), [row])
    assert math.isnan(report.worst().excess) and report.worst().divergence > 0


def test_a_rule_class_and_an_instance_load() -> None:
    assert isinstance(evaluation.load("theory.unmasking.rules.sets:TopK"), TopK)
    with pytest.raises(InvalidInput, match="cannot be built without arguments"):
        evaluation.load("theory.unmasking.rules.sets:EntropyBounded")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("my_rules.py:nothing", "rule 'nothing' at state [2, 2, 2, 2, 2, 2] reveals nothing"),
        ("my_rules.py:broken", "rule 'broken' fails on (log_p, masked): TypeError"),
        ("my_rules.py:carefull", "unknown rule in my_rules.py 'carefull'; did you mean careful"),
        ("my_rules.py:NUMBER", "is a int; expected a function (log_p, masked) or a rule"),
        ("my_rules.py", "expected MODULE:NAME"),
        ("absent.py:careful", "there is no file absent.py"),
        ("no.such.module:careful", "does not import (ModuleNotFoundError"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(target: str, message: str, mine: Path, tmp_path: Path) -> None:
    done = run(target, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".png"] == []


def test_a_module_that_does_not_parse(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def rule(log_p masked): pass")
    done = run("bad.py:rule", cwd=tmp_path)
    assert done.returncode == 2 and "bad.py does not import (SyntaxError" in done.stderr


def test_worlds_are_small_and_valid() -> None:
    for world in evaluation.small_worlds().values():
        assert float(world.law().sum()) == pytest.approx(1.0)
        assert (world.d + 1) ** world.n <= 10_000
        assert world.law().dtype == torch.float64


def reported(rule: object, worlds: dict, denoiser: object = None) -> evaluation.Report:
    return evaluation.report(rule, list(evaluation.evaluate(rule, worlds, denoiser)))


def test_a_rule_of_one_token_a_step_is_never_called_optimal() -> None:
    dense = evaluation.small_worlds()["Dirichlet, dense"]
    report = reported(LeftToRight(1), {"pairs": copied_pairs(2), "dense": dense})
    pairs, dense = report.mine()
    assert pairs.at_end and dense.at_end
    assert (pairs.excess, pairs.divergence, dense.excess) == (0.0, 0.0, 0.0)
    assert pairs.excess_calls == pytest.approx(2) and "EB 0, confidence" in pairs.dominated_by
    assert dense.excess_calls == 0.0 and not dense.optimal and not pairs.optimal
    told = report.verdict
    assert "optimal" not in told and "says nothing about how well it chooses" in told
    assert "exists on 1 of them" in told


def test_all_at_once_is_an_end_too() -> None:
    report = reported(TopK(4), {"pairs": copied_pairs(2)})
    assert report.mine()[0].at_end and "optimal" not in report.verdict


def test_a_rule_on_the_hull_between_its_ends_is_optimal() -> None:
    best = best_rule(copied_pairs(2)).rule
    report = reported(best, {"pairs": copied_pairs(2)})
    standing = report.mine()[0]
    assert (standing.excess, standing.excess_calls, standing.dominated_by) == (0.0, 0.0, ())
    assert standing.optimal and "optimal on 1" in report.verdict
    assert "optimal on 1" in repr(report)


def test_a_dominated_rule_is_told_all_that_dominate_it() -> None:
    report = reported(LeftToRight(2), {"pairs": copied_pairs(2), "repetition": evaluation.small_worlds()["repetition"]})
    standing = report.mine()[0]
    rivals = [s for s in report.scores if not s.mine and s.world == "pairs"]
    assert standing.dominated_by == tuple(s.rule for s in rivals if s.dominates(standing))
    assert standing.excess == pytest.approx(2 * math.log(2)) and len(standing.dominated_by) > 1
    assert "optimal on 0" in report.verdict and "1.386 nats above the best rule" in evaluation.verdict(report)


def test_a_denoiser_of_the_users_own_is_measured_against_the_best_rules_under_it() -> None:
    world = sticky_chain(4)
    report = reported(EntropyBounded(0.4), {"chain": world}, sticky_chain(4, 0.7))
    assert report.mine()[0].divergence > reported(EntropyBounded(0.4), {"chain": world}).mine()[0].divergence
    assert report.mine()[0].excess >= 0
    with pytest.raises(InvalidInput, match="denoiser with n = 5 beside a world with n = 4"):
        reported(TopK(1), {"chain": world}, sticky_chain(5))


def test_a_rule_that_looks_at_values_has_a_verdict() -> None:
    told = evaluation.verdict(reported(SampledConfidence(), {"chain": sticky_chain(3)}))
    assert told.startswith("sampled-token confidence") and "optimal" not in told
