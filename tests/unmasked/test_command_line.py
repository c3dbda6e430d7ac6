"""The ledger's command line, run as a user runs it: exit codes, files, errors in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KEYS = {"id", "source", "statement", "kind", "verdict", "expected", "routes", "instances", "residual",
        "slack", "tolerance", "seconds"}  # fmt: skip


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "160", "OMP_NUM_THREADS": "1",
        "UNMASKED_RECORDS": str(cwd / "records"),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "unmasked", *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=120
    )


def test_check_writes_json_and_explain_reads_the_last_evidence(tmp_path: Path) -> None:
    done = run("check", "schedules.1a", "schedules.A7.read", "--profile", "smoke", "--json", "out.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 claims, 2 as expected, 1 refuted" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    assert set(found[0]) >= KEYS
    assert [r["verdict"] for r in found] == ["holds", "refuted"]
    explained = run("explain", "schedules.A7.read", cwd=tmp_path)
    assert "witness" in explained.stdout and "Chen, Cong, Li" in explained.stdout
    assert "none yet" in run("explain", "schedules.2", cwd=tmp_path).stdout


def test_tightest_saves_a_file_that_replays(tmp_path: Path) -> None:
    done = run("tightest", "schedules.A2", "--budget", "20", "--out", "t.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    replayed = run("check", "--replay", "t.json", cwd=tmp_path)
    assert replayed.returncode == 0, replayed.stderr
    assert "the ledger expects holds" in replayed.stdout


def test_list(tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json", cwd=tmp_path).stdout)
    assert {"id", "statement", "expected"} <= set(listed[0])


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("check", "energy.1x"), "unknown claim 'energy.1x'; did you mean energy.1"),
        (("check", "mine.py"), "mine.py without a claim; name one of its own as mine.py:NAME"),
        (("explain", "shedules.2"), "did you mean schedules.2"),
        (("check", "--profile", "huge"), "--profile huge; expected one of smoke, default, deep"),
        (("check", "--jobs", "0"), "--jobs 0; expected at least 1"),
        (("check", "--replay", "missing.json"), "missing.json is no saved instance"),
        (("tightest", "schedules.2", "--budget", "0"), "--budget 0"),
        (("tightest", "eb.E1"), "has findings, no instances"),
        (("check", "eb.1", "--json", "."), "is a folder; name a file in it"),
        (("list", "--paper", "2505.9999"), "no claim is about paper 2505.9999"),
        (("run", "toy", "--preset", "smoke", "--cluster", "nonsense"), "expected a scheduler's address"),
        (("figures", "toy", "--set", "steps"), "expected NAME=VALUE"),
        (("figures", "toy", "--set", "stepz=3"), "did you mean steps"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(args: tuple[str, ...], message: str, tmp_path: Path) -> None:
    done = run(*args, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_claims_are_chosen_by_glob_subject_paper_and_verdict(tmp_path: Path) -> None:
    def chosen(*args: str) -> list[dict[str, str]]:
        return json.loads(run("list", "--json", *args, cwd=tmp_path).stdout)

    assert {c["subject"] for c in chosen("energy")} == {"energy"}
    assert all(c["id"].startswith("schedules.1") for c in chosen("schedules.1*"))
    refuted = chosen("--paper", "2505.24857", "--refuted")
    assert refuted and all(
        c["source"]["arxiv"] == "2505.24857" and "refuted" in (c["expected"], c["verdict"]) for c in refuted
    )
    assert {c["id"] for c in refuted} >= {"eb.E1", "eb.E4"}
    printed = chosen("--printed", "--refuted")
    assert {c["id"] for c in printed} >= {"energy.1.printed", "schedules.12.printed"}
    assert all(c["source"]["status"] == "printed" and c["id"].endswith(".printed") for c in printed)
    assert {c["kind"] for c in chosen("eb")} >= {"empirical", "equality"}


def test_a_list_cut_off_by_its_reader_ends_quietly(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    cut = f"{sys.executable} -m unmasked list --json | head -c 100"
    done = subprocess.run(cut, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_a_claim_about_trained_models_is_explained(tmp_path: Path) -> None:
    explained = run("explain", "eb.E1", cwd=tmp_path).stdout
    assert "judged from the records" in explained and "refuted (docs/verdicts.md)" in explained
    assert "figure frontiers" in run("explain", "frontiers", cwd=tmp_path).stdout


KEYS = {
    "id", "subject", "source", "statement", "kind", "quantifier", "reach", "routes", "expected", "verdict", "instances",
    "residual", "slack", "tolerance", "sharp", "seconds",
}  # fmt: skip


def test_claims_as_data_have_the_same_keys_theoretical_and_empirical(tmp_path: Path) -> None:
    listed = json.loads(run("list", "--json", cwd=tmp_path).stdout)
    assert {frozenset(c) for c in listed} == {frozenset(listed[0])}
    assert set(listed[0]) >= KEYS and set(listed[0]["source"]) == {"arxiv", "place", "status"}
    assert {c["kind"] for c in listed} >= {"upper", "equality", "empirical"}
    done = run("check", "schedules.5a", "--json", "found.json", cwd=tmp_path)
    assert done.returncode == 0
    (found,) = json.loads((tmp_path / "found.json").read_text())
    assert set(found) == set(listed[0])
    assert found["verdict"] == "holds" and found["reach"].startswith("proved up to n = ")
    assert found["sharp"]["share"] == 1.0 and found["seconds"] > 0
