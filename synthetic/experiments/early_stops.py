"""EB whole, in blocks, and stopped at the end mark: exact KL and calls on words of several lengths.

A word is a Markov chain of letters that ends with an end mark after each letter with a fixed probability; behind the
mark everything is the mark again. Two alphabets: letters that lean on the letter before them, and letters drawn freely.

Table: a row for each world, mode and budget (nats): mode ("whole", "whole, stopped", "blocks", "blocks, stopped"),
kl (exact KL of the words to what is generated, nats), calls (exact mean number of denoiser calls), length (mean number
of letters and the first end mark), per_call (length over calls: tokens that are used, a call). Scalars: none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

    from theory.worlds import TableWorld

END = 0
"""The token of the end mark."""
KEPT = {"letters that lean on the last": 0.85, "letters drawn freely": 0.5}
"""Probability that a letter is followed by itself, by world."""


@dataclass(frozen=True)
class Config:
    """Positions, the probability to end after a letter, the length of a block, and EB's budgets in nats."""

    n: int = 6
    ends: float = 0.25
    block: int = 2
    budgets: tuple[float, ...] = (0.0, 0.4, 0.5, 0.6, 0.7, 1.0, 1.2, 1.5, 2.0, 2.5)


PRESETS = {"smoke": Config(n=4, budgets=(0.0, 0.4, 1.5)), "laptop": Config(), "gpu": Config(n=7)}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Walk every mode and budget exactly on both worlds."""
    import pandas as pd

    from theory.unmasking.rules.in_blocks import InBlocks, StopAtEnd
    from theory.unmasking.rules.sets import EntropyBounded
    from theory.unmasking.walks import walk

    rows = []
    for name, kept in KEPT.items():
        world = words(config.n, config.ends, kept)
        length = mean_length(world)
        for budget in progress.track(config.budgets, name):
            rule = EntropyBounded(budget, "entropy")
            blocks = InBlocks(rule, config.block)
            modes = {"whole": rule, "whole, stopped": StopAtEnd(rule, END),
                     "blocks": blocks, "blocks, stopped": StopAtEnd(blocks, END)}  # fmt: skip
            for mode, chosen in modes.items():
                walked = walk(chosen, world)
                kl, calls = max(0.0, float(walked.divergence)), float(walked.calls)
                rows.append((name, mode, budget, kl, calls, length, length / calls))
    columns = ["world", "mode", "budget", "kl", "calls", "length", "per_call"]
    return pd.DataFrame(rows, columns=columns), {}


def words(n: int, ends: float, kept: float) -> TableWorld:
    """Return the law of words over two letters, 1 and 2, that are padded with end marks to n positions.

    The first letter is fair; a letter is followed by the end mark with probability `ends`, else by itself with
    probability `kept` and by the other one otherwise.
    """
    import torch

    from theory.worlds import TableWorld, states

    letter = [[kept, 1 - kept], [1 - kept, kept]]
    after = [[1.0, 0.0, 0.0], *([ends, *((1 - ends) * p for p in row)] for row in letter)]
    step = torch.tensor(after, dtype=torch.float64)
    x = states.all_sequences(n, 3)
    law = torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64)[x[:, 0]]
    for i in range(1, n):
        law = law * step[x[:, i - 1], x[:, i]]
    return TableWorld(law / law.sum(), n, 3, f"words, {ends:g} to end, {kept:g} kept")


def mean_length(world: TableWorld) -> float:
    """Return the mean number of tokens up to the first end mark, it included; all of them where there is none."""
    from theory.worlds import states

    before = (states.all_sequences(world.n, world.d) != END).sum(-1).double()
    return float(world.law() @ (before + 1).clamp(max=world.n))
