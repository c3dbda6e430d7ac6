"""EB-Sampler on trained models: what Ben-Hamu et al. (arXiv 2505.24857) saw, asked of small models.

Parameters are chosen on every other item and judged on the rest. "Within m points" is supported where the whole
interval lies within m, refuted where it lies outside; the margins are this project's. At equal calls, the other
family's curve is interpolated at the same mean calls, seed by seed.

The paper's windows of calls are scaled by one-token decoding: its 15 calls on Sudoku are 15/81 of one call a cell,
its 10 calls on 10 x 10 mazes 10/100 of one call a cell (how many tokens it masks there is not stated).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import crossed, exactly, of_seeds
from synthetic.itemised import Curve, curve, halves
from theory.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

PAPER = "Ben-Hamu, Gat, Severo, Nolte, Karrer, EB-Sampler (arXiv 2505.24857)"
PROXIES = ("confidence", "entropy", "margin")
SUDOKU_WINDOW, MAZE_WINDOW = 15 / 81, 10 / 100
SMALL_BUDGETS = (0.001, 0.01)
PUZZLES, LANGUAGES = ("sudoku4", "maze3x4"), ("chain", "digits", "text")
GAIN_PER_TOKEN = 0.01
"""Nats per token below which a gain in path likelihood counts as none."""
RARELY = 0.05
"""Share of multi-token steps that may exceed the budget before the criterion counts as broken."""


def family(table: pd.DataFrame, task: str, name: str, by: str = "", quality: str = "success") -> Curve:
    """Return the curve of a family of rules on a task."""
    return curve(table[(table["task"] == task) & (table["family"] == name) & (table["by"] == by)], quality)


def one_token(table: pd.DataFrame, task: str, by: str) -> Curve:
    """Return one-token decoding in the order of a proxy."""
    tops = family(table, task, "Top-k", by)
    return Curve(tops.parameters[:1], tops.nfe[:1], tops.quality[:1])


def best_within(table: pd.DataFrame, task: str, calls: float) -> tuple[str, int]:
    """Return proxy and place of the EB rule that does best on the first half with at most so many mean calls.

    Where none is so cheap, the cheapest.
    """
    ranked = []
    for by in PROXIES:
        eb = family(table, task, "EB", by)
        mine = eb.items(halves(eb.nfe.shape[-1])[0])
        for k, (cost, quality) in enumerate(zip(mine.mean_nfe, mine.mean_quality, strict=True)):
            ranked.append((cost <= calls, quality if cost <= calls else -cost, by, k))
    *_, by, k = max(ranked, key=lambda each: each[:2])
    return by, k


def cheap_and_good(table: pd.DataFrame, task: str, share: float, margin: float, against: bool) -> tuple[Finding, ...]:
    """Judge the best EB rule with a share of one-token calls: its calls, its loss, and Top-k at equal calls."""
    everywhere = one_token(table, task, "entropy")
    first, second = halves(everywhere.nfe.shape[-1])
    by, k = best_within(table, task, share * float(everywhere.items(first).mean_nfe[0]))
    eb, top = (family(table, task, name, by).items(second) for name in ("EB", "Top-k"))
    label = f"{task}, EB {eb.parameters[k]:g} by {by}"
    calls = crossed(eb.nfe[k])
    found = [
        Finding(f"{label}: calls", calls, share * float(top.mean_nfe[0]), "below"),
        Finding(f"{label}: success - Top-1's", crossed(eb.quality[k] - top.quality[0]), -margin),
    ]
    if against:
        other = top.at(eb.nfe[k].mean(-1))
        found.append(Finding(f"{label}: success - Top-k's at equal calls", crossed(eb.quality[k] - other)))
    return tuple(found)


def sudoku(records: Records) -> tuple[Finding, ...]:
    """Judge E1."""
    return cheap_and_good(records["eb"].table, "sudoku4", SUDOKU_WINDOW, 0.02, against=True)


def maze(records: Records) -> tuple[Finding, ...]:
    """Judge E2: the window, Top-k, and the largest difference between two proxies at the same budget's calls."""
    table = records["eb"].table
    found = cheap_and_good(table, "maze3x4", MAZE_WINDOW, 0.03, against=True)
    curves = {by: family(table, "maze3x4", "EB", by) for by in PROXIES}
    first, second = halves(curves["entropy"].nfe.shape[-1])
    gaps = {
        (a, b, k): float(curves[a].items(first).gain(curves[b].items(first), k).mean())
        for a, b in itertools.permutations(PROXIES, 2)
        for k in curves[a].items(first).comparable(curves[b].items(first))
    }
    if not gaps:
        return found
    a, b, k = max(gaps, key=lambda key: gaps[key])
    gap = curves[a].items(second).gain(curves[b].items(second), k)
    label = f"maze3x4, EB by {a} - by {b} at the calls of budget {curves[a].parameters[k]:g}"
    return (*found, Finding(label, crossed(gap), 0.02, "below"))


