"""One step of EB on a state of 4x4 Sudoku: entropies in proxy order, sum minus max, the prefix (arXiv 2505.24857).

Table: position (row by row), token (the clue, -1 where masked), rank (in proxy order from 0, -1 for clues), confidence,
entropy (nats), bound (sum minus max of the entropies up to this rank), chosen (revealed by this step). Scalars:
budget, bound and dependence of the chosen block (nats; its total correlation given the clues, by counting grids),
sum, largest (of its entropies), size, grids (that agree with the clues), by. Clues are given, so their numbers are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic.progress import Progress

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor


@dataclass(frozen=True)
class Config:
    """The grid (its number in `worlds.sudoku4`), the cells given, EB's budget (nats) and proxy."""

    grid: int = 18
    clues: tuple[int, ...] = (7, 9, 15)
    budget: float = 2.5
    by: str = "confidence"


PRESETS = {"smoke": Config(), "laptop": Config(), "gpu": Config()}


def run(config: Config, progress: Progress) -> tuple[pd.DataFrame, dict[str, float | str]]:
    """Compute the step from the exact conditionals."""
    import pandas as pd
    import torch

    from theory import worlds
    from theory.unmasking.rules.proxies import confidence, proxy, token_entropy, trusted_first
    from theory.unmasking.rules.sets import EntropyBounded, prefix_bounds

    world = worlds.sudoku4()
    z = torch.full((1, world.n), world.d)
    for cell in progress.track(config.clues, "clues"):
        z[0, cell] = world.support[config.grid, cell]
    log_p, masked = world(z), z == world.d
    entropy = torch.where(masked, token_entropy(log_p).clamp(min=0), 0.0)[0]
    order = trusted_first(proxy(config.by)(log_p), masked)[0][: int(masked.sum())]
    chosen = EntropyBounded(config.budget, config.by).select(log_p, masked)[0]
    rank, bound = torch.full((world.n,), -1), torch.zeros(world.n, dtype=torch.float64)
    rank[order] = torch.arange(len(order))
    bound[order] = prefix_bounds(entropy[order])
    table = pd.DataFrame({
        "position": range(world.n), "token": torch.where(masked[0], -1, z[0]).numpy(), "rank": rank.numpy(),
        "confidence": torch.where(masked[0], -confidence(log_p)[0], 0.0).numpy(), "entropy": entropy.numpy(),
        "bound": bound.numpy(), "chosen": chosen.int().numpy(),
    })  # fmt: skip
    block = entropy[chosen]
    left = world.support[(world.support[:, ~masked[0]] == z[0, ~masked[0]]).all(-1)]
    return table, {
        "budget": config.budget, "by": config.by, "size": float(chosen.sum()), "sum": float(block.sum()),
        "largest": float(block.max()), "bound": float(block.sum() - block.max()), "grids": float(len(left)),
        "dependence": float(block.sum()) - counted_entropy(left[:, chosen]),
    }  # fmt: skip


def counted_entropy(rows: Tensor) -> float:
    """Return the entropy of the uniform law on rows, in nats, by counting equal ones."""
    import torch

    counts = torch.unique(rows, dim=0, return_counts=True)[1].double()
    share = counts / counts.sum()
    return float(-(share * share.log()).sum())
