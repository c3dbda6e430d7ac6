"""What trained models compute: learned products composed in rounds, edits of strings, and 4x4 Sudoku."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import exactly, of_seeds

if TYPE_CHECKING:
    import pandas as pd

ANY_PROCESS = "Yang, Zhou, Wipf, Li, arXiv 2510.06190"
SOURCES = "Svete, Sabharwal, arXiv 2510.13117"
NEAR = 0.06
"""How far an accuracy may be from its prediction: five standard errors of 2,000 words at accuracy one half."""
RIGHT = 0.99
GAP = 0.1
"""Boards that one model must solve more than another: five standard errors of 400 boards at a rate of one half."""
LUCK = 0.01
"""Boards beyond those without a step back that a model may solve by a right digit out of turn: four of 400."""
NEAR_CHANCE = {2: 0.6, 120: 0.1}
"""What counts as not learned, by the number of elements: a tenth above chance."""


def predicted(records: Records) -> tuple[Finding, ...]:
    """Judge each seed's largest difference between accuracy and the power of the product's, over training."""
    table, findings = records["learned_products"].table, []
    words = table[table["part"] == "word"]
    for n, mine in words.groupby("n"):
        worst = (mine["accuracy"] - mine["expected"]).abs().groupby(mine["seed"]).max()
        name = f"words of {n:.0f}: largest |accuracy - p^(n - 1)| in training"
        findings.append(Finding(name, of_seeds(worst.to_numpy()), NEAR, "at most"))
    return tuple(findings)


def budget(records: Records) -> tuple[Finding, ...]:
    """Judge the accuracy with all rounds, and with one fewer."""
    record = records["learned_products"]
    mine = record.table[record.table["part"] == "budget"]
    wide = mine.pivot(index="seed", columns="rounds", values="accuracy")
    last = int(wide.columns.max())
    chance = float(record.scalars["chance"])
    return (
        Finding(f"accuracy after {last} rounds", of_seeds(wide[last].to_numpy()), RIGHT, "at least"),
        Finding(f"accuracy after {last - 1} rounds", of_seeds(wide[last - 1].to_numpy()), 2 * chance, "at most"),
    )


def one_pass(records: Records) -> tuple[Finding, ...]:
    """Judge both models after training, for each group."""
    table, findings = records["single_pass"].table, []
    last = table[table["step"] == table["step"].max()]
    for (group, model), mine in last.groupby(["group", "model"]):
        rounds = model == "rounds"
        name = f"{model}, {group} elements, words of {mine['n'].iloc[0]}: share right"
        threshold, side = (RIGHT, "at least") if rounds else (NEAR_CHANCE[int(group)], "at most")
        findings.append(Finding(name, of_seeds(mine["share"].to_numpy()), threshold, side))
    return tuple(findings)


def strings(records: Records, wide: bool) -> tuple[Finding, ...]:
    """Judge the parity of long strings by models that read two symbols, or that read more."""
    table, findings = records["learned_edits"].table, []
    rows = table[(table["part"] == "parity") & (table["n"] >= 100) & ((table["window"] > 2) == wide)]
    for (window, n), mine in rows.groupby(["window", "n"]):
        limit, side = (NEAR_CHANCE[2], "at most") if wide else (RIGHT, "at least")
        name = f"reads {window}, {n:.0f} bits: share right"
        findings.append(Finding(name, of_seeds(mine["share"].to_numpy()), limit, side))
    return tuple(findings)


def brackets(records: Records) -> tuple[Finding, ...]:
    """Judge how many words, and how many that are not, are erased at the largest length."""
    table, findings = records["learned_edits"].table, []
    rows = table[table["part"].isin(("words", "others"))]
    for (part, window), mine in rows[rows["n"] == rows["n"].max()].groupby(["part", "window"]):
        limit, side = (RIGHT, "at least") if part == "words" else (0.0, "at most")
        name = f"{part} of {mine['n'].iloc[0]:.0f}, {window} symbols read: share erased"
        findings.append(Finding(name, of_seeds(mine["share"].to_numpy()), limit, side))
    return tuple(findings)


def solved(table: pd.DataFrame, model: str, way: str, column: str = "solved") -> pd.Series:
    """Return a rate of each seed, of models trained on the most puzzles."""
    rows = table[(table["model"] == model) & (table["way"] == way) & (table["puzzles"] == table["puzzles"].max())]
    return rows.set_index("seed")[column]


def gap(name: str, more: pd.Series, less: pd.Series) -> Finding:
    """Return the finding that one rate is GAP above another on the same test boards, over the seeds of both."""
    return Finding(name, of_seeds((more - less).dropna().to_numpy()), GAP, "at least")


def orders(records: Records) -> tuple[Finding, ...]:
    """Judge the gaps between orders of decoding of one model."""
    rates = {way: solved(records["trained_boards"].table, "any order", way) for way in (
        "margin", "reading order", "random", "one step",
    )}  # fmt: skip
    return (
        gap("margin - reading order", rates["margin"], rates["reading order"]),
        gap("random - one step", rates["random"], rates["one step"]),
    )


def left_to_right(records: Records) -> tuple[Finding, ...]:
    """Judge two models against one that was trained from left to right."""
    table = records["trained_boards"].table
    other = solved(table, "left to right", "reading order")
    return (
        gap("any process - left to right", solved(table, "any process", "rewriting"), other),
        gap("any order in reading order - left to right", solved(table, "any order", "reading order"), other),
    )


def writing_once(records: Records) -> tuple[Finding, ...]:
    """Judge what remains of an any-process model that may not mask a token again."""
    table = records["trained_boards"].table
    free, once = (solved(table, "any process", way) for way in ("rewriting", "write once"))
    straight = solved(table, "any process", "rewriting", "straight")
    return (
        Finding("writing once - boards without a step back", of_seeds((once - straight).to_numpy()), LUCK, "at most"),
        gap("rewriting - writing once", free, once),
    )


def rollouts(records: Records, column: str, least: float) -> tuple[Finding, ...]:
    """Judge solve rates against what follows from the exactness of single steps, for each number of puzzles."""
    table, findings = records["trained_boards"].table, []
    for puzzles, mine in table[table["way"] == "rewriting"].groupby("puzzles"):
        above = (mine["solved"] - mine[column]).to_numpy()
        estimate = exactly(float(above.min()), len(above)) if column == "bound" else of_seeds(above)
        name = f"{puzzles:,} puzzles: {'least ' if column == 'bound' else ''}solved - {column}"
        findings.append(Finding(name, estimate, least, "at least"))
    return tuple(findings)


CLAIMS = (
    Empirical(
        "reasoning.11.trained", SOURCES,
        "A product of S5 that is right with probability p makes words of n uniform elements right with probability "
        "p^(n - 1), within .06, all through training.",
        ("learned_products",), predicted,
    ),
    Empirical(
        "reasoning.13.trained", SOURCES,
        "The accuracy of a learned product on words of 16 jumps from chance (at most twice one in 120) to 99 % in the "
        "last of log2(16) rounds.",
        ("learned_products",), budget,
    ),
    Empirical(
        "reasoning.12.trained", SOURCES,
        "With equal steps and about as many weights, learned products composed in rounds are right on 99 % of words "
        "(parity of 20 bits, S5 words of 8), and a denoiser that writes the answer in a single pass on at most a tenth "
        "more than chance.",
        ("single_pass",), one_pass,
    ),
    Empirical(
        "process.10.trained", ANY_PROCESS,
        "On 4x4 Sudoku, trained on 1,000 puzzles, a masked model solves at least ten points more boards in order of "
        "margin than in reading order, and in random order than in one step.",
        ("trained_boards",), orders,
        "section on Sudoku: 89.5 % for a masked model in order of margin on 9x9 boards, from 1.8 million puzzles; "
        "ours are 4x4 and a thousand",
    ),
    Empirical(
        "process.10left.trained", ANY_PROCESS,
        "An any-process model of a search, and a masked model trained in any order and decoded in reading order, solve "
        "at least ten points more 4x4 boards than a masked model trained from left to right on the same puzzles.",
        ("trained_boards",), left_to_right,
        "section on Sudoku: 99.3 % from 100 puzzles against 87.2 % for an autoregressive model from 1.8 million, on "
        "9x9 boards; the first learns from every step of a search, ours as well, the others from solutions",
    ),
    Empirical(
        "process.10once.trained", ANY_PROCESS,
        "An any-process model that may not mask a token again solves at most the boards whose search never goes back, "
        "up to one point, and at least ten points fewer than with rewriting.",
        ("trained_boards",), writing_once,
    ),
    Empirical(
        "process.11.trained", ANY_PROCESS,
        "An any-process model solves at least one less the mean number of wrong steps of a search, on the same boards, "
        "with every seed.",
        ("trained_boards",), partial(rollouts, column="bound", least=0.0),
    ),
    Empirical(
        "process.11power.trained", ANY_PROCESS,
        "An any-process model solves at most five points fewer boards than independent errors would allow: the mean of "
        "p to the power of a search's number of steps, p the share of steps that the model takes.",
        ("trained_boards",), partial(rollouts, column="predicted", least=-0.05),
    ),
    Empirical(
        "process.12.trained", ANY_PROCESS,
        "A model of 185 weights that reads the first two symbols, trained on the seven labelled states of two bits, "
        "finds the parity of 99 % of strings of 100 to 300 bits.",
        ("learned_edits",), partial(strings, wide=False),
        "section on parity: every string right at all lengths, with about 200 weights",
    ),
    Empirical(
        "process.12wide.trained", ANY_PROCESS,
        "Trained on the same seven states, a model that reads three or four symbols finds the parity of at most 60 % "
        "of long strings: the samples say nothing about what it reads beyond.",
        ("learned_edits",), partial(strings, wide=True),
    ),
    Empirical(
        "process.13.trained", ANY_PROCESS,
        "Models that read a window, trained on strings of up to 12 brackets of two kinds, erase 99 % of Dyck words of "
        "64 and none of these words with one bracket replaced.",
        ("learned_edits",), brackets,
    ),
)  # fmt: skip