def orders(records: Records) -> tuple[Finding, ...]:
    """Judge E3: each proxy's one-token order against random order; proxies that solve the same items are one."""
    table, found = records["eb"].table, []
    for task in PUZZLES:
        groups: dict[bytes, list[str]] = {}
        for by in PROXIES:
            groups.setdefault(one_token(table, task, by).quality[0].tobytes(), []).append(by)
        for same in groups.values():
            gain = one_token(table, task, same[0]).quality[0] - family(table, task, "random one").quality[0]
            found.append(Finding(f"{task}, Top-1 by {' or '.join(same)} - random one: success", crossed(gain)))
    return tuple(found)


def small_budgets(records: Records) -> tuple[Finding, ...]:
    """Judge E4: at budgets .001 and .01, mean of the proxies, success within two points and fewer calls."""
    table, found = records["eb"].table, []
    for task in PUZZLES:
        for budget in SMALL_BUDGETS:
            pairs = [(family(table, task, "EB", by), one_token(table, task, by)) for by in PROXIES]
            if budget not in pairs[0][0].parameters:
                continue
            k = int(np.searchsorted(pairs[0][0].parameters, budget))
            change = crossed(np.mean([eb.quality[k] - one.quality[0] for eb, one in pairs], axis=0))
            calls = crossed(np.mean([eb.nfe[k] - one.nfe[0] for eb, one in pairs], axis=0))
            label = f"{task}, EB {budget:g} - Top-1"
            found += [
                Finding(f"{label}: success", change, -0.02),
                Finding(f"{label}: success", change, 0.02, "below"),
                Finding(f"{label}: calls", calls, 0.0, "below"),
            ]
    return tuple(found)


def thresholds(records: Records) -> tuple[Finding, ...]:
    """Judge E5: EB minus thresholding at equal calls, in the mean of the budgets."""
    table, found = records["eb"].table, []
    for task in PUZZLES:
        for by in ("entropy", "confidence"):
            eb, other = family(table, task, "EB", by), with_ends(table, task, by)
            mine = between(eb, table, task, by)
            mean = np.mean([eb.gain(other, k) for k in mine], axis=0)
            label = f"{task} by {by}, EB - threshold at equal calls: success, mean of {len(mine)} budgets"
            found.append(Finding(label, crossed(mean), 0.0, "at least"))
    return tuple(found)


def with_ends(table: pd.DataFrame, task: str, by: str) -> Curve:
    """Return the thresholds of a proxy with their two limits, one token and all tokens at a time."""
    inner, tops = family(table, task, "threshold", by), family(table, task, "Top-k", by)
    ends = [0, len(tops.parameters) - 1]
    return Curve(
        np.concatenate((inner.parameters, [-np.inf, np.inf])),
        np.concatenate((inner.nfe, tops.nfe[ends])),
        np.concatenate((inner.quality, tops.quality[ends])),
    )


def between(eb: Curve, table: pd.DataFrame, task: str, by: str) -> list[int]:
    """Return the EB rules that cost neither one call nor one a token, to a twentieth of a call; else all."""
    most = float(one_token(table, task, by).mean_nfe[0])
    inner = [k for k, cost in enumerate(eb.mean_nfe) if 1.05 < cost < most - 0.05]
    return inner or list(range(len(eb.parameters)))


def known_laws(records: Records) -> tuple[Finding, ...]:
    """Judge E6: the bound with the world's entropies at every step, and what the model's entropies are worth."""
    table = records["decomposition"].table
    eb = table[(table["family"] == "EB") & table["correlation"].notna()]
    slack = float(table["slack"].min())
    followed = over_rules(eb, "correlation")
    several = over_rules(table[(table["family"] == "EB") & table["exceeds"].notna()], "exceeds")
    return (
        Finding("least of entropy bound - JD over all steps", exactly(slack, table["seed"].nunique()), -1e-9),
        Finding("correlation of the model's bound with JD over steps", of_seeds(followed)),
        Finding("share of multi-token steps with JD above the budget", of_seeds(several), RARELY, "below"),
    )


