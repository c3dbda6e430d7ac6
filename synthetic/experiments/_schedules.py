"""Schedules of a trained denoiser from its measured losses by count: their path code length, and the best of them.

A row with f free tokens and losses c_0..c_{f-1} (`_losses.by_count`) costs sum_k s_k c_{N_{k-1}} nats along blocks of
sizes s, and f sum_k (alpha_{k+1} - alpha_k) c~(alpha_k) under the sampler that draws every token's step on its own,
c~ the Bernstein polynomial of c (schedules notes, 7). The path KL is this less the entropy. Rows may differ in f.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int
    from torch import Tensor

CELLS = 400


@dataclass(frozen=True)
class Losses:
    """Measured losses by count (nats) and the number of free tokens of each row."""

    values: Float[Tensor, "rows counts"]
    free: Int[Tensor, " rows"]

    def rows(self, index: slice) -> Losses:
        """Return some of the rows."""
        return Losses(self.values[index], self.free[index])

    def heights(self, alpha: Float[np.ndarray, " points"]) -> Float[Tensor, "rows points"]:
        """Return f c~(alpha) of every row."""
        import torch

        from theory.worlds.information import smoothed_curve

        points = torch.as_tensor(alpha, dtype=torch.float64)
        found = torch.zeros(len(self.free), len(points), dtype=torch.float64)
        for f in self.free.unique().tolist():
            mine = self.free == f
            found[mine] = f * smoothed_curve(self.values[mine, :f], points)
        return found

    def per_token(self, grid: Float[np.ndarray, " nodes"]) -> Float[Tensor, " rows"]:
        """Return the path code length of every row under the per-token sampler of a grid."""
        import torch

        widths = torch.as_tensor(grid, dtype=torch.float64).diff()
        return self.heights(grid[:-1]) @ widths

    def in_blocks(self, sizes: Int[Tensor, "rows steps"]) -> Float[Tensor, " rows"]:
        """Return the path code length of every row along its own block sizes."""
        starts = (sizes.cumsum(-1) - sizes).clamp(max=self.values.shape[1] - 1)
        return (sizes * self.values.gather(1, starts)).sum(-1)

    def by_masked(self) -> Float[Tensor, " counts"]:
        """Return the mean loss when 1, 2, ... tokens are still masked, over the rows with so many free tokens."""
        import torch

        found = []
        for masked in range(1, self.values.shape[1] + 1):
            rows = (self.free >= masked).nonzero()[:, 0]
            found.append(self.values[rows, self.free[rows] - masked].mean())
        return torch.stack(found)

    def best_grid(self, steps: int) -> Float[np.ndarray, " nodes"]:
        """Return the grid of least mean path code length of the per-token sampler, on CELLS equal cells."""
        import numpy as np

        from theory.unmasking.riemann import least_riemann_sums

        points = np.linspace(0.0, 1.0, CELLS + 1)
        nodes = least_riemann_sums(points, self.heights(points[:-1]).mean(0).numpy(), steps)[1][-1]
        return np.asarray(points[nodes])

    def best_sizes(self, free: Int[Tensor, " rows"], steps: int) -> Int[Tensor, "rows steps"]:
        """Return for rows with these numbers of free tokens the block sizes of least mean path code length.

        The loss at m revealed of f is taken as that at f - m masked, over all rows: what is conditioned on counts as
        revealed. A row with fewer free tokens than steps has blocks of one, then empty ones.
        """
        import torch

        from theory.unmasking.optimal import optimal_sizes_learned

        curve, found = self.by_masked(), torch.zeros(len(free), steps, dtype=torch.long)
        for f in free.unique().tolist():
            blocks = optimal_sizes_learned(curve[:f].flip(0), 0.0, min(steps, f))[-1].sizes
            found[free == f, : len(blocks)] = torch.tensor(blocks)
        return found


def rounded(grid: Float[np.ndarray, " nodes"], free: Int[Tensor, " rows"]) -> Int[Tensor, "rows steps"]:
    """Return for each row the blocks of a grid rounded to whole tokens, floor(f alpha + 1/2); some may be empty."""
    import torch

    nodes = (free[:, None] * torch.as_tensor(grid, dtype=torch.float64) + 0.5).floor().long()
    return nodes.diff(dim=-1)
