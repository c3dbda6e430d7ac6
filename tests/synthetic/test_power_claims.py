"""The claims on trained models that compute: planted tables move each of them to the verdict that they should."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from synthetic.claims.base import judge
from synthetic.claims.power import CLAIMS
from synthetic.denoisers import parameter_count
from synthetic.experiments import learned_edits, single_pass, trained_boards
from synthetic.experiments.learned_products import by_tree
from synthetic.products import ProductNetwork, ProductRun
from synthetic.records import Record, Store
from theory.power import monoids

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


def test_the_power_law_of_products_needs_uniform_words() -> None:
    """Words over the two generators of S5 meet few of the products that are still wrong, or many of them.

    On uniform elements the accuracy is p^(n - 1) within .06 all through training, on generators it is not.
    """
    monoid = monoids.transition_monoid(monoids.word_problem(5))
    right, n = monoid.products, 16
    generator = torch.Generator().manual_seed(5)
    words = {
        "uniform": torch.randint(120, (2000, n), generator=generator),
        "generators": monoid.letters[torch.randint(2, (2000, n), generator=generator)],
    }
    training, gaps = ProductRun(right, (0,), 600, 1440), dict.fromkeys(words, 0.0)
    for step in range(150, 230, 10):
        training.advance(step)
        (table,) = training.table()
        share = float((table == right).double().mean())
        for kind, rows in words.items():
            accuracy = float((by_tree(table, rows) == by_tree(right, rows)).double().mean())
            gaps[kind] = max(gaps[kind], abs(accuracy - share ** (n - 1)))
    assert gaps["uniform"] <= 0.06 < gaps["generators"]


def test_the_network_of_products_has_the_stated_size_without_its_biases() -> None:
    """The notes count 137,336 weights with one table of 120 rows and 145,016 with two; ours has no biases."""
    biases = 256 + 256 + 120
    assert parameter_count(ProductNetwork((0,), 120)) + biases == 137_336
    assert 137_336 + 120 * 64 == 145_016


NOTES = {
    ("any order", 1000, "margin"): 0.97, ("any order", 1000, "reading order"): 0.83,
    ("any order", 1000, "random"): 0.80, ("any order", 1000, "one step"): 0.51,
    ("left to right", 1000, "reading order"): 0.41, ("any process", 1000, "rewriting"): 0.89,
    ("any process", 100, "rewriting"): 0.15,
}  # fmt: skip
"""Shares of 4x4 boards that the notes on arXiv 2510.06190 found with one seed, batches of 128 and fewer steps."""


def test_boards_beside_what_the_notes_found_with_one_seed() -> None:
    """With 1,000 puzzles the same ranks, within 20 points; with 100 our longer training solves far more boards."""
    store = Store()
    table = store.get_or_compute("trained_boards", store.preset("trained_boards", "laptop")).table
    found = table.groupby(["model", "puzzles", "way"])["solved"].mean()
    for key, noted in NOTES.items():
        if key[1] == 1000:
            assert found[key] == pytest.approx(noted, abs=0.2), key
        else:
            assert found[key] > noted + 0.1, key
    assert found["any process", 1000, "rewriting"] > found["left to right", 1000, "reading order"]
    assert found["any order", 1000, "margin"] > found["any order", 1000, "reading order"]
