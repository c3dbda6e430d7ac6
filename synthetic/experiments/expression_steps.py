"""Steps of an arithmetic expression, in parallel and one by one, and of random shapes (arXiv 2510.13117, Fig. 3).

Table: part, name, place, parallel, sequential, operations, steps; 0 where a part has none. Parts: "expression", a row
for each operation of one expression (name is its sign): its place in the string, and the steps in which a parallel and
a sequential planner write it, counted on runs; "shape", the steps that the parallel planner takes (its height) for a
number of binary operations whose tree is "balanced", a "random" one (mean over all shapes, exactly) or a "chain", and
"sequential" for one operation a step. Scalars: parallel, sequential (steps of the runs), value (of the expression) and
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("part", "name", "place", "parallel", "sequential", "operations", "steps")


@dataclass(frozen=True)
class Config:
    """The fourteen numbers of the expression, and the numbers of operations of the shapes."""

    numbers: tuple[int, ...] = (1, 2, 3, 4, 9, 5, 2, 6, 1, 1, 2, 3, 7, 4)
    operations: tuple[int, ...] = (1, 2, 3, 5, 7, 11, 15, 23, 31, 47, 63, 95, 127)


PRESETS = {
    "smoke": Config(operations=(1, 3, 7, 11)),
    "laptop": Config(),
    "gpu": Config(operations=(1, 2, 3, 5, 7, 11, 15, 23, 31, 47, 63, 95, 127, 191, 255)),
}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run both planners on the expression, and count the shapes."""
    import pandas as pd
    import torch

    from theory.power import expressions, planners

    expression = expressions.products_of_sums()
    word = torch.tensor([config.numbers])
    count = len(expression.operations)
    written, values, scalars = dict[str, list[int]](), set[int](), {"numbers": float(len(config.numbers))}
    for name, sequential in (("parallel", False), ("sequential", True)):
        decoded = planners.run(expression.machine(sequential), word, count, keep=True)
        masks = torch.stack([string[0, expression.numbers :] == expressions.MODULUS for string in decoded.strings])
        written[name] = [int(k) for k in masks.sum(0)]
        values.add(int(decoded.last[0, -1]))
        scalars[name] = float(decoded.account.steps[0])
    rows = [
        {
            "part": "expression", "name": sign, "place": expression.numbers + k, "parallel": written["parallel"][k],
            "sequential": written["sequential"][k], "operations": count, "steps": 0.0,
        }
        for k, (sign, _) in enumerate(expression.operations)
    ]  # fmt: skip
    for n in progress.track(config.operations, "shapes"):
        rows += [
            {"part": "shape", "name": name, "place": 0, "parallel": 0, "sequential": 0, "operations": n, "steps": steps}
            for name, steps in shapes(n).items()
        ]
    (value,) = values
    return pd.DataFrame(rows, columns=list(COLUMNS)), {**scalars, "value": float(value)}


def shapes(operations: int) -> dict[str, float]:
    """Return the steps for a number of binary operations, by shape of the tree."""
    from theory.power.expressions import mean_height

    return {
        "balanced": float(operations.bit_length()), "random": float(mean_height(operations)),
        "chain": float(operations), "sequential": float(operations),
    }  # fmt: skip
