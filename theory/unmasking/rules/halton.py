"""Low-discrepancy orders of positions: van der Corput on a line, Halton on a grid (Besnier et al., arXiv 2503.17076).

The k-th point of the base-b sequence writes k in base b and mirrors its digits at the point: k = sum_i a_i b^i gives
sum_i a_i b^(-i-1). On a line the points of base 2 fall on position floor(n x); on a grid those of bases 2 and 3 fall on
row floor(R x) and column floor(C y). A position is revealed when a point first falls on it. Of the paper the abstract
was read, and the released sampler (github.com/valeoai/Halton-MaskGIT, Sampler/halton_sampler.py), whose order this is
for R = C: it starts at point 1 and draws 10,000 points, where this module draws as many as it takes.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from theory.errors import InvalidInput
from theory.unmasking.rules.base import SetRule


def radical_inverse(points: Int[Tensor, "*shape"], base: int, size: int) -> Int[Tensor, "*shape"]:
    """Return floor(size x) for the base-b points x with these numbers, in whole numbers and so without rounding.

    Raises InvalidInput for a base below 2, a size below 1, negative numbers, and products beyond int64.
    """
    if base < 2 or size < 1 or bool((points < 0).any()):
        raise InvalidInput(f"base {base}, size {size}; expected base >= 2, size >= 1 and point numbers >= 0")
    mirrored, scale, rest = torch.zeros_like(points), 1, points.clone()
    while bool((rest > 0).any()):
        mirrored, scale, rest = mirrored * base + rest % base, scale * base, rest // base
        if scale * size >= 2**63:
            raise InvalidInput(f"points up to {int(points.max())} times size {size} leave int64; take fewer")
    return mirrored * size // scale


@functools.lru_cache(maxsize=64)
def halton_order(rows: int, columns: int = 1, first: int = 1) -> tuple[int, ...]:
    """Return all positions r * columns + c of a grid in the order in which points `first`, `first` + 1, ... reach them.

    A single row or a single column is a line, ordered in base 2. Raises InvalidInput for an empty grid or a negative
    `first`.
    """
    if rows < 1 or columns < 1 or first < 0:
        raise InvalidInput(f"{rows} rows, {columns} columns, first point {first}; expected >= 1, >= 1 and >= 0")
    count = enough_points(rows, columns)
    points = torch.arange(first, first + count)
    if min(rows, columns) == 1:
        position = radical_inverse(points, 2, rows * columns)
    else:
        position = radical_inverse(points, 2, rows) * columns + radical_inverse(points, 3, columns)
    reached_at = torch.full((rows * columns,), count).scatter_reduce(0, position, torch.arange(count), "amin")
    return tuple(reached_at.argsort().tolist())


def enough_points(rows: int, columns: int = 1) -> int:
    """Return a number of consecutive points that reaches every position (see docs/derivations.md, halton.1).

    It is 2^a on a line of n positions, with 2^a >= 2 n, and 2^a 3^b on a grid, with 2^a >= 2 rows and 3^b >= 2 columns.
    """
    if min(rows, columns) == 1:
        return _power_above(2, 2 * rows * columns)
    return _power_above(2, 2 * rows) * _power_above(3, 2 * columns)


@dataclass(frozen=True)
class Halton(SetRule):
    """The next masked positions in the Halton order of a grid, or of a line where `columns` is 1; blind to the model.

    A step reveals `k` positions. Where `sizes` is given it says instead how many each step reveals of a sequence that
    starts all masked: the step is read off the number of positions that are not masked. Raises InvalidInput for a
    number or a size below 1, and in `select` where the grid or the sum of the sizes does not fit the sequence.
    """

    k: int = 1
    sizes: tuple[int, ...] = ()
    columns: int = 1
    first: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(self.sizes))
        if self.k < 1 or self.columns < 1 or self.first < 0 or any(size < 1 for size in self.sizes):
            raise InvalidInput(f"{self}; expected k, columns and all sizes >= 1 and the first point >= 0")

    @property
    def name(self) -> str:  # type: ignore[override]  # derived from the parameters
        """Return the name in tables."""
        quota = f"sizes {', '.join(map(str, self.sizes))}" if self.sizes else f"k = {self.k}"
        return f"Halton, {quota}{f', {self.columns} columns' if self.columns > 1 else ''}"

    def select(
        self, log_p: Float[Tensor, "batch n d"], masked: Bool[Tensor, "batch n"], generator: Generator | None = None
    ) -> Bool[Tensor, "batch n"]:
        """Return the next positions."""
        n = masked.shape[-1]
        if n % self.columns:
            raise InvalidInput(f"rule {self.name!r} on {n} positions; expected a multiple of {self.columns} columns")
        order = torch.tensor(halton_order(n // self.columns, self.columns, self.first), device=masked.device)
        waiting = masked[..., order]
        kept = waiting & (waiting.cumsum(-1) <= self._quota(n, masked))
        return torch.zeros_like(masked).scatter(-1, order.expand_as(masked), kept)

    def _quota(self, n: int, masked: Tensor) -> Tensor:
        if not self.sizes:
            return torch.full((len(masked), 1), self.k, device=masked.device)
        if sum(self.sizes) != n:
            raise InvalidInput(f"rule {self.name!r}: sizes sum to {sum(self.sizes)}; expected {n}, the positions")
        after_step = torch.tensor(list(accumulate(self.sizes)), device=masked.device)
        revealed = (~masked).sum(-1, keepdim=True)
        step = torch.searchsorted(after_step, revealed, right=True).clamp(max=len(self.sizes) - 1)
        return after_step[step] - revealed


def block_counts(order: Sequence[int], reveals: int, blocks: int) -> list[int]:
    """Return how many of the first reveals fall in each of equal blocks of consecutive positions.

    Raises InvalidInput where the blocks do not divide the positions.
    """
    if blocks < 1 or len(order) % blocks:
        raise InvalidInput(f"{blocks} blocks of {len(order)} positions; expected a number that divides them")
    block = torch.tensor(order[:reveals], dtype=torch.long) // (len(order) // blocks)
    return torch.bincount(block, minlength=blocks).tolist()


def _power_above(base: int, least: int) -> int:
    power = 1
    while power < least:
        power *= base
    return power
