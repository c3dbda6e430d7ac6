"""A learned product of S5, composed on the balanced tree: accuracy against length and rounds (arXiv 2510.13117).

Table: part, seed, step (of training), n (length of the words), rounds and numbers, nan where a part has none. Parts:
"product", accuracy on all 14,400 products; "word", accuracy on uniform words of n elements by the tree, and expected,
the product's accuracy to the power n - 1; "budget", accuracy of the last network where only the first `rounds` rounds
are decoded and the answer is guessed where they do not reach it. Scalars: chance, one over the number of elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

COLUMNS = ("part", "seed", "step", "n", "rounds", "accuracy", "expected")


@dataclass(frozen=True)
class Config:
    """Permuted symbols, seeds, training steps and batch, when to look, lengths, words a length."""

    symbols: int = 5
    seeds: tuple[int, ...] = tuple(range(6))
    steps: int = 600
    batch: int = 1440
    looks: tuple[float, ...] = (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.7, 1.0)
    lengths: tuple[int, ...] = (4, 16, 64, 256, 1000)
    words: int = 2000


PRESETS = {
    "smoke": Config(3, (0, 1), 40, 60, (0.5, 1.0), (4, 9), 50),
    "laptop": Config(),
    "gpu": Config(seeds=tuple(range(40)), words=4000),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train all seeds together, and measure words at several moments."""
    import pandas as pd

    from synthetic.products import ProductRun
    from theory.power import monoids

    true = monoids.transition_monoid(monoids.word_problem(config.symbols)).products
    going = ProductRun(true, config.seeds, config.steps, config.batch)
    rows: list[dict[str, Any]] = []
    for share in progress.track(config.looks, "learned products"):
        going.advance(round(share * config.steps))
        for seed, learned in zip(config.seeds, going.table(), strict=True):
            rows += [{"seed": seed, "step": going.step, **row} for row in measured(true, learned, config)]
    for seed, learned in zip(config.seeds, going.table(), strict=True):
        rows += [{"seed": seed, "step": going.step, **row} for row in budgets(true, learned, config)]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {"chance": 1 / len(true)}


def measured(true: Tensor, learned: Tensor, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the accuracy of a learned table on products and on words of every length."""
    right = float((learned == true).double().mean())
    yield {"part": "product", "accuracy": right}
    for n in config.lengths:
        words = words_of(len(true), n, config)
        correct = float((by_tree(learned, words) == by_tree(true, words)).double().mean())
        yield {"part": "word", "n": n, "accuracy": correct, "expected": right ** (n - 1)}


def budgets(true: Tensor, learned: Tensor, config: Config) -> Iterator[dict[str, Any]]:
    """Yield the accuracy after every number of rounds, the root guessed uniformly where it is not reached."""
    import torch

    from theory.power import planners, trees

    n = config.lengths[1]
    words = words_of(len(true), n, config)
    answers = by_tree(true, words)
    program = trees.products_of(trees.balanced_tree(n), learned)
    generator = torch.Generator().manual_seed(n)
    for rounds in range(program.steps + 1):
        last = planners.run(program.machine, words, rounds).last[:, program.results[-1]]
        guesses = torch.randint(len(true), (len(words),), generator=generator)
        found = torch.where(last == program.machine.d, guesses, last)
        yield {"part": "budget", "n": n, "rounds": rounds, "accuracy": float((found == answers).double().mean())}


def words_of(elements: int, n: int, config: Config) -> Tensor:
    """Return uniform words of a length."""
    import torch

    return torch.randint(elements, (config.words, n), generator=torch.Generator().manual_seed(n))


def by_tree(products: Tensor, words: Tensor) -> Tensor:
    """Return the product of each word by planner and predictor on the balanced tree."""
    from theory.power import planners, trees

    program = trees.products_of(trees.balanced_tree(words.shape[1]), products)
    return planners.run(program.machine, words, program.steps).last[:, program.results[-1]]