def over_rules(table: pd.DataFrame, column: str) -> Float[ndarray, " seeds"]:
    """Return the mean of a column by seed, over the rules that every seed has: rules of one model are no sample."""
    wide = table.pivot_table(index="seed", columns=["task", "parameter", "by"], values=column).dropna(axis=1)
    if wide.empty:
        raise InvalidInput(f"no rule has {column} for every seed; run a preset with more budgets")
    return np.asarray(wide.mean(axis=1))


def weak_dependence(records: Records) -> tuple[Finding, ...]:
    """Judge E7: Top-k's path negative log-likelihood minus EB's at equal calls, per token, mean of the budgets."""
    record, found = records["eb"], []
    for task in LANGUAGES:
        if task not in set(record.table["task"]):
            continue
        gains = []
        for by in PROXIES:
            eb, top = (family(record.table, task, name, by, "nll") for name in ("EB", "Top-k"))
            gains += [-eb.gain(top, k) for k in between(eb, record.table, task, by)]
        length = float(one_token(record.table, task, "entropy").mean_nfe[0])
        label = f"{task}, Top-k - EB at equal calls: nll per token, mean of {len(gains)} rules"
        found.append(Finding(label, crossed(np.mean(gains, axis=0) / length), GAIN_PER_TOKEN, "below"))
    return tuple(found)


def halved(records: Records) -> tuple[Finding, ...]:
    """Judge the headline: half of the calls at accuracy within two points."""
    table = records["eb"].table
    return tuple(f for task in PUZZLES for f in cheap_and_good(table, task, 0.5, 0.02, against=False))


CLAIMS = (
    Empirical(
        "eb.halved", PAPER,
        "On puzzles some budget halves the calls of one-token decoding and loses at most two points.",
        ("eb",), halved,
        reported=(
            "Headline: two to three times fewer evaluations at equal accuracy, on code and mathematics with 7 and "
            "8 billion parameters. We ask it of puzzles, for a factor of two and a margin of two points, both "
            "ours."
        ),
    ),
    Empirical(
        "eb.E1", PAPER,
        "On 4x4 Sudoku some budget with at most 15/81 of the one-token calls loses at most two points against Top-1, "
        "and Top-k at equal calls solves fewer.",
        ("eb",), sudoku,
    ),
    Empirical(
        "eb.E2", PAPER,
        "On mazes some budget with at most a tenth of the one-token calls loses at most three points against Top-1, "
        "Top-k at equal calls solves fewer, and the proxies' curves differ by less than two points.",
        ("eb",), maze,
    ),
    Empirical(
        "eb.E3", PAPER,
        "On puzzles one-token decoding in the order of any proxy solves more than in random order.",
        ("eb",), orders,
        reported=(
            "Figs. 2 and 3: with LLaDA the one-token orders of all three proxies beat random order on code and "
            "mathematics. We ask it of puzzles."
        ),
    ),
    Empirical(
        "eb.E4", PAPER,
        "On puzzles budgets of .001 and .01 nats change success by at most two points and need fewer calls than Top-1.",
        ("eb",), small_budgets,
        reported=(
            "Tables 1 and 4 to 6: a budget of .001 changes pass@1 by at most .4 points and saves calls. We ask it "
            "of puzzles; the margin of two points is ours."
        ),
    ),
    Empirical(
        "eb.E5", PAPER,
        "On puzzles EB solves, in the mean of its budgets, at least as many as a threshold on entropy or confidence at "
        "equal calls.",
        ("eb",), thresholds,
        reported="Section D.3: thresholds match EB on MBPP, and EB is better on GSM8K. We ask it of puzzles.",
    ),
    Empirical(
        "eb.E6", PAPER,
        "On known laws the entropy bound holds at every step of a trained model; its own bound follows the joint "
        "dependence error, which exceeds the budget in less than one multi-token step of twenty.",
        ("decomposition",), known_laws,
    ),
    Empirical(
        "eb.E7", PAPER,
        "On sequences of high entropy EB's path likelihood is no better than Top-k's at equal calls, "
        "by .01 nats per token.",
        ("eb",), weak_dependence,
    ),
)  # fmt: skip
