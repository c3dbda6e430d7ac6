"""The claims on trained models that compute: planted tables move each of them to the verdict that they should."""

from __future__ import annotations

import pandas as pd
import pytest

from synthetic.claims.base import judge
from synthetic.claims.power import CLAIMS
from synthetic.experiments import learned_edits, single_pass, trained_boards
from synthetic.records import Record

BY_ID = {claim.id: claim for claim in CLAIMS}
SEEDS = range(10)


def record(table: pd.DataFrame) -> Record:
    """Return a table as a record, whatever its experiment."""
    return Record("planted", {}, None, table, {}, {}, {}, {}, 0.0, "")


def wobble(seed: int) -> float:
    """Return a small difference between seeds."""
    return 0.002 * (seed % 5 - 2)


def boards(**changes: float) -> Record:
    """Return solve rates of all models, some of them changed."""
    rates = {
        ("any order", "margin"): 0.97, ("any order", "reading order"): 0.8, ("any order", "random"): 0.75,
        ("any order", "one step"): 0.4, ("left to right", "reading order"): 0.5, ("any process", "rewriting"): 0.8,
        ("any process", "write once"): 0.3,
    }  # fmt: skip
    rows = [
        {
            "model": model, "way": way, "puzzles": 1000, "seed": seed, "exact": 0.99, "predicted": 0.7,
            "bound": changes.get("bound", 0.5), "straight": 0.37,
            "solved": changes.get(way.replace(" ", "_") if model != "left to right" else "left_to_right", rate)
            + wobble(seed),
        }
        for (model, way), rate in rates.items()
        for seed in SEEDS
    ]  # fmt: skip
    return record(pd.DataFrame(rows, columns=list(trained_boards.COLUMNS)))


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("process.10.trained", {}, "supported"),
        ("process.10.trained", {"margin": 0.85}, "refuted"),
        ("process.10.trained", {"one_step": 0.7}, "refuted"),
        ("process.10left.trained", {}, "supported"),
        ("process.10left.trained", {"left_to_right": 0.72}, "refuted"),
        ("process.10once.trained", {}, "supported"),
        ("process.10once.trained", {"write_once": 0.4}, "refuted"),
        ("process.10once.trained", {"rewriting": 0.35}, "refuted"),
        ("process.11.trained", {}, "supported"),
        ("process.11.trained", {"bound": 0.797}, "refuted"),
        ("process.11power.trained", {}, "supported"),
        ("process.11power.trained", {"rewriting": 0.64}, "refuted"),
    ],
)
def test_solve_rates(claim: str, changes: dict[str, float], verdict: str) -> None:
    assert judge(BY_ID[claim], {"trained_boards": boards(**changes)}).verdict == verdict


def edits(part: str, window: int, share: float) -> Record:
    """Return shares as the claims expect them, those of one part and window changed."""
    usual = {("parity", 2): 1.0, ("parity", 3): 0.5, ("words", 3): 1.0, ("others", 3): 0.0}
    rows = [
        {"part": p, "window": w, "n": 64, "seed": s, "share": share if (p, w) == (part, window) else value}
        for (p, w), value in usual.items()
        for s in SEEDS
    ]
    table = pd.DataFrame(rows, columns=list(learned_edits.COLUMNS))
    table.loc[table["part"] == "parity", "n"] = 300
    return record(table)


@pytest.mark.parametrize(
    ("claim", "part", "window", "share", "verdict"),
    [
        ("process.12.trained", "parity", 2, 1.0, "supported"),
        ("process.12.trained", "parity", 2, 0.98, "refuted"),
        ("process.12wide.trained", "parity", 3, 0.5, "supported"),
        ("process.12wide.trained", "parity", 3, 0.61, "refuted"),
        ("process.13.trained", "words", 3, 1.0, "supported"),
        ("process.13.trained", "words", 3, 0.98, "refuted"),
        ("process.13.trained", "others", 3, 0.01, "refuted"),
    ],
)
def test_edits_of_strings(claim: str, part: str, window: int, share: float, verdict: str) -> None:
    assert judge(BY_ID[claim], {"learned_edits": edits(part, window, share)}).verdict == verdict


@pytest.mark.parametrize(
    ("model", "group", "share", "verdict"),
    [
        ("rounds", 2, 1.0, "supported"), ("rounds", 120, 0.98, "refuted"), ("single pass", 2, 0.61, "refuted"),
        ("single pass", 120, 0.11, "refuted"),
    ],
)  # fmt: skip
def test_one_pass_against_rounds(model: str, group: int, share: float, verdict: str) -> None:
    usual = {("rounds", 2): 1.0, ("rounds", 120): 1.0, ("single pass", 2): 0.5, ("single pass", 120): 0.01}
    rows = [
        {"group": g, "model": m, "step": step, "n": 8, "seed": s, "share": share if (m, g) == (model, group) else value}
        for (m, g), value in usual.items()
        for step in (1, 2)
        for s in SEEDS
    ]
    table = pd.DataFrame(rows, columns=list(single_pass.COLUMNS))
    assert judge(BY_ID["reasoning.12.trained"], {"single_pass": record(table)}).verdict == verdict
