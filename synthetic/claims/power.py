"""What learned products of S5 become when they are composed in rounds."""

from __future__ import annotations

from synthetic.claims.base import Empirical, Finding, Records
from synthetic.intervals import of_seeds

SOURCES = "Svete, Sabharwal, arXiv 2510.13117"
NEAR = 0.06
"""How far an accuracy may be from its prediction: five standard errors of 2,000 words at accuracy one half."""
RIGHT = 0.99


def predicted(records: Records) -> tuple[Finding, ...]:
    """Judge each seed's largest difference between accuracy and the power of the product's, over training."""
    table, found = records["learned_products"].table, []
    words = table[table["part"] == "word"]
    for n, mine in words.groupby("n"):
        worst = (mine["accuracy"] - mine["expected"]).abs().groupby(mine["seed"]).max()
        name = f"words of {n:.0f}: largest |accuracy - p^(n - 1)| in training"
        found.append(Finding(name, of_seeds(worst.to_numpy()), NEAR, "at most"))
    return tuple(found)


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
)  # fmt: skip
