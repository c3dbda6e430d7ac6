"""What a decision of parity can depend on when every place reads k symbols a step (arXiv 2510.13117, Corollary 3.3).

The balanced tree of fan-in k on n bits. Table: part, fan_in, step and numbers, nan where a part has none. Parts:
"read", a place written in that step at x (mean position of the inputs it depends on) reads a place at reads_x, which
was written in reads_step (0 for inputs); "parity", after so many steps the share of all 2^n words whose parity is the
symbol of the place that depends on most inputs, their number (inputs), the most that k-ary reading allows (allowed,
k^step or n) and the best share that any decision from so many inputs has (best). Scalars: n.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("part", "fan_in", "step", "x", "reads_x", "reads_step", "share", "inputs", "allowed", "best")


@dataclass(frozen=True)
class Config:
    """The number of bits, and how many symbols a place reads."""

    n: int = 16
    fan_ins: tuple[int, ...] = (2, 3, 4)


PRESETS = {"smoke": Config(6, (2, 3)), "laptop": Config(), "gpu": Config()}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, int]]:
    """Build every tree, and run it on all words for every number of steps."""
    import pandas as pd

    rows = [
        {"fan_in": fan_in, **row}
        for fan_in in progress.track(config.fan_ins, "trees")
        for row in tree(config.n, fan_in)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)), {"n": config.n}


def tree(n: int, fan_in: int) -> Iterator[dict[str, Any]]:
    """Yield the reads of one tree, and how often its widest place is the parity."""
    import torch

    from theory.power import planners
    from theory.power.light_cones import best_accuracy, parity_tree

    program = parity_tree(n, fan_in)
    places: list[tuple[int, frozenset[int]]] = [(0, frozenset({i})) for i in range(n)]
    assert program.machine.window is not None
    for window in program.machine.window.tolist():
        read = [places[place] for place in window if place >= 0]
        places.append((1 + max(step for step, _ in read), frozenset().union(*(cone for _, cone in read))))
        for step, cone in read:
            yield {
                "part": "read", "step": places[-1][0], "x": middle(places[-1][1]), "reads_x": middle(cone),
                "reads_step": step,
            }  # fmt: skip
    words = torch.cartesian_prod(*[torch.arange(2)] * n)
    for steps in range(program.steps + 1):
        widest = max((k for k, (step, _) in enumerate(places) if step <= steps), key=lambda k: len(places[k][1]))
        last = planners.run(program.machine, words, steps).last[:, widest]
        allowed = min(fan_in**steps, n)
        yield {
            "part": "parity", "step": steps, "share": float((last == words.sum(-1) % 2).double().mean()),
            "inputs": len(places[widest][1]), "allowed": allowed, "best": float(best_accuracy(n, allowed)),
        }  # fmt: skip


def middle(cone: frozenset[int]) -> float:
    """Return the mean position of inputs."""
    return sum(cone) / len(cone)
